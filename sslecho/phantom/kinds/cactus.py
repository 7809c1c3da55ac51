"""Kind `cactus`: one body scanned again and again, with a grade per frame (CACTUS, arXiv 2503.05604).

Patient 0 is the body, as CACTUS was recorded on one training phantom with one scanner. The unit is the sweep, which
`plan.patient` numbers: a clip of slowly changing quality, in which the probe slides, turns, tilts, foreshortens, loses
contact and finds it again (`hand`). Columns of labels.csv: the raters' consensus `grade`, `rater_1`, `rater_2`; the
true grade, V and C (`grades`), tilt and foreshortening are courses of the truth.

Whoever holds the probe badly enough for a grade of 2 or less loses contact as well: what is left is the probe's own
clutter, which is the same whatever the view.
"""

from dataclasses import replace

import numpy as np

from sslecho.phantom.echo import Clip, Drive, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.grades import graded
from sslecho.phantom.hand import AXES, Hand, wander
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
BAD_MEAN, BAD_SPREAD, BAD_WITHIN = 0.42, 0.12, 0.22
# At 1: degrees, share of length, mm, share of a side's contact.
MOST_TILT_DEG, MOST_FORESHORTENED, MOST_SLIDE_MM, MOST_LOST = 40.0, 0.2, 48.0, 0.8
LET_GO = 0.72  # how badly, when the probe begins to leave heart or skin
LIFTED, LIFT = 0.83, 0.04  # contact breaks within a few frames
FOG_DB, FOG_NOISE_DB = 14.0, 35.0  # most that settings and gel add to haze and noise in a sweep
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
    gone = np.clip((bad - LET_GO) / (1 - LET_GO), 0, 1)
    lifted = 0.2 * gone + 0.8 * np.clip((bad - LIFTED) / LIFT, 0, 1)
    slide = MOST_SLIDE_MM * ways[1] * bad + (AWAY_MM * gone if slides_off else none)
    return Hand(
        tilt_deg=np.abs(MOST_TILT_DEG * ways[0] * bad + 4.5 * paths[2]),
        foreshortening=np.clip(MOST_FORESHORTENED * ways[3] * bad + 0.025 * is_long * paths[3], 0, None),
        slide_mm=(side[0] * slide + 2 * paths[4], 2 * paths[5]),
        turn_deg=4 * paths[6],
        lost_left=side_lost if side[1] < 0 else none,
        lost_right=side_lost if side[1] > 0 else none,
        lost=none if slides_off else lifted,
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
    drawn = graded(clip, with_labels=rendering.with_labels, **held)
    ratings = rate(np.asarray(drawn.courses["grade"]), factors, *keys, plan.acquisition)
    return replace(
        drawn,
        label=plan.view,
        latents={**drawn.latents, "plane": view, "fog": fog},
        columns=ratings.columns(),
        courses={**drawn.courses, **{name: values.round(4).tolist() for name, values in held.items()}},
    )


def _fogged(look: Look, fog: float) -> Look:
    """More haze and noise; `fog` 0..1."""
    return replace(look, haze_db=look.haze_db + FOG_DB * fog, noise_db=look.noise_db + FOG_NOISE_DB * fog)


def _no_view(factors: Factors, plan: Plan) -> str:
    """A fan of `heart.other`."""
    rng = factors.stream("view", BODY, plan.patient, plan.view, "look")
    names = [name for name in OTHER if name != SWEEP]
    return SWEEP if rng.uniform() < BETWEEN_VIEWS else str(rng.choice(names))
