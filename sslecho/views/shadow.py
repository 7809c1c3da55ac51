"""A wedge behind a rib or the lung's edge."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from sslecho.views.transform import DISPLAY_RANGE_DB, Intensity, Params, Scan, between, column


@final
@dataclass(frozen=True)
class Shadow(Intensity):
    """A few beams lose their echoes from some depth on, with soft edges.

    Args:
        probability: how often.
        width: largest width, as a share of the sector's.
        loss_db: largest loss in its middle.
        start: deepest place of what casts it, as a share of the depth.
    """

    probability: float = 0.3
    width: float = 0.15
    loss_db: float = 25.0
    start: float = 0.2
    n_draws = 4

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {
            "loss_db": u[:, 0] * self.loss_db,
            "center": between(u[:, 1], -1.0, 1.0),
            "width": between(u[:, 2], 0.3, 1.0) * self.width,
            "start": u[:, 3] * self.start,
        }

    def change(self, scan: Scan, params: Params) -> Float[Tensor, "n 1 h w"]:
        # The sector is 2 wide. To the fourth power: dark in the middle, half the loss at the edge.
        away = (scan.across - column(params["center"])).div_(column(params["width"].clamp(min=1e-3)))
        loss = away.square_().square_().mul_(-0.693).exp_().mul_(column(params["loss_db"] / DISPLAY_RANGE_DB))
        begins = (scan.depth - column(params["start"])).mul_(12).clamp_(0, 1)  # over a twelfth of the depth
        return torch.addcmul(scan.pixels, loss, begins, value=-1)
