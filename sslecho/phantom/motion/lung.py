"""Between two ribs: pleural line, A-lines and the echoes below, which slide with the breath or stand.

How far the lung is from its resting place is the same function of a uniform phase in both classes; in a lung that
stands the phase does. So it is displaced like a sliding one at any frame, and in no frame otherwise.
"""

import numpy as np

from sslecho.phantom.heart.layers import WIDE_MM
from sslecho.phantom.motion.film import Courses, Moment, Pair
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Scene, Shape
from sslecho.phantom.tissues import Tissue

SLIDING, STILL = "lung_sliding", "lung_still"
EXCURSION_MM = (8.0, 16.0)  # of the pleura from breath to breath (chosen: a quiet breath, lateral chest)
PERIOD_S, PERIOD_SD = 4.0, 0.05
SPAN_S = 2.0  # half a breath; between two of 16 frames the lung slides up to a speckle or two
REVERBERATIONS = 3  # A-lines
POINTS = 105  # of what runs across the screen

# The scatterers of what is seen below the pleura are reverberations of its surface: they last while it stands.
TISSUES = {
    "lung": Tissue(-13.0, 0.75, 0.0, patchy_db=3.0),
    "pleura": Tissue(9.0, 0.6, 3.5),
    "a_line": Tissue(-2.0, 0.75, 0.9),
}


def scene(pen: Pen, patient: Patient, rng: np.random.Generator, radius_mm: float) -> Scene:
    """Chest wall, two ribs with their shadows, pleura, lung."""
    pleura = float(np.clip(patient.skin_to_heart_mm + rng.normal(2, 2), 15, 36))
    excursion = float(rng.uniform(*EXCURSION_MM)) * (1 if rng.uniform() < 0.5 else -1)

    def slides(points: np.ndarray) -> np.ndarray:
        return np.where(points[:, 1:] > pleura - 1.0, np.array([excursion, 0.0]), 0.0)

    def stands(structure: str, points: np.ndarray, half_widths: np.ndarray | None = None) -> None:
        pen.shapes.append(Shape(structure, points, half_widths, moves={"slide": -slides(points)}))

    fat = 1.6 + 0.3 * pleura
    for structure, top, bottom in (
        ("skin", -60, 1.6),
        ("fat", 1.6, fat),
        ("muscle", fat, pleura),
        ("lung", pleura, 420),
    ):
        stands(structure, np.concatenate([_level(top), _level(bottom)[::-1]]))
    for k in range(2, REVERBERATIONS + 2):
        line = _reverberation(pleura, k, radius_mm)
        stands("a_line", line, np.full(len(line), 0.4 + 0.15 * k))
    # Fine tails below the pleura, where its unevenness sends echoes to and fro: they slide with it.
    for start in np.cumsum(rng.uniform(7, 26, 30)) - 200:
        length, half = rng.uniform(3, 13), rng.uniform(0.3, 0.7)
        tail = np.stack([np.full(4, start), pleura + np.linspace(0, length, 4)], axis=1)
        pen.shapes.append(Shape("a_line", tail, half * np.linspace(1, 0.5, 4)))
    pen.shapes.append(Shape("pleura", _level(pleura), 0.7 + 0.2 * np.abs(rng.standard_normal(POINTS))))
    gap = rng.uniform(19, 25)
    for side in (-1, 1):
        pen.ellipse("rib", (side * gap, pleura - rng.uniform(5.5, 7.5)), rng.uniform((6.5, 3.0), (8.5, 4.0)))
    return Scene(pen.shapes, {"slide": slides}, "lung", {"pleura_mm": pleura, "excursion_mm": excursion})


def _level(depth_mm: float | int) -> np.ndarray:
    return np.stack([np.linspace(-WIDE_MM, WIDE_MM, POINTS), np.full(POINTS, float(depth_mm))], axis=1)


def _reverberation(depth_mm: float, times: int, radius_mm: float) -> np.ndarray:
    """Where the probe shows an echo that ran to a level at `depth_mm` and back so many times."""
    angle = np.deg2rad(np.linspace(-50, 50, POINTS))
    once = (radius_mm + depth_mm) / np.cos(angle) - radius_mm
    away = radius_mm + times * once
    return np.stack([away * np.sin(angle), away * np.cos(angle) - radius_mm], axis=1)


def courses(moment: Moment) -> Courses:
    """`slide`: the share of the excursion that the lung is away from its resting place."""
    stretch = moment.factors.stream("clip", *moment.clip, "rate").normal(1, PERIOD_SD)
    phase = moment.phase(PERIOD_S * float(np.clip(stretch, 0.85, 1.15)))
    if moment.plan.view == STILL:
        phase = np.full(moment.frames, phase[0])
    slide = 0.5 - 0.5 * np.cos(2 * np.pi * phase)
    return Courses({"slide": slide}, {"slide": slide}, {})


LUNG = Pair("lung", (SLIDING, STILL), scene, courses, SPAN_S, 95.0, 64.0, (0.0, 30.0), curved=True, tissues=TISSUES)
