"""A clip of adult echocardiography from its factors: the patient, the study's device, the view, the repeat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from sslecho.phantom import clock
from sslecho.phantom.acquisition import JITTER, draw_look, draw_position, window_db
from sslecho.phantom.devices import Settings, draw_settings
from sslecho.phantom.factors import Factors
from sslecho.phantom.geometry import BeamGrid
from sslecho.phantom.heart import layers
from sslecho.phantom.heart.views import PLANES
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient, draw_patient
from sslecho.phantom.renderer import Look, Renderer
from sslecho.phantom.scene import Mode, Stage
from sslecho.phantom.sites import ECHO_SITES, Site
from sslecho.phantom.tissues import Tissue

Watch = Callable[[int, np.ndarray, np.ndarray], None]
SAME_ANGLE_DEG, SAME_RADIUS = 76.0, 0.04  # of the sector that all devices share; the radius as a share of the depth


@dataclass(frozen=True)
class Clip:
    """Frames, and what is true of them.

    Args:
        frames: the pictures.
        labels: structure numbers per pixel (`tissues.STRUCTURE_NUMBER`), 0 outside the sector; None unless asked for.
        sector: the pixels that show ultrasound.
        label: the class.
        frame_time_ms: between frames; 0 for a still.
        mm_per_pixel: of the picture.
        settings: of the scanner.
        latents: everything else that was drawn, flat.
        columns: further columns of labels.csv, a value per frame (a grade).
        courses: what is true of every frame and is no label: time courses, visibility.
    """

    frames: UInt8[np.ndarray, "n h w"]
    labels: UInt8[np.ndarray, "n h w"] | None
    sector: Bool[np.ndarray, "h w"]
    label: str
    frame_time_ms: float
    mm_per_pixel: float
    settings: Settings
    latents: dict[str, float | int | str | bool]
    columns: Mapping[str, Sequence[float | int | str]] = field(default_factory=dict)
    courses: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Drive:
    """One more time course of a clip: what hand, breath or body do besides the heart's beat.

    Args:
        name: of the course, not one of `clock.COURSES`.
        values: 0 = at rest; a value per frame.
        mode: how 1 moves the plane; None: not at all.
        loss_db: the grid's beams -> what 1 takes from their echoes (lost contact), [lines, samples].
    """

    name: str
    values: Float[np.ndarray, " frames"]
    mode: Mode | None = None
    loss_db: Callable[[BeamGrid], Float32[np.ndarray, "lines samples"]] | None = None


def study_settings(factors: Factors, patient: int, study: int, sites: tuple[Site, ...]) -> Settings:
    """The scanner of a study: a patient mostly stays at one site, one study in six is made elsewhere."""
    home = int(factors.stream("device", patient, "home").integers(len(sites)))
    rng = factors.stream("device", patient, study)
    away = rng.uniform() < 1 / 6
    site = int(rng.integers(len(sites))) if away else home
    return draw_settings(rng, sites, site)


class EchoClip:
    """One clip, set up and ready to draw.

    Args:
        factors: the archive's seeds.
        patient, study, view, acquisition, clip: which clip it is; `view` is a name of `heart.views.PLANES`.
        frames: how many.
        size: the picture's side in pixels.
        jitter: spread of probe positions (0 = the template plane).
        sites: the archive's hospitals.
        same_fan: the sector's outline is the view's, whatever the device.
        drives: further time courses, given those of the clock ([frames], by name) and the patient.
        tissues: structure -> tissue, in place of the table's.
        settings, look: what another way of imaging makes of the study's scanner and of its picture.
    """

    def __init__(
        self,
        factors: Factors,
        *,
        patient: int,
        view: str,
        study: int = 0,
        acquisition: int = 0,
        clip: int = 0,
        frames: int = 24,
        size: int = 256,
        jitter: float = JITTER,
        sites: tuple[Site, ...] = ECHO_SITES,
        same_fan: bool = False,
        drives: Callable[[Mapping[str, np.ndarray], Patient], Sequence[Drive]] | None = None,
        tissues: Mapping[str, Tissue] | None = None,
        settings: Callable[[Settings], Settings] | None = None,
        look: Callable[[Look], Look] | None = None,
    ):
        self.view, plane = view, PLANES[view]
        keys = (patient, study, view)
        self.patient: Patient = draw_patient(factors, patient)
        self.settings = study_settings(factors, patient, study, sites)
        if settings is not None:
            self.settings = settings(self.settings)
        device = self.settings.device
        self.position = draw_position(factors, keys, acquisition, jitter=jitter)

        pen = Pen(factors.stream("patient", patient, view))
        self.scene = plane.draw(pen, self.patient, factors.stream("view", *keys, "plane"))
        if plane.window in ("parasternal", "apical"):
            layers.lung_edge(pen)
        # Whoever holds the probe wants the heart to fill the sector, large or small.
        depth = plane.depth_mm * self.position.depth * float(np.sqrt(np.prod(self.patient.size)))
        if same_fan:
            # A radius that goes with the depth gives every view the same outline too.
            grid = BeamGrid(SAME_RADIUS * round(depth, 0), SAME_ANGLE_DEG, round(depth, 0))
        else:
            angle = float(np.clip(plane.angle_deg + self.position.angle_deg, *device.angle_deg))
            grid = BeamGrid(device.radius_mm, round(angle, 1), round(float(np.clip(depth, *device.depth_mm)), 0))
            grid = grid.boxed(*self.settings.box) if self.settings.box else grid
        self.rhythm = clock.draw_rhythm(factors.stream("study", patient, study))
        self.courses, self.phases = clock.clip_courses(
            factors.stream("clip", *keys, acquisition, clip, "phase"),
            self.rhythm,
            frames=frames,
            frame_time_ms=self.settings.frame_time_ms,
        )
        further = drives(dict(zip(clock.COURSES, self.courses.T, strict=True)), self.patient) if drives else ()
        self.drives = {drive.name: drive.values for drive in further}
        self.scene.modes.update({drive.name: drive.mode for drive in further if drive.mode is not None})
        self.courses = np.column_stack([self.courses, *self.drives.values()])
        first = len(clock.COURSES)
        self.losses = [(first + k, drive.loss_db(grid)) for k, drive in enumerate(further) if drive.loss_db]
        # A heart of a large patient is deeper under the skin as well.
        skin = 0.5 * (self.patient.skin_to_heart_mm - 20) if plane.window == "parasternal" else 0.0
        placement = self.position.placement(plane.center_mm, self.patient.size)
        placement = replace(placement, shift_mm=(placement.shift_mm[0], placement.shift_mm[1] + skin))
        self.placement = placement
        self.stage = Stage(self.scene, placement, grid, [*clock.COURSES, *self.drives])
        self.window_db = window_db(factors.stream("view", *keys, "window"), grid, self.position.quality)
        self.tissues = {**plane.tissues, **(tissues or {})}
        plain = draw_look(self.settings, self.position, self.patient.body_haze)
        self.renderer = Renderer(
            self.stage,
            plain if look is None else look(plain),
            view_rng=factors.stream("view", *keys, "fields"),
            rng=factors.stream("clip", *keys, acquisition, clip, "fields"),
            frame_rng=factors.stream("frame", *keys, acquisition, clip),
            size=size,
            window_db=self.window_db,
            losses=self.losses,
            tissues=self.tissues,
        )
        display = self.settings.display
        self.flips = (
            (plane.window == "apical" and display.apical_mirrored) or (view == "sc_ivc" and display.ivc_cranial_left),
            plane.window == "apical" and display.apex_down,
        )

    def shown(self, picture: np.ndarray) -> np.ndarray:
        """Pictures [..., h, w] the way the site displays them: mirrored, upside down, or as they are."""
        mirrored, upside_down = self.flips
        picture = picture[..., ::-1] if mirrored else picture
        return picture[..., ::-1, :] if upside_down else picture

    def render(self, *, with_labels: bool = False, watch: Watch | None = None) -> Clip:
        """Draw all frames; `watch` is shown each of them (number, gray values, labels) on the beam grid."""
        size = self.renderer.size
        frames = np.empty((len(self.courses), size, size), np.uint8)
        labels = np.empty_like(frames) if with_labels else None
        for k, coefficients in enumerate(self.courses):
            gray, beams = self.renderer.beams(coefficients, k)
            if watch is not None:
                watch(k, gray, beams)
            frames[k] = self.shown(self.renderer.converter.picture(gray))
            if labels is not None:
                labels[k] = self.shown(self.renderer.labels_picture(beams))
        converter = self.renderer.converter
        return Clip(
            frames=frames,
            labels=labels,
            sector=np.ascontiguousarray(self.shown(converter.mask)),
            label=self.view,
            frame_time_ms=self.settings.frame_time_ms,
            mm_per_pixel=float(converter.mm_per_pixel),
            settings=self.settings,
            latents=self.latents(),
            courses={name: values.tolist() for name, values in self.drives.items()},
        )

    def latents(self) -> dict[str, float | int | str | bool]:
        """Everything that was drawn, flat."""
        grid, position = self.stage.grid, self.position
        return {
            **{f"patient_{name}": value for name, value in self.patient.latents().items() if name != "number"},
            **{f"plane_{name}": value for name, value in self.scene.latents.items()},
            "rotation_deg": position.rotation_deg,
            "shift_x_mm": position.shift_mm[0],
            "shift_z_mm": position.shift_mm[1],
            "gain_db": position.gain_db,
            "quality_loss": position.quality,
            "depth_mm": grid.depth_mm,
            "angle_deg": grid.angle_deg,
            "radius_mm": grid.radius_mm,
            "heart_rate_per_min": self.rhythm.rate_per_min,
            "fibrillation": self.rhythm.fibrillation,
            "first_phase": float(self.phases[0]),
            "mirrored": self.flips[0],
            "upside_down": self.flips[1],
        }
