"""Two or four fans on one screen, from the outline of what is lit: each pane looks like its neighbor, shifted.

The halves of a single fan are mirror images of each other; panes are copies. That tells them apart.
"""

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageDraw
from scipy.spatial import ConvexHull

from sslecho.data.triage import pieces

LIT = 14
SEAM = 0.08  # of the picture's side: how far from the middle the seam may lie
EMPTY = 0.03  # most of the seam's pixels that may be lit, against the fullest column or row
ALIKE, ALIKE_OF_FOUR = 0.65, 0.5  # overlap over union of panes; the four of a stress study differ more
SYMMETRIC = 0.66  # overlap over union of a pane and its mirror image
LEAST = 0.06  # of the picture that a pane of two fills
PIECE = 0.05  # of a pane's largest piece: smaller ones are remains of letters


def outline(gray: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """What is lit, without letters and lines, holes filled."""
    size = min(gray.shape)
    lit = pieces.closed(gray > LIT, by=max(1, size // 200))
    return pieces.opened(lit, by=max(1, size // 60))


def count_panes(gray: UInt8[np.ndarray, "h w"]) -> int:
    """4, 2 or 1.

    Args:
        gray: the brightest of several frames at every pixel, so that a dark chamber counts as lit.
    """
    lit = outline(gray)
    column = _seam(lit, axis=0)
    if column is None:
        return 1
    left, right = lit[:, :column], lit[:, column:]
    row = _seam(lit, axis=1)
    if row is not None:
        quarters = [_hull(quarter) for quarter in (left[:row], right[:row], left[row:], right[row:])]
        # One of four may have lost a side to a shadow.
        if sum(_is_pane(quarter, lit.size, LEAST / 3) for quarter in quarters) >= 3 and all(
            _alike(quarters[0], quarter) >= ALIKE_OF_FOUR for quarter in quarters[1:]
        ):
            return 4
    halves = [_hull(half) for half in (left, right)]
    if all(_is_pane(half, lit.size, LEAST) for half in halves) and _alike(*halves) >= ALIKE:
        return 2
    return 1


def _seam(lit: Bool[np.ndarray, "h w"], *, axis: int) -> int | None:
    """The emptiest column (axis 0) or row near the middle, if it is empty enough."""
    filled = lit.sum(axis=axis).astype(float)
    middle, reach = len(filled) // 2, int(np.ceil(SEAM * len(filled)))
    near = filled[middle - reach : middle + reach + 1]
    if len(near) == 0 or filled.max() == 0 or near.min() > EMPTY * filled.max():
        return None
    emptiest = np.flatnonzero(near == near.min()) + middle - reach
    return int(emptiest[np.argmin(np.abs(emptiest - middle))])


def _hull(part: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "a b"]:
    """The convex hull of all larger pieces, cut to its bounding box: a fan is convex, but shadows bite into it."""
    numbers, n = pieces.number_pieces(part, diagonal=False)
    if n == 0:
        return part[:0, :0]
    sizes = pieces.areas(numbers)
    large = np.isin(numbers, 1 + np.flatnonzero(sizes >= PIECE * sizes.max()))
    rows, columns = np.flatnonzero(large.any(axis=1)), np.flatnonzero(large.any(axis=0))
    cut = large[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    rim = np.argwhere(cut & ~pieces.eroded(cut))
    if min(cut.shape) < 3 or len(rim) < 3:
        return cut
    corners = rim[ConvexHull(rim).vertices]
    sheet = Image.new("1", (cut.shape[1], cut.shape[0]))
    ImageDraw.Draw(sheet).polygon([(int(x), int(y)) for y, x in corners], fill=1, outline=1)
    return np.asarray(sheet)


def _is_pane(hull: Bool[np.ndarray, "h w"], n_pixels: int, least: float) -> bool:
    if hull.sum() < least * n_pixels:
        return False
    mirrored = hull[:, ::-1]
    return bool((hull & mirrored).sum() >= SYMMETRIC * (hull | mirrored).sum())


def _alike(one: Bool[np.ndarray, "a b"], two: Bool[np.ndarray, "c d"]) -> float:
    """Overlap over union, top middles laid on each other; sizes count."""
    height, width = max(one.shape[0], two.shape[0]), max(one.shape[1], two.shape[1])
    laid = np.zeros((2, height, width), bool)
    for sheet, part in zip(laid, (one, two), strict=True):
        left = (width - part.shape[1]) // 2
        sheet[: part.shape[0], left : left + part.shape[1]] = part
    return float((laid[0] & laid[1]).sum() / max((laid[0] | laid[1]).sum(), 1))
