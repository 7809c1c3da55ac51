"""M-mode: one beam over some beats, through the aortic root, the mitral valve, the ventricle, or the tricuspid annulus.

The beam goes through the plane that the heart's clock moves, so that what is measured on it is the patient's.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

from sslecho.phantom import clock
from sslecho.phantom.acquisition import draw_look
from sslecho.phantom.echo import Drive, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.plan import Plan
from sslecho.phantom.renderer import Renderer
from sslecho.phantom.scene import Stage
from sslecho.phantom.screens.fan import Drives, Fan, echo_clip, fan_of
from sslecho.phantom.sites import Site
from sslecho.phantom.tissues import STRUCTURE_NUMBER

STEADY = 0.25  # times the usual spread of positions: for a measurement the beam is set at a right angle
BESIDE = 10  # beams drawn on either side of the one that is shown: what its point spread reaches
STEP_MS = 15.0  # of what is drawn; a leaflet snaps in 30 ms


@dataclass(frozen=True)
class Level:
    """Where a beam goes.

    Args:
        view: the plane it is set in.
        share: of M-mode stills.
        x_mm: of the template; the probe stands over it. None: the beam is turned to the lateral tricuspid annulus.
        follows: share of the base's descent that the hand makes up for: the root's beam stays on the cusps.
    """

    view: str
    share: float
    x_mm: float | None
    follows: float = 0.0


LEVELS = {
    "aortic": Level("plax", 0.28, 20.0, 0.75),
    "mitral": Level("plax", 0.26, -7.0),
    "ventricle": Level("plax", 0.30, -33.0),
    "tapse": Level("a4c", 0.16, None),
}


@dataclass(frozen=True)
class Beam:
    """One beam over time, and the fan it was set in.

    Args:
        level: a name of LEVELS.
        gray, labels: depth from top to bottom; structure numbers.
        contraction: the heart's course, 0 = end-diastole.
        phase: within the beat.
        fan: the plane at the first moment.
        line: of the fan's beam grid, as a share of its width.
        depth_mm, duration_s: of the whole picture.
        rate_per_min: of the heart.
        fibrillation: no P wave.
    """

    level: str
    gray: UInt8[np.ndarray, "samples steps"]
    labels: UInt8[np.ndarray, "samples steps"]
    contraction: Float[np.ndarray, " steps"]
    phase: Float[np.ndarray, " steps"]
    fan: Fan
    line: float
    depth_mm: float
    duration_s: float
    rate_per_min: float
    fibrillation: bool


def draw_level(rng: np.random.Generator) -> str:
    """One of LEVELS, by its share."""
    return str(rng.choice(list(LEVELS), p=[level.share for level in LEVELS.values()]))


def _aim(level: Level) -> Drives:
    """Moves the plane so that the level lies under the middle of the probe."""

    def values(courses, patient) -> np.ndarray:
        followed = level.follows * 0.85 * patient.in_template().base_descent_mm
        return followed * courses["contraction"] - (level.x_mm or 0.0)

    return lambda courses, patient: [Drive("aim", values(courses, patient), mode=lambda points: _right(points))]


def _right(points: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.array([1.0, 0.0]), points.shape).copy()


def draw_beam(
    plan: Plan,
    factors: Factors,
    rng: np.random.Generator,
    *,
    level: str,
    duration_s: float,
    size: int,
    jitter: float,
    sites: tuple[Site, ...],
) -> Beam:
    """Set a beam and let it run.

    Args:
        level: a name of LEVELS.
        size: of the fan's picture.
    """
    at = LEVELS[level]
    drives = _aim(at)
    clip = echo_clip(
        plan, factors, frames=1, size=size, jitter=STEADY * jitter, view=at.view, sites=sites, drives=drives
    )
    fan = fan_of(clip)
    steps = int(duration_s * 1000 / STEP_MS)
    beat, phase = clock.clip_courses(rng, clip.rhythm, frames=steps, frame_time_ms=STEP_MS)
    (aim,) = drives(dict(zip(clock.COURSES, beat.T, strict=True)), clip.patient)
    courses = np.column_stack([beat, aim.values])
    grid = clip.stage.grid
    line = (grid.lines - 1) / 2 if at.x_mm is not None else _annulus(clip.stage.label_map, courses)
    renderer = _along(clip, float(line), rng)
    drawn = [renderer.beams(coefficients, k) for k, coefficients in enumerate(courses)]
    gray, labels = (np.stack([beams[BESIDE] for beams in both], axis=1) for both in zip(*drawn, strict=True))
    return Beam(
        level=level,
        gray=gray.astype(np.uint8),
        labels=labels,
        contraction=beat[:, 0],
        phase=phase,
        fan=fan,
        line=float(line / (grid.lines - 1)),
        depth_mm=grid.depth_mm,
        duration_s=duration_s,
        rate_per_min=clip.rhythm.rate_per_min,
        fibrillation=clip.rhythm.fibrillation,
    )


def _along(clip: EchoClip, line: float, rng: np.random.Generator) -> Renderer:
    """A renderer for one beam and a few beside it: all is turned until that beam is the middle one."""
    grid = clip.stage.grid
    degrees = (line - (grid.lines - 1) / 2) * grid.line_step_deg
    a = np.deg2rad(degrees)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    center, pivot = np.asarray(clip.placement.center_mm), np.array([0.0, -grid.radius_mm])
    shift = turn @ (center + clip.placement.shift_mm - pivot) + pivot - center
    turned = replace(
        clip.placement,
        rotation_deg=clip.placement.rotation_deg + degrees,
        shift_mm=(float(shift[0]), float(shift[1])),
    )
    narrow = replace(grid, angle_deg=2 * BESIDE * grid.line_step_deg, lines=2 * BESIDE + 1, box_mm=None)
    seeds = rng.integers(2**32, size=3)
    view_rng, own_rng, frame_rng = (np.random.default_rng(int(seed)) for seed in seeds)
    return Renderer(
        Stage(clip.scene, turned, narrow, clip.stage.courses),
        draw_look(clip.settings, clip.position, clip.patient.body_haze),
        view_rng=view_rng,
        rng=own_rng,
        frame_rng=frame_rng,
        size=32,
    )


def _annulus(label_map, courses: np.ndarray) -> int:
    """The beam that the lateral tricuspid annulus moves along: the leaflets' outer end between its two extremes."""
    ends = []
    for moment in (courses[:, 0].argmin(), courses[:, 0].argmax()):
        labels = label_map(courses[moment])
        found = np.flatnonzero((labels == STRUCTURE_NUMBER["tricuspid"]).any(axis=1))
        ends.append(int(found[0]) if len(found) else int(0.3 * len(labels)))
    return int(np.clip(round(float(np.mean(ends))), 4, len(labels) - 5))


def trace(beam: Beam, rng: np.random.Generator, height: int, width: int) -> UInt8[np.ndarray, "h w"]:
    """The beam's picture along time, as large as asked for."""
    scales = height / beam.gray.shape[0], width / beam.gray.shape[1]
    picture = np.asarray(ndimage.zoom(beam.gray.astype(np.float32), scales, order=1))[:height, :width]
    # Each pulse has its own noise: a fine grain from column to column that the steps are too far apart to show.
    return np.clip(picture + rng.normal(0, 5, picture.shape) * (picture > 6), 0, 255).astype(np.uint8)
