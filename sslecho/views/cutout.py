"""A hole in the picture."""

from dataclasses import dataclass
from typing import final

from jaxtyping import Float
from torch import Tensor

from sslecho.views.beams import pixel_centers
from sslecho.views.transform import Intensity, Params, Scan, between, column


@final
@dataclass(frozen=True)
class Cutout(Intensity):
    """A black square; DeVries and Taylor 2017, "Improved Regularization of Convolutional Neural Networks with Cutout".

    Args:
        probability: how often.
        side: largest side, as a share of the picture's shorter one.
    """

    probability: float = 0.3
    side: float = 0.25
    n_draws = 3

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {
            "side": u[:, 0] * self.side,
            "center_x": between(u[:, 1], -1.0, 1.0),
            "center_y": between(u[:, 2], -1.0, 1.0),
        }

    def change(self, scan: Scan, params: Params) -> Float[Tensor, "n 1 h w"]:
        across, down = pixel_centers(scan.pixels.shape[-2], scan.pixels.shape[-1], scan.pixels.device)
        half = column(params["side"])  # the shorter side is 2 long
        keep_x = (across.view(1, 1, 1, -1) - column(params["center_x"])).abs() >= half
        keep_y = (down.view(1, 1, -1, 1) - column(params["center_y"])).abs() >= half
        return scan.pixels * (keep_x | keep_y)
