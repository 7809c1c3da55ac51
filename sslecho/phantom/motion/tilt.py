"""The probe tilts from four chambers to five, or from five to four: one course, and the same course backwards.

The hand goes slowly one way and swings quickly back, again and again, from a random start. So the tilt is uniform
between the two planes at every frame, whichever way is the slow one. The heart beats forwards in both.
"""

from dataclasses import replace

import numpy as np

from sslecho.phantom import clock
from sslecho.phantom.heart.apical import CENTER_MM, four_or_five
from sslecho.phantom.motion.film import Course, Courses, Moment, Pair
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient
from sslecho.phantom.scene import Scene, Shape

UP, DOWN = "tilt_up", "tilt_down"  # to five chambers, to four
SPAN_S = 3.0
PERIOD_S = (2.3, 2.9)  # of the hand, so that a clip shows one swing back at least (chosen)
BACK = 0.12  # of the period
# Both tilts lie where atrial septum and aortic root are drawn alike, so that the plane at any other tilt is on the
# straight line through these two.
WITHOUT_ROOT, BETWEEN = 0.3, (0.37, 0.49)


def scene(pen: Pen, patient: Patient, rng: np.random.Generator, radius_mm: float) -> Scene:
    """Four chambers at tilt 0, five at tilt 1."""
    seed = int(rng.integers(2**32))
    # One seed for all: the same roughness at every tilt.
    without, low, high = (four_or_five(Pen(np.random.default_rng(seed)), patient, t) for t in (WITHOUT_ROOT, *BETWEEN))
    names = [shape.structure for shape in low.shapes]
    if names != [shape.structure for shape in high.shapes]:
        raise AssertionError(f"four and five chambers are not drawn from the same shapes at the tilts {BETWEEN}")
    root = _further(names, [shape.structure for shape in without.shapes])
    drawn = [_along(*both) for both in zip(low.shapes, high.shapes, strict=True)]
    shapes = [_opening(shape) if k in root else shape for k, shape in enumerate(drawn)]
    return Scene(shapes, low.modes)


def _along(low: Shape, high: Shape) -> Shape:
    """The shape at tilt 0, and what a tilt of 1 does to it."""
    first, second = BETWEEN
    slope = (high.points - low.points) / (second - first)
    # How far a leaflet opens hardly differs; a product of two courses is none of the scene's.
    moves = {**{name: (move + high.moves[name]) / 2 for name, move in low.moves.items()}, "tilt": slope}
    if low.half_widths is None or high.half_widths is None:
        return replace(low, points=low.points - first * slope, moves=moves)
    wider = (high.half_widths - low.half_widths) / (second - first)
    return replace(
        low,
        points=low.points - first * slope,
        moves=moves,
        half_widths=low.half_widths - first * wider,
        swells={**low.swells, "tilt": wider},
    )


def _opening(shape: Shape) -> Shape:
    """Of outflow tract and root: nothing at tilt 0, the same at tilt 1; they open evenly in between."""
    if shape.half_widths is None:
        raise AssertionError(f"the root's {shape.structure} is no line")
    full = shape.half_widths + shape.swells["tilt"]
    thin = {"half_widths": np.zeros_like(full), "swells": {"tilt": full}}
    if "aortic" not in shape.moves:
        return replace(shape, **thin)
    there = shape.points + shape.moves["tilt"]
    closed = np.broadcast_to(there.mean(axis=0), there.shape)
    return replace(shape, points=closed, moves={"tilt": there - closed, "valve": shape.moves["aortic"]}, **thin)


def _further(names: list[str], fewer: list[str]) -> range:
    """Places of the one block of names that a shorter list lacks."""
    start = 0
    while start < len(fewer) and names[start] == fewer[start]:
        start += 1
    block = range(start, start + len(names) - len(fewer))
    if names[block.stop :] != fewer[start:]:
        raise AssertionError("the root is not drawn in one go")
    return block


def tilted(phase: Course, view: str) -> Course:
    """0 at four chambers, 1 at five; slowly one way and quickly back as the phase goes from 0 to 1.

    Args:
        phase: 0..1.
        view: UP or DOWN.
    """
    phase = 1 - phase if view == DOWN else phase
    return np.where(phase < 1 - BACK, phase / (1 - BACK), (1 - phase) / BACK)


def courses(moment: Moment) -> Courses:
    """`tilt`, the heart's own courses, and `valve`: the aortic valve's opening as far as the root is in the plane."""
    period = float(moment.factors.stream("clip", *moment.clip, "rate").uniform(*PERIOD_S))
    tilt = tilted(moment.phase(period), moment.plan.view)
    rhythm = clock.draw_rhythm(moment.factors.stream("study", moment.plan.patient, moment.plan.study))
    beat, _ = clock.clip_courses(
        moment.factors.stream("clip", *moment.clip, "beat"),
        rhythm,
        frames=moment.frames,
        frame_time_ms=moment.frame_time_ms,
    )
    heart = dict(zip(clock.COURSES, beat.T, strict=True))
    truth = {"tilt": tilt, "contraction": heart["contraction"]}
    return Courses({**heart, "tilt": tilt, "valve": tilt * heart["aortic"]}, truth, {"period_s": period})


TILT = Pair("tilt", (UP, DOWN), scene, courses, SPAN_S, 165.0, 72.0, (5.0, CENTER_MM))
