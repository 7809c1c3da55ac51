"""The mother's layers, the fluid, the placenta, and parts of the fetus that happen to lie in the plane."""

import numpy as np

from sslecho.phantom.fetal.fetus import Fetus
from sslecho.phantom.heart.layers import band
from sslecho.phantom.outline import Pen

MUSCLE_MM = 6.0
MYOMETRIUM_MM = 8.0


def wall_mm(fetus: Fetus) -> float:
    """From the skin to the fluid."""
    placenta = fetus.placenta_mm if fetus.placenta_anterior else 0.0
    return 2.0 + fetus.fat_mm + MUSCLE_MM + MYOMETRIUM_MM + placenta


def uterus(pen: Pen, fetus: Fetus, *, bottom_mm: float, rng: np.random.Generator) -> None:
    """Skin to posterior wall; the fluid's pocket ends at `bottom_mm`."""
    fat = 2.0 + fetus.fat_mm
    muscle = fat + MUSCLE_MM
    top = muscle + MYOMETRIUM_MM
    pen.shapes += [band("skin", -80, 2.0), band("fat", 2.0, fat), band("muscle", fat, muscle)]
    pen.shapes.append(band("myometrium", muscle, bottom_mm + 12))
    pen.shapes.append(band("surroundings", bottom_mm + 12, 420))
    if rng.uniform() < 0.6:
        x = float(rng.uniform(-50, 50))
        pen.area(
            "bowel", [(x - 25, bottom_mm + 14), (x, bottom_mm + 11), (x + 24, bottom_mm + 16), (x, bottom_mm + 24)]
        )
    middle, half = (top + bottom_mm) / 2, (bottom_mm - top) / 2
    lean = float(rng.uniform(-12, 12))
    pen.ellipse("fluid", (lean, middle), (95, half), angle_deg=float(rng.uniform(-4, 4)), rough_mm=1.5)
    if fetus.placenta_anterior:
        edge = top + fetus.placenta_mm
        points = [(-90, top), (0, top - 2), (90, top + 2), (78, edge - 9), (30, edge), (-35, edge + 1), (-80, edge - 8)]
    else:
        edge = bottom_mm - fetus.placenta_mm * 0.7
        points = [
            (-80, edge + 8),
            (-30, edge),
            (35, edge + 1),
            (80, edge + 9),
            (90, bottom_mm),
            (0, bottom_mm + 3),
            (-90, bottom_mm),
        ]
    pen.area("placenta", points, rough_mm=1.6)


def cord(pen: Pen, center, rng: np.random.Generator) -> None:
    """A loop of umbilical cord: two arteries and a vein in their jelly."""
    x, z = center
    turn = float(rng.uniform(0, 2 * np.pi))
    pen.ellipse("cord", (x, z), (7.0, 6.0))
    pen.ellipse("umbilical_vein", (x + 2 * np.cos(turn), z + 2 * np.sin(turn)), (3.0, 2.6), rough_mm=0.2)
    for offset in (2.2, 4.0):
        pen.ellipse("artery", (x + 4 * np.cos(turn + offset), z + 4 * np.sin(turn + offset)), (1.5, 1.5), rough_mm=0.1)


def limb(pen: Pen, center, rng: np.random.Generator, *, radius_mm: float = 9.0) -> None:
    """A limb cut across or aslant: soft tissue about one bone."""
    angle = float(rng.uniform(0, 180))
    length = float(rng.uniform(1.2, 2.4))
    x, z = center
    pen.ellipse("fetal_tissue", (x, z), (radius_mm * length, radius_mm), angle_deg=angle, wall=("fetal_skin", 1.0))
    a = np.deg2rad(angle)
    half = radius_mm * (length - 0.9)
    ends = [(x - half * np.cos(a), z - half * np.sin(a)), (x, z), (x + half * np.cos(a), z + half * np.sin(a))]
    pen.line("long_bone", ends, 2.6)


def trunk(pen: Pen, center, rng: np.random.Generator, *, radius_mm: float) -> None:
    """A slice of chest or belly: skin, an even inside, a few ribs."""
    pen.ellipse("fetal_lung", center, (radius_mm, 0.9 * radius_mm), wall=("fetal_skin", 1.5), rough_mm=0.6)
    for start in rng.uniform(0, 360, 3):
        pen.arc("fetal_rib", center, (0.9 * radius_mm, 0.8 * radius_mm), start, start + 20, 1.2)


def neighbors(
    pen: Pen, fetus: Fetus, around, radius_mm: float, rng: np.random.Generator, *, between_mm: tuple[float, float]
) -> None:
    """In six of ten frames limbs, cord or trunk lie beside the subject: the background must not tell the class.

    Args:
        around, radius_mm: the subject.
        between_mm: depths of the fluid's top and bottom, within which the neighbors' middles lie.
    """
    if rng.uniform() > 0.6:
        return
    for _ in range(int(rng.integers(1, 4))):
        what = rng.uniform()
        own = float(rng.uniform(6, 11)) if what > 0.2 else float(rng.uniform(0.7, 0.95)) * fetus.trunk_mm
        side = float(rng.choice([-1, 1]))
        x = around[0] + side * (radius_mm + own + float(rng.uniform(2, 16)))
        # Beside the subject, or before or behind its flank.
        low, high = between_mm[0] + 0.8 * own, max(between_mm[1] - 0.8 * own, between_mm[0] + own)
        z = float(rng.uniform(min(low, high), max(low, high)))
        if what <= 0.2:
            trunk(pen, (x, z), rng, radius_mm=own)
        elif what < 0.56:
            cord(pen, (x, z), rng)
        else:
            limb(pen, (x, z), rng, radius_mm=own)
