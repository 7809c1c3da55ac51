"""Named lists of augmentations: which changes leave the label alone depends on the organ, and on the use.

Those by organ are ours. Adult echo is never mirrored (it would swap left and right heart); a fetus may lie either way,
so a mirror is fine; rib shadows are anatomy in lung; nothing is ever turned upside down, for shadows and attenuation
would point at the probe. Graders judge how much of a view is seen and how clearly: for them only the place changes.
The others are those of published systems, on gray pictures; what they don't say is marked as ours.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from sslecho.data.keyed import uniforms
from sslecho.views.attenuation import Attenuation
from sslecho.views.beams import WHOLE, Beams, to_device
from sslecho.views.blur import Blur
from sslecho.views.display import Display, Gamma
from sslecho.views.fan import Fan
from sslecho.views.haze import Haze
from sslecho.views.jitter import Jitter
from sslecho.views.pose import Pose
from sslecho.views.shadow import Shadow
from sslecho.views.speckle import Despeckle, Respeckle
from sslecho.views.transform import Augmentation, Intensity, Params, Scan, height_width

ORGANS = ("echo", "fetal", "lung")
POLICIES = (*ORGANS, "none", "simclr", "chartsias", "fusc", "madani", "stfm")
USES = ("views", "grades")

CACHED_PIXELS = 2**19  # that a CPU changes at a time: half a million are 2 MB

# What changes neither organ nor view: the machine, its outline, the patient's wall.
_MACHINE = (Fan(0.5), Attenuation(), Display(), Gamma(), Haze(0.3), Respeckle(0.3), Despeckle(0.2), Blur(0.3))


def policy(
    name: str,
    *,
    size: int | tuple[int, int],
    use: Literal["views", "grades"] | str = "views",
    min_area: float | None = None,
) -> tuple[Augmentation, ...]:
    """The augmentations of a named policy, in the order in which they are applied.

    Args:
        name: one of `POLICIES`. "echo" is for adult hearts, "none" only resizes.
        size: of the result in pixels, a side or height and width.
        use: "views", or "grades" for what changes no grade; then only the organ's mirror image counts.
        min_area: smallest crop, where the policy's own is not wanted; nothing is cropped for grades.

    Raises:
        KeyError: no such policy or use.
    """
    lists = {"views": _for_views, "grades": _for_grades}
    pose, *others = lists[use](name, size)
    assert isinstance(pose, Pose)
    if min_area is not None and use == "views" and name != "none":
        pose = replace(pose, min_area=min_area)
    return pose, *others


def _for_views(name: str, size: int | tuple[int, int]) -> tuple[Augmentation, ...]:
    # Depth, angle between beams, and place: 0.8 to 1.25; an angle is changed as little as an aspect; shifts are ours.
    pose = Pose(size, aspect=0.08, depth=1.25, spread=1.08, shift=0.05)
    shadow = Shadow(0.3)
    lists: dict[str, tuple[Augmentation, ...]] = {
        "echo": (replace(pose, min_area=0.65, rotation_deg=12.0), *_MACHINE, shadow),
        "fetal": (replace(pose, min_area=0.5, rotation_deg=20.0, flip_x=0.5), *_MACHINE, shadow),
        # Half the gain: how bright the lung is tells air from water. Most signs are local, so crops may be small.
        "lung": (
            replace(pose, min_area=0.3, aspect=0.10, depth=1.2, rotation_deg=10.0, flip_x=0.5),
            *(Display(gain_db=5.0) if isinstance(a, Display) else a for a in _MACHINE),
        ),
        "none": (Pose(size),),
        # Chen et al. 2020, appendix A: crops of 0.08 to 1 of the area and 3/4 to 4/3 of the aspect, mirror images,
        # jitter of strength 1 in 4 of 5; blur as for us, since its 0.1 to 2 of 224 pixels are 1 mm at most.
        "simclr": (
            Pose(size, min_area=0.08, aspect=1 / 3, flip_x=0.5),
            Jitter(0.8, brightness=0.8, contrast=0.8),
            Blur(0.5),
        ),
        # Chartsias et al. 2021: brightness and contrast (how much is not said; 0.4 is ours), rotation to 30 degrees,
        # translation to 10 %, no crop, no flip.
        "chartsias": (
            Pose(size, rotation_deg=30.0, about="center", keep_fan=False, shift=0.1),
            Jitter(1.0, brightness=0.4, contrast=0.4),
        ),
        # FUSC (arXiv 2310.12600): crops of 0.2 to 1, mirror images, jitter of 0.4 in 4 of 5.
        "fusc": (
            Pose(size, min_area=0.2, aspect=1 / 3, flip_x=0.5),
            Jitter(0.8, brightness=0.4, contrast=0.4),
        ),
        # Madani et al. 2018: rotation to 10 degrees, shift 0.1, zoom 0.08, shear 0.03, both flips.
        "madani": (
            Pose(
                size,
                depth=1.08,
                least_depth=0.92,
                rotation_deg=10.0,
                about="center",
                keep_fan=False,
                shift=0.1,
                shear=0.03,
                flip_x=0.5,
                flip_y=0.5,
            ),
        ),
        # STFM (the released code): crops of 0.7 to 1 of the area at their own aspect, rotation to 10 degrees, jitter of
        # 0.2. Its crops are of a square that the picture was pressed into; ours is letterboxed.
        "stfm": (
            Pose(size, min_area=0.7, rotation_deg=10.0, about="center", keep_fan=False),
            Jitter(1.0, brightness=0.2, contrast=0.2),
        ),
    }
    return lists[name]


def _for_grades(name: str, size: int | tuple[int, int]) -> tuple[Augmentation, ...]:
    organ = _for_views(name, size)[0]
    assert isinstance(organ, Pose)
    # The outline moves with what it shows, and little of it leaves the picture; 5 degrees and 3 % are ours.
    pose = Pose(size, rotation_deg=5.0, keep_fan=False, shift=0.03, flip_x=organ.flip_x)
    return (Pose(size) if name == "none" else pose,)


def local_policy(
    name: str, *, size: int | tuple[int, int], min_area: float, max_area: float, use: str = "views"
) -> tuple[Augmentation, ...]:
    """The policy for small crops: the fan's outline is left alone, for a crop shows a part of it at most.

    Args:
        name, use: as for `policy`.
        size: of the crop in pixels, a side or height and width.
        min_area, max_area: what it shows, as a share of the picture.
    """
    pose, *others = (a for a in policy(name, size=size, use=use) if not isinstance(a, Fan))
    assert isinstance(pose, Pose)
    return replace(pose, min_area=min_area, max_area=max_area), *others


class Views:
    """Makes random views of a batch of frames, on the device that holds them.

    Args:
        augmentations: what to do, in order; a `Pose` comes first and sets the size.
        size: that size in pixels, a side or height and width.
        seed: with the epoch, the frame and the view, decides every random number.
    """

    def __init__(self, augmentations: Sequence[Augmentation], *, size: int | tuple[int, int], seed: int):
        self._size = height_width(size)
        self._augmentations = tuple(augmentations)
        self._seed = seed
        # Of each augmentation's numbers the first says whether it takes place.
        self._counts = [1 + a.n_draws for a in self._augmentations]

    def __call__(self, x: Scan, rows: Int[np.ndarray, "n"], *, epoch: int, view: int) -> Float[Tensor, "n 1 h2 w2"]:
        """One view of each frame.

        Args:
            x: frames from `prepare`, which is done once for all views of a batch.
            rows: the frames' rows in the store; they key the random numbers.
            epoch, view: likewise; two views of a batch are made with view 0 and 1.
        """
        if x.pixels.device.type != "cpu":
            return self._view(x, rows, epoch, view)
        # So few pictures at a time that what is computed of them stays in a CPU's cache.
        few = max(1, CACHED_PIXELS // (self._size[0] * self._size[1]))
        parts = [slice(start, start + few) for start in range(0, len(rows), few)]
        return torch.cat([self._view(x.part(p), rows[p], epoch, view) for p in parts])

    def _view(self, x: Scan, rows: Int[np.ndarray, "n"], epoch: int, view: int) -> Float[Tensor, "n 1 h2 w2"]:
        drawn = self.draw(rows, epoch=epoch, view=view)
        for augmentation, (chosen, params) in zip(self._augmentations, _moved(drawn, x.pixels.device), strict=True):
            x = _apply(augmentation, x, chosen, params)
        return x.pixels

    def draw(self, rows: Int[np.ndarray, "n"], *, epoch: int, view: int) -> list[tuple[Tensor, Params]]:
        """Of each augmentation the pictures that it changes, as places in `rows`, and the parameters of all.

        All is drawn on the host: which pictures are chosen is known there without waiting for the device.
        """
        u = torch.from_numpy(uniforms(self._seed, epoch, rows, view, sum(self._counts)))
        parts = zip(self._augmentations, u.split(self._counts, dim=1), strict=True)
        return [(torch.nonzero(v[:, 0] < a.probability).flatten(), a.draw(v[:, 1:])) for a, v in parts]

    def prepare(self, frames: UInt8[Tensor, "n h w"], outlines: Float[Tensor, "n 11"] | None = None) -> Scan:
        """Gray levels in [0, 1], averaged down while the picture is at least twice the size that is wanted.

        Without it, sampling 64 pixels from 256 would take every fourth pixel and turn speckle into noise.

        Args:
            frames: as they are stored, on the device.
            outlines: their sectors (`Sectors.rows`); by default the whole picture is one.
        """
        if outlines is None:
            outlines = torch.tensor(WHOLE, device=frames.device).expand(len(frames), -1)
        height, width = frames.shape[-2:]
        most = max(1, min(height, width) // (2 * min(self._size)))
        # A divisor of both sides: else a strip at the end would be lost, and the outline lie beside its picture.
        factor = next(f for f in range(most, 0, -1) if height % f == width % f == 0)
        x = _averaged(frames, factor).unsqueeze(1)
        beams = Beams.of_stored(outlines)
        # The first pose makes its own mask; what comes before it has none.
        return Scan(x, torch.ones_like(x, dtype=torch.bool), beams)


def _averaged(frames: UInt8[Tensor, "n h w"], factor: int) -> Float[Tensor, "n h2 w2"]:
    """Means of squares of `factor` pixels a side, a divisor of both sides, of gray levels in [0, 1]."""
    if factor == 1:
        return frames.float().mul_(1 / 255)
    # Whole numbers of two bytes: a sixth of the time of `avg_pool2d` on a CPU, and exact. They hold 128 pixels.
    exact = torch.int16 if factor <= 11 else torch.int32
    rows = frames[:, 0::factor].to(exact)
    for k in range(1, factor):
        rows += frames[:, k::factor]
    total = rows[:, :, 0::factor].clone()
    for k in range(1, factor):
        total += rows[:, :, k::factor]
    return total.float().mul_(1 / (255 * factor**2))


def _moved(drawn: list[tuple[Tensor, Params]], device: torch.device) -> list[tuple[Tensor, Params]]:
    """The same on the device, in two copies."""
    if device.type == "cpu":
        return drawn
    columns = to_device(torch.stack([values for _, params in drawn for values in params.values()]), device)
    places = to_device(torch.cat([chosen for chosen, _ in drawn]), device).split([len(chosen) for chosen, _ in drawn])
    rows = iter(columns)
    return [(chosen, {name: next(rows) for name in params}) for chosen, (_, params) in zip(places, drawn, strict=True)]


def _apply(augmentation: Augmentation, scan: Scan, chosen: Tensor, params: Params) -> Scan:
    """Change the chosen pictures; no work is done for the others."""
    if len(chosen) == len(scan.pixels):
        return augmentation.apply(scan, params)
    if not len(chosen):
        return scan
    changed = augmentation.apply(scan.take(chosen), {name: values[chosen] for name, values in params.items()})
    if isinstance(augmentation, Intensity):
        return scan._replace(pixels=scan.pixels.index_copy(0, chosen, changed.pixels))
    return scan.put(chosen, changed)
