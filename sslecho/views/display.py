"""The knobs of the machine: gain, dynamic range and the gray curve, in decibels of the displayed range."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from sslecho.views.transform import DISPLAY_RANGE_DB, Intensity, Params, Scan, between, column

# Ours: gray levels below this are faded out when the gain rises, for of what lay below the floor nothing is known.
FLOOR = 0.05
# Ours: tissue, 20 dB below white, stays as gray as it was when the range is changed, for the sonographer turns the
# gain after it.
TISSUE = 2 / 3


@final
@dataclass(frozen=True)
class Display(Intensity):
    """Gain and dynamic range: the picture is log-compressed, so one shifts it, the other scales it about tissue's gray.

    Args:
        probability: how often.
        gain_db: largest gain to either side.
        min_range_db, max_range_db: displayed range; a stored picture is taken to have 60 dB.
    """

    probability: float = 1.0
    gain_db: float = 8.0
    min_range_db: float = 45.0
    max_range_db: float = 75.0
    n_draws = 2

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {
            "gain_db": between(u[:, 0], -1.0, 1.0) * self.gain_db,
            "range_db": between(u[:, 1], self.min_range_db, self.max_range_db),
        }

    def change(self, scan: Scan, params: Params) -> Float[Tensor, "n 1 h w"]:
        x = scan.pixels
        slope = column(DISPLAY_RANGE_DB / params["range_db"])
        offset = TISSUE * (1 - slope) + column(params["gain_db"] / params["range_db"])
        shown = (x * (1 / FLOOR)).clamp_(max=1)
        return torch.mul(shown, offset, out=shown).addcmul_(x, slope)


@final
@dataclass(frozen=True)
class Gamma(Intensity):
    """The gray curve x ** gamma.

    Args:
        probability: how often.
        least, largest: exponents.
    """

    probability: float = 0.5
    least: float = 0.7
    largest: float = 1.4
    n_draws = 1

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {"gamma": self.least * (self.largest / self.least) ** u[:, 0]}

    def change(self, scan: Scan, params: Params) -> Float[Tensor, "n 1 h w"]:
        return scan.pixels.pow(column(params["gamma"]))
