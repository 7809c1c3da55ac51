"""Short axes at the mitral valve's tips and at the papillary muscles: neighbors that share some of their frames.

In systole the base descends by 13 mm while the plane stays where it is in the room. A plane that cuts a ventricle of
85 mm at `z0` from the base at end-diastole then shows the level

    l = (z0 - 13 s) / (1 - 13 s / 85)        s = 0 at end-diastole, 1 at end-systole

which is more basal in systole; the descent is the same in every patient. The classes are z0 ~ N(32, 4) and N(39, 4) mm,
drawn anew for every acquisition. What depends on the class reaches the picture through z0 alone, so that nobody can do
better than by knowing z0; `bayes.py` says how well that is, and how well a frame does that shows its level only.

A frame shows the level by its leaflets (whole up to 24 mm, gone at 38), its papillary muscles (from 26 mm, whole at 46)
and, as far as the patient's size is known, its radius. It shows the contraction by the cavity's size against the wall's
thickness, and an open valve says that it is small. So a frame tells more than its level and less than level and
contraction.
"""

import numpy as np

from sslecho.phantom import clock
from sslecho.phantom.heart import layers
from sslecho.phantom.heart.motion import pull, ring, together
from sslecho.phantom.heart.parasternal import breath, chest, front_mm
from sslecho.phantom.motion.film import Course, Courses, Moment, Pair
from sslecho.phantom.outline import Pen, outward, roughness, spline
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Mode, Scene, Shape

MITRAL, PAPILLARY = "level_mitral", "level_papillary"
Z0_MM = {MITRAL: 32.0, PAPILLARY: 39.0}
Z0_SD_MM = 4.0
LENGTH_MM, DESCENT_MM = 85.0, 13.0
SPAN_S = 2.0  # two beats
CENTER_MM = (10.0, 80.0)
# Level -> what of leaflets and papillary muscles is in the plane, and the cavity's radius against the mean. Chosen so
# that the level can be read where the classes meet.
LEAFLETS = ((24.0, 38.0), (1.0, 0.0))
MUSCLES = ((26.0, 46.0), (0.0, 1.0))
RADIUS = ((10.0, 25.0, 45.0, 60.0), (1.06, 1.03, 0.95, 0.80))
OPEN_MM = 20.0  # height of the open valve's mouth
NARROW = 0.3  # share of the radius that `narrow` = 1 takes


def level_mm(z0_mm, contraction):
    """The level that a plane at `z0_mm` shows, mm from the base."""
    return (z0_mm - DESCENT_MM * contraction) / (1 - DESCENT_MM * contraction / LENGTH_MM)


def courses(moment: Moment) -> Courses:
    """The heart's own courses, and what the level makes of leaflets, muscles and radius."""
    rhythm = clock.draw_rhythm(moment.factors.stream("study", moment.plan.patient, moment.plan.study))
    beat, _ = clock.clip_courses(
        moment.factors.stream("clip", *moment.clip, "beat"),
        rhythm,
        frames=moment.frames,
        frame_time_ms=moment.frame_time_ms,
    )
    heart = dict(zip(clock.COURSES, beat.T, strict=True))
    offset = moment.factors.stream("acquisition", *moment.clip, "z0").standard_normal()
    z0 = Z0_MM[moment.plan.view] + Z0_SD_MM * float(offset)
    level = level_mm(z0, heart["contraction"])
    drawn = {"breath": heart["breath"], **shown(level, heart["contraction"], heart["mitral"])}
    return Courses(drawn, {"level_mm": level, "contraction": heart["contraction"]}, {"z0_mm": z0})


def shown(level: Course, contraction: Course, valve: Course) -> dict[str, Course]:
    """Coefficients of what a plane shows at a level (mm), the heart contracted and the valve open by a share.

    Returns:
        contraction, narrow: how the plane moves; leaflets, muscles: how much of them is in the plane; mouth: how far
        the leaflets are open; leaflets_contraction, leaflets_narrow: how far they move otherwise than the wall that
        they draw back to.
    """
    leaflets, muscles = np.interp(level, *LEAFLETS), np.interp(level, *MUSCLES)
    narrow = (RADIUS[1][0] - np.interp(level, *RADIUS)) / NARROW
    return {
        "contraction": contraction,
        "narrow": narrow,
        "leaflets": leaflets,
        "mouth": leaflets * valve,
        "leaflets_contraction": leaflets * contraction,
        "leaflets_narrow": leaflets * narrow,
        "muscles": muscles,
    }


def scene(pen: Pen, patient: Patient, rng: np.random.Generator, radius_mm: float) -> Scene:
    """The most basal level: whole leaflets and no muscles."""
    p = patient.in_template()
    chest(pen, p)
    cavity, wall, right_mm = RADIUS[1][0] * p.lv_diameter_mm / 2, p.wall_mm, 24.0 * p.rv_mid_mm / 28
    outer = cavity + wall
    center = np.array([CENTER_MM[0], front_mm(p, CENTER_MM[1]) + 0.5 * right_mm + 8 + outer])
    bottom = center[1] + outer
    layers.far_lung(pen, bottom + 8)
    pen.area("surroundings", [(-90, 40), (0, 18), (80, 40), (90, 100), (40, bottom + 12), (-40, bottom + 10)])
    _right_ventricle(pen, center, outer, right_mm)
    start, stop = pen.rng.uniform((0, 125), (45, 175))
    pen.arc("pericardium", center, (outer + 2.0, outer + 2.0), start, stop, 3.0)
    _ring(pen, center, cavity, wall)
    ends = center + (outer - 2) * _unit([150.0, 292.0])
    # Seen from its upper right end the crescent lies left of its chord.
    loss = 1 - (1 - p.rv_area_change) / 0.9
    modes = {
        "contraction": together(
            ring(center, cavity, wall, p.shortening, p.thickening, twist_deg=2.0),
            pull(ends[::-1], 0.4 * loss, 2.2 * right_mm),
        ),
        "narrow": ring(center, cavity, wall, NARROW, 0.0),
    }
    turns = np.array([145.0, 35.0]) + rng.normal(0, 6, 2)
    _muscles(pen, center, cavity, turns)
    _mouth(pen, center, cavity, turns, modes)
    return Scene(pen.shapes, {**modes, "breath": breath(p)})


def _unit(degrees) -> np.ndarray:
    """Unit vectors at screen angles (0 = right, 90 = down)."""
    a = np.deg2rad(np.asarray(degrees, float))
    return np.stack([np.cos(a), np.sin(a)], axis=-1)


def _right_ventricle(pen: Pen, center: np.ndarray, outer: float, depth_mm: float) -> None:
    """It wraps around the septum from the inferior to the anterior groove."""
    unit = _unit(np.linspace(150, 292, 9))
    depth = depth_mm * np.sin(np.linspace(0, np.pi, 9)) ** 0.6
    outside = center + unit * (outer - 1 + depth)[:, None]
    inside = (center + unit * (outer - 2))[::-1]
    pen.area("rv", np.concatenate([outside, inside[1:-1]]), rough_mm=1.3, wall=("rv_wall", 3.5))
    layers.bumps(pen, "rv_wall", outside[2:7], -unit[2:7], (1.5, 4.0))


def _ring(pen: Pen, center: np.ndarray, cavity: float, wall: float) -> None:
    unit = _unit(np.arange(0, 360, 30))
    # The wall is not evenly thick, and the cavity not quite round.
    uneven = 1 + 0.05 * roughness(pen.rng, 12, 1.0)
    inner = spline(center + unit * (cavity + 0.4 * roughness(pen.rng, 12, 1.0))[:, None], closed=True)
    outside = spline(center + unit * (cavity + wall * uneven)[:, None], closed=True)
    pen.shapes.append(Shape("myocardium", outside + outward(outside) * roughness(pen.rng, len(outside), 0.7)[:, None]))
    pen.shapes.append(Shape("lv", inner + outward(inner) * roughness(pen.rng, len(inner), 0.9)[:, None]))
    towards = _unit(pen.rng.uniform(0, 360, 4))
    layers.bumps(pen, "myocardium", center + cavity * towards, -towards, (1.2, 3.0))


def _muscles(pen: Pen, center: np.ndarray, cavity: float, turns: np.ndarray) -> None:
    """Posteromedial and anterolateral papillary muscle; they rise from the wall as `muscles` goes to 1."""
    for turn in turns:
        foot, place = _foot(center, cavity, turn), center + (cavity - 4.5) * _unit(turn)
        aside = Pen(pen.rng)
        radii = pen.rng.uniform((6.0, 5.0), (8.0, 7.0))
        aside.ellipse("papillary", place, radii, angle_deg=-float(turn), rough_mm=0.9)
        full = aside.shapes[0].points
        pen.shapes.append(Shape("papillary", np.tile(foot, (len(full), 1)), moves={"muscles": full - foot}))


def _foot(center: np.ndarray, cavity: float, turn: float) -> np.ndarray:
    """Of a papillary muscle, within the wall."""
    return center + (cavity + 2.5) * _unit(turn)


def _mouth(pen: Pen, center: np.ndarray, cavity: float, turns: np.ndarray, modes: dict[str, Mode]) -> None:
    """Two leaflets that meet at their corners; below their tips what is left of them draws back to the muscles."""
    half = 0.74 * 0.97 * cavity
    share = np.linspace(-1, 1, 13)
    for side, gap in ((-1, -0.52 * OPEN_MM), (1, 0.48 * OPEN_MM)):
        wave = roughness(pen.rng, 13, 0.6)
        closed = np.stack([half * share, side * 1.0 + 2.0 * (1 - share**2) + wave], axis=1) + center
        opened = np.stack([np.zeros(13), gap * (1 - share**2)], axis=1)
        for part, turn in ((slice(0, 7), turns[0]), (slice(6, 13), turns[1])):
            there, foot = closed[part], np.tile(_foot(center, cavity, turn), (7, 1))
            moves = {"leaflets": there - foot, "mouth": opened[part]}
            moves |= {f"leaflets_{name}": mode(there) - mode(foot) for name, mode in modes.items()}
            pen.shapes.append(Shape("mitral", foot, np.full(7, 0.6), moves=moves))


LEVELS = Pair("level", (MITRAL, PAPILLARY), scene, courses, SPAN_S, 140.0, 76.0, CENTER_MM)
