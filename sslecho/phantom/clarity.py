"""Can it be seen: a cavity's walls against what is in it, segment by segment.

gCNR, the generalized contrast-to-noise ratio, of the picture's own levels on both sides of the cavity's edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, UInt8

from sslecho.phantom.echo import EchoClip
from sslecho.phantom.essentials import Essentials
from sslecho.phantom.geometry import BeamGrid
from sslecho.phantom.heart.views import PLANES
from sslecho.phantom.renderer import Look
from sslecho.phantom.scene import Placement, Shape, Stage
from sslecho.phantom.tissues import STRUCTURE_NUMBER, STRUCTURES

GCNR = (0.2, 0.85)  # of nothing, of all that is needed
SEGMENTS = 6  # the walls of a view, as the guideline scores them (Cerqueira et al. 2002 have six at mid-level)
BINS = 16  # of echo levels; the more, the higher the ratio of two equal samples
DARKEST = 8.0  # gray value below which all is black to the eye (chosen)
FORGIVEN_DB = 8.0  # of gain error
FEWEST = 24  # samples of wall and cavity that a segment is judged by
BLOOD = frozenset(name for name, tissue in STRUCTURES.items() if tissue in ("blood", "fluid"))


def gcnr(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " m"], *, bins: int = BINS) -> float:
    """Generalized contrast-to-noise ratio: 1 - the overlap of two histograms of levels 0..256.

    Rodriguez-Molares et al. 2020: 1 - the least error, doubled, of whoever tells the two apart by a threshold or any
    other rule on a level. 0 for equal distributions (more, for few samples), 1 for separate ones.

    Example:
        gcnr(np.array([10.0, 12.0]), np.array([200.0, 210.0]))   # 1.0
    """
    p, q = (np.histogram(x, bins=bins, range=(0, 256))[0] / max(len(x), 1) for x in (first, second))
    return float(1 - np.minimum(p, q).sum())


def clear(ratio: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """gCNR -> 0..1."""
    return np.clip((ratio - GCNR[0]) / (GCNR[1] - GCNR[0]), 0, 1)


class Standard:
    """What a standard display shows of a clip's plane: usual depth and angle, nothing displaced.

    A plane cuts through more than a sector holds: a vessel runs off the screen. Only what is shown here is asked for.

    Args:
        clip: whose scene.
    """

    def __init__(self, clip: EchoClip):
        plane, size = PLANES[clip.view], clip.patient.size
        skin = clip.placement.shift_mm[1] - clip.position.shift_mm[1]  # a thicker chest moves the standard plane too
        placement = Placement(scale=size, shift_mm=(0.0, skin), center_mm=plane.center_mm)
        self.depth_mm = plane.depth_mm * float(np.sqrt(np.prod(size)))
        self.grid = replace(clip.stage.grid, angle_deg=plane.angle_deg, depth_mm=self.depth_mm, box_mm=None)
        self.stage = Stage(clip.scene, placement, self.grid, ("rest",))  # a course that moves nothing
        self.rest = np.zeros(1)
        self.outlines = self.stage.outlines_mm(self.rest)


def inside(grid: BeamGrid, points: Float[np.ndarray, "n 2"]) -> Bool[np.ndarray, " n"]:
    """Which points the display shows: in the sector, and in the zoom box if there is one."""
    sample, line = grid.to_grid(points).T
    seen = (line >= 0) & (line <= grid.lines - 1) & (sample >= 0) & (sample <= grid.samples - 1)
    if grid.box_mm:
        left, right, top, bottom = grid.box_mm
        x, z = points.T
        seen &= (x >= left) & (x <= right) & (z >= top) & (z <= bottom)
    return seen


class WallSegments:
    """Samples on both sides of a cavity's edge, in six segments of the wall that the standard display shows.

    Args:
        shapes: of the scene.
        essentials: cavity and walls.
        standard: where.
        look: whose gray curve the pictures have.
    """

    INWARD_MM = np.arange(1.5, 9.0, 1.0)  # the lumen beside the wall, without its blurred edge

    def __init__(self, shapes: Sequence[Shape], essentials: Essentials, standard: Standard, look: Look):
        self._look = look
        starts = np.cumsum([0] + [len(shape.points) for shape in shapes])
        cavities = [k for k, shape in enumerate(shapes) if shape.structure == essentials.cavity]
        k = max(cavities, key=lambda k: _extent(shapes[k]))
        self._slice = slice(int(starts[k]), int(starts[k + 1]))
        self._is_line = shapes[k].half_widths is not None
        self._blood, self._walls = np.zeros(256, bool), np.zeros(256, bool)
        self._blood[[STRUCTURE_NUMBER[name] for name in BLOOD]] = True
        self._walls[[STRUCTURE_NUMBER[name] for name in essentials.walls or set(STRUCTURES) - BLOOD]] = True
        self._outward_mm = np.linspace(0.4, essentials.wall_mm, 8)
        # Where there is no wall outside the edge, there is an open valve's plane or a neighbor chamber.
        points, normals = self._edge(*standard.outlines)
        probe = np.concatenate([points + step * normals for step in self._outward_mm[2:6:2]])
        labels = standard.stage.label_map(standard.rest)
        is_wall = self._walls[_at(labels, standard.grid, probe)] & inside(standard.grid, probe)
        kept = np.flatnonzero(is_wall.reshape(2, -1).any(axis=0))
        self._kept = kept if self._is_line else _from_gap(kept, points[kept])
        self._segment = np.arange(len(kept)) * SEGMENTS // max(len(kept), 1)

    def _edge(self, points: np.ndarray, edge: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Of all outlines' vertices, those of the cavity's edge and half-way points, and unit normals out of it."""
        if edge is not None and self._is_line:
            center = _halved(points[self._slice], closed=False)
            half = _halved(edge[self._slice], closed=False)
            out = half / np.maximum(np.hypot(half[:, 0], half[:, 1]), 1e-6)[:, None]
            return np.concatenate([center + half, center - half]), np.concatenate([out, -out])
        outline = _halved(points[self._slice], closed=True)
        tangent = np.roll(outline, -2, 0) - np.roll(outline, 2, 0)  # over four steps, so that roughness turns it less
        tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-6)[:, None]
        x, z = outline.T
        sense = np.sign(np.sum(x * np.roll(z, -1) - z * np.roll(x, -1)))
        return outline, sense * np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)

    def ratios(
        self,
        gray: Float32[np.ndarray, "lines samples"],
        labels: UInt8[np.ndarray, "lines samples"],
        grid: BeamGrid,
        points: np.ndarray,
        edge: np.ndarray | None,
    ) -> Float[np.ndarray, " segments"]:
        """gCNR of wall against cavity by segment; NaN where the sector holds too little of one.

        Args:
            gray, labels: of a frame on the beam grid `grid`.
            points, edge: all outlines now (`Stage.outlines_mm`).
        """
        samples = self.samples(gray, labels, grid, points, edge)
        counts = samples.counts
        totals = counts.sum(axis=2)
        share = counts / np.maximum(totals, 1)[:, :, None]
        return np.where(totals.min(axis=1) >= FEWEST, 1 - share.min(axis=1).sum(axis=1), np.nan)

    def samples(
        self, gray: np.ndarray, labels: np.ndarray, grid: BeamGrid, points: np.ndarray, edge: np.ndarray | None
    ) -> "Samples":
        """Levels beside the edge, where the label map says wall or blood."""
        places = self.places(labels, grid, points, edge)
        return Samples(places.segment, places.is_wall, levels(_at(gray, grid, places.points_mm), self._look))

    def places(self, labels: np.ndarray, grid: BeamGrid, points: np.ndarray, edge: np.ndarray | None) -> "Places":
        """Where they are taken."""
        place, normals = (values[self._kept] for values in self._edge(points, edge))
        steps = np.concatenate([self._outward_mm, -self.INWARD_MM])
        where = (place[None] + steps[:, None, None] * normals[None]).reshape(-1, 2)
        number = _at(labels, grid, where)
        is_outer = np.repeat(np.arange(len(steps)) < len(self._outward_mm), len(place))
        belongs = np.where(is_outer, self._walls[number], self._blood[number]) & inside(grid, where)
        segment = np.tile(self._segment, len(steps))
        return Places(segment[belongs], is_outer[belongs], where[belongs])


@dataclass(frozen=True)
class Places:
    """Where samples are taken: segment 0..5; wall or cavity; (x, z)."""

    segment: Int64[np.ndarray, " n"]
    is_wall: Bool[np.ndarray, " n"]
    points_mm: Float[np.ndarray, "n 2"]


def levels(gray: Float32[np.ndarray, " n"], look: Look) -> Float[np.ndarray, " n"]:
    """Gray values 0..255 -> 0..256, even in decibels; 0 is what looks black.

    The ratio does not depend on the gray curve, but on a scale that the curve has squeezed, a few bins would not tell
    dark gray from black. Where the gain is wrong by no more than FORGIVEN_DB, what looks black is what would at the
    right gain.
    """
    share = np.linspace(0, 1, 129)
    shown = share**look.gamma
    shown = 255 * (shown + look.s_shape * (shown * shown * (3 - 2 * shown) - shown))
    forgiven = np.clip(look.gain_db, -FORGIVEN_DB, FORGIVEN_DB) / look.dynamic_range_db
    floor = max(float(np.interp(DARKEST, shown, share) + forgiven), 1e-3)
    return 255.99 * np.clip((np.interp(gray, shown, share) - floor) / (1 - floor), 0, 1)


@dataclass(frozen=True)
class Samples:
    """Echo levels 0..256 and where they lie: segment 0..5; wall or cavity."""

    segment: Int64[np.ndarray, " n"]
    is_wall: Bool[np.ndarray, " n"]
    level: Float[np.ndarray, " n"]

    @property
    def counts(self) -> Int64[np.ndarray, "segments 2 bins"]:
        """Histograms of cavity and wall by segment."""
        bin_of = (self.level * (BINS / 256)).astype(np.int64)
        cell = (self.segment * 2 + self.is_wall) * BINS + bin_of
        return np.bincount(cell, minlength=SEGMENTS * 2 * BINS).reshape(SEGMENTS, 2, BINS)


def _from_gap(index: np.ndarray, points: np.ndarray) -> np.ndarray:
    """An outline's points in their order, from the largest gap (its valve) on."""
    if not len(index):
        return index
    step = np.roll(points, -1, axis=0) - points
    return np.roll(index, -int(np.hypot(step[:, 0], step[:, 1]).argmax()) - 1)


def _halved(points: np.ndarray, *, closed: bool) -> np.ndarray:
    """With a point half-way between any two."""
    following = np.roll(points, -1, 0) if closed else np.concatenate([points[1:], points[-1:]])
    both = np.stack([points, (points + following) / 2], axis=1).reshape(-1, 2)
    return both if closed else both[:-1]


def _extent(shape: Shape) -> float:
    """Area of a tube; a closed outline is the chamber itself, before lines that open its valve."""
    if shape.half_widths is None:
        return float("inf")
    step = np.diff(shape.points, axis=0)
    return float(np.hypot(step[:, 0], step[:, 1]).sum() * shape.half_widths.mean())


def _at(field: np.ndarray, grid: BeamGrid, points: np.ndarray) -> np.ndarray:
    """A beam-grid field at points, nearest sample."""
    place = np.rint(grid.to_grid(points)).astype(np.int64)
    sample, line = np.clip(place[:, 0], 0, grid.samples - 1), np.clip(place[:, 1], 0, grid.lines - 1)
    return field[line, sample]
