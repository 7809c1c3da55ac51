"""A clip of a pair of classes: one scene for both, and the time courses that tell them apart.

Why a frame can't tell: it is drawn from the scene, the scanner, the scatterers, the receiver's noise and its own
coefficients. Scene, scanner and tissue are keyed by the pair and not by the class; scatterers and noise are drawn alike
for both; persistence is off, because a picture into which the frame before is mixed shows how fast things move. What is
left are the coefficients, and of those a pair says how they are distributed at every frame.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, UInt8

from sslecho.phantom.acquisition import Position, draw_look, draw_position, window_db
from sslecho.phantom.devices import Settings, draw_settings
from sslecho.phantom.echo import SAME_RADIUS, Clip, study_settings
from sslecho.phantom.factors import Factors
from sslecho.phantom.geometry import BeamGrid
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient, draw_patient
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.renderer import Renderer
from sslecho.phantom.scene import Placement, Scene, Stage
from sslecho.phantom.sites import ECHO_SITES, Site
from sslecho.phantom.tissues import Tissue

SAME_CURVED_RADIUS_MM = 55.0  # of the abdominal probe when all devices share one outline

Course = Float[np.ndarray, " frames"]


@dataclass(frozen=True)
class Moment:
    """What a time course may depend on.

    Args:
        factors: the archive's seeds.
        plan: which clip.
        view: keys of what the classes of a pair have in common.
        clip: keys of the clip, which its class is one of.
        frames: how many.
        frame_time_ms: between them.
    """

    factors: Factors
    plan: Plan
    view: tuple[int | str, ...]
    clip: tuple[int | str, ...]
    frames: int
    frame_time_ms: float

    @property
    def seconds(self) -> Course:
        return np.arange(self.frames) * self.frame_time_ms / 1000

    def phase(self, period_s: float) -> Course:
        """0..1, from a start that is uniformly random, so that it is uniform at every frame whatever the period."""
        start = self.factors.stream("clip", *self.clip, "phase").uniform()
        return np.mod(start + self.seconds / period_s, 1.0)


@dataclass(frozen=True)
class Courses:
    """The time courses of one clip.

    Args:
        drawn: coefficients of the scene's modes, moves and swells, by name.
        truth: what is true of every frame.
        latents: what is true of the clip.
    """

    drawn: Mapping[str, Course]
    truth: Mapping[str, Course]
    latents: Mapping[str, float]


@dataclass(frozen=True)
class Pair:
    """Two classes, one scene.

    Args:
        name: of the pair.
        classes: names of the two.
        scene: (pen, patient, generator, radius of the probe in mm) -> the plane, at coefficients of 0.
        courses: the clip's.
        span_s: that a clip covers, however many frames it has.
        depth_mm, angle_deg, center_mm: usual display, and what the probe's rotation turns about.
        curved: made with an abdominal probe, else with the study's own.
        tissues: structure -> tissue, in place of the table's.
    """

    name: str
    classes: tuple[str, str]
    scene: Callable[[Pen, Patient, np.random.Generator, float], Scene]
    courses: Callable[[Moment], Courses]
    span_s: float
    depth_mm: float
    angle_deg: float
    center_mm: tuple[float, float]
    curved: bool = False
    tissues: Mapping[str, Tissue] = field(default_factory=dict)


class Film:
    """One clip, set up and ready to draw; its frames may be drawn in any order.

    Args:
        pair: that `plan.view` is one of.
        plan: which clip.
        factors: the archive's seeds.
        rendering: frames, size, jitter, outline of the sector.
    """

    def __init__(self, pair: Pair, plan: Plan, factors: Factors, rendering: Rendering):
        view = (plan.patient, plan.study, pair.name)
        clip = (*view, plan.view, plan.occasion, plan.acquisition)
        self.plan, self.frame_time_ms = plan, 1000 * pair.span_s / rendering.frames
        self.patient: Patient = draw_patient(factors, plan.patient)
        self.settings = _settings(factors, plan, curved=pair.curved)
        self.position = draw_position(factors, view, plan.acquisition, jitter=rendering.jitter)
        grid = _grid(pair, self.settings, self.position, self.patient, same_fan=rendering.same_fan)
        pen = Pen(factors.stream("patient", plan.patient, pair.name))
        self.scene = pair.scene(pen, self.patient, factors.stream("view", *view, "plane"), grid.radius_mm)
        moment = Moment(factors, plan, view, clip, rendering.frames, self.frame_time_ms)
        self.courses = pair.courses(moment)
        names = list(self.courses.drawn)
        self._coefficients = np.column_stack([self.courses.drawn[name] for name in names])
        self.stage = Stage(self.scene, _placement(pair, self.position, self.patient), grid, names)
        look = replace(draw_look(self.settings, self.position, self.patient.body_haze), persistence=0.0)
        if pair.curved:
            look = replace(look, clutter=0.5, reverberations=0)
        self.renderer = Renderer(
            self.stage,
            look,
            view_rng=factors.stream("view", *view, "fields"),
            rng=factors.stream("clip", *clip, "fields"),
            frame_rng=factors.stream("frame", *clip),
            size=rendering.size,
            window_db=window_db(factors.stream("view", *view, "window"), grid, self.position.quality),
            tissues=pair.tissues,
        )

    def frame(self, k: int) -> tuple[UInt8[np.ndarray, "size size"], UInt8[np.ndarray, "lines samples"]]:
        """Picture and label map on the beam grid."""
        return self.renderer.frame(self._coefficients[k], k)

    def render(self, *, with_labels: bool = False) -> Clip:
        """Draw all frames."""
        size, count = self.renderer.size, len(self._coefficients)
        frames = np.empty((count, size, size), np.uint8)
        labels = np.empty_like(frames) if with_labels else None
        for k in range(count):
            frames[k], beams = self.frame(k)
            if labels is not None:
                labels[k] = self.renderer.labels_picture(beams)
        converter = self.renderer.converter
        return Clip(
            frames=frames,
            labels=labels,
            sector=converter.mask,
            label=self.plan.view,
            frame_time_ms=self.frame_time_ms,
            mm_per_pixel=float(converter.mm_per_pixel),
            settings=self.settings,
            latents=self._latents(),
            courses={name: values.tolist() for name, values in self.courses.truth.items()},
        )

    def _latents(self) -> dict[str, float | int | str | bool]:
        grid, position = self.stage.grid, self.position
        return {
            **{f"patient_{name}": value for name, value in self.patient.latents().items() if name != "number"},
            **{f"plane_{name}": value for name, value in self.scene.latents.items()},
            **self.courses.latents,
            "rotation_deg": position.rotation_deg,
            "shift_x_mm": position.shift_mm[0],
            "shift_z_mm": position.shift_mm[1],
            "gain_db": position.gain_db,
            "quality_loss": position.quality,
            "depth_mm": grid.depth_mm,
            "angle_deg": grid.angle_deg,
            "radius_mm": grid.radius_mm,
        }


def _settings(factors: Factors, plan: Plan, *, curved: bool) -> Settings:
    """The study's scanner, or the abdominal probe of the same site."""
    settings = study_settings(factors, plan.patient, plan.study, ECHO_SITES)
    if not curved:
        return settings
    device = "curved_old" if settings.device.name == "phased_old" else "curved"
    rng = factors.stream("device", plan.patient, plan.study, "curved")
    return replace(draw_settings(rng, (Site(device),), 0), site=settings.site)


def _grid(pair: Pair, settings: Settings, position: Position, patient: Patient, *, same_fan: bool) -> BeamGrid:
    device = settings.device
    # Never so shallow that what moves lies below the sector; a large heart needs more.
    depth = pair.depth_mm * max(position.depth, 1.0)
    if not pair.curved:
        depth *= float(np.sqrt(np.prod(patient.size)))
    if same_fan:
        radius = SAME_CURVED_RADIUS_MM if pair.curved else SAME_RADIUS * round(depth, 0)
        return BeamGrid(radius, pair.angle_deg, round(depth, 0))
    angle = float(np.clip(pair.angle_deg + position.angle_deg, *device.angle_deg))
    return BeamGrid(device.radius_mm, round(angle, 1), round(float(np.clip(depth, *device.depth_mm)), 0))


def _placement(pair: Pair, position: Position, patient: Patient) -> Placement:
    """The heart as large as the patient's; an abdominal probe stands flat on the skin and rocks a little only."""
    if not pair.curved:
        return position.placement(pair.center_mm, patient.size)
    return Placement(0.3 * position.rotation_deg, (1.0, 1.0), (position.shift_mm[0], 0.0), pair.center_mm)
