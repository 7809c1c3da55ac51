"""Find text burned in inside the sector: bright thin strokes that stand still, in pieces like letters, in a row.

It says that text is there and where, not what it says. Blanking it would hide tissue, so a clip with text is offered
to somebody's eye. What it misses is told by `benchmarks/quality/burned_in.py`: letters as gray as the tissue behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from sslecho.data.sector.evidence import dilated, eroded, labeled, shrink

WORKING_SIZE = 512
MOST_FRAMES = 12
MIN_FRAMES = 3  # below, nothing can be said to stand still
STROKE = 2  # working pixels: half the width that a stroke may have
CONTRAST = 28  # gray levels of a stroke above what lies beside it
STANDS = 0.2  # a stroke's change over the clip, as a share of its brightness
TALLEST, LOWEST = 0.1, 5.0  # height of a letter: a share of the picture, and pixels
GLYPHS = 3  # in a row
TEXT = 0.5  # score from which a finding is text


@dataclass(frozen=True)
class TextFinding:
    """Text inside a sector.

    Attributes:
        boxes: x0, y0, x1, y1 of each line, in source pixels, best first.
        score: from 0 (none) to 1; from `TEXT` on there is text.
    """

    boxes: tuple[tuple[int, int, int, int], ...]
    score: float


@dataclass(frozen=True)
class _Glyphs:
    """Pieces that may be letters: their boxes, and for how many letters each may stand."""

    boxes: Int[np.ndarray, "n 4"]
    counts: Float[np.ndarray, " n"]
    heights: Float[np.ndarray, " n"]


def find_text(frames: Sequence[UInt8[np.ndarray, "h w"]], mask: Bool[np.ndarray, "h w"]) -> TextFinding:
    """Lines of text that stand in the sector over the whole clip.

    Args:
        frames: some or all frames of one clip, all of one shape.
        mask: the sector.
    """
    height, width = frames[0].shape
    step = max(1.0, max(height, width) / WORKING_SIZE)
    shape = max(1, round(height / step)), max(1, round(width / step))
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), MOST_FRAMES)).round().astype(int))
    dark, bright = frames[chosen[0]].copy(), frames[chosen[0]].copy()
    for k in chosen[1:]:
        np.minimum(dark, frames[k], out=dark)
        np.maximum(bright, frames[k], out=bright)
    dark, bright = shrink(dark, shape), shrink(bright, shape)
    inside = shrink(mask.astype(np.uint8) * np.uint8(255), shape) > 127
    # What moves is dark at some time; letters never are.
    beside = dilated(eroded(dark, STROKE), STROKE)
    strokes = (dark - beside > CONTRAST) & inside
    if len(chosen) >= MIN_FRAMES:
        strokes &= bright - dark <= np.maximum(bright * np.float32(STANDS), 10)
    glyphs = _glyphs(strokes, tallest=TALLEST * max(shape))
    rows = _rows(glyphs)
    found = []
    for row in rows:
        count = float(glyphs.counts[row].sum())
        if count < GLYPHS:
            continue
        x0, y0 = glyphs.boxes[row, :2].min(axis=0)
        x1, y1 = glyphs.boxes[row, 2:].max(axis=0)
        box = tuple(round(float(value) * step) for value in (x0, y0, x1, y1))
        found.append((_score(count, still=len(chosen) < MIN_FRAMES), box))
    found.sort(key=lambda line: (-line[0], line[1]))
    return TextFinding(tuple(box for _, box in found), found[0][0] if found else 0.0)


def _score(count: float, *, still: bool) -> float:
    """Three letters of a clip are text; of a still, in which nothing can be seen to stand, six are."""
    return float(min(1.0, TEXT * count / (2 * GLYPHS if still else GLYPHS)))


def _glyphs(strokes: Bool[np.ndarray, "h w"], *, tallest: float) -> _Glyphs:
    """The connected pieces of strokes that have a letter's size and shape."""
    labels, n_pieces = labeled(strokes)
    boxes, counts, heights = [], [], []
    for number, place in enumerate(ndimage.find_objects(labels, max_label=n_pieces), start=1):
        piece = labels[place] == number
        high, wide = piece.shape
        if not LOWEST <= high <= tallest or wide > 12 * high:
            continue
        filled = float(piece.mean())
        # How often a line through the piece goes in and out of strokes: letters that touch count as many.
        crossings = float(np.diff(np.pad(piece, ((0, 0), (1, 0))).astype(np.int8), axis=1).clip(0).sum(axis=1).mean())
        if wide > 1.3 * high:
            count = min(wide / (0.8 * high), crossings / 1.6)
            if crossings < 1.2 * wide / high:
                continue
        else:
            count = 1.0
        if 0.12 < filled < 0.95:
            top, left = place[0].start, place[1].start
            boxes.append((left, top, left + wide, top + high))
            counts.append(count)
            heights.append(float(high))
    return _Glyphs(np.array(boxes, dtype=np.int64).reshape(-1, 4), np.array(counts, float), np.array(heights, float))


def _rows(glyphs: _Glyphs) -> list[Int[np.ndarray, " k"]]:
    """Numbers of the pieces that stand in one line: as high, at one height, close together."""
    n = len(glyphs.boxes)
    if not n:
        return []
    x0, y0, x1, y1 = glyphs.boxes.T.astype(np.float64)
    high = glyphs.heights
    tall, low = np.maximum(high[:, None], high), np.minimum(high[:, None], high)
    gap = np.maximum(x0[:, None], x0) - np.minimum(x1[:, None], x1)
    level = np.minimum(np.abs(y1[:, None] - y1), np.abs((y0 + y1)[:, None] - (y0 + y1)) / 2)
    joined = (tall <= 1.5 * low + 1) & (gap < 1.0 * tall) & (gap > -0.3 * low) & (level <= 0.2 * tall + 0.5)
    _, groups = connected_components(csr_matrix(joined), directed=False)
    return [np.flatnonzero(groups == group) for group in np.unique(groups)]
