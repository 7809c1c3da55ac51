"""The standard planes: abdomen, brain, thorax, femur. Each draws in the fetus's own axes (center 0, 0).

Trunk axes: the spine lies at +y, the front at -y, the fetal left at +x. Head axes: +x is the face.
"""

from collections.abc import Collection

import numpy as np

from sslecho.phantom.fetal.fetus import Fetus
from sslecho.phantom.outline import Pen

ALONG = 0.35  # sine of the midline's angle with the beams below which both hemispheres are seen (chosen)
NEAR_FROM = 0.22  # of the half width: the midline and what lies in it stay visible (chosen)


def _polar(radius: float, degrees: float | int) -> tuple[float, float]:
    """Trunk axes, degrees from the spine towards the fetal left."""
    a = np.deg2rad(degrees)
    return radius * float(np.sin(a)), radius * float(np.cos(a))


def _arc_points(radius: float, start: float | int, stop: float | int, flat: float = 1.0) -> list[tuple[float, float]]:
    return [(flat * x, y) for x, y in (_polar(radius, d) for d in np.linspace(start, stop, 5))]


def spine(pen: Pen, radius: float, rng: np.random.Generator) -> None:
    """Three ossification points around the canal."""
    for degrees, share in ((-7.0, 0.90), (7.0, 0.90), (0.0, 0.74)):
        pen.ellipse("fetal_spine", _polar(radius * share, degrees), (2.1, 1.6), rough_mm=0.2)


def abdomen(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """Transverse abdomen at the stomach and the umbilical vein; returns the radius."""
    r = fetus.trunk_mm
    flat = float(rng.uniform(0.82, 0.9)) if rng.uniform() < 0.2 else float(rng.uniform(0.94, 1.0))
    scale = r / 27.5
    pen.ellipse("fetal_liver", (0, 0), (r, r * flat), wall=("fetal_skin", 1.5), rough_mm=0.7)
    for side in (1, -1):
        for start in (25, 62, 98):
            jitter = float(rng.uniform(-6, 6))
            pen.line(
                "fetal_rib",
                [(side * x, y * flat) for x, y in _arc_points(0.92 * r, start + jitter, start + 20 + jitter)],
                1.2,
            )
    spine(pen, r * flat, rng)
    x, y = _polar(0.45 * r, 75 + float(rng.uniform(-12, 12)))
    fill = float(rng.uniform(0.6, 1.15)) * scale
    pen.ellipse(
        "stomach", (x, y), (8 * fill, 5.5 * fill), angle_deg=float(rng.uniform(-40, 40)), wall=("fetal_skin", 0.5)
    )
    vein = [(1, -0.92 * r * flat), (0, -0.6 * r), (-0.03 * r, -0.34 * r), (-0.2 * r, -0.16 * r), (-0.36 * r, -0.16 * r)]
    pen.tube("umbilical_vein", vein, 1.9 * scale, wall=("fetal_skin", 0.6))
    pen.ellipse("fetal_aorta", _polar(0.54 * r, 7), (2.1 * scale, 2.1 * scale), wall=("fetal_skin", 0.5), rough_mm=0.1)
    pen.ellipse("fetal_ivc", _polar(0.44 * r, -16), (1.9 * scale, 1.9 * scale), wall=("fetal_skin", 0.3), rough_mm=0.1)
    for side in (1, -1):  # adrenals: a thin bright line in a dark rim, before and beside the spine
        x, y = _polar(0.52 * r, side * 27)
        arm = [(x - 2.2 * scale, y - side * 1.4 * scale), (x, y), (x + 2.2 * scale, y + side * 0.6 * scale)]
        pen.line("cartilage", arm, 2.6 * scale)
        pen.line("fetal_skin", arm, 0.8)
    off_plane = float(rng.uniform())
    if off_plane < 0.12:
        for side in (1, -1):
            pen.ellipse("kidney", _polar(0.62 * r, side * 38), (6 * scale, 5 * scale), wall=("fetal_skin", 0.6))
    elif off_plane < 0.22:
        pen.ellipse("fetal_ventricle", (0.1 * r, -0.45 * r), (4 * scale, 3 * scale), wall=("fetal_heart", 2.0))
    elif off_plane < 0.32:  # too low: the cord enters the belly
        way = [
            (0, -0.75 * r * flat),
            (0.02 * r, -1.1 * r * flat),
            (0.25 * r, -1.35 * r * flat),
            (0.2 * r, -1.7 * r * flat),
        ]
        pen.tube("umbilical_vein", way, 2.2 * scale, wall=("cord", 2.2))
    return r


def brain(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """Axial head: thalamic (55 %), ventricular (25 %) or cerebellar (20 %) plane; returns the radius."""
    a, b = fetus.ofd_mm / 2, fetus.bpd_mm / 2
    kind = float(rng.uniform())
    scale = b / 26
    pen.ellipse("fetal_tissue", (0, 0), (a + 2.5, b + 2.5), wall=("fetal_skin", 0.8))
    if kind >= 0.8:
        fold = float(rng.uniform(3, 5))  # nuchal, from the skull's outside to the skin's
        pen.ellipse("fetal_tissue", (6 - a - fold, 0), (6, 0.5 * b), wall=("fetal_skin", 0.8), rough_mm=0.2)
    pen.ellipse("skull", (0, 0), (a + 0.4, b + 0.4), rough_mm=0.2)
    pen.ellipse("brain", (0, 0), (a - 1.8, b - 1.8), rough_mm=0.2)
    for side in (1, -1):
        # Sulci and the insula: short echoes that mirror each other roughly.
        for _ in range(3):
            x, y = float(rng.uniform(-0.5, 0.5)) * a, side * float(rng.uniform(0.55, 0.82)) * b
            pen.line("falx", [(x - 4, y), (x, y - side * 1.0), (x + 4, y + side * 0.6)], 0.8)
    back = 0.35 if kind < 0.8 else 0.2
    pen.line("falx", [(0.93 * a, 0), (0.6 * a, 0.3), (0.48 * a, 0)], 1.1)
    pen.line(
        "falx",
        [(-back * a, 0), (-0.6 * a, 0.2), (-0.93 * a, 0)] if kind < 0.8 else [(0.2 * a, 0), (0.0, 0.2), (-0.1 * a, 0)],
        1.1,
    )
    pen.area(
        "cavum", [(0.46 * a, -1.6), (0.46 * a, 1.6), (0.3 * a, 1.9), (0.3 * a, -1.9)], rough_mm=0.1, wall=("falx", 0.6)
    )
    if kind < 0.55:
        for side in (1, -1):
            lobe = [
                (0.2 * a, side * 0.8),
                (0.03 * a, side * 8 * scale),
                (-0.2 * a, side * 5 * scale),
                (-0.22 * a, side * 0.8),
            ]
            pen.area("thalamus", lobe, rough_mm=0.3)
        pen.line("falx", [(0.15 * a, 0), (0, 0.2), (-0.2 * a, 0)], 0.8)
    elif kind < 0.8:
        for side in (1, -1):
            atrium = [
                (-0.62 * a, side * 0.42 * b),
                (-0.38 * a, side * 0.24 * b),
                (0.0, side * 0.2 * b),
                (-0.1 * a, side * 0.34 * b),
                (-0.42 * a, side * 0.52 * b),
            ]
            pen.area("ventricle", atrium, rough_mm=0.3, wall=("falx", 0.5))
            pen.ellipse("choroid", (-0.3 * a, side * 0.33 * b), (7 * scale, 2.6 * scale), angle_deg=side * 14)
    else:
        half = fetus.weeks / 2
        # The cisterna magna ends 4-7 mm behind the cerebellum.
        behind = -0.55 * a - 0.42 * half - float(rng.uniform(4, 7))
        pen.ellipse("cisterna", (behind + 8, 0), (8, 0.42 * b), rough_mm=0.3)
        for side in (1, -1):
            pen.ellipse("thalamus", (0.02 * a, side * 4 * scale), (6 * scale, 3.4 * scale))
            pen.ellipse("cerebellum", (-0.55 * a, side * half * 0.52), (half * 0.42, half * 0.5), wall=("falx", 0.7))
        pen.ellipse("choroid", (-0.55 * a, 0), (3 * scale, 3 * scale))
    _reverberation(pen, a - 1.8, b - 1.8)
    return a


def brain_plane(structures: Collection[str]) -> str:
    """Which of the three planes a head shows."""
    if "cerebellum" in structures:
        return "cerebellar"
    return "ventricular" if "ventricle" in structures else "thalamic"


def _reverberation(pen: Pen, a: float, b: float) -> None:
    """The skull's near side hides the hemisphere behind it, unless the midline runs along the beams."""
    near = pen.towards_probe()[1]
    if abs(near) < ALONG:
        return
    side = np.sign(near)
    start = np.arcsin(NEAR_FROM)
    t = np.linspace(start, np.pi - start, 9)
    rim = np.stack([0.99 * a * np.cos(t), side * 0.99 * b * np.sin(t)], axis=1)
    chord = np.stack([np.linspace(-0.8, 0.8, 5) * a * np.cos(start), np.full(5, side * NEAR_FROM * b)], axis=1)
    pen.area("reverberation", [*rim.tolist(), *chord.tolist()], rough_mm=0.8)


def thorax(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """Transverse chest with four chambers; returns the radius."""
    r = 0.99 * fetus.trunk_mm
    flat = 0.93
    pen.ellipse("fetal_lung", (0, 0), (r, r * flat), wall=("fetal_skin", 1.8), rough_mm=0.6)
    for side in (1, -1):
        pen.line("fetal_rib", [(side * x, y * flat) for x, y in _arc_points(0.9 * r, 22, 118)], 1.4)
    spine(pen, r * flat, rng)
    scale = r / 26.5
    axis = 45 + float(rng.normal(0, 8))
    beat = 1 - 0.3 * float(rng.uniform())
    # Heart axes: u runs from crux to apex (forwards and to the left), v from the right heart to the left.
    a = np.deg2rad(axis)
    u = np.array([np.sin(a), -np.cos(a)])
    v = np.array([np.cos(a), np.sin(a)])
    center = np.array([0.06 * r, -0.12 * r])

    def at(along: float | int, across: float | int) -> np.ndarray:
        return center + scale * (along * u + across * v)

    degrees = float(np.rad2deg(np.arctan2(u[1], u[0])))
    pen.ellipse("fluid", at(0, 0), (17 * scale, 13.4 * scale), angle_deg=degrees, rough_mm=0.3)
    pen.ellipse("fetal_heart", at(0, 0), (16 * scale, 12.5 * scale), angle_deg=degrees, rough_mm=0.4)
    for side, width in ((-1, 4.4), (1, 4.0)):
        pen.ellipse(
            "fetal_ventricle", at(5.6, side * 4.9), (6.6 * scale, width * beat * scale), angle_deg=degrees, rough_mm=0.4
        )
        pen.ellipse(
            "fetal_atrium", at(-8.0, side * 4.9), (4.6 * scale, (5.6 - beat) * scale), angle_deg=degrees, rough_mm=0.3
        )
        if rng.uniform() < 0.5:  # valves closed
            pen.line(
                "chordae",
                [at(-2.2 - side * 0.6, side * 0.8), at(-1.6, side * 4.5), at(-2.2 - side * 0.6, side * 9)],
                0.9,
            )
    pen.line("moderator_band", [at(10, -2), at(9, -5), at(8, -7.6)], 1.4)
    pen.ellipse("fetal_aorta", _polar(0.56 * r, 12), (2.1 * scale, 2.1 * scale), wall=("fetal_skin", 0.6), rough_mm=0.1)
    return r


def femur(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """A thigh along its bone; returns half of its length."""
    half, soft = fetus.fl_mm / 2, 13.0 * fetus.fl_mm / 38
    upper = [(-half - 8, -soft * 0.7), (-half * 0.4, -soft * 1.1), (half * 0.5, -soft * 0.95), (half + 9, -soft * 0.6)]
    lower = [(half + 9, soft * 0.6), (half * 0.4, soft * 0.95), (-half * 0.4, soft * 1.1), (-half - 8, soft * 0.8)]
    pen.area("fetal_tissue", upper + lower, wall=("fetal_skin", 1.2))
    for side in (1, -1):
        pen.ellipse("cartilage", (side * (half + 3.4), 0.4), (3.2, 3.6), rough_mm=0.3)
    bow = float(rng.uniform(0.5, 2.0))
    pen.line("long_bone", [(-half, 0), (-half * 0.5, -bow * 0.8), (0, -bow), (half * 0.5, -bow * 0.8), (half, 0)], 2.8)
    return half
