"""Stills along time: PW and CW spectra, and M-mode, below a small picture that shows where the beam lies."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from sslecho.phantom.factors import Factors
from sslecho.phantom.layouts import ecg_line
from sslecho.phantom.plan import Plan
from sslecho.phantom.screens import screen as s
from sslecho.phantom.screens.contrast import TINTS, tint
from sslecho.phantom.screens.fan import Fan, draw_fan, echo_clip
from sslecho.phantom.screens.flow import draw_flow

FLOWS = ("mitral", "outflow", "tissue", "stenosis", "regurgitation")
CONTINUOUS = ("stenosis", "regurgitation")


@dataclass(frozen=True)
class Frame:
    """Where the trace stands on the screen, in pixels."""

    left: int
    top: int
    right: int
    bottom: int
    small: int  # side of the fan above it; 0: none


def trace_frame(size: int, rng: np.random.Generator) -> Frame:
    """A trace with a small fan above it, or in one of four a trace alone."""
    height, width = s.screen_shape(size)
    alone = rng.uniform() < 0.25
    small = 0 if alone else int(size * rng.uniform(0.30, 0.42))
    top = int(size * (0.12 if alone else 0.05)) + small
    return Frame(
        int(width * rng.uniform(0.02, 0.09)), top, int(width * rng.uniform(0.86, 0.95)), int(height * 0.93), small
    )


def draw_spectral(
    plan: Plan, factors: Factors, rng: np.random.Generator, *, frames: int, size: int, jitter: float
) -> s.Screen:
    """A PW or CW spectrum."""
    flow = str(rng.choice(FLOWS))
    continuous = flow in CONTINUOUS
    where = trace_frame(size, rng)
    rate = float(factors.stream("study", plan.patient, plan.study, "rate").uniform(55, 95))
    duration_s = float(rng.uniform(2.0, 4.0))
    spectrum, base_row, scale = _spectrum(
        flow, rng, (where.bottom - where.top, where.right - where.left), rate, duration_s
    )
    data = s.CW if continuous else s.PW
    per_row = 100 * 2 * scale / (where.bottom - where.top)
    per_column = duration_s / (where.right - where.left)
    part = s.Part(
        (where.left, where.top, where.right, where.bottom),
        s.SPECTRAL,
        data,
        (s.SECONDS, s.CM_PER_S),
        (per_column, per_row),
    )
    screen = _on_screen("spectral", plan, factors, rng, where, spectrum, part, frames=frames, size=size, jitter=jitter)
    codes = screen.codes | (4 if continuous else 8)
    glyphs = _scales(
        where, size, rate=rate, duration_s=duration_s, rng=rng, base_row=base_row, scale=scale, unit="cm/s"
    )
    return _finish(screen, glyphs, codes, {"flow": flow, "continuous": continuous, "scale_m_per_s": scale}, rng)


def draw_m_mode(
    plan: Plan, factors: Factors, rng: np.random.Generator, *, frames: int, size: int, jitter: float
) -> s.Screen:
    """One beam over some beats."""
    where = trace_frame(size, rng)
    clip = echo_clip(plan, factors, frames=1, size=64, jitter=jitter)
    duration_s = float(rng.uniform(2.0, 3.5))
    steps = int(duration_s * 1000 / clip.settings.frame_time_ms)
    clip = echo_clip(plan, factors, frames=steps, size=64, jitter=jitter)
    line = int(clip.stage.grid.lines * rng.uniform(0.42, 0.58))
    columns = []
    for k, coefficients in enumerate(clip.courses):
        power, _ = clip.renderer.envelope(coefficients, k)
        columns.append(clip.renderer.compress(power)[line])
    beam = np.stack(columns, axis=1)
    height, width = where.bottom - where.top, where.right - where.left
    scales = height / beam.shape[0], width / beam.shape[1]
    picture = np.asarray(ndimage.zoom(beam, scales, order=1))[:height, :width]
    # Each pulse has its own noise: a fine grain from column to column that the cine's frames are too far apart to show.
    picture = np.clip(picture + rng.normal(0, 5, (height, width)) * (picture > 6), 0, 255).astype(np.uint8)
    depth_cm = clip.stage.grid.depth_mm / 10
    part = s.Part(
        (where.left, where.top, where.right, where.bottom), s.M_MODE, s.TISSUE, (s.SECONDS, s.CM),
        (duration_s / width, depth_cm / height),
    )  # fmt: skip
    screen = _on_screen("m-mode", plan, factors, rng, where, picture, part, frames=frames, size=size, jitter=jitter)
    rate = float(clip.rhythm.rate_per_min)
    glyphs = _scales(where, size, rate=rate, duration_s=duration_s, rng=rng, base_row=None, scale=depth_cm, unit="cm")
    return _finish(screen, glyphs, screen.codes | 2, {"line": line, "duration_s": duration_s}, rng)


def _envelope(
    flow: str, phase: Float32[np.ndarray, " w"], rng: np.random.Generator
) -> tuple[Float32[np.ndarray, " w"], bool]:
    """Velocity in m/s over a beat's phase 0..1, and whether the envelope is filled."""

    def hump(center: float, before: float, after: float) -> np.ndarray:
        return np.where(
            phase < center, np.exp(-(((phase - center) / before) ** 2)), np.exp(-(((phase - center) / after) ** 2))
        )

    def dome(start: float, end: float) -> np.ndarray:
        share = np.clip((phase - start) / (end - start), 0, 1)
        return np.maximum(np.sin(np.pi * share), 0) ** 0.8

    if flow == "mitral":
        e, a = rng.uniform(0.5, 1.1), rng.uniform(0.4, 0.9)
        return (e * hump(0.55, 0.05, 0.10) + a * hump(0.88, 0.05, 0.05)).astype(np.float32), False
    if flow == "outflow":
        return (-rng.uniform(0.8, 1.1) * dome(0.08, 0.40)).astype(np.float32), False
    if flow == "tissue":
        peaks = 0.09 * hump(0.2, 0.05, 0.10) - 0.12 * hump(0.55, 0.04, 0.06) - 0.09 * hump(0.88, 0.04, 0.05)
        return peaks.astype(np.float32), False
    if flow == "stenosis":
        return (-rng.uniform(1.5, 5.0) * dome(0.08, 0.44)).astype(np.float32), True
    return (-rng.uniform(2.2, 5.5) * dome(0.02, 0.48)).astype(np.float32), True


def _spectrum(
    flow: str, rng: np.random.Generator, shape: tuple[int, int], rate: float, duration_s: float
) -> tuple[UInt8[np.ndarray, "h w"], int, float]:
    """The spectrum, the baseline's row and the scale's end in m/s."""
    height, width = shape
    base = height // 2 if rng.uniform() < 0.4 else int(height * (0.68 if flow == "mitral" else 0.30))
    time_s = np.linspace(0, duration_s, width) + rng.uniform(0, 1)
    velocity, filled = _envelope(flow, ((time_s * rate / 60) % 1).astype(np.float32), rng)
    tall = np.abs(velocity).max() * float(rng.uniform(1.15, 1.6))
    room = (
        max(base, height - base) if flow == "tissue" else (base if velocity.max() > -velocity.min() else height - base)
    )
    per_row = tall / room
    rows = (base - np.arange(height))[:, None] * per_row
    peak = velocity[None, :] * (1 + 0.04 * ndimage.gaussian_filter1d(rng.standard_normal(width), 2))[None, :]
    same = (np.sign(rows) == np.sign(peak)) & (np.abs(rows) <= np.abs(peak))
    share = np.abs(rows) / np.maximum(np.abs(peak), 1e-3)
    # A sample volume holds one speed: a bright rim and a dark window. A whole beam holds all of them.
    body = 0.5 + 0.35 * share if filled else 0.12 + 0.9 * np.clip((share - 0.72) / 0.2, 0, 1)
    rim = np.clip((np.abs(peak) - np.abs(rows)) / (0.05 * np.abs(velocity).max()), 0, 1)
    power = np.where(same, body * (0.35 + 0.65 * rim), 0)
    # Low velocities of walls on both sides of the baseline, but for the wall filter's gap.
    power += (
        0.5 * np.exp(-np.abs(rows) / (0.04 * tall)) * (0.5 + 0.5 * np.abs(np.sin(np.pi * time_s * rate / 60)))[None, :]
    )
    power *= np.abs(rows) >= 0.02 * tall
    speckle = np.sqrt(rng.exponential(1.0, shape))
    speckle = ndimage.gaussian_filter(speckle, (0.5, 0.8))
    noise = 0.05 * rng.uniform(0.2, 1.5) * np.sqrt(rng.exponential(1.0, shape))
    picture = 255 * np.clip(1.05 * ndimage.gaussian_filter(power, (0.8, 0.6)) * speckle + noise, 0, 1) ** 0.9
    return picture.astype(np.uint8), base, float(per_row * height / 2)


def _on_screen(
    kind: str, plan: Plan, factors: Factors, rng: np.random.Generator, where: Frame, trace: UInt8[np.ndarray, "h w"],
    part: s.Part, *, frames: int, size: int, jitter: float,
) -> s.Screen:  # fmt: skip
    """The trace, and the fan above it with its cursor."""
    shape = s.screen_shape(size)
    fan = draw_fan(plan, factors, frames=1, size=max(where.small, 64), jitter=jitter)
    name = str(rng.choice(list(TINTS))) if rng.uniform() < 0.3 else ""
    picture = tint(trace[None], name) if name else trace[None]
    flow = bool(where.small and kind == "spectral" and rng.uniform() < 0.45)
    if flow or name:
        picture = picture if picture.ndim == 4 else np.repeat(picture[..., None], 3, axis=-1)
    canvas = s.place(picture, shape, (where.left, where.top))
    sector, parts, codes = np.zeros(shape, bool), [part], 0
    if where.small:
        small = draw_flow(fan, rng).rgb if flow else fan.gray
        if canvas.ndim == 4 and small.ndim == 3:
            small = np.repeat(small[..., None], 3, axis=-1)
        corner = (int((shape[1] - where.small) * rng.uniform(0.3, 0.7)), int(0.03 * size))
        canvas = s.place(small, shape, corner, background=canvas)
        sector = s.place(fan.sector[None], shape, corner)[0]
        parts.append(s.fan_part(sector, fan.mm_per_pixel, s.COLOR_FLOW if flow else s.TISSUE))
        codes = 0x11 if flow else 1
        canvas = _cursor(canvas, fan, corner, rng, gate=kind == "spectral")
    if rng.uniform() < 0.5:
        parts.reverse()
    # Three of twenty are stored while the trace runs: the same picture with a gap that sweeps over it.
    count = frames if rng.uniform() < 0.15 else 1
    if count > 1:
        canvas = _sweeping(canvas, where, count)
    return s.Screen(
        kind=kind, label="", view=plan.view, frames=canvas, sector=sector, graphics=np.zeros(shape, np.uint8),
        parts=tuple(parts), codes=codes, frame_time_ms=fan.frame_time_ms if count > 1 else 0.0,
        depth_mm=float(fan.latents["depth_mm"]), mm_per_pixel=fan.mm_per_pixel, apex=None, settings=fan.settings,
        latents={"tint": name, "alone": where.small == 0, "small_flow": flow},
    )  # fmt: skip


def _cursor(
    canvas: np.ndarray, fan: Fan, corner: tuple[int, int], rng: np.random.Generator, *, gate: bool
) -> np.ndarray:
    """A dashed beam through the fan, with a gate for Doppler."""
    ink = Image.new("L", (canvas.shape[2], canvas.shape[1]), 0)
    draw = ImageDraw.Draw(ink)
    angle, length = float(rng.uniform(-0.25, 0.25)), 0.85 * fan.sector.shape[0]
    x0, y0 = fan.apex[0] + corner[0], fan.apex[1] + corner[1]
    for k in range(0, int(length), 4):
        a, b = k, k + 2
        draw.line(
            [(x0 + a * np.sin(angle), y0 + a * np.cos(angle)), (x0 + b * np.sin(angle), y0 + b * np.cos(angle))],
            fill=230,
        )
    if gate:
        for at in (0.5, 0.56):
            x, y = x0 + at * length * np.sin(angle), y0 + at * length * np.cos(angle)
            draw.line([(x - 3, y), (x + 3, y)], fill=255)
    return s.draw_over(canvas, np.asarray(ink), (230, 230, 230))


def _sweeping(canvas: np.ndarray, where: Frame, frames: int) -> np.ndarray:
    out = np.repeat(canvas, frames, axis=0)
    width = where.right - where.left
    for k in range(frames):
        x = where.left + int(width * ((0.1 + k / frames) % 1))
        out[k, where.top : where.bottom, x : min(x + max(2, width // 40), where.right)] = 0
    return out


def _scales(
    where: Frame, size: int, *, rate: float, duration_s: float, rng: np.random.Generator, base_row: int | None,
    scale: float, unit: str,
) -> UInt8[np.ndarray, "h w"]:  # fmt: skip
    """Baseline, ticks with numbers at the side, seconds below, and an ECG."""
    height, width = s.screen_shape(size)
    ink = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(ink)
    font = ImageFont.load_default(size=max(7.0, size * 0.032))
    if base_row is not None:
        draw.line([(where.left, where.top + base_row), (where.right, where.top + base_row)], fill=220)
    zero = 0 if base_row is None else base_row
    rows = where.bottom - where.top
    step = rows / 8
    for k in range(-8, 9):
        y = where.top + zero + k * step
        if where.top <= y <= where.bottom:
            draw.line([(where.right, y), (where.right + 4, y)], fill=220)
            if k % 2 == 0:
                value = scale * (k / 8 if base_row is None else -k / 4) * (1 if unit == "cm" else 100)
                draw.text((where.right + 6, y - size * 0.018), f"{value:.0f}", fill=220, font=font)
    draw.text((where.right + 6, where.top - size * 0.04), unit, fill=220, font=font)
    for second in np.arange(0, duration_s, 0.2):
        x = where.left + (where.right - where.left) * second / duration_s
        draw.line([(x, where.bottom), (x, where.bottom + (4 if round(second * 5) % 5 == 0 else 2))], fill=200)
    if rng.uniform() < 0.8:
        ecg_line(draw, (where.left, int(where.bottom - 0.06 * size), where.right, where.bottom - 2), rate, duration_s)
    return np.asarray(ink)


def _finish(
    screen: s.Screen, glyphs: UInt8[np.ndarray, "h w"], codes: int, drawn: dict, rng: np.random.Generator
) -> s.Screen:
    color = (90, 230, 120) if rng.uniform() < 0.5 else (235, 235, 235)
    if color[0] < 200:
        screen = s.colored(screen)
    return replace(
        screen,
        frames=s.draw_over(screen.frames, glyphs, color),
        graphics=np.maximum(screen.graphics, glyphs),
        codes=codes,
        latents={**screen.latents, **drawn},
    )
