"""What every augmentation is: a count of numbers, a draw, an apply.

The contract: gray levels float32 [n, 1, h, w] in [0, 1], log-compressed, 0 = at the display's floor or below. With
them goes the sector's mask. Changes of gray leave pixels outside the mask as they are, to the bit; changes of place
carry the mask along, and outside it is exactly 0. At zero strength nothing changes.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple, final

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from sslecho.views.beams import Beams

Params = dict[str, Tensor]

DISPLAY_RANGE_DB = 60.0  # what the gray scale is taken to span: the usual preset of adult echo


class Scan(NamedTuple):
    """Pictures, what of them lies inside the sector, and where the beams run."""

    pixels: Float[Tensor, "n 1 h w"]
    mask: Bool[Tensor, "n 1 h w"]
    beams: Beams

    @property
    def depth(self) -> Float[Tensor, "n 1 h w"]:
        """Along the beam, 0 at the probe's face and 1 at the far end."""
        return self.beams.depth(*self.pixels.shape[-2:])

    @property
    def across(self) -> Float[Tensor, "n 1 h w"]:
        """Across the beams, -1 at the left edge of the sector and 1 at the right."""
        return self.beams.across(*self.pixels.shape[-2:])

    def take(self, index: Int64[Tensor, " k"]) -> "Scan":
        """Some of the pictures."""
        # Whole pictures are copied: indexing with brackets looks up each pixel.
        return Scan(self.pixels.index_select(0, index), self.mask.index_select(0, index), self.beams.take(index))

    def part(self, which: slice) -> "Scan":
        """Some of the pictures that stand side by side, without copying them."""
        return Scan(self.pixels[which], self.mask[which], Beams(self.beams.outline[which], self.beams.matrix[which]))

    def put(self, index: Int64[Tensor, " k"], other: "Scan") -> "Scan":
        """The same with some of the pictures replaced."""
        return Scan(
            self.pixels.index_copy(0, index, other.pixels),
            self.mask.index_copy(0, index, other.mask),
            self.beams.put(index, other.beams),
        )


class Augmentation(ABC):
    """One family of changes. Subclasses are final, frozen dataclasses of their strengths.

    `n_draws` uniform numbers a picture decide everything that is random, but for whether it takes place at all:
    `Views` decides that by `probability`, and applies it to those pictures alone.
    """

    n_draws: int
    probability: float = 1.0

    @abstractmethod
    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        """Turn uniform numbers into parameters, one row a picture; they can be recorded and replayed."""

    @abstractmethod
    def apply(self, scan: Scan, params: Params) -> Scan:
        """Apply the parameters of each picture to that picture."""


class Intensity(Augmentation):
    """A change of gray: what is outside the sector stays, and gray levels stay in [0, 1]."""

    @abstractmethod
    def change(self, scan: Scan, params: Params) -> Float[Tensor, "n 1 h w"]:
        """New gray levels, of which those outside the sector or the range don't count."""

    @final
    def apply(self, scan: Scan, params: Params) -> Scan:
        changed = self.change(scan, params).clamp_(0, 1)
        # Exact where the weight is 0 or 1, and on a CPU a tenth of the time of `torch.where`.
        return scan._replace(pixels=torch.lerp(scan.pixels, changed, weight(scan.mask)))


def between(u: Float[Tensor, " n"], low: float, high: float) -> Float[Tensor, " n"]:
    """Uniform numbers moved to [low, high)."""
    return low + u * (high - low)


def happens(u: Float[Tensor, " n"], probability: float) -> Bool[Tensor, " n"]:
    """Whether a change takes place."""
    return u < probability


def column(values: Float[Tensor, " n"]) -> Float[Tensor, "n 1 1 1"]:
    """Numbers of n pictures, shaped to broadcast over their pixels."""
    return values.view(-1, 1, 1, 1)


def weight(mask: Bool[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
    """1 where a mask is true, 0 elsewhere: on a CPU bytes become floats in a fifth of the time that booleans take."""
    return mask.view(torch.uint8).to(torch.float32)


def height_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width from a side, or from themselves."""
    return (size, size) if isinstance(size, int) else size
