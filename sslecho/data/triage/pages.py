"""Report pages and charts: letters and painted surfaces, but nothing with an echo's grain."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from sslecho.data.triage import pieces

APART = 8  # gray levels by which something differs from the background
GRAINY = 3  # least range of gray levels within 3 x 3 pixels of an echo
LETTER = 0.08  # of the picture's height, at most


@dataclass(frozen=True)
class Surface:
    """Shares of a picture.

    Args:
        grainy: thicker than a stroke and uneven, as echoes are.
        flat: thicker than a stroke and even, other than the background.
        ink: anything other than the background.
        letters: number of small separate pieces.
    """

    grainy: float
    flat: float
    ink: float
    letters: int


def measure_surface(gray: UInt8[np.ndarray, "h w"]) -> Surface:
    """The background is the commonest gray value."""
    background = int(np.bincount(gray.ravel(), minlength=256).argmax())
    ink = np.abs(gray.astype(np.int16) - background) > APART
    solid = pieces.opened(pieces.eroded(ink, square=True), square=True)
    spread = pieces.spread(gray)
    grainy = ndimage.uniform_filter((solid & (spread >= GRAINY)).astype(np.float32), 5) > 0.5
    flat = ndimage.uniform_filter((solid & (spread < GRAINY)).astype(np.float32), 5) > 0.5
    numbers, _ = pieces.number_pieces(ink)
    small = LETTER * gray.shape[0]
    letters = sum(
        1
        for rows, columns in pieces.boxes(numbers)
        if 3 <= rows.stop - rows.start <= small and columns.stop - columns.start <= 2 * small
    )
    return Surface(float(grainy.mean()), float(flat.mean()), float(ink.mean()), letters)
