"""Speckle: less of it, as a machine's filter does, or another pattern of it."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from sslecho.views.blur import smooth_inside
from sslecho.views.texture import patches, speckle_bank
from sslecho.views.transform import DISPLAY_RANGE_DB, Intensity, Params, Scan, column


@final
@dataclass(frozen=True)
class Respeckle(Intensity):
    """Another pattern on top: log-compressed Rayleigh noise with the grain of a point spread function.

    Args:
        probability: how often.
        strength_db: largest standard deviation; fully developed speckle has 5.6 dB (textbook, Rayleigh).
    """

    probability: float = 0.3
    strength_db: float = 4.0
    n_draws = 3

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {"strength_db": u[:, 0] * self.strength_db, "top": u[:, 1], "left": u[:, 2]}

    def change(self, scan: Scan, params: Params) -> Float[Tensor, "n 1 h w"]:
        x = scan.pixels
        height, width = x.shape[-2:]
        pattern = patches(speckle_bank(height, width, str(x.device)), params, height=height, width=width)
        pattern.mul_(column(params["strength_db"] / DISPLAY_RANGE_DB))
        # What is black shows no speckle.
        return pattern.mul_((x * 10).clamp_(max=1)).add_(x)


@final
@dataclass(frozen=True)
class Despeckle(Intensity):
    """A machine's speckle filter: gray is smoothed where its neighborhood differs by no more than speckle does.

    After J.-S. Lee 1983, "Digital image smoothing and the sigma filter", with a smooth weight in place of a limit.

    Args:
        probability: how often.
        amount: largest share of the smoothing.
        sigma: of the smoothing, as a share of the picture's shorter side.
        edge_db: differences beyond this are edges: twice the 5.6 dB of speckle.
    """

    probability: float = 0.2
    amount: float = 1.0
    sigma: float = 0.01
    edge_db: float = 11.2
    n_draws = 1

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {"amount": u[:, 0] * self.amount}

    def change(self, scan: Scan, params: Params) -> Float[Tensor, "n 1 h w"]:
        x = scan.pixels
        sigma = torch.full_like(params["amount"], self.sigma * min(x.shape[-2:]))
        change = smooth_inside(scan, sigma, most=self.sigma * min(x.shape[-2:])).sub_(x)
        weight = (change * (DISPLAY_RANGE_DB / self.edge_db)).square_().neg_().exp_()
        return change.mul_(weight).mul_(column(params["amount"])).add_(x)
