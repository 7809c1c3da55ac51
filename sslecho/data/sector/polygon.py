"""The sector as it leaves the finder, and the plane geometry of its polygon.

Coordinates are (x, y) in pixels; whole numbers are pixel centers.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw

from sslecho.data.sector.outline import Outline

MOST_CORNERS = 64


@dataclass(frozen=True)
class Sector:
    """A sector in source pixels.

    Attributes:
        mask: what lies inside.
        box: x0, y0, x1, y1 of the mask, the second corner outside.
        polygon: at most 64 corners (x, y), whole numbers being pixel centers; `fill_polygon` makes the mask of it,
            but for strokes of letters that reach over its rim, which the mask leaves out.
        confidence: from 0 to 1, how likely it is right; below `CONFIDENT` somebody should look at it.
        how: what found it: "regions", "motion", "intensity", "outline" (taken over from other clips), "bare"
            (little speaks for it, but nothing is written around it), "whole".
        outline: its geometry, where it is one that other clips may share; None for a hull.
    """

    mask: Bool[np.ndarray, "h w"]
    box: tuple[int, int, int, int]
    polygon: Float[np.ndarray, "n 2"]
    confidence: float
    how: str
    outline: Outline | None = None

    def blank(self, pixels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
        """The picture with black outside the sector."""
        return np.where(self.mask, pixels, np.uint8(0))


def convex_hull(points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "m 2"]:
    """Corners of the convex hull, in order around it.

    Source: A. M. Andrew, "Another efficient algorithm for convex hulls in two dimensions", 1979.
    """
    ordered = sorted({(float(x), float(y)) for x, y in points})

    def half(path: list[tuple[float, float]]) -> list[tuple[float, float]]:
        corners: list[tuple[float, float]] = []
        for x, y in path:
            while len(corners) > 1:
                (x0, y0), (x1, y1) = corners[-2:]
                if (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0:
                    break
                corners.pop()
            corners.append((x, y))
        return corners[:-1]

    return np.array(half(ordered) + half(ordered[::-1]) or ordered, dtype=np.float64)


def fill_polygon(corners: Float[np.ndarray, "n 2"], shape: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Pixels whose centers lie in a polygon of (x, y) corners, its edge included."""
    image = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in corners], fill=1, outline=1)
    return np.array(image, dtype=bool)


def rows_ends(piece: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "n 2"]:
    """The first and last pixel of each row, as (x, y): all that a convex hull needs."""
    rows = np.flatnonzero(piece.any(axis=1))
    first = piece[rows].argmax(axis=1)
    last = piece.shape[1] - 1 - piece[rows, ::-1].argmax(axis=1)
    return np.concatenate([np.stack([first, rows], 1), np.stack([last, rows], 1)]).astype(np.float64)


def box_of(mask: Bool[np.ndarray, "h w"]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of what is set, the second corner outside."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def fewer_corners(corners: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "m 2"]:
    """At most MOST_CORNERS of a polygon's corners: those go whose loss cuts off least."""
    kept = [np.asarray(corner) for corner in corners]
    while len(kept) > MOST_CORNERS:
        ring = np.array(kept)
        before, after = np.roll(ring, 1, axis=0) - ring, np.roll(ring, -1, axis=0) - ring
        cut = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0])
        kept.pop(int(cut.argmin()))
    return np.array(kept, dtype=np.float64)
