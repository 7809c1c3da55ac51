"""A clip of adult echocardiography from its factors: the patient, the study's device, the view, the repeat."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, UInt8

from sslecho.phantom import clock
from sslecho.phantom.acquisition import JITTER, draw_look, draw_position, window_db
from sslecho.phantom.devices import ECHO_SITES, Settings, draw_settings
from sslecho.phantom.factors import Factors
from sslecho.phantom.geometry import BeamGrid
from sslecho.phantom.heart import layers
from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.outline import Pen
from sslecho.phantom.patients import Patient, draw_patient
from sslecho.phantom.renderer import Renderer
from sslecho.phantom.scene import Stage


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
    """

    frames: UInt8[np.ndarray, "n size size"]
    labels: UInt8[np.ndarray, "n size size"] | None
    sector: Bool[np.ndarray, "size size"]
    label: str
    frame_time_ms: float
    mm_per_pixel: float
    settings: Settings
    latents: dict[str, float | int | str | bool]


def study_settings(factors: Factors, patient: int, study: int, sites: tuple[str, ...]) -> Settings:
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
        patient, study, view, acquisition, clip: which clip it is; `view` is a name of `heart.views.VIEWS`.
        frames: how many.
        size: the picture's side in pixels.
        jitter: spread of probe positions (0 = the template plane).
        sites: a device (a name of `devices.DEVICES`) per site.
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
        sites: tuple[str, ...] = ECHO_SITES,
    ):
        self.view, plane = view, VIEWS[view]
        keys = (patient, study, view)
        self.patient: Patient = draw_patient(factors, patient)
        self.settings = study_settings(factors, patient, study, sites)
        device = self.settings.device
        self.position = draw_position(factors, keys, acquisition, jitter=jitter)

        pen = Pen(factors.stream("patient", patient, view), grow_mm=self.patient.grow_mm())
        self.scene = plane.draw(pen, self.patient, factors.stream("view", *keys, "plane"))
        if plane.window in ("parasternal", "apical"):
            layers.lung_edge(pen)
        angle = float(np.clip(plane.angle_deg + self.position.angle_deg, *device.angle_deg))
        depth = float(np.clip(plane.depth_mm * self.position.depth, *device.depth_mm))
        grid = BeamGrid(device.radius_mm, round(angle, 1), round(depth, 0))
        # A heart of a large patient is deeper under the skin as well.
        skin = 0.5 * (self.patient.skin_to_heart_mm - 20) if plane.window == "parasternal" else 0.0
        placement = self.position.placement(plane.center_mm, self.patient.size)
        placement = replace(placement, shift_mm=(placement.shift_mm[0], placement.shift_mm[1] + skin))
        self.stage = Stage(self.scene, placement, grid, clock.COURSES)
        window = window_db(factors.stream("view", *keys, "window"), grid, self.position.quality)
        self.renderer = Renderer(
            self.stage,
            draw_look(self.settings, self.position, self.patient.body_haze),
            view_rng=factors.stream("view", *keys, "fields"),
            rng=factors.stream("clip", *keys, acquisition, clip, "fields"),
            frame_rng=factors.stream("frame", *keys, acquisition, clip),
            size=size,
            window_db=window,
        )
        self.rhythm = clock.draw_rhythm(factors.stream("study", patient, study))
        self.courses, self.phases = clock.clip_courses(
            factors.stream("clip", *keys, acquisition, clip, "phase"),
            self.rhythm,
            frames=frames,
            frame_time_ms=self.settings.frame_time_ms,
        )

    def render(self, *, with_labels: bool = False) -> Clip:
        """Draw all frames."""
        size = self.renderer.size
        frames = np.empty((len(self.courses), size, size), np.uint8)
        labels = np.empty_like(frames) if with_labels else None
        for k, coefficients in enumerate(self.courses):
            frames[k], beams = self.renderer.frame(coefficients, k)
            if labels is not None:
                labels[k] = self.renderer.labels_picture(beams)
        converter = self.renderer.converter
        return Clip(
            frames=frames,
            labels=labels,
            sector=converter.mask,
            label=self.view,
            frame_time_ms=self.settings.frame_time_ms,
            mm_per_pixel=float(converter.mm_per_pixel),
            settings=self.settings,
            latents=self.latents(),
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
        }
