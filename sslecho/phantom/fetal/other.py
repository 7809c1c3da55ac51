"""What is no standard plane: a dozen looks, so that `other` is never one look.

Each draws in its own axes about (0, 0) and returns the radius it takes.
"""

from collections.abc import Callable

import numpy as np

from sslecho.phantom.fetal import uterus
from sslecho.phantom.fetal.fetus import Fetus
from sslecho.phantom.fetal.planes import spine
from sslecho.phantom.outline import Pen


def profile(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """Mid-sagittal face, looking to +x."""
    s = fetus.bpd_mm / 53
    face = [
        (-26, -20),
        (0, -30),
        (20, -22),
        (26, -10),
        (24, -4),
        (30, 1),
        (25, 5),
        (28, 9),
        (25, 12),
        (27, 16),
        (20, 22),
        (4, 26),
        (-20, 22),
    ]
    pen.area("fetal_tissue", [(s * x, s * z) for x, z in face], wall=("fetal_skin", 1.2), rough_mm=0.4)
    pen.ellipse("brain", (-6 * s, -8 * s), (22 * s, 18 * s))
    pen.line("skull", [(-10 * s, -27 * s), (8 * s, -25 * s), (20 * s, -15 * s), (23 * s, -6 * s)], 2.2)
    for points in ([(23, -5), (27, -1)], [(6, 6), (20, 6)], [(14, 15), (23, 17)]):
        pen.line("long_bone", [(s * x, s * z) for x, z in points], 1.8)
    return 28 * s


def lips(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """Coronal nose and lips."""
    s = fetus.bpd_mm / 53
    pen.ellipse("fetal_tissue", (0, 0), (17 * s, 21 * s), wall=("fetal_skin", 1.0))
    for x in (-3.2, 3.2):
        pen.ellipse("fluid", (x * s, -5 * s), (1.5 * s, 1.2 * s), rough_mm=0.1)
    pen.arc("fetal_skin", (0, -5 * s), (8 * s, 6 * s), 180, 360, 1.3)
    for z in (4.0, 8.0):
        pen.arc("fetal_skin", (0, z * s), (9 * s, 2.5 * s), 190, 350, 2.2)
    return 21 * s


def spine_sagittal(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """Two rows of vertebral echoes along the back."""
    r = fetus.trunk_mm
    pen.ellipse("fetal_tissue", (0, 0), (2.4 * r, r), wall=("fetal_skin", 1.4))
    for k in range(15):
        x = (k - 7) * 0.3 * r
        z = -0.62 * r + 0.12 * r * (k - 7) ** 2 / 49
        for dz in (0.0, 5.5):
            pen.ellipse("fetal_spine", (x, z + dz), (2.4, 1.1), rough_mm=0.1)
    pen.ellipse("stomach", (0.4 * r, 0.3 * r), (6, 4))
    pen.ellipse("fetal_lung", (-1.0 * r, 0.2 * r), (0.8 * r, 0.5 * r))
    return 2.0 * r


def kidneys(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """Coronal: two kidneys beside the aorta."""
    r = fetus.trunk_mm
    pen.ellipse("fetal_tissue", (0, 0), (1.7 * r, r), wall=("fetal_skin", 1.4))
    for side in (1, -1):
        pen.ellipse("kidney", (0.1 * r, side * 0.44 * r), (0.5 * r, 0.25 * r), wall=("fetal_skin", 0.9))
        pen.ellipse("choroid", (0.1 * r, side * 0.42 * r), (0.3 * r, 0.07 * r))
        pen.ellipse("fluid", (0.1 * r, side * 0.4 * r), (0.12 * r, 0.05 * r), rough_mm=0.1)
    pen.tube("fetal_aorta", [(-1.4 * r, 0), (0, 0.02 * r), (1.2 * r, 0)], 2.2, wall=("fetal_skin", 0.6))
    return 1.5 * r


def hand(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """A palm with the fingers' bones."""
    s = fetus.fl_mm / 38
    pen.ellipse("fetal_tissue", (0, 8 * s), (9 * s, 9 * s))
    for k, degrees in enumerate((-62, -28, -8, 10, 28)):
        a = np.deg2rad(degrees)
        direction = np.array([np.sin(a), -np.cos(a)])
        start = np.array([(k - 2) * 2.6 * s, 2 * s])
        pen.tube("fetal_tissue", [start, start + 9 * s * direction, start + 17 * s * direction], 2.5 * s)
        for near, far in ((-4, 3), (5, 9), (10.5, 13), (14, 16)):
            pen.line("long_bone", [start + near * s * direction, start + far * s * direction], 1.5)
    return 20 * s


def foot(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """A sole: heel, arch, five toes."""
    s = fetus.fl_mm / 38
    pen.area(
        "fetal_tissue",
        [
            (-18 * s, 0),
            (-12 * s, -7 * s),
            (6 * s, -7 * s),
            (15 * s, -8 * s),
            (17 * s, 6 * s),
            (2 * s, 5 * s),
            (-12 * s, 7 * s),
        ],
        wall=("fetal_skin", 0.9),
    )
    for k in range(5):
        pen.ellipse(
            "fetal_tissue", (19 * s, (-7 + 3.2 * k) * s), (3 * s, 1.9 * s), wall=("fetal_skin", 0.6), rough_mm=0.1
        )
        pen.line("long_bone", [(4 * s, (-4 + 2 * k) * s), (14 * s, (-6 + 2.8 * k) * s)], 1.1)
    return 22 * s


def two_bones(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """Forearm or lower leg: two bones side by side."""
    half = 0.86 * fetus.fl_mm / 2
    pen.ellipse("fetal_tissue", (0, 0), (half + 10, 11), wall=("fetal_skin", 1.0))
    gap = float(rng.uniform(3.0, 4.5))
    pen.line("long_bone", [(-half, -gap), (0, -gap - 0.8), (half, -gap)], 2.2)
    pen.line("long_bone", [(-half * 0.95, gap), (0, gap + 0.6), (half, gap * 0.8)], 2.0)
    return half


def humerus(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """The femur's double: shorter, with a trunk beside it."""
    half = 0.92 * fetus.fl_mm / 2
    pen.ellipse("fetal_tissue", (0, 0), (half + 9, 10), wall=("fetal_skin", 1.0))
    pen.line("long_bone", [(-half, 0.4), (0, 0), (half, 0.4)], 2.6)
    pen.ellipse("fetal_lung", (half * 0.5, 34), (fetus.trunk_mm * 1.3, fetus.trunk_mm * 0.8), wall=("fetal_skin", 1.4))
    for k in range(6):
        pen.line("fetal_rib", [(half * 0.5 - 22 + 9 * k, 16), (half * 0.5 - 20 + 9 * k, 17)], 2.4)
    return half + 8


def cord_loops(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """Free loops of cord."""
    for _ in range(5):
        uterus.cord(pen, (float(rng.uniform(-30, 30)), float(rng.uniform(-18, 18))), rng)
    x = np.linspace(-34, 34, 9)
    wave = np.stack([x, 6 * np.sin(x / 6) + float(rng.uniform(-8, 8))], axis=1)
    pen.tube("umbilical_vein", wave, 2.6, wall=("cord", 2.0))
    return 32.0


def three_vessels(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """Upper mediastinum: pulmonary artery, aorta, vena cava in a row of falling size."""
    r = 0.9 * fetus.trunk_mm
    s = r / 25
    pen.ellipse("fetal_lung", (0, 0), (r, 0.92 * r), wall=("fetal_skin", 1.8))
    for side in (1, -1):
        pen.arc("fetal_rib", (0, 0), (0.9 * r, 0.84 * r), 90 - side * 30, 90 - side * 110, 1.4)
    spine(pen, 0.92 * r, rng)
    pen.tube("pulmonary_artery", [(5 * s, -12 * s), (5 * s, -4 * s), (3 * s, 8 * s)], 3.0 * s, wall=("fetal_skin", 0.6))
    pen.ellipse("fetal_aorta", (-2.5 * s, -8 * s), (2.5 * s, 2.5 * s), wall=("fetal_skin", 0.6), rough_mm=0.1)
    pen.ellipse("fetal_ivc", (-8.5 * s, -6 * s), (1.9 * s, 1.9 * s), wall=("fetal_skin", 0.4), rough_mm=0.1)
    return r


def placenta(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """A thick placenta with lakes and the cord's insertion."""
    pen.area(
        "placenta", [(-70, -12), (-20, -18), (40, -16), (76, -6), (60, 14), (10, 20), (-40, 17), (-76, 4)], rough_mm=2.0
    )
    for _ in range(4):
        pen.ellipse(
            "vein",
            (float(rng.uniform(-50, 50)), float(rng.uniform(-8, 10))),
            (4, 2),
            angle_deg=float(rng.uniform(0, 90)),
        )
    pen.tube("umbilical_vein", [(0, 15), (6, 24), (-4, 34)], 3.0, wall=("cord", 2.0))
    return 45.0


def maternal_kidney(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """Cortex and bright sinus, in liver or spleen."""
    pen.ellipse("liver", (0, 0), (170, 90), rough_mm=3.0)
    pen.ellipse("kidney", (0, 4), (54, 25), wall=("fetal_skin", 1.2))
    pen.ellipse("choroid", (0, 5), (34, 9), rough_mm=1.5)
    for k in range(6):
        pen.ellipse("thalamus", (-34 + 13.5 * k, -7 + 24 * (k % 2)), (4.5, 4), rough_mm=0.3)
    return 55.0


def bladder(pen: Pen, fetus: Fetus, rng: np.random.Generator) -> float:
    """The mother's full bladder, nothing of the fetus."""
    pen.ellipse("myometrium", (0, 0), (150, 70), rough_mm=3.0)
    pen.area("bladder", [(-48, -22), (0, -28), (50, -20), (58, 4), (34, 24), (-28, 26), (-56, 6)], wall=("muscle", 3.5))
    pen.ellipse("cervix", (8, 46), (34, 14), wall=("vein_wall", 1.0))
    return 50.0


LOOKS: dict[str, Callable[[Pen, Fetus, np.random.Generator], float]] = {
    "profile": profile,
    "lips": lips,
    "spine_sagittal": spine_sagittal,
    "kidneys": kidneys,
    "hand": hand,
    "foot": foot,
    "two_bones": two_bones,
    "humerus": humerus,
    "cord_loops": cord_loops,
    "three_vessels": three_vessels,
    "placenta": placenta,
    "maternal_kidney": maternal_kidney,
    "bladder": bladder,
}
