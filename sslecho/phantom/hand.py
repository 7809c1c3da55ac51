"""The hand that holds the probe: it slides, turns, tilts out of the plane, foreshortens, and loses contact at times.

Every one of these is a time course of the clip and is drawn: linear displacement of the plane, or echoes that are lost.
Constants are chosen, unless a source is named.

What a tilt shows: a cut beside a chamber's middle is narrower, and leaves it in the end. What foreshortening shows: the
ventricle's base comes nearer to a false, rounder apex.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from sslecho.phantom.echo import Drive
from sslecho.phantom.geometry import BeamGrid
from sslecho.phantom.heart.motion import drift, shrink, together
from sslecho.phantom.scene import Mode, Scene

CORRELATED_FRAMES = 10.0  # SD of the kernel that smooths the hand's path: it changes over tens of frames
CHAMBERS = ("lv", "rv", "la", "ra", "aorta", "pulmonary_artery")
NARROWEST = 0.85  # share of a chamber's width that the furthest tilt takes
NARROWING_DEG = 20.0  # tilt at which 63 % of it is gone
ALONG = 0.3  # of the narrowing across, what is lost along the heart's axis
LOST_DB = 50.0  # without contact: nothing but the probe's own clutter is left
# Of the planes that show the ventricle's length: (apex' side in x, in z).
AXES: dict[str, tuple[float, float]] = {"a4c": (0.0, -1.0), "a2c": (0.0, -1.0), "a3c": (0.0, -1.0), "a5c": (0.0, -1.0),
                                        "sc4c": (1.0, 0.0), "plax": (-1.0, 0.0)}  # fmt: skip

Course = Float[np.ndarray, " frames"]


def wander(rng: np.random.Generator, courses: int, frames: int) -> Float[np.ndarray, "courses frames"]:
    """Smooth random paths, mean 0, SD 1, correlated over tens of frames."""
    half = int(4 * CORRELATED_FRAMES)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / CORRELATED_FRAMES) ** 2)
    kernel /= np.sqrt(np.sum(kernel**2))
    noise = rng.standard_normal((courses, frames + 2 * half))
    return np.stack([np.convolve(row, kernel, mode="valid") for row in noise])


@dataclass(frozen=True)
class Hand:
    """Where the probe is held against the standard plane, a value per frame.

    Args:
        tilt_deg: out of the plane.
        foreshortening: share of the ventricle's length that is lost; drawn in the planes of AXES only.
        slide_mm: (x, z).
        turn_deg: in the plane.
        lost_left, lost_right, lost: 0..1, contact lost from one side, and of the whole face.
    """

    tilt_deg: Course
    foreshortening: Course
    slide_mm: tuple[Course, Course]
    turn_deg: Course
    lost_left: Course
    lost_right: Course
    lost: Course

    def drives(self, view: str, scene: Scene, center_mm: tuple[float, float]) -> list[Drive]:
        """For `EchoClip`.

        Args:
            view: a name of `heart.views.PLANES`.
            scene: that plane.
            center_mm: what the probe turns about.
        """
        drives = [
            Drive("slide_x", self.slide_mm[0], drift((1.0, 0.0))),
            Drive("slide_z", self.slide_mm[1], drift((0.0, 1.0))),
            Drive("turn", np.deg2rad(self.turn_deg), _turned(center_mm)),
            Drive("lost_left", self.lost_left, loss_db=lambda grid: _from_side(grid, -1)),
            Drive("lost_right", self.lost_right, loss_db=lambda grid: _from_side(grid, 1)),
            Drive("lost", self.lost, loss_db=lambda grid: np.full((grid.lines, grid.samples), LOST_DB, np.float32)),
        ]
        axis = AXES.get(view)
        narrow = _narrowed(scene, axis)
        if narrow is not None:
            drives.append(Drive("narrowing", narrowing(self.tilt_deg), narrow))
        if axis is not None:
            drives.append(Drive("shortening", self.foreshortening, _shortened(scene, axis)))
        return drives


def narrowing(tilt_deg: Course) -> Course:
    """Share of a chamber's width that a tilt takes."""
    return NARROWEST * (1 - np.exp(-((tilt_deg / NARROWING_DEG) ** 2)))


def _narrowed(scene: Scene, axis: tuple[float, float] | None) -> Mode | None:
    """All chambers narrow about their middles, across the heart's axis more than along it."""
    shares = (1.0, ALONG) if axis is None or axis[0] == 0 else (ALONG, 1.0)
    modes = []
    for shape in scene.shapes:
        if shape.structure in CHAMBERS and shape.half_widths is None:
            low, high = shape.points.min(axis=0), shape.points.max(axis=0)
            modes.append(shrink((low + high) / 2, (high - low) / 2, shares))
    return together(*modes) if modes else None


def _shortened(scene: Scene, axis: tuple[float, float]) -> Mode:
    """Everything comes nearer to the left ventricle's apex, along the heart's axis."""
    towards = np.asarray(axis)
    points = np.concatenate([shape.points for shape in scene.shapes if shape.structure == "lv"])
    apex = (points @ towards).max()

    def mode(points: np.ndarray) -> np.ndarray:
        return np.maximum(apex - points @ towards, 0)[:, None] * towards

    return mode


def _turned(center_mm: Sequence[float]) -> Mode:
    """By one radian clockwise on the screen, to first order."""
    center = np.asarray(center_mm, float)
    return lambda points: (points - center)[:, ::-1] * np.array([-1.0, 1.0])


def _from_side(grid: BeamGrid, side: int) -> Float32[np.ndarray, "lines samples"]:
    """Contact lost from one side: at its edge first, and the more is lost, the further in."""
    share = np.linspace(-1, 1, grid.lines) * side  # 1 at that edge
    ramp = LOST_DB * np.clip((share + 0.7) / 1.7, 0, 1) ** 1.5
    return np.repeat(ramp.astype(np.float32)[:, None], grid.samples, axis=1)
