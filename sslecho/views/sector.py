"""The sector of every frame: per clip the geometry of its beams, recovered from the polygon that the store has.

A mask is made from the geometry on the device, at the size that is wanted. That takes a few operations a pixel; masks
of all clips would take 16 kB a clip at 128 pixels, and a second lookup in every change of place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from sslecho.data.store import Store
from sslecho.views.beams import N_COLUMNS, WHOLE, At, Beams, to_device

STEEP, FLAT = np.deg2rad(4.0), np.deg2rad(80.0)  # a fan's edge leans more than a rectangle's, less than an arc's end
STRAIGHT = np.deg2rad(0.6)  # sides that turn less than this are one edge; arcs of 26 corners turn more
ALIKE = 0.93  # intersection over union of polygon and fan below which the polygon is no fan; ours


@dataclass(frozen=True, eq=False)
class Sectors:
    """Outlines of all clips of a store.

    Args:
        outlines: a row a clip, with the columns of `views.beams.At`.
        clip_of_frame: the clip of every frame.
        kind: "fan", "box" or "whole" (nothing known) of every clip.
    """

    outlines: Float32[np.ndarray, "n_clips 11"]
    clip_of_frame: Int[np.ndarray, " n_frames"]
    kind: Sequence[str]

    @classmethod
    def of(cls, store: Store) -> "Sectors":
        """Those that `ingest` found; whole pictures where it found none."""
        size, n_clips = store.frame_shape[0], store.clips.num_rows
        polygons, sectors = (_column(store.clips, name) for name in ("sector_polygon", "sector"))
        first = np.r_[0, np.cumsum(store.clips["n_frames"].to_numpy())[:-1]].astype(np.int64)
        spacing = np.array(_column(store.frames, "spacing_mm"), dtype=np.float32)  # None becomes nan
        outlines = np.tile(np.array(WHOLE, dtype=np.float32), (n_clips, 1))
        kinds = []
        for clip, (polygon, sector) in enumerate(zip(polygons, sectors, strict=True)):
            kind = "whole"
            if sector == "mask" and polygon is not None and len(polygon) >= 6:
                outlines[clip], kind = _outline_of(tuple(polygon), size)
            outlines[clip, At.MM] = spacing[first[clip]] * size / 2
            kinds.append(kind)
        return cls(outlines, store.clip_of_frame, kinds)

    def rows(self, rows: Int[np.ndarray, " n"], device: torch.device | str = "cpu") -> Float[Tensor, "n 11"]:
        """The outlines of frames, given by their rows in the store."""
        return to_device(torch.from_numpy(self.outlines[self.clip_of_frame[rows]]), torch.device(device))


@lru_cache(maxsize=4096)  # clips of a device share their outline; many short trainings share a store
def _outline_of(polygon: tuple[float, ...], size: int) -> tuple[Float32[np.ndarray, " 11"], str]:
    return outline_of(np.array(polygon).reshape(-1, 2) / size * 2 - 1)


def _column(table: pa.Table, name: str) -> list[Any]:
    """A column's values, None where it or they are missing."""
    return table[name].to_pylist() if name in table.column_names else [None] * table.num_rows


def outline_of(corners: Float[np.ndarray, "n 2"]) -> tuple[Float32[np.ndarray, " 11"], str]:
    """The fan whose polygon this is, in units of half the picture; its box where it is none.

    The two longest leaning edges of a fan meet at its apex; its arcs are as far from there as the nearest and the
    farthest corners, and what a screen cut off it is the box around it.

    Returns:
        The outline, and "fan" or "box".
    """
    low, high = corners.min(axis=0), corners.max(axis=0)
    box = np.array(WHOLE, dtype=np.float32)
    box[[At.X0, At.Y0, At.X1, At.Y1]] = [*low, *high]
    edges = _straight_edges(corners)
    lean = np.arctan2(edges[:, 1, 0] - edges[:, 0, 0], edges[:, 1, 1] - edges[:, 0, 1])  # each runs downward
    length = np.hypot(*(edges[:, 1] - edges[:, 0]).T)
    sides = []
    for side in (-1, 1):
        leaning = np.flatnonzero((side * lean > STEEP) & (side * lean < FLAT))
        if not len(leaning):
            return box, "box"
        sides.append(leaning[length[leaning].argmax()])
    left, right = sides
    # Where the lines through both edges cross.
    directions = edges[sides, 1] - edges[sides, 0]
    along = np.linalg.solve(np.stack([directions[0], -directions[1]], axis=1), edges[right, 0] - edges[left, 0])
    apex = edges[left, 0] + along[0] * directions[0]
    distances = np.hypot(*(corners - apex).T)
    near = distances.min() if apex[1] < low[1] + 0.5 * (high[1] - low[1]) else np.inf
    outline = box.copy()
    outline[[At.APEX_X, At.APEX_Y, At.LEFT, At.RIGHT, At.NEAR, At.FAR]] = [
        *apex, lean[left], lean[right], near if near > 0.02 else 0.0, distances.max()
    ]  # fmt: skip
    if not np.isfinite(near) or _overlap(outline, corners) < ALIKE:
        return box, "box"
    return outline, "fan"


def _straight_edges(corners: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "m 2 2"]:
    """Sides of a polygon, those that go straight on joined; upper end first."""
    steps = np.roll(corners, -1, axis=0) - corners
    corners = corners[np.hypot(*steps.T) > 1e-6]
    steps = np.roll(corners, -1, axis=0) - corners
    heading = np.arctan2(steps[:, 1], steps[:, 0])
    turn = np.abs((heading - np.roll(heading, 1) + np.pi) % (2 * np.pi) - np.pi)
    ends = corners[turn > STRAIGHT]
    edges = np.stack([ends, np.roll(ends, -1, axis=0)], axis=1)
    upside = edges[:, 0, 1] > edges[:, 1, 1]
    edges[upside] = edges[upside, ::-1]
    return edges


def _overlap(outline: Float32[np.ndarray, " 11"], corners: Float[np.ndarray, "n 2"], *, size: int = 96) -> float:
    """Intersection over union of an outline and a polygon."""
    beams = Beams.of_stored(torch.from_numpy(outline).view(1, N_COLUMNS))
    ours = beams.inside(*beams.places(size, size))[0, 0].numpy()
    theirs = _filled(corners, size)
    return float((ours & theirs).sum() / max(1, (ours | theirs).sum()))


def _filled(corners: Float[np.ndarray, "n 2"], size: int) -> Bool[np.ndarray, "s s"]:
    """Pixels whose center lies in a polygon, by the even-odd rule."""
    centers = (np.arange(size) * 2.0 + 1) / size - 1
    x, y = np.meshgrid(centers, centers)
    inside = np.zeros((size, size), dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        if y1 != y0:
            inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside
