"""A vessel in the liver whose caliber follows the breath in one class and the heart in the other.

The caliber is the same function of the phase in both, and the phase is uniform at every frame, so that it has one
distribution (the arcsine law between narrow and wide) whatever drives it. Nothing else in the picture moves: a liver
that rises with the breath would tell by one frame whether the caliber goes with it.
"""

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.motion.film import Courses, Moment, Pair
from sslecho.phantom.outline import Pen, spline
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Mode, Scene

BREATH, HEART = "tube_breath", "tube_heart"
# 15 breaths and 70 beats a minute; people differ by a few percent (chosen).
PERIOD_S = {BREATH: 4.0, HEART: 0.86}
PERIOD_SD = 0.05
WIDENS = {BREATH: 0.45, HEART: 0.45}  # share of the narrow caliber; one number, or frames would tell. Chosen
# More than one breath. A beat has two frames where a clip has 13 or more; below that the heart's rate is aliased.
SPAN_S = 5.2
REACH_MM = 12.0  # over which the tissue around gives way; chosen


def scene(pen: Pen, patient: Patient, rng: np.random.Generator, radius_mm: float) -> Scene:
    """The liver with a vessel along the screen, a branch that joins it, and others cut across."""
    layers.liver(pen, float(rng.uniform(14, 22)), 420)
    depth, lean = rng.uniform(62, 84), rng.normal(0, 0.08)
    narrow = patient.ivc_mm / 2 / (1 + WIDENS[BREATH] / 2)
    x = np.array([-150.0, -90, -40, 0, 40, 90, 150])
    path = np.stack([x, depth + lean * x + rng.normal(0, 2.0, 7)], axis=1)
    side = 1.0 if rng.uniform() < 0.5 else -1.0
    joins = side * rng.uniform(5, 30)
    branch = [(joins - side * 40, depth - 42), (joins - side * 18, depth - 20), (joins, depth + lean * joins)]
    pen.tube("vein", branch, (2.6, 3.4, 4.4), wall=("vein_wall", 0.7))
    for _ in range(int(rng.integers(4, 8))):
        below = rng.uniform() < 0.6
        place = (rng.uniform(-55, 55), depth + rng.uniform(22, 60) if below else depth - rng.uniform(22, 38))
        radii = rng.uniform(1.8, 4.6, 2)
        pen.ellipse("vein", place, radii, wall=("vein_wall", float(rng.uniform(0.6, 1.8))))
    pen.tube("ivc", path, narrow, wall=("vein_wall", 1.1), swells={"caliber": 1.0}, rough_mm=0.4)
    return Scene(pen.shapes, {"caliber": _gives_way(spline(path, closed=False), narrow)}, background="liver",
                 latents={"narrow_mm": 2 * narrow})  # fmt: skip


def _gives_way(center: np.ndarray, half_mm: float) -> Mode:
    """Up and down, away from the vessel's center line; a coefficient is the share by which it widens."""

    def mode(points: np.ndarray) -> np.ndarray:
        away = points[:, 1] - np.interp(points[:, 0], center[:, 0], center[:, 1])
        outside = np.maximum(np.abs(away) - half_mm, 0)
        moved = half_mm * np.clip(np.abs(away) / half_mm, 0, 1) * np.exp(-((outside / REACH_MM) ** 2))
        return np.stack([np.zeros(len(points)), np.sign(away) * moved], axis=1)

    return mode


def courses(moment: Moment) -> Courses:
    """`caliber`: 0 where the vessel is narrow, WIDENS where it is wide."""
    name = moment.plan.view
    stretch = moment.factors.stream("clip", *moment.clip, "rate").normal(1, PERIOD_SD)
    period = PERIOD_S[name] * float(np.clip(stretch, 0.85, 1.15))
    caliber = WIDENS[name] * (0.5 - 0.5 * np.cos(2 * np.pi * moment.phase(period)))
    return Courses({"caliber": caliber}, {"caliber": caliber}, {"period_s": period})


TUBE = Pair("tube", (BREATH, HEART), scene, courses, SPAN_S, 140.0, 66.0, (0.0, 70.0), curved=True)
