"""What most cardiac planes share: the chest wall, atria, muscle's inner relief, open orifices and valves."""

import numpy as np

from sslecho.phantom.heart.ventricle import Ventricle
from sslecho.phantom.outline import Pen, spline
from sslecho.phantom.scene import Shape

WIDE_MM = 260.0


def band(structure: str, top_mm: float | int, bottom_mm: float | int) -> Shape:
    """A layer under the probe that neither beats nor turns with it."""
    x = np.linspace(-WIDE_MM, WIDE_MM, 41)
    points = np.concatenate([np.stack([x, np.full(41, top_mm)], 1), np.stack([x[::-1], np.full(41, bottom_mm)], 1)])
    return Shape(structure, points, follows=False)


def chest_wall(pen: Pen, thickness_mm: float | int) -> None:
    """Skin, fat and muscle."""
    fat = 0.3 * thickness_mm
    pen.shapes += [band("skin", -60, 1.6), band("fat", 1.6, 1.6 + fat), band("muscle", 1.6 + fat, thickness_mm)]


def far_lung(pen: Pen, depth_mm: float | int) -> None:
    """The lung behind the heart: a wavy, dome-shaped surface."""
    x = np.linspace(-150, 150, 13)
    height = pen.rng.normal(0, 1.4, 13) + 18 * (x / 110) ** 2 * pen.rng.uniform(-0.6, 1.0)
    surface = np.stack([x, depth_mm + height], axis=1)
    pen.area("lung", [*surface, (150, 400), (0, 420), (-150, 400)])


def grooves(pen: Pen, places) -> None:
    """Fat between atria and ventricles: the bright patches beside the annuli."""
    for x, z in places:
        radii = pen.rng.uniform((7.0, 9.0), (13.0, 17.0))
        pen.ellipse("epicardial_fat", (x, z), radii, angle_deg=float(pen.rng.uniform(-25, 25)), rough_mm=2.2)


def atrium(pen: Pen, structure: str, points, *, parts: int = 3, rough_mm: float | int = 1.0) -> None:
    """A thin-walled chamber: its wall is seen in parts only, of uneven thickness; the rest is left open."""
    outline = spline(np.asarray(points, float), closed=True)
    count = len(outline)
    first = int(pen.rng.integers(count))
    for k in range(parts):
        start = first + int((k + pen.rng.uniform(-0.1, 0.1)) * count / parts)
        length = int(pen.rng.uniform(0.45, 0.8) * count / parts)
        pen.line("atrial_wall", outline[(start + np.arange(0, length, 4)) % count], float(pen.rng.uniform(3.0, 5.0)))
    pen.area(structure, points, rough_mm=rough_mm)


def bumps(pen: Pen, structure: str, places, directions, length_mm: tuple[float, float]) -> None:
    """Trabeculae: small ridges that stand into a cavity from its wall."""
    for place, direction in zip(places, directions, strict=True):
        length = float(pen.rng.uniform(*length_mm))
        angle = -float(np.rad2deg(np.arctan2(direction[1], direction[0]))) + float(pen.rng.uniform(-35, 35))
        pen.ellipse(structure, place, (length, length * float(pen.rng.uniform(0.3, 0.55))), angle_deg=angle)


def trabeculae(pen: Pen, ventricle: Ventricle, count: int = 9) -> None:
    """Ridges on the left ventricle's inner wall, most of them near the apex."""
    along = 0.08 + 0.5 * pen.rng.uniform(size=count) ** 1.4
    side = np.where(pen.rng.uniform(size=count) < 0.5, -1.0, 1.0)
    places = ventricle.at(along, side * ventricle.half(along))
    bumps(pen, "myocardium", places, -side[:, None] * ventricle.normal, (1.6, 4.2))


def tendons(pen: Pen, ventricle: Ventricle) -> None:
    """False tendons and the tips of muscles: short threads across the apical half of the cavity, in most hearts."""
    for _ in range(int(pen.rng.integers(0, 4))):
        along = float(pen.rng.uniform(0.12, 0.45))
        rho = float(pen.rng.uniform(-0.75, 0.75)) * float(ventricle.half(along))
        step = pen.rng.normal(0, 1, 2) * (0.05, 2.5)
        ends = [(along, rho), (along + 0.05 + step[0], rho + step[1])]
        pen.line("chordae", ventricle.at(*np.transpose(ends)), float(pen.rng.uniform(0.8, 2.0)))


def chordae(pen: Pen, start, tip, open_tip, course: str, count: int = 2) -> None:
    """Threads from a papillary muscle to a leaflet's tip, which takes them along."""
    start, tip, open_tip = (np.asarray(p, float) for p in (start, tip, open_tip))
    share = np.linspace(0, 1, 5)
    for _ in range(count):
        aside = pen.rng.normal(0, 1.5, (2, 2))
        points = (start + aside[0]) + share[:, None] * (tip + aside[1] - start - aside[0])
        moves = {course: share[:, None] * (open_tip - tip)}
        pen.shapes.append(Shape("chordae", points, np.full(5, 0.35), moves=moves))


def lung_edge(pen: Pen) -> None:
    """In four of ten patients the lung's edge swings into the sector with every breath and covers what lies there."""
    if pen.rng.uniform() > 0.4:
        return
    side = 1.0 if pen.rng.uniform() < 0.7 else -1.0
    slope = np.tan(np.deg2rad(pen.rng.uniform(25, 37)))
    top = pen.rng.uniform(8, 16)
    z = top + np.linspace(0, 200, 9)
    edge = np.stack([side * (4 + slope * z), z], axis=1)
    swing = np.zeros((11, 2))
    swing[:9, 0] = -side * pen.rng.uniform(3, 16) * np.linspace(0.25, 1.0, 9)
    outline = np.concatenate([edge, [(side * WIDE_MM, z[-1]), (side * WIDE_MM, top)]])
    pen.shapes.append(Shape("lung", outline, moves={"breath": swing}, follows=False))


def liver(pen: Pen, from_mm: float | int, to_mm: float | int) -> None:
    """The window of a subcostal view."""
    pen.shapes += [band("skin", -60, 2), band("fat", 2, 8), band("muscle", 8, from_mm), band("liver", from_mm, to_mm)]


def orifice(pen: Pen, structure: str, ends, width_mm: float | int = 7.0) -> None:
    """Blood between two hinges, where the chambers' outlines leave a bridge of wall."""
    first, second = np.asarray(ends, float)
    inset = 0.06 * (second - first)
    pen.line(structure, [first + inset, (first + second) / 2, second - inset], width_mm)


def valve(pen: Pen, structure: str, course: str, hinges, meet, opened, thickness_mm: float | int = 0.8) -> None:
    """Two leaflets; closed they meet at a point, open their tips lie at `opened`."""
    meet = np.asarray(meet, float)
    for side, (hinge, tip) in enumerate(zip(hinges, opened, strict=True)):
        along = meet - np.asarray(hinge, float)
        overlap = meet + along / max(float(np.hypot(*along)), 1e-6) * 0.8
        sense = 1 if side == 0 else -1
        pen.leaflet(structure, hinge, overlap, tip, course=course, thickness_mm=thickness_mm, bow=0.12 * sense)
