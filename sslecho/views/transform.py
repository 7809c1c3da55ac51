"""What every augmentation is: a count of numbers, a draw, an apply.

The picture contract: float32 [n, 1, h, w], gray levels in [0, 1], log-compressed, 0 = below the display's
floor or outside the sector. An augmentation keeps shape, range and dtype, changes nothing at zero strength,
and never lights a pixel that was 0 for being outside the sector.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Params = dict[str, Tensor]

DISPLAY_RANGE_DB = 60.0  # what the gray scale is taken to span: the usual preset of adult echo


class Augmentation(ABC):
    """One family of changes. Subclasses are final, frozen dataclasses of their strengths.

    `n_draws` uniform numbers a picture decide everything that is random.
    """

    n_draws: int

    @abstractmethod
    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        """Turn uniform numbers into parameters, one row a picture; they can be recorded and replayed."""

    @abstractmethod
    def apply(self, x: Float[Tensor, "n 1 h w"], params: Params) -> Float[Tensor, "n 1 h w"]:
        """Apply the parameters of each picture to that picture."""


def between(u: Float[Tensor, " n"], low: float, high: float) -> Float[Tensor, " n"]:
    """Uniform numbers moved to [low, high)."""
    return low + u * (high - low)


def happens(u: Float[Tensor, " n"], probability: float) -> Bool[Tensor, " n"]:
    """Whether a change takes place."""
    return u < probability


def depth(x: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "1 1 h 1"]:
    """Depth below the top of the picture, 0 at the top to 1 at the bottom."""
    return torch.linspace(0, 1, x.shape[-2], device=x.device).view(1, 1, -1, 1)


def column(values: Float[Tensor, " n"]) -> Float[Tensor, "n 1 1 1"]:
    """Numbers of n pictures, shaped to broadcast over their pixels."""
    return values.view(-1, 1, 1, 1)
