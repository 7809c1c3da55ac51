"""Short axes of the left ventricle: the ring from the mitral valve over the papillary muscles to the apex."""

from typing import NamedTuple

import numpy as np

from sslecho.phantom.heart import layers
from sslecho.phantom.heart.motion import nudge, pull, ring, together
from sslecho.phantom.heart.parasternal import breath, chest, front_mm
from sslecho.phantom.outline import Pen, outward, roughness, shifted, spline
from sslecho.phantom.patients import WALLS, Patient
from sslecho.phantom.scene import Scene, Shape

CENTER_MM = (10.0, 80.0)
# Screen angles of the six walls: 0 = right, 90 = down.
WALL_DEG: dict[str, float] = dict(zip(WALLS, (270.0, 210.0, 150.0, 90.0, 30.0, 330.0), strict=True))


class Level(NamedTuple):
    """What a level of the ventricle looks like.

    Args:
        radius: of the cavity, as a share of the patient's.
        wall: of the wall's thickness, likewise.
        right_mm: depth of the right ventricle.
        shortening: of the patient's, and the most there is; the apex nearly empties.
        twist_deg: in systole, positive clockwise on the screen, which is from the apex's side: base and apex oppose.
    """

    radius: float
    wall: float
    right_mm: float
    shortening: float
    twist_deg: float


# Twist: base -6, apex +10 degrees, counted counter-clockwise seen from the apex (as here on the screen), hence negated;
# smaller, because the same path is a larger angle on the wall that has moved inwards.
LEVELS = {
    "mitral": Level(1.03, 0.98, 24.0, 0.92, 5.0),
    "papillary": Level(0.97, 1.03, 23.0, 1.0, -2.0),
    "apex": Level(0.54, 1.05, 6.0, 1.85, -8.0),
}
OPEN_MM = 20.0  # height of the open mitral valve


def psax_mid(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Short axis of the LV at a level drawn at random: leaflets in half of all studies, else papillary muscles."""
    level = float(rng.normal(0.5, 0.35))
    return _short_axis(pen, patient, rng, "mitral" if level < 0.5 else "papillary", {"level": level})


def psax_mv(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Short axis at the mitral valve's tips: the fish mouth."""
    return _short_axis(pen, patient, rng, "mitral", {})


def psax_pap(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Short axis at the papillary muscles; no leaflets."""
    return _short_axis(pen, patient, rng, "papillary", {})


def psax_apex(pen: Pen, patient: Patient, rng: np.random.Generator) -> Scene:
    """Short axis near the apex: a small round cavity that nearly vanishes, hardly any right ventricle."""
    return _short_axis(pen, patient, rng, "apex", {})


def _short_axis(pen: Pen, patient: Patient, rng: np.random.Generator, name: str, latents: dict[str, float]) -> Scene:
    p, level = patient.in_template(), LEVELS[name]
    chest(pen, p)
    cavity = level.radius * p.lv_diameter_mm / 2
    wall = level.wall * p.wall_mm
    right_mm = level.right_mm * p.rv_mid_mm / 28
    outer = cavity + wall
    front = front_mm(p, CENTER_MM[1])
    center = np.array([CENTER_MM[0], front + 0.5 * right_mm + (8 if name != "apex" else 24) + outer])
    bottom = center[1] + outer
    layers.far_lung(pen, bottom + 8 + p.effusion_mm)
    pen.area("surroundings", [(-90, 40), (0, 18), (80, 40), (90, 100), (40, bottom + 12), (-40, bottom + 10)])
    # At the apex the right ventricle is a slit, or has ended.
    has_right = name != "apex" or rng.uniform() < 0.5
    if has_right:
        _crescent(pen, center, outer, right_mm, (150, 292) if name != "apex" else (170, 265))
    start, stop = pen.rng.uniform((0, 125), (45, 175))
    pen.arc("pericardium", center, (outer + 2.0, outer + 2.0), start, stop, 3.0)
    # Fat beside the free wall and in the grooves where the right ventricle is inserted.
    for degrees, radii in ((330, (5, 12)), (20, (5, 12)), (148, (5, 7)), (294, (4, 7))):
        a = np.deg2rad(degrees + pen.rng.uniform(-12, 12))
        place = center + (outer + 4) * np.array([np.cos(a), np.sin(a)])
        pen.ellipse("epicardial_fat", place, radii, angle_deg=-float(np.rad2deg(a)), rough_mm=2.0)
    if p.effusion_mm:
        pen.arc("effusion", center, (outer + p.effusion_mm / 2,) * 2, 20, 160, p.effusion_mm)
        pen.arc("pericardium", center, (outer + p.effusion_mm + 1.5,) * 2, 15, 165, 2.5)
    _ring(pen, center, cavity, wall, trabeculae=3 if name == "mitral" else 6)
    if name == "mitral":
        _fish_mouth(pen, center, cavity)
        if p.mitral_calcium:
            pen.arc("calcium", center, (0.86 * cavity, 0.86 * cavity), 40, 110, 4.0)
    elif name == "papillary":
        for degrees in (35.0, 145.0):
            a = np.deg2rad(degrees + rng.normal(0, 6))
            place = center + (cavity - 4.5) * np.array([np.cos(a), np.sin(a)])
            pen.ellipse("papillary", place, pen.rng.uniform((6.0, 5.0), (8.0, 7.0)), angle_deg=-float(np.rad2deg(a)),
                        rough_mm=0.9)  # fmt: skip
    shortening = min(p.shortening * level.shortening, 0.8)
    weak = WALL_DEG.get(p.diseased_wall)
    beat = [ring(center, cavity, wall, shortening, p.thickening, twist_deg=level.twist_deg, weak_deg=weak)]
    if has_right and name != "apex":
        a = np.deg2rad([150.0, 292.0])
        ends = center + (outer - 2) * np.stack([np.cos(a), np.sin(a)], axis=1)
        # Seen from its upper right end the crescent lies left of its chord.
        loss = 1 - (1 - p.rv_area_change) / 0.9
        beat.append(pull(ends[::-1], 0.4 * loss, 2.2 * right_mm))
    modes = {"contraction": together(*beat), "breath": breath(p)}
    if p.septal_flash:
        a = np.deg2rad(195.0)
        towards = np.array([np.cos(a), np.sin(a)])
        modes["flash"] = nudge(center + (cavity + wall / 2) * towards, 14, -4.0 * towards)
    return Scene(pen.shapes, modes, latents={**latents, "mitral_level": name == "mitral"})


def _crescent(pen: Pen, center: np.ndarray, outer: float, depth_mm: float, degrees: tuple[int, int]) -> None:
    """The right ventricle wraps around the septum from the inferior to the anterior groove."""
    angles = np.deg2rad(np.linspace(*degrees, 9))
    depth = depth_mm * np.sin(np.linspace(0, np.pi, 9)) ** 0.6
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outside = center + unit * (outer - 1 + depth)[:, None]
    inside = (center + unit * (outer - 2))[::-1]
    pen.area("rv", np.concatenate([outside, inside[1:-1]]), rough_mm=1.3, wall=("rv_wall", 3.5))
    layers.bumps(pen, "rv_wall", outside[2:7], -unit[2:7], (1.5, 4.0))


def _ring(pen: Pen, center: np.ndarray, cavity: float, wall: float, *, trabeculae: int) -> None:
    circle = np.deg2rad(np.arange(0, 360, 30))
    unit = np.stack([np.cos(circle), np.sin(circle)], axis=1)
    # The wall is not evenly thick, and the cavity not quite round.
    uneven = 1 + 0.05 * roughness(pen.rng, 12, 1.0)
    inner = spline(center + unit * (cavity + 0.4 * roughness(pen.rng, 12, 1.0))[:, None], closed=True)
    outside = spline(center + unit * (cavity + wall * uneven)[:, None], closed=True)
    pen.shapes.append(Shape("myocardium", outside + outward(outside) * roughness(pen.rng, len(outside), 0.7)[:, None]))
    pen.shapes.append(Shape("lv", inner + outward(inner) * roughness(pen.rng, len(inner), 0.9)[:, None]))
    a = pen.rng.uniform(0, 2 * np.pi, trabeculae)
    towards = np.stack([np.cos(a), np.sin(a)], axis=1)
    layers.bumps(pen, "myocardium", center + cavity * towards, -towards, (1.2, 3.0))


def _fish_mouth(pen: Pen, center: np.ndarray, cavity: float) -> None:
    """Two leaflets meet at their corners and open like lips; chordae hang behind them."""
    half = 0.74 * cavity
    shape = 1 - np.linspace(-1, 1, 9) ** 2
    for side, gap in ((-1, -0.52 * OPEN_MM), (1, 0.48 * OPEN_MM)):
        x = np.linspace(-half, half, 9)
        wave = roughness(pen.rng, 9, 0.6)
        rest = np.stack([x, side * 1.0 + 2.0 * shape + wave], axis=1) + center
        opened = np.stack([np.zeros(9), gap * shape], axis=1)
        pen.shapes.append(Shape("mitral", rest, np.full(9, 0.6), moves={"mitral": opened}))
    for side in (-1, 1):
        corner = shifted(center, side * half, 1.0)
        pen.line("chordae", [corner, shifted(corner, side * 0.14 * cavity, 3.0)], 1.0)
