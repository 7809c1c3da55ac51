"""Haze: clutter from the near field and from reverberation, added to the echoes."""

from dataclasses import dataclass
from math import log
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from sslecho.views.texture import patches, speckle_bank
from sslecho.views.transform import DISPLAY_RANGE_DB, Intensity, Params, Scan, between, column

PER_GRAY = log(10) / 20 * DISPLAY_RANGE_DB  # natural logarithm of the amplitude, for the whole gray scale
GRAIN_DB = 1.5  # clutter is smeared by the multiple paths it took: less than the 5.6 dB of full speckle; ours


@final
@dataclass(frozen=True)
class Haze(Intensity):
    """Amplitudes of clutter are added to those of the echoes, most near the probe and on one side.

    Args:
        probability: how often.
        strength: largest share of what full haze would add.
        level_db: of full haze at the probe's face, below white.
        least_fall_db, fall_db: how much of its level it loses over the depth.
    """

    probability: float = 0.3
    strength: float = 1.0
    level_db: float = 26.0
    least_fall_db: float = 35.0
    fall_db: float = 80.0
    n_draws = 5

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {
            "strength": u[:, 0] * self.strength,
            "fall_db": between(u[:, 1], self.least_fall_db, self.fall_db),
            "tilt_db": between(u[:, 2], -6.0, 6.0),  # from the middle to an edge; ours
            "top": u[:, 3],
            "left": u[:, 4],
        }

    def change(self, scan: Scan, params: Params) -> Float[Tensor, "n 1 h w"]:
        x = scan.pixels
        height, width = x.shape[-2:]
        bank = speckle_bank(height, width, str(x.device))
        level = patches(bank, params, height=height, width=width).mul_(GRAIN_DB / DISPLAY_RANGE_DB)
        level.addcmul_(scan.depth, column(-params["fall_db"] / DISPLAY_RANGE_DB))
        level.addcmul_(scan.across.clamp_(-1, 1), column(params["tilt_db"] / DISPLAY_RANGE_DB))
        level.add_(1 - self.level_db / DISPLAY_RANGE_DB)
        # In amplitudes x and level become exp(x) + exp(level).
        more = level.sub_(x).mul_(PER_GRAY).exp_().log1p_().div_(PER_GRAY)
        return torch.addcmul(x, more, column(params["strength"]))
