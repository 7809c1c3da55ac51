"""Numbers of any range into 8 bits of gray, by one stated rule.

A 12-bit picture in a 16-bit file must not turn black, and a dark one must not be stretched until noise looks like
tissue. So numbers are divided by a power of two that a device could have had in mind: the range is what the file says
of it, else the smallest of 8, 10, 12, 14 and 16 bits that holds the largest number of all frames of the file.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Num, UInt8

from sslecho.data.readers.recording import Unreadable

BITS = (8, 10, 12, 14, 16)
ROUNDING = 1e-3  # of white: 255 times a slope of 1/255 in float32 is a little more than 1
UNKNOWN = "save it with 8 or 16 bits"


class Extremes(NamedTuple):
    """Smallest and largest number of all frames."""

    low: float
    high: float


class Range(NamedTuple):
    """The numbers that become black and white: 0 and 255 of the result."""

    black: float
    white: float
    is_bits: bool = False


def extremes(frames: Iterable[Num[np.ndarray, "..."]]) -> Extremes:
    """Over frames that are seen one at a time.

    Raises:
        Unreadable: there is a NaN or an infinity among them.
    """
    low, high = np.inf, -np.inf
    for frame in frames:
        lowest, highest = float(frame.min()), float(frame.max())
        if not np.isfinite(highest - lowest):
            raise Unreadable("its pixels hold numbers that are none (NaN or infinity)")
        low, high = min(low, lowest), max(high, highest)
    return Extremes(low, high)


def range_of(found: Extremes, *, is_float: bool, bits: int | None = None, window: Range | None = None) -> Range:
    """What is black and what is white.

    Args:
        bits: what the file says of the numbers' depth.
        window: what the file says is to be shown as black and white; asked where the numbers alone tell nothing.

    Raises:
        Unreadable: negative numbers, or floats that are neither 0..1 nor 0..255, without a window.
    """
    if not is_float and found.low >= 0:
        if bits is not None and 8 <= bits <= 16 and found.high < 2**bits:
            return Range(0, 2**bits, is_bits=True)
        held = [some for some in BITS if found.high < 2**some]
        if held:
            return Range(0, 2 ** held[0], is_bits=True)
    for white in (1, 255) if is_float else ():
        if found.low >= -ROUNDING * white and found.high <= (1 + ROUNDING) * white:
            return Range(0, white)
    if window is not None and window.white > window.black:
        return window
    raise Unreadable(
        f"its pixels are numbers from {found.low:.6g} to {found.high:.6g}, whose range is unknown; {UNKNOWN}"
    )


def to_gray(numbers: Num[np.ndarray, "*shape"], found: Range) -> UInt8[np.ndarray, "*shape"]:
    """8 bits: the upper ones of whole numbers, the nearest gray level of others."""
    if found.is_bits:
        return (numbers.astype(np.uint32) >> (int(found.white).bit_length() - 9)).astype(np.uint8)
    scaled = (numbers.astype(np.float64) - found.black) * (255 / (found.white - found.black))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
