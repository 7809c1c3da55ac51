"""What a frame of a view is worth: is it the right plane, and can it be seen; from both a grade.

    V = sum_i w_i visible_i / sum_i w_i * exp(-(tilt / 18 deg)^2) * (1 - foreshortening / 0.25)
    C = mean over segments of the cavity's wall of clip((gCNR - 0.2) / (0.85 - 0.2), 0, 1)
    grade = 10 sqrt(V C), at least 1; 0 for what is no view

V and C are kept apart, because a score that mixes plane and picture quality says neither (arXiv 2408.00591, which takes
the generalized contrast-to-noise ratio by region as well). A structure is visible if 70 % of its outline lies in the
sector and not in a shadow. Everything is computed on the beam grid, from the frame's gray values and label map.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from sslecho.phantom.clarity import Standard, WallSegments, clear, inside
from sslecho.phantom.echo import Clip, EchoClip
from sslecho.phantom.essentials import ESSENTIALS, Mark
from sslecho.phantom.renderer import TGC_DB_PER_CM_MHZ
from sslecho.phantom.scene import Shape
from sslecho.phantom.tissues import structure_table

TILT_DEG = 18.0  # off the plane, at which a view is worth 1 / e
MOST_FORESHORTENED = 0.25  # share of the ventricle's length that is lost, at which a view is worth nothing
VISIBLE = 0.7  # share of an outline
SHADOW_DB = 15.0  # of loss that hides what lies behind; a quarter of the dynamic range (chosen)
FILLED = 0.5  # share of the sector's height that the heart should fill
# From the plane of four chambers to that of five, and from the right ventricle's inflow to the long axis, of which
# some studies stop half-way; chosen, probes are tilted by 15 to 30 degrees between neighboring planes.
FIVE_CHAMBERS_DEG, INFLOW_DEG = 20.0, 30.0
EVERY = (2, 4)  # line and sample of the grid on which shadows are worked out


def view_correctness(
    visible: Float[np.ndarray, "*frames"],
    tilt_deg: Float[np.ndarray, "*frames"],
    foreshortening: Float[np.ndarray, "*frames"],
) -> Float[np.ndarray, "*frames"]:
    """V from the weighted share of the structures that are visible, degrees off the plane, and the length lost."""
    right = np.exp(-((tilt_deg / TILT_DEG) ** 2)) * np.clip(1 - foreshortening / MOST_FORESHORTENED, 0, 1)
    return visible * right


def grade(correctness: Float[np.ndarray, "*frames"], clarity: Float[np.ndarray, "*frames"]):
    """1..10 from V and C."""
    return np.maximum(10 * np.sqrt(correctness * clarity), 1.0)


def plane_tilt_deg(view: str, latents: Mapping[str, float | int | str | bool]) -> float:
    """How far off its own plane a view was drawn, from the scene's latents."""
    if view == "a4c":
        return FIVE_CHAMBERS_DEG * float(latents["tilt"])
    if view == "a5c":
        return FIVE_CHAMBERS_DEG * (1 - float(latents["tilt"]))
    if view == "rv_inflow":
        return INFLOW_DEG / 2 * float(latents["half_way"])
    return 0.0


class Outlines:
    """Vertices of a stage's outlines, by the structure that they are of.

    Args:
        shapes: of the scene.
        marks: what is asked for.
        standard: where; a structure that it doesn't show is asked for all the same.
    """

    def __init__(self, shapes: Sequence[Shape], marks: tuple[Mark, ...], standard: Standard):
        rest = _edges(*standard.outlines)
        shown = inside(standard.grid, rest)
        points = np.concatenate([shape.points for shape in shapes])
        names = np.concatenate([[shape.structure] * len(shape.points) for shape in shapes])
        self.weights = np.array([mark.weight for mark in marks], float)
        picked = [self._of(mark, points, names, shown) for mark in marks]
        self.index = np.concatenate(picked)
        self.mark = np.repeat(np.arange(len(marks)), [len(index) for index in picked])
        self.counts = np.array([len(index) for index in picked])
        top, bottom = _depths(rest[self.index], standard.depth_mm)
        self.filled = (bottom - top) / standard.depth_mm

    @staticmethod
    def _of(mark: Mark, points: np.ndarray, names: np.ndarray, shown: np.ndarray) -> Int64[np.ndarray, " k"]:
        left, right, top, bottom = mark.box_mm
        x, z = points.T
        wanted = np.isin(names, mark.structures) & (x >= left) & (x <= right) & (z >= top) & (z <= bottom)
        both = np.concatenate([wanted, wanted])  # left and right edges of lines
        return np.flatnonzero(both & shown if (both & shown).any() else both)


def _edges(points: np.ndarray, edge: np.ndarray | None) -> Float[np.ndarray, "edges 2"]:
    """Left and right edges of all outlines; twice the same for closed ones."""
    return np.concatenate([points, points] if edge is None else [points + edge, points - edge])


def _depths(points: np.ndarray, depth_mm: float) -> tuple[float, float]:
    z = np.clip(points[:, 1], 0, depth_mm)
    return (float(z.min()), float(z.max())) if len(z) else (0.0, 0.0)


@dataclass(frozen=True)
class Grades:
    """Of every frame of a clip.

    Args:
        view_correctness, clarity: V and C, 0..1.
        grade: 1..10; 0 for what is no view.
    """

    view_correctness: Float[np.ndarray, " frames"]
    clarity: Float[np.ndarray, " frames"]
    grade: Float[np.ndarray, " frames"]


class Grader:
    """Judges the frames of a clip, each as it is drawn.

    Args:
        clip: of a plane in ESSENTIALS, or of none: then all is 0.
        tilt_deg: out of the plane, a value per frame, besides what the plane's own latents say.
        foreshortening: share of the ventricle's length that is lost, a value per frame.
    """

    def __init__(
        self,
        clip: EchoClip,
        *,
        tilt_deg: Float[np.ndarray, " frames"] | None = None,
        foreshortening: Float[np.ndarray, " frames"] | None = None,
    ):
        self.clip = clip
        count = len(clip.courses)
        none = np.zeros(count)
        self.visible, self.clarity = none.copy(), none.copy()
        self.essentials = ESSENTIALS.get(clip.view)
        if self.essentials is None:
            return
        own = plane_tilt_deg(clip.view, clip.scene.latents)
        self.tilt_deg = np.hypot(own, none if tilt_deg is None else tilt_deg)
        self.foreshortening = none if foreshortening is None else foreshortening
        standard = Standard(clip)
        self.outlines = Outlines(clip.scene.shapes, self.essentials.marks, standard)
        self.segments = WallSegments(clip.scene.shapes, self.essentials, standard, clip.renderer.look)
        lines, samples = EVERY
        gain = clip.window_db[::lines, ::samples]
        # Sliders and depth darken all beams alike: no shadow.
        self._window_db = np.median(gain, axis=0)[None, :] - gain
        self._losses = [(column, lost[::lines, ::samples]) for column, lost in clip.losses]
        way_cm = 2 * samples * clip.stage.grid.axial_step_mm / 10
        excess = structure_table("attenuation", clip.tissues) - np.float32(TGC_DB_PER_CM_MHZ)
        self._attenuation = excess * np.float32(way_cm * clip.renderer.look.frequency_mhz)

    def lost_db(
        self, labels: UInt8[np.ndarray, "lines samples"], coefficients: Float[np.ndarray, " courses"]
    ) -> Float32[np.ndarray, "some_lines some_samples"]:
        """What lung, bone, window and lost contact take from the echoes, on every second line and fourth sample."""
        lines, samples = EVERY
        lost = np.cumsum(self._attenuation[labels[::lines, ::samples]], axis=1)
        lost += self._window_db
        for column, most in self._losses:
            if coefficients[column]:
                lost += np.float32(coefficients[column]) * most
        return lost

    def find(self, k: int, labels: UInt8[np.ndarray, "lines samples"]) -> Float[np.ndarray, "vertices 2"]:
        """What is visible in frame `k`, by its label map on the beam grid; returns the outlines that are looked for."""
        coefficients, grid, outlines = self.clip.courses[k], self.clip.stage.grid, self.outlines
        points = _edges(*self.clip.stage.outlines_mm(coefficients))[outlines.index]
        seen = inside(grid, points)
        lost = self.lost_db(labels, coefficients)
        place = np.rint((grid.to_grid(points)) / (EVERY[1], EVERY[0])).astype(np.int64)
        sample, line = (np.clip(place[:, axis], 0, lost.shape[1 - axis] - 1) for axis in (0, 1))
        seen &= lost[line, sample] < SHADOW_DB
        found = np.bincount(outlines.mark, weights=seen, minlength=len(outlines.weights))
        share = found / np.maximum(outlines.counts, 1)
        self.visible[k] = np.sum(outlines.weights * (share >= VISIBLE)) / outlines.weights.sum()
        return points

    def judge(
        self, k: int, gray: Float32[np.ndarray, "lines samples"], labels: UInt8[np.ndarray, "lines samples"]
    ) -> None:
        """Frame `k`, by its gray values and structure numbers on the beam grid."""
        if self.essentials is None:
            return
        points, grid = self.find(k, labels), self.clip.stage.grid
        ratios = self.segments.ratios(gray, labels, grid, *self.clip.stage.outlines_mm(self.clip.courses[k]))
        known = ~np.isnan(ratios)
        clarity = float(clear(ratios[known]).mean()) if known.any() else 0.0
        top, bottom = _depths(points, grid.depth_mm)
        # A vessel never fills half of the sector; then less than most of what the standard display shows counts.
        needed = min(FILLED, 0.75 * self.outlines.filled)
        self.clarity[k] = clarity * min((bottom - top) / grid.depth_mm / needed, 1.0) if needed > 0 else clarity

    @property
    def view_correctness(self) -> Float[np.ndarray, " frames"]:
        """V of the frames so far."""
        if self.essentials is None:
            return self.visible
        return view_correctness(self.visible, self.tilt_deg, self.foreshortening)

    def grades(self) -> Grades:
        """Of the frames that were judged."""
        if self.essentials is None:
            return Grades(self.visible, self.clarity, np.zeros(len(self.visible)))
        correct = self.view_correctness
        return Grades(correct, self.clarity, grade(correct, self.clarity))


def graded(
    clip: EchoClip,
    *,
    with_labels: bool = False,
    tilt_deg: Float[np.ndarray, " frames"] | None = None,
    foreshortening: Float[np.ndarray, " frames"] | None = None,
) -> Clip:
    """Draw a clip and grade it: `EchoClip.render`, with V, C and grade per frame among its courses, and their means
    among its latents (see `Grader` for the arguments)."""
    grader = Grader(clip, tilt_deg=tilt_deg, foreshortening=foreshortening)
    drawn = clip.render(with_labels=with_labels, watch=grader.judge)
    found = grader.grades()
    courses = {"view_correctness": found.view_correctness, "clarity": found.clarity, "grade": found.grade}
    return replace(
        drawn,
        latents={**drawn.latents, **{name: float(values.mean()) for name, values in courses.items()}},
        courses={**drawn.courses, **{name: values.round(4).tolist() for name, values in courses.items()}},
    )


def grade_clip(clip: EchoClip, **held: Float[np.ndarray, " frames"]) -> Grades:
    """Grades of a clip, without keeping its pictures (see `Grader` for `held`)."""
    grader = Grader(clip, **held)
    for k, coefficients in enumerate(clip.courses):
        grader.judge(k, *clip.renderer.beams(coefficients, k))
    return grader.grades()
