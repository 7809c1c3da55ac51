"""Noise of the receiver."""

from dataclasses import dataclass
from typing import final

from jaxtyping import Float
from torch import Tensor

from sslecho.views.texture import noise_bank, patches
from sslecho.views.transform import Intensity, Params, Scan, column


@final
@dataclass(frozen=True)
class Noise(Intensity):
    """Noise of the receiver, which the gain over depth makes stronger where echoes come late.

    Args:
        probability: how often.
        strength: largest standard deviation at the far end, in gray levels; a third of it at the probe; ours.
    """

    probability: float = 0.2
    strength: float = 0.06
    n_draws = 3

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {"strength": u[:, 0] * self.strength, "top": u[:, 1], "left": u[:, 2]}

    def change(self, scan: Scan, params: Params) -> Float[Tensor, "n 1 h w"]:
        x = scan.pixels
        height, width = x.shape[-2:]
        noise = patches(noise_bank(height, width, str(x.device)), params, height=height, width=width)
        over_depth = scan.depth.mul_(2 / 3).add_(1 / 3).mul_(column(params["strength"]))
        return noise.mul_(over_depth).add_(x)
