"""Where in a stored frame the ultrasound is, and the picture of that part alone.

Comparisons are made inside the scanned sector: the black around it is the same in all clips of a machine and would
make them all alike.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from PIL import Image, ImageDraw

from sslecho.data.store import Store

DARK = 8  # gray levels; the rim of a letterboxed JPEG stays below
LOOKED_AT = 5  # frames a clip, evenly spread, whose mean stands for it


class Content(NamedTuple):
    """A clip's sector in its stored frames.

    Attributes:
        mask: what lies inside, never empty.
        box: x0, y0, x1, y1 of the mask.
    """

    mask: Bool[np.ndarray, "h w"]
    box: tuple[int, int, int, int]


def content_of(frames: UInt8[np.ndarray, "n h w"], polygon: Sequence[float] | None = None) -> Content:
    """A clip's sector: the outline that ingest stored, else what is brighter than black in any frame.

    Args:
        frames: some frames of one clip.
        polygon: x0, y0, x1, y1, … in stored pixels, where the store has it.
    """
    mask = _filled(polygon, frames.shape[1:]) if polygon else _spanned(frames.max(axis=0) > DARK)
    if not mask.any():
        mask = np.ones_like(mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Content(mask, (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))


def frames_that_stand_for(n_frames: int) -> Int64[np.ndarray, " m"]:
    """Evenly spread frames of a clip, first and last among them."""
    return np.unique(np.linspace(0, n_frames - 1, LOOKED_AT).round().astype(np.int64))


def polygons_of(store: Store) -> list[Any]:
    """Each clip's outline; None where the store has none."""
    if "sector_polygon" not in store.clips.column_names:
        return [None] * store.clips.num_rows
    return store.clips["sector_polygon"].to_pylist()


def averaging(n_in: int, n_out: int, start: int, stop: int) -> Float32[np.ndarray, "n_out n_in"]:
    """Weights that turn `n_in` pixels into `n_out` means over equal parts of [start, stop)."""
    edges = np.linspace(start, stop, n_out + 1)
    pixel = np.arange(n_in)[None]
    overlap = np.minimum(pixel + 1, edges[1:, None]) - np.maximum(pixel, edges[:-1, None])
    weights = np.clip(overlap, 0, None)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def shrink(
    picture: Float32[np.ndarray, "h w"], box: tuple[int, int, int, int], side: int
) -> Float32[np.ndarray, "side side"]:
    """The part in the box as side x side means over areas, whatever its proportions."""
    height, width = picture.shape
    return averaging(height, side, box[1], box[3]) @ picture @ averaging(width, side, box[0], box[2]).T


def _filled(polygon: Sequence[float], shape: tuple[int, ...]) -> Bool[np.ndarray, "h w"]:
    image = Image.new("1", (shape[1], shape[0]))
    corners = [float(value) for value in polygon]
    ImageDraw.Draw(image).polygon(list(zip(corners[::2], corners[1::2], strict=True)), fill=1, outline=1)
    return np.array(image, dtype=bool)


def _spanned(bright: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels that have a bright one on both sides, in their row and in their column."""
    across = np.logical_or.accumulate(bright, axis=1) & np.logical_or.accumulate(bright[:, ::-1], axis=1)[:, ::-1]
    down = np.logical_or.accumulate(bright, axis=0) & np.logical_or.accumulate(bright[::-1], axis=0)[::-1]
    return across & down
