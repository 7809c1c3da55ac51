"""Attenuation, and the sliders of time gain compensation: gain that varies along the beam."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from sslecho.views.transform import DISPLAY_RANGE_DB, Intensity, Params, Scan, between, column


@final
@dataclass(frozen=True)
class Attenuation(Intensity):
    """A smooth curve of gain over depth.

    The curve is a cubic Bezier spline of four sliders, evenly spaced over the depth; it stays between the least
    and the largest of them (Farin, "Curves and Surfaces for CAGD", the convex hull property).

    Args:
        probability: how often.
        slider_db: largest gain of a slider to either side.
    """

    probability: float = 1.0
    slider_db: float = 4.0
    n_draws = 4

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {f"slider_{k}_db": between(u[:, k], -1.0, 1.0) * self.slider_db for k in range(4)}

    def change(self, scan: Scan, params: Params) -> Float[Tensor, "n 1 h w"]:
        a, b, c, d = (column(params[f"slider_{k}_db"] / DISPLAY_RANGE_DB) for k in range(4))
        depth = scan.depth.clamp_(0, 1)
        # Bernstein's polynomials in powers of the depth.
        gain = torch.addcmul(3 * (a - 2 * b + c), depth, d - 3 * c + 3 * b - a)
        gain = gain.mul_(depth).add_(3 * (b - a)).mul_(depth).add_(a)
        # Black stays black: what lay below the floor is not known.
        return (scan.pixels * 20).clamp_(max=1).mul_(gain).add_(scan.pixels)
