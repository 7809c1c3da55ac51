"""How echoes become gray levels: gain, range, curve, attenuation, shadows, speckle, blur.

The picture is log-compressed: a factor on the echo is a shift of the gray level, so every strength is in
decibels and is applied before the clip to [0, 1].
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from sslecho.views.transform import DISPLAY_RANGE_DB, Augmentation, Params, between, column, depth, happens


@final
@dataclass(frozen=True)
class Display(Augmentation):
    """Gain, dynamic range, gamma, attenuation over depth: the knobs of the machine and the patient's wall.

    Args:
        gain_db: largest gain to either side.
        contrast: largest relative change of the displayed dynamic range.
        gamma: largest exponent of the gray curve; its inverse is the smallest.
        attenuation_db: largest change between the top and the bottom of the picture.
    """

    gain_db: float = 0.0
    contrast: float = 0.0
    gamma: float = 1.0
    attenuation_db: float = 0.0
    n_draws = 4

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {
            "gain": between(u[:, 0], -1.0, 1.0) * self.gain_db / DISPLAY_RANGE_DB,
            "slope": 1 + between(u[:, 1], -1.0, 1.0) * self.contrast,
            "gamma": self.gamma ** between(u[:, 2], -1.0, 1.0),
            "attenuation": between(u[:, 3], -1.0, 1.0) * self.attenuation_db / DISPLAY_RANGE_DB,
        }

    def apply(self, x: Float[Tensor, "n 1 h w"], params: Params) -> Float[Tensor, "n 1 h w"]:
        # A displayed range of 1/slope stretches the picture about its white end, as the machine does it.
        offset = column(params["gain"]) + column(params["attenuation"]) * (depth(x) - 0.5)
        y = torch.addcmul(1 - column(params["slope"]) + offset, x, column(params["slope"]))
        # Below the floor nothing is known: black stays black.
        return y.clamp_(1e-6, 1).pow_(column(params["gamma"])).mul_(x > 0)


@final
@dataclass(frozen=True)
class Shadow(Augmentation):
    """A wedge behind a rib or the lung's edge, from the probe downward.

    Args:
        probability: how often.
        width: largest width as a share of a 90 degree sector.
        depth_db: largest loss in its middle.
    """

    probability: float = 0.3
    width: float = 0.15
    depth_db: float = 18.0
    n_draws = 4

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {
            "loss": happens(u[:, 0], self.probability).float() * u[:, 1] * self.depth_db / DISPLAY_RANGE_DB,
            "center": between(u[:, 2], -1.0, 1.0) * (torch.pi / 4),
            "half": between(u[:, 3], 0.2, 1.0) * self.width * (torch.pi / 4),
        }

    def apply(self, x: Float[Tensor, "n 1 h w"], params: Params) -> Float[Tensor, "n 1 h w"]:
        shadowed = torch.nonzero(params["loss"] > 0).flatten()
        if not len(shadowed):
            return x
        across = torch.linspace(-1, 1, x.shape[-1], device=x.device).view(1, 1, 1, -1)
        angle = torch.atan2(across, 2 * depth(x) + 0.1)  # the probe's face is not a point
        away = (angle - column(params["center"][shadowed])) / column(params["half"][shadowed])
        loss = column(params["loss"][shadowed]) * torch.exp(-(away**4))
        return x.index_copy(0, shadowed, (x[shadowed] - loss).clamp_(min=0))


@final
@dataclass(frozen=True)
class Speckle(Augmentation):
    """Another speckle pattern on top: log-compressed Rayleigh noise with the grain of a point spread function.

    Args:
        probability: how often.
        strength_db: largest standard deviation; fully developed speckle has 5.6 dB (textbook, Rayleigh).
    """

    probability: float = 0.3
    strength_db: float = 4.0
    n_draws = 5

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {
            "strength": happens(u[:, 0], self.probability).float() * u[:, 1] * self.strength_db / DISPLAY_RANGE_DB,
            "top": u[:, 2],
            "left": u[:, 3],
            "mirror": (u[:, 4] < 0.5).float(),
        }

    def apply(self, x: Float[Tensor, "n 1 h w"], params: Params) -> Float[Tensor, "n 1 h w"]:
        chosen = torch.nonzero(params["strength"] > 0).flatten()
        if not len(chosen):
            return x
        height, width = x.shape[-2:]
        bank = speckle_bank(height, width, str(x.device))
        rows = (params["top"][chosen] * (bank.shape[0] - height)).long()
        columns = (params["left"][chosen] * (bank.shape[1] - width)).long()
        patches = bank.unfold(0, height, 1).unfold(1, width, 1)[rows, columns].unsqueeze(1)
        patches = torch.where(column(params["mirror"][chosen]) > 0, patches.flip(-1), patches)
        noisy = torch.addcmul(x[chosen], column(params["strength"][chosen]), patches)
        return x.index_copy(0, chosen, noisy.clamp_(0, 1).mul_(x[chosen] > 0))


@lru_cache(maxsize=8)
def speckle_bank(height: int, width: int, device: str) -> Float[Tensor, "bh bw"]:
    """A field of log-Rayleigh noise, mean 0 and standard deviation 1, to cut patches from.

    Fixed once and for all: what varies is where a patch is cut, which the keyed numbers decide.
    """
    generator = torch.Generator().manual_seed(20_17)
    # The grain of a 60-pixel-a-side tissue patch at 64 pixels is about 1.3, and grows with the picture's size.
    sigma = max(height / 48, 0.8)
    field = torch.randn(2, 1, 3 * height, 3 * width, generator=generator)
    field = F.conv2d(field, gaussian(sigma).view(1, 1, -1, 1), padding="same")
    field = F.conv2d(field, gaussian(1.3 * sigma).view(1, 1, 1, -1), padding="same")  # wider across the beam
    log_envelope = field.square().sum(0).add(1e-12).log()[0]
    return ((log_envelope - log_envelope.mean()) / log_envelope.std()).to(device)


@final
@dataclass(frozen=True)
class Blur(Augmentation):
    """A wider point spread function.

    Args:
        probability: how often.
        max_sigma: largest standard deviation, as a share of the picture's side.
    """

    probability: float = 0.3
    max_sigma: float = 0.012
    n_draws = 2

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {"sigma": happens(u[:, 0], self.probability).float() * u[:, 1] * self.max_sigma}

    def apply(self, x: Float[Tensor, "n 1 h w"], params: Params) -> Float[Tensor, "n 1 h w"]:
        chosen = torch.nonzero(params["sigma"] > 0).flatten()
        if not len(chosen):
            return x
        picked, sigma = x[chosen], params["sigma"][chosen]
        # Half the neighborhood must show something, or the sector's edge would glow.
        shown = smooth((picked > 0).to(x.dtype), sigma, reach_share=3 * self.max_sigma) > 0.5
        y = smooth(picked, sigma, reach_share=3 * self.max_sigma)
        return x.index_copy(0, chosen, y.mul_(shown).clamp_(0, 1))


def smooth(x: Float[Tensor, "n 1 h w"], sigma: Float[Tensor, " n"], *, reach_share: float) -> Float[Tensor, "n 1 h w"]:
    """Gaussian smoothing with a width for each picture, as a share of its side.

    Shifted copies are added up: a grouped convolution or a matrix product over pictures is several times
    slower on a CPU for kernels of a few pixels.
    """
    for axis in (-2, -1):
        length = x.shape[axis]
        reach = max(1, round(reach_share * length))
        at = torch.arange(reach + 1, device=x.device)
        kernel = torch.exp(-0.5 * (at / (sigma[:, None] * length).clamp(min=1e-2)) ** 2)
        kernel = kernel / (kernel.sum(1, keepdim=True) + kernel[:, 1:].sum(1, keepdim=True))
        padded = F.pad(x, (0, 0, reach, reach) if axis == -2 else (reach, reach, 0, 0), mode="replicate")
        total = x * column(kernel[:, 0])
        for step in range(1, reach + 1):
            pair = padded.narrow(axis, reach - step, length) + padded.narrow(axis, reach + step, length)
            total.addcmul_(column(kernel[:, step]), pair)
        x = total
    return x


def gaussian(sigma: float) -> Float[Tensor, " k"]:
    """A normalized Gaussian kernel that reaches 3 sigma to each side."""
    reach = max(1, int(3 * sigma + 0.5))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    return kernel / kernel.sum()
