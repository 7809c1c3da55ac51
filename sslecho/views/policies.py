"""Named lists of augmentations: which changes leave the label alone depends on the organ.

Strengths follow what is anatomically safe: adult echo is never mirrored (it would swap left and right
heart), fetal lie is arbitrary so a mirror is fine, rib shadows are anatomy in lung, nothing is ever turned
upside down (shadows point away from the probe).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

from sslecho.views.geometry import Fan, Pose
from sslecho.views.intensity import Blur, Display, Shadow, Speckle
from sslecho.views.keyed import uniforms
from sslecho.views.transform import Augmentation

POLICIES = ("echo", "fetal", "lung", "none")


def policy(name: str, *, size: int, min_area: float | None = None) -> tuple[Augmentation, ...]:
    """The augmentations of a named policy, in the order in which they are applied.

    Args:
        name: one of `POLICIES`. "echo" is for adult hearts, "none" only resizes.
        size: side of the result in pixels.
        min_area: smallest crop, where the policy's own is not wanted.

    Raises:
        KeyError: no such policy.
    """
    machine = Display(gain_db=8.0, contrast=0.25, gamma=1.4, attenuation_db=8.0)
    lists: dict[str, tuple[Augmentation, ...]] = {
        "echo": (
            Pose(size, min_area=min_area or 0.6, aspect=0.08, rotation_deg=12.0, shift=0.05),
            machine,
            Shadow(0.3),
            Speckle(0.3),
            Blur(0.3),
            Fan(0.5),
        ),
        "fetal": (
            Pose(size, min_area=min_area or 0.5, aspect=0.08, rotation_deg=20.0, shift=0.05, flip_x=0.5),
            machine,
            Shadow(0.3),
            Speckle(0.3),
            Blur(0.3),
            Fan(0.5),
        ),
        "lung": (
            Pose(size, min_area=min_area or 0.3, aspect=0.10, rotation_deg=10.0, shift=0.05, flip_x=0.5),
            Display(gain_db=5.0, contrast=0.25, gamma=1.4, attenuation_db=4.0),
            Speckle(0.3),
            Blur(0.3),
            Fan(0.5),
        ),
        "none": (Pose(size),),
    }
    return lists[name]


def local_policy(name: str, *, size: int, min_area: float, max_area: float) -> tuple[Augmentation, ...]:
    """The policy for small crops: the fan's outline is left alone, for a crop shows a part of it at most.

    Args:
        name: one of `POLICIES`.
        size: side of the crop in pixels.
        min_area, max_area: what it shows, as a share of the picture.
    """
    pose, *others = (a for a in policy(name, size=size) if not isinstance(a, Fan))
    assert isinstance(pose, Pose)
    return replace(pose, min_area=min_area, max_area=max_area), *others


class Views:
    """Makes random views of a batch of frames, on the device that holds them.

    Args:
        augmentations: what to do, in order; a `Pose` comes first and sets the size.
        size: that size, in pixels.
        seed: with the epoch, the frame and the view, decides every random number.
    """

    def __init__(self, augmentations: Sequence[Augmentation], *, size: int, seed: int):
        self._size = size
        self._augmentations = tuple(augmentations)
        self._seed = seed
        self._n_draws = sum(a.n_draws for a in self._augmentations)

    def __call__(
        self, x: Float[Tensor, "n 1 h w"], rows: Int[np.ndarray, "n"], *, epoch: int, view: int
    ) -> Float[Tensor, "n 1 s s"]:
        """One view of each frame.

        Args:
            x: frames from `prepare`, which is done once for all views of a batch.
            rows: the frames' rows in the store; they key the random numbers.
            epoch, view: likewise; two views of a batch are made with view 0 and 1.
        """
        u = torch.from_numpy(uniforms(self._seed, epoch, rows, view, self._n_draws)).to(x.device)
        for augmentation, numbers in zip(
            self._augmentations, u.split([a.n_draws for a in self._augmentations], dim=1), strict=True
        ):
            x = augmentation.apply(x, augmentation.draw(numbers))
        return x

    def prepare(self, frames: UInt8[Tensor, "n h w"]) -> Float[Tensor, "n 1 h w"]:
        """Gray levels in [0, 1], averaged down while the picture is at least twice the size that is wanted.

        Without it, sampling 64 pixels from 256 would take every fourth pixel and turn speckle into noise.
        """
        x = frames.unsqueeze(1).float().div_(255)
        factor = min(frames.shape[-2:]) // (2 * self._size)
        return F.avg_pool2d(x, factor) if factor > 1 else x
