"""Brightness and contrast, as the other fields change them."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from sslecho.views.transform import Intensity, Params, Scan, between, column, weight


@final
@dataclass(frozen=True)
class Jitter(Intensity):
    """Brightness, then contrast about the sector's mean, as factors on gray levels.

    The gray part of color jitter in Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual
    Representations", appendix A.

    Args:
        probability: how often.
        brightness, contrast: largest change of each factor from 1.
    """

    probability: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    n_draws = 2

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {
            "brightness": 1 + between(u[:, 0], -1.0, 1.0) * self.brightness,
            "contrast": 1 + between(u[:, 1], -1.0, 1.0) * self.contrast,
        }

    def change(self, scan: Scan, params: Params) -> Float[Tensor, "n 1 h w"]:
        x = (scan.pixels * column(params["brightness"])).clamp_(max=1)
        inside = weight(scan.mask)
        mean = (x * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3)).clamp(min=1)
        return torch.addcmul(column(mean * (1 - params["contrast"])), x, column(params["contrast"]))
