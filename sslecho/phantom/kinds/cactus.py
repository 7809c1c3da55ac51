"""Kind `cactus`: one body scanned again and again, with a grade per frame (CACTUS, arXiv 2503.05604).

Patient 0 is the body, as CACTUS was recorded on one training phantom with one scanner. The unit is the sweep, which
`plan.patient` numbers: a clip of slowly changing quality, in which the probe slides, turns, tilts, foreshortens, loses
contact and finds it again (`hand`). Columns of labels.csv: the raters' consensus `grade`, `rater_1`, `rater_2`; the
true grade, V and C (`grades`), tilt and foreshortening are courses of the truth.

Whoever holds the probe so badly that little of the view is left loses contact as well: the frames of a grade of 2 or
less show the probe's own clutter, which is the same whatever the view, and traces of walls.
"""

from dataclasses import replace

import numpy as np
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from sslecho.phantom.clock import COURSES
from sslecho.phantom.echo import Clip, Drive, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.grades import Grader, graded
from sslecho.phantom.hand import AXES, LOST_DB, Hand, wander
from sslecho.phantom.heart.other import OTHER, SWEEP, sweep_path
from sslecho.phantom.heart.views import PLANES
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import draw_patient
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.raters import rate
from sslecho.phantom.renderer import Look
from sslecho.phantom.sites import Site

BODY = 0  # the patient
PLANE = {"A4C": "a4c", "SC": "sc4c", "PL": "plax", "PSAV": "psax_av", "PSMV": "psax_mv"}
RANDOM = "Random"
# Frames of CACTUS by class.
FRAMES = {"A4C": 7422, "SC": 6345, "PL": 6102, "PSAV": 5832, "PSMV": 6014, RANDOM: 6021}
CLASSES = {name: frames / sum(FRAMES.values()) for name, frames in FRAMES.items()}
COLUMNS = ("grade", "rater_1", "rater_2")
SITES = (Site("phased_adult"),)  # one scanner: Vivid-Q with an M4S
BETWEEN_VIEWS = 0.3  # of Random: the probe on its way from one window to the next

# How badly the probe is held: a course of its own, from 0 to 1, of mean and SD within a sweep; by what it is bad is
# shared out anew in every sweep. All are chosen by the grades' distribution (mode 6 to 7, a tenth at 2 or less).
BAD_MEAN, BAD_SPREAD, BAD_WITHIN = 0.4, 0.12, 0.21
# At 1: degrees, share of length, mm, share of a side's contact.
MOST_TILT_DEG, MOST_FORESHORTENED, MOST_SLIDE_MM, MOST_LOST = 40.0, 0.2, 48.0, 0.8
LIFTED, LIFT = 0.83, 0.06  # how badly, when the probe leaves skin or heart, within a few frames
FOG_DB, FOG_NOISE_DB = 14.0, 27.0  # most that skin and settings add to haze and noise in a sweep
POOR_DB = 9.0  # most that too little gel takes in a sweep
LOST_VIEW = (0.07, 0.13)  # V: below, nothing is left to be seen; above, nothing is done about it
AWAY_MM = 150.0  # to the side, where no heart is


def draw_hand(rng: np.random.Generator, frames: int, *, is_long: bool) -> Hand:
    """How the probe is held through one sweep.

    Args:
        rng: the sweep's.
        frames: how many.
        is_long: the plane shows the ventricle's length, so that it can be foreshortened.
    """
    mean = np.clip(rng.normal(BAD_MEAN, BAD_SPREAD), 0, 1)
    paths = wander(rng, 7, frames)
    bad = np.clip(mean + BAD_WITHIN * paths[0], 0, 1)
    shares = rng.dirichlet(np.full(4, 0.7))  # tilt, slide, contact, foreshortening
    ways = np.sqrt(shares if is_long else np.append(shares[:3] / shares[:3].sum(), 0.0))
    side = rng.choice([-1, 1], size=2)
    slides_off = rng.uniform() < 0.5  # else contact is lost
    side_lost = MOST_LOST * ways[2] * bad + 0.05 * np.maximum(paths[1], 0)
    none = np.zeros(frames)
    gone = np.clip((bad - LIFTED) / LIFT, 0, 1)
    slide = MOST_SLIDE_MM * ways[1] * bad + (AWAY_MM * gone if slides_off else none)
    poor = POOR_DB / LOST_DB * rng.uniform() ** 2
    return Hand(
        tilt_deg=np.abs(MOST_TILT_DEG * ways[0] * bad + 4.5 * paths[2]),
        foreshortening=np.clip(MOST_FORESHORTENED * ways[3] * bad + 0.025 * is_long * paths[3], 0, None),
        slide_mm=(side[0] * slide + 2 * paths[4], 2 * paths[5]),
        turn_deg=4 * paths[6],
        lost_left=side_lost if side[1] < 0 else none,
        lost_right=side_lost if side[1] > 0 else none,
        lost=np.maximum(none if slides_off else gone, poor),
    )


def draw(plan: Plan, factors: Factors, rendering: Rendering) -> Clip:
    """The sweep that a plan says."""
    keys = (BODY, plan.patient, plan.view)
    view = PLANE[plan.view] if plan.view in PLANE else _no_view(factors, plan)
    rng = factors.stream("clip", *keys, plan.acquisition, "hand")
    hand = draw_hand(rng, rendering.frames, is_long=view in AXES)
    fog = float(rng.uniform())
    # As `EchoClip` draws it: the plane that the hand moves.
    pen = Pen(factors.stream("patient", BODY, view))
    stream = factors.stream("view", BODY, plan.patient, view, "plane")
    scene = PLANES[view].draw(pen, draw_patient(factors, BODY), stream)
    drives = hand.drives(view, scene, PLANES[view].center_mm)
    if view == SWEEP:
        drives.append(Drive(SWEEP, sweep_path(factors.stream("clip", *keys, SWEEP), rendering.frames)))
    clip = EchoClip(
        factors,
        patient=BODY,
        view=view,
        study=plan.patient,
        acquisition=plan.acquisition,
        frames=rendering.frames,
        size=rendering.size,
        jitter=rendering.jitter,
        sites=SITES,
        same_fan=rendering.same_fan,
        drives=lambda courses, patient: drives,
        look=lambda look: _fogged(look, fog),
    )
    held = {"tilt_deg": hand.tilt_deg, "foreshortening": hand.foreshortening}
    _lift_where_lost(clip, Grader(clip, **held))
    drawn = graded(clip, with_labels=rendering.with_labels, **held)
    ratings = rate(np.asarray(drawn.courses["grade"]), factors, *keys, plan.acquisition)
    return replace(
        drawn,
        label=plan.view,
        latents={**drawn.latents, "plane": view, "fog": fog},
        columns=ratings.columns(),
        courses={**drawn.courses, **{name: values.round(4).tolist() for name, values in held.items()}},
    )


def _lift_where_lost(clip: EchoClip, grader: Grader) -> None:
    """Take contact from the frames in which little of the view is left, and from those beside them."""
    if grader.essentials is None:
        return
    for k, coefficients in enumerate(clip.courses):
        grader.find(k, clip.stage.label_map(coefficients))
    wrong = np.clip((LOST_VIEW[1] - grader.view_correctness) / (LOST_VIEW[1] - LOST_VIEW[0]), 0, 1)
    column = len(COURSES) + list(clip.drives).index("lost")
    clip.courses[:, column] = np.maximum(clip.courses[:, column], maximum_filter1d(uniform_filter1d(wrong, 3), 3))


def _fogged(look: Look, fog: float) -> Look:
    """More haze and noise; `fog` 0..1."""
    haze, noise = FOG_DB * fog, FOG_NOISE_DB * fog
    near = look.near_haze_db + haze
    return replace(look, haze_db=look.haze_db + haze, near_haze_db=near, noise_db=look.noise_db + noise)


def _no_view(factors: Factors, plan: Plan) -> str:
    """A fan of `heart.other`."""
    rng = factors.stream("view", BODY, plan.patient, plan.view, "look")
    names = [name for name in OTHER if name != SWEEP]
    return SWEEP if rng.uniform() < BETWEEN_VIEWS else str(rng.choice(names))
