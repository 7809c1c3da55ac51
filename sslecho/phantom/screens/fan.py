"""One fan of adult echocardiography with what colour, contrast and traces need to know of it: beams and labels."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from sslecho.phantom.devices import Settings
from sslecho.phantom.echo import EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.plan import Plan
from sslecho.phantom.sites import ARCHIVE_SITES
from sslecho.phantom.tissues import STRUCTURE_NUMBER, STRUCTURES

BLOOD = np.array([STRUCTURE_NUMBER[name] for name, tissue in STRUCTURES.items() if tissue == "blood"])


@dataclass(frozen=True)
class Fan:
    """Frames of a fan alone, and its geometry.

    Args:
        gray: the pictures.
        beams: structure numbers on the beam grid (`tissues.STRUCTURE_NUMBER`).
        courses: the heart's clock at every frame, in the order of `clock.COURSES`.
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


def echo_clip(
    plan: Plan, factors: Factors, *, frames: int, size: int, jitter: float, view: str | None = None
) -> EchoClip:
    """The clip behind a plan's screen; `view` another one of the same study, on the same machine."""
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
        sites=ARCHIVE_SITES,
    )


def draw_fan(plan: Plan, factors: Factors, *, frames: int, size: int, jitter: float, view: str | None = None) -> Fan:
    """Render the fan of a plan, or of another view of the same study."""
    clip = echo_clip(plan, factors, frames=frames, size=size, jitter=jitter, view=view)
    drawn = [clip.renderer.frame(coefficients, k) for k, coefficients in enumerate(clip.courses)]
    converter, grid = clip.renderer.converter, clip.stage.grid
    apex = converter.to_pixels(np.zeros((1, 2)))[0]
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    points = np.stack([columns - apex[0], rows - apex[1]], axis=-1).reshape(-1, 2) * converter.mm_per_pixel
    where = grid.to_grid(points).reshape(size, size, 2)
    return Fan(
        gray=np.stack([picture for picture, _ in drawn]),
        beams=np.stack([labels for _, labels in drawn]),
        courses=np.asarray(clip.courses, np.float32),
        sector=converter.mask,
        line=(where[..., 1] / (grid.lines - 1)).astype(np.float32),
        sample=((where[..., 0] + 0.5) / grid.samples).astype(np.float32),
        apex=(float(apex[0]), float(apex[1])),
        mm_per_pixel=float(converter.mm_per_pixel),
        frame_time_ms=clip.settings.frame_time_ms,
        settings=clip.settings,
        latents=clip.latents(),
    )
