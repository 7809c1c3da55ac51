"""One fan of adult echocardiography with what colour, contrast and traces need to know of it: beams and labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from sslecho.phantom.devices import Settings
from sslecho.phantom.echo import Drive, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.other import OTHER, SWEEP, sweep_path
from sslecho.phantom.patients import Patient
from sslecho.phantom.plan import Plan
from sslecho.phantom.sites import ARCHIVE_SITES, Site
from sslecho.phantom.tissues import STRUCTURE_NUMBER, STRUCTURES

BLOOD = np.array([STRUCTURE_NUMBER[name] for name, tissue in STRUCTURES.items() if tissue == "blood"])

Drives = Callable[[Mapping[str, np.ndarray], Patient], Sequence[Drive]]


@dataclass(frozen=True)
class Fan:
    """Frames of a fan alone, the way the site displays it, and its geometry.

    Args:
        gray: the pictures.
        beams: structure numbers on the beam grid (`tissues.STRUCTURE_NUMBER`).
        courses: the heart's clock at every frame, in the order of `clock.COURSES`, and further ones after them.
        sector: the pixels that show ultrasound.
        line, sample: where on the beam grid a pixel lies, 0..1 of its width and depth; outside the sector beyond that.
        apex: column and row of the middle of the probe's face.
        mm_per_pixel: of the picture.
        frame_time_ms: between frames.
        settings: of the scanner.
        latents: everything else that was drawn, flat.
    """

    gray: UInt8[np.ndarray, "n size size"]
    beams: UInt8[np.ndarray, "n lines samples"]
    courses: Float32[np.ndarray, "n courses"]
    sector: Bool[np.ndarray, "size size"]
    line: Float32[np.ndarray, "size size"]
    sample: Float32[np.ndarray, "size size"]
    apex: tuple[float, float]
    mm_per_pixel: float
    frame_time_ms: float
    settings: Settings
    latents: dict[str, float | int | str | bool]

    def pixel(self, line: float, sample: float) -> tuple[float, float]:
        """Column and row of a place on the beam grid, given as shares of its width and depth."""
        radius = float(self.latents["radius_mm"])
        angle = np.deg2rad(float(self.latents["angle_deg"])) * (line - 0.5)
        away = radius + sample * float(self.latents["depth_mm"])
        x, z = away * np.sin(angle), away * np.cos(angle) - radius
        x, z = -x if self.latents["mirrored"] else x, -z if self.latents["upside_down"] else z
        return float(self.apex[0] + x / self.mm_per_pixel), float(self.apex[1] + z / self.mm_per_pixel)


def echo_clip(
    plan: Plan,
    factors: Factors,
    *,
    frames: int,
    size: int,
    jitter: float,
    view: str | None = None,
    sites: tuple[Site, ...] = ARCHIVE_SITES,
    drives: Drives | None = None,
) -> EchoClip:
    """The clip behind a plan's screen.

    Args:
        view: another one of the same study, on the same machine.
        sites, drives: see `echo.EchoClip`.
    """
    return EchoClip(
        factors,
        patient=plan.patient,
        view=view or plan.view,
        study=plan.study,
        acquisition=plan.acquisition,
        clip=plan.occasion,
        frames=frames,
        size=size,
        jitter=jitter,
        sites=sites,
        drives=drives,
    )


def draw_fan(
    plan: Plan,
    factors: Factors,
    *,
    frames: int,
    size: int,
    jitter: float,
    view: str | None = None,
    sites: tuple[Site, ...] = ARCHIVE_SITES,
    drives: Drives | None = None,
) -> Fan:
    """Render the fan of a plan, or of another view of the same study."""
    clip = echo_clip(plan, factors, frames=frames, size=size, jitter=jitter, view=view, sites=sites, drives=drives)
    return fan_of(clip)


def other_plane(plan: Plan, factors: Factors) -> str:
    """A plane that is no standard view, for a plan of the class "other"."""
    return str(factors.stream("view", plan.patient, plan.study, plan.occasion, "other plane").choice(list(OTHER)))


def other_drives(plane: str, plan: Plan, factors: Factors, frames: int) -> Drives | None:
    """What drives a plane of `heart.other`: the hand, if it goes from window to window."""
    if plane != SWEEP:
        return None
    path = sweep_path(factors.stream("clip", plan.patient, plan.study, plan.occasion, plan.acquisition, SWEEP), frames)
    return lambda courses, patient: [Drive(SWEEP, path)]


def fan_of(clip: EchoClip) -> Fan:
    """Render a clip."""
    drawn = [clip.renderer.frame(coefficients, k) for k, coefficients in enumerate(clip.courses)]
    converter, grid, size = clip.renderer.converter, clip.stage.grid, clip.renderer.size
    apex = converter.to_pixels(np.zeros((1, 2)))[0]
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    points = np.stack([columns - apex[0], rows - apex[1]], axis=-1).reshape(-1, 2) * converter.mm_per_pixel
    where = grid.to_grid(points).reshape(size, size, 2)
    mirrored, upside_down = clip.flips
    return Fan(
        gray=np.stack([clip.shown(picture) for picture, _ in drawn]),
        beams=np.stack([labels for _, labels in drawn]),
        courses=np.asarray(clip.courses, np.float32),
        sector=np.ascontiguousarray(clip.shown(converter.mask)),
        line=clip.shown(where[..., 1] / (grid.lines - 1)).astype(np.float32),
        sample=clip.shown((where[..., 0] + 0.5) / grid.samples).astype(np.float32),
        apex=(
            float(size - 1 - apex[0] if mirrored else apex[0]),
            float(size - 1 - apex[1] if upside_down else apex[1]),
        ),
        mm_per_pixel=float(converter.mm_per_pixel),
        frame_time_ms=clip.settings.frame_time_ms,
        settings=clip.settings,
        latents=clip.latents(),
    )
