"""Phantom clips of ten geometries with overlays everywhere, and the truth about their sectors.

Each clip is a heart of the phantom before a probe of the named geometry, put somewhere on a larger screen, with
text, scales, logos and an ECG around it (cut off at the sector's very edge: the worst case), and a third of them
through a lossy codec.
"""

import io
from dataclasses import dataclass, replace

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sslecho.phantom import clock
from sslecho.phantom.acquisition import draw_look, window_db
from sslecho.phantom.devices import DEVICES, Device
from sslecho.phantom.echo import EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.geometry import BeamGrid
from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.overlay import FAMILY, GIVEN
from sslecho.phantom.renderer import Renderer
from sslecho.phantom.scene import Stage
from sslecho.phantom.video import video_bytes


def _flat(name: str, radius_mm: float, width_mm: tuple[float, float], depth_mm: tuple[float, float]) -> Device:
    """A linear probe, as a curved one of very large radius."""
    angles = tuple(float(np.rad2deg(width / radius_mm)) for width in width_mm)
    step = float(np.rad2deg(0.35 / radius_mm))
    return replace(
        DEVICES["curved"], name=name, radius_mm=radius_mm, angle_deg=(angles[0], angles[1]), depth_mm=depth_mm,
        lateral_fwhm_deg=(step, 2 * step), frequency_mhz=(7.0, 11.0), axial_fwhm_mm=(0.25, 0.35),
    )  # fmt: skip


GEOMETRIES: dict[str, Device] = {
    **DEVICES,
    "paediatric": replace(
        DEVICES["phased_adult"], name="paediatric", radius_mm=4.0, angle_deg=(75.0, 90.0), depth_mm=(45.0, 100.0)
    ),
    "linear": _flat("linear", 4000.0, (34.0, 52.0), (25.0, 60.0)),
    "trapezoid": _flat("trapezoid", 90.0, (34.0, 52.0), (35.0, 60.0)),
    "zoom": replace(DEVICES["phased_adult"], name="zoom"),
}


@dataclass(frozen=True)
class FanClip:
    """Frames [n, h, w] with everything burned in, the true sector, and the glyphs' pixels outside it."""

    geometry: str
    frames: np.ndarray
    sector: np.ndarray
    glyphs: np.ndarray
    codec: str
    region: tuple[int, int, int, int]


def fan_clip(geometry: str, seed: int, number: int, *, frames: int | None = None, codec: str | None = None) -> FanClip:
    """One clip; the same arguments give the same one. `frames` and `codec` overrule what would be drawn."""
    rng = np.random.default_rng([seed, number, sum(map(ord, geometry))])
    n = frames or (1 if rng.uniform() < 0.12 else int(rng.integers(8, 13)))
    size = int(rng.integers(210, 330))
    echoes, sector = _render(geometry, seed, number, rng, n, size)
    echoes, sector = _place(echoes, sector, rng)
    overlay, moving = _overlay(sector, rng, n)
    background = int(rng.choice([0, 0, 0, 4, 12]))
    outside = np.maximum(np.maximum(overlay[None], moving), np.uint8(background))
    picture = np.where(sector[None], echoes, outside)
    codec = codec or str(rng.choice(["none", "none", "jpeg", "h264"]))
    rows, columns = np.flatnonzero(sector.any(axis=1)), np.flatnonzero(sector.any(axis=0))
    slack = rng.integers(0, 9, size=4)
    region = (
        max(int(columns[0] - slack[0]), 0),
        max(int(rows[0] - slack[1]), 0),
        min(int(columns[-1] + 1 + slack[2]), sector.shape[1]),
        min(int(rows[-1] + 1 + slack[3]), sector.shape[0]),
    )
    glyphs = (overlay > 60) & ~sector
    return FanClip(geometry, coded(picture, codec), sector, glyphs, codec, region)


def coded(frames: np.ndarray, codec: str) -> np.ndarray:
    """The frames as a lossy codec gives them back."""
    if codec == "jpeg":
        made = []
        for frame in frames:
            content = io.BytesIO()
            Image.fromarray(frame).save(content, "JPEG", quality=80)
            made.append(np.asarray(Image.open(content)))
        return np.stack(made)
    if codec == "h264":
        with av.open(io.BytesIO(video_bytes(frames, 33.0, quality=23))) as container:
            decoded = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
        return np.stack(decoded)[:, : frames.shape[1], : frames.shape[2]]
    return frames


def _render(geometry: str, seed: int, number: int, rng: np.random.Generator, n: int, size: int):
    device = GEOMETRIES[geometry]
    factors = Factors.from_seed(seed)
    view = str(rng.choice(list(VIEWS)))
    clip = EchoClip(factors, patient=number, view=view, frames=n, size=32)
    settings = replace(
        clip.settings,
        device=device,
        **{
            name: float(rng.uniform(*getattr(device, name)))
            for name in ("frequency_mhz", "axial_fwhm_mm", "lateral_fwhm_deg", "dynamic_range_db", "gamma")
        },
    )
    plane = VIEWS[view]
    depth = float(rng.uniform(*device.depth_mm))
    # A shallow picture shows a smaller heart, so that all of them hold tissue and cavities.
    zoom = min(1.0, depth / plane.depth_mm)
    placement = clip.position.placement(plane.center_mm, clip.patient.size)
    center = placement.center_mm
    placement = replace(
        placement,
        scale=(placement.scale[0] * zoom, placement.scale[1] * zoom),
        shift_mm=(
            placement.shift_mm[0] * zoom + center[0] * (zoom - 1),
            placement.shift_mm[1] * zoom + center[1] * (zoom - 1),
        ),
    )
    grid = BeamGrid(device.radius_mm, float(rng.uniform(*device.angle_deg)), depth)
    renderer = Renderer(
        Stage(clip.scene, placement, grid, clock.COURSES),
        draw_look(settings, clip.position, clip.patient.body_haze),
        view_rng=factors.stream("view", number, view, "fields"),
        rng=factors.stream("clip", number, view, "fields"),
        frame_rng=factors.stream("frame", number, view),
        size=size,
        window_db=window_db(factors.stream("view", number, view, "window"), grid, clip.position.quality),
    )
    frames = np.stack([renderer.frame(coefficients, k)[0] for k, coefficients in enumerate(clip.courses)])
    if geometry != "zoom":
        return frames, renderer.converter.mask
    # The part under the middle of the fan; where it reaches over an edge, the zoom shows the edge.
    mask = renderer.converter.mask
    high = int(np.flatnonzero(mask.any(axis=1))[-1])
    width, height = int(size * rng.uniform(0.3, 0.45)), int(high * rng.uniform(0.3, 0.45))
    left, top = (size - width) // 2, int(high * rng.uniform(0.35, 0.5))
    box = slice(top, top + height), slice(left, left + width)
    factor = rng.uniform(1.6, 2.2)
    sides = round(width * factor), round(height * factor)
    large = np.stack([np.asarray(Image.fromarray(frame[box]).resize(sides)) for frame in frames])
    return large, np.asarray(Image.fromarray(np.where(mask[box], 255, 0).astype(np.uint8)).resize(sides)) > 127


def _place(echoes: np.ndarray, sector: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """On a larger screen; every tenth fan reaches over its lower edge."""
    rows, columns = np.flatnonzero(sector.any(axis=1)), np.flatnonzero(sector.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    echoes, sector = echoes[:, box[0], box[1]], sector[box]
    height = len(sector)
    cut = int(height * rng.uniform(0.03, 0.15)) if rng.uniform() < 0.1 else 0
    above, below = rng.integers(3, 30), (0 if cut else rng.integers(3, 40))
    left, right = rng.integers(3, 70, size=2)
    around = ((above, below), (left, right))
    return np.pad(echoes[:, : height - cut], ((0, 0), *around)), np.pad(sector[: height - cut], around)


def text_lines(rng: np.random.Generator, n: int) -> list[str]:
    """Invented names, numbers, dates and settings, as screens show them."""
    made = [
        f"{rng.choice(FAMILY)}, {rng.choice(GIVEN)}",
        f"MRN {int(rng.integers(10**7)):07d}",
        f"{int(rng.integers(1, 29)):02d}.{int(rng.integers(1, 13)):02d}.{int(rng.integers(1940, 2024))}",
        f"{rng.choice(FAMILY)}^{rng.choice(GIVEN)}",
        f"{rng.uniform(2, 9):.1f} MHz",
        f"MI {rng.uniform(0.3, 1.6):.1f} TIS {rng.uniform(0.1, 1):.1f}",
        "PHANTOM CLINIC",
        f"HR {int(rng.integers(45, 140))} bpm",
    ]
    return [str(line) for line in rng.permutation(made)[:n]]


def _overlay(sector: np.ndarray, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """What stands still [h, w] and what moves [n, h, w], both also where the sector is."""
    height, width = sector.shape
    still = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(still)
    if rng.uniform() < 0.2:
        draw.rectangle((0, 0, width, int(rng.integers(10, 20))), fill=int(rng.integers(40, 120)))
    for _ in range(int(rng.integers(2, 6))):
        font = ImageFont.load_default(size=float(rng.uniform(7, 16)))
        x, y = rng.uniform(0, 0.8) * width, rng.uniform(0, 0.95) * height
        gray = int(rng.integers(110, 256))
        for k, line in enumerate(text_lines(rng, int(rng.integers(1, 4)))):
            draw.text((x, y + k * font.size * 1.2), line, fill=gray, font=font)
    if rng.uniform() < 0.7:
        top, length, x = int(rng.uniform(0.05, 0.3) * height), int(0.3 * height), int(rng.choice([4, width - 10]))
        for k in range(length):
            draw.line([(x, top + k), (x + 5, top + k)], fill=int(255 * (1 - k / length)))
    if rng.uniform() < 0.7:
        side = int(rng.choice([0, width - 5]))
        for k in range(12):
            draw.line([(side, 8 + k * height / 12), (side + (4 if k % 5 == 0 else 2), 8 + k * height / 12)], fill=180)
    if rng.uniform() < 0.3:
        x, y = rng.uniform(0, 0.9) * width, rng.uniform(0, 0.2) * height
        draw.ellipse((x, y, x + 14, y + 14), fill=int(rng.integers(120, 255)))
    moving = np.zeros((n, height, width), np.uint8)
    if rng.uniform() < 0.35:
        _ecg(moving, rng)
    return np.asarray(still), moving


def _ecg(moving: np.ndarray, rng: np.random.Generator) -> None:
    """A trace that scrolls through the lower part of the screen, in place."""
    n, height, width = moving.shape
    x = np.arange(width)
    base, tall = height - int(rng.integers(12, 26)), float(rng.uniform(8, 20))
    period = rng.uniform(0.2, 0.5) * width
    for k in range(n):
        phase = (x + 5.0 * k) % period / period
        beat = np.exp(-(((phase - 0.3) / 0.02) ** 2)) + 0.2 * np.exp(-(((phase - 0.6) / 0.06) ** 2))
        trace = Image.new("L", (width, height), 0)
        ImageDraw.Draw(trace).line(list(zip(x.tolist(), (base - tall * beat).tolist(), strict=True)), fill=200)
        moving[k] = np.asarray(trace)
