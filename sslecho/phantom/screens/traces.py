"""Stills along time: PW and CW spectra, and M-mode, below a small picture that shows where the beam lies."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from sslecho.phantom import clock
from sslecho.phantom.factors import Factors
from sslecho.phantom.layouts import ecg_line
from sslecho.phantom.plan import Plan
from sslecho.phantom.screens import screen as s
from sslecho.phantom.screens import spectra
from sslecho.phantom.screens.beats import draw_beats
from sslecho.phantom.screens.contrast import TINTS, tint
from sslecho.phantom.screens.fan import Fan, draw_fan
from sslecho.phantom.screens.flow import draw_flow
from sslecho.phantom.screens.m_mode import draw_beam, draw_level, trace
from sslecho.phantom.sites import ARCHIVE_SITES, Site
from sslecho.phantom.tissues import STRUCTURE_NUMBER

ALONE = 0.25  # of the stills: a trace over the whole page
FLOWS: dict[str, float] = dict(
    zip((*spectra.PULSED, *spectra.CONTINUOUS), (0.24, 0.14, 0.2, 0.16, 0.16, 0.1), strict=True)
)
SWEEP_MM_PER_S = (50, 100)  # of the paper that traces once ran on; a page is as wide as 200 mm of it
PAGE_MM = 200
# Where the beam of a flow goes: the view, the valve, and how far before it (towards the probe) the gate lies, mm.
AIMS = {
    "mitral": ("a4c", "mitral", 8.0),
    "outflow": ("a5c", "aortic_valve", 6.0),
    "tissue": ("a4c", "mitral", 0.0),
    "stenosis": ("a5c", "aortic_valve", 0.0),
    "tricuspid": ("a4c", "tricuspid", 0.0),
    "regurgitation": ("a4c", "mitral", 0.0),
}
GATE_MM = {"mitral": 3.0, "outflow": 4.0, "tissue": 6.0}


@dataclass(frozen=True)
class Frame:
    """Where the trace stands on the screen, in pixels."""

    left: int
    top: int
    right: int
    bottom: int
    small: int  # side of the fan above it; 0: none

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left


def trace_frame(shape: tuple[int, int], rng: np.random.Generator) -> Frame:
    """A trace with a small fan above it, or in one of four a trace alone; a strip on top is left for text."""
    height, width = shape
    alone = rng.uniform() < ALONE
    small = 0 if alone else int(height * rng.uniform(0.30, 0.42))
    top = int(height * (0.12 if alone else 0.08)) + small
    return Frame(
        int(width * rng.uniform(0.02, 0.09)), top, int(width * rng.uniform(0.84, 0.89)), int(height * 0.93), small
    )


def draw_spectral(
    plan: Plan,
    factors: Factors,
    rng: np.random.Generator,
    *,
    frames: int,
    shape: tuple[int, int],
    jitter: float,
    sites: tuple[Site, ...] = ARCHIVE_SITES,
    continuous: bool | None = None,
) -> s.Screen:
    """A PW or CW spectrum.

    Args:
        continuous: CW; None leaves it to chance.
    """
    names = [name for name in FLOWS if continuous is None or (name in spectra.CONTINUOUS) == continuous]
    weights = np.array([FLOWS[name] for name in names])
    flow = str(rng.choice(names, p=weights / weights.sum()))
    continuous = flow in spectra.CONTINUOUS
    where = trace_frame(shape, rng)
    rhythm = clock.draw_rhythm(factors.stream("study", plan.patient, plan.study))
    duration_s = _duration_s(rng)
    height, width = where.shape
    beats = draw_beats(rng, rhythm, duration_s=duration_s, width=width)
    spectrum = spectra.draw_spectrum(flow, beats, rng, height)
    part = s.Part(
        (where.left, where.top, where.right, where.bottom),
        s.SPECTRAL,
        s.CW if continuous else s.PW,
        (s.SECONDS, s.CM_PER_S),
        (duration_s / width, 100 * spectrum.m_per_s),
    )
    view, structure, before_mm = AIMS[flow]
    fan = draw_fan(plan, factors, frames=1, size=max(where.small, 64), jitter=jitter, view=view, sites=sites)
    line, sample = target(fan, structure, before_mm, outer=flow == "tissue")
    gate = None if continuous else (sample, GATE_MM[flow] / float(fan.latents["depth_mm"]))
    screen = _on_screen("spectral", view, fan, rng, where, spectrum.picture, part, shape, line, gate, frames=frames)
    scale = _Scale(spectrum.base_row, spectrum.m_per_s * (1 if continuous else 100), "m/s" if continuous else "cm/s")
    glyphs = _scales(where, shape, scale, beats.phase, duration_s, rng, p_wave=not rhythm.fibrillation)
    drawn = {
        **spectrum.numbers,
        "flow": flow,
        "continuous": continuous,
        "scale_m_per_s": spectrum.m_per_s * height / 2,
        "heart_rate_per_min": rhythm.rate_per_min,
    }
    return _finish(screen, glyphs, screen.codes | (4 if continuous else 8), drawn, rng)


def draw_m_mode(
    plan: Plan,
    factors: Factors,
    rng: np.random.Generator,
    *,
    frames: int,
    shape: tuple[int, int],
    jitter: float,
    sites: tuple[Site, ...] = ARCHIVE_SITES,
) -> s.Screen:
    """One beam over some beats."""
    where = trace_frame(shape, rng)
    level = draw_level(rng)
    beam = draw_beam(
        plan,
        factors,
        rng,
        level=level,
        duration_s=_duration_s(rng),
        size=max(where.small, 64),
        jitter=jitter,
        sites=sites,
    )
    height, width = where.shape
    picture = trace(beam, rng, height, width)
    cm_per_row = beam.depth_mm / 10 / height
    part = s.Part(
        (where.left, where.top, where.right, where.bottom), s.M_MODE, s.TISSUE, (s.SECONDS, s.CM),
        (beam.duration_s / width, cm_per_row),
    )  # fmt: skip
    view = "a4c" if level == "tapse" else "plax"
    screen = _on_screen("m-mode", view, beam.fan, rng, where, picture, part, shape, beam.line, None, frames=frames)
    phase = beam.phase[np.minimum(np.arange(width) * len(beam.phase) // width, len(beam.phase) - 1)]
    glyphs = _scales(
        where, shape, _Scale(0, -cm_per_row, "cm"), phase, beam.duration_s, rng, p_wave=not beam.fibrillation
    )
    drawn = {
        "level": level,
        "line": beam.line,
        "duration_s": beam.duration_s,
        "heart_rate_per_min": beam.rate_per_min,
    }
    return _finish(screen, glyphs, screen.codes | 2, drawn, rng)


def _duration_s(rng: np.random.Generator) -> float:
    """Seconds on a page at one of the paper's speeds: 2 s or 4 s."""
    return PAGE_MM / float(rng.choice(SWEEP_MM_PER_S))


def target(fan: Fan, structure: str, before_mm: float, *, outer: bool) -> tuple[float, float]:
    """Where on the beam grid a valve lies, as shares of width and depth; `outer`: its lateral end (the annulus)."""
    lines, samples = np.nonzero(fan.beams[0] == STRUCTURE_NUMBER[structure])
    n_lines, n_samples = fan.beams.shape[1:]
    if len(lines) < 4:
        return 0.5, 0.6
    chosen = lines >= np.percentile(lines, 92) if outer else np.ones(len(lines), bool)
    depth = float(np.median(samples[chosen])) / n_samples - before_mm / float(fan.latents["depth_mm"])
    return float(np.median(lines[chosen])) / (n_lines - 1), float(np.clip(depth, 0.1, 0.95))


def _on_screen(
    kind: str, view: str, fan: Fan, rng: np.random.Generator, where: Frame, picture: UInt8[np.ndarray, "h w"],
    part: s.Part, shape: tuple[int, int], line: float, gate: tuple[float, float] | None, *, frames: int,
) -> s.Screen:  # fmt: skip
    """The trace, and the fan above it with its cursor and, for PW, the gate: its depth and length as shares."""
    name = str(rng.choice(list(TINTS))) if rng.uniform() < 0.3 else ""
    colored = tint(picture[None], name) if name else picture[None]
    flow = bool(where.small and kind == "spectral" and rng.uniform() < 0.45)
    if flow or name:
        colored = colored if colored.ndim == 4 else np.repeat(colored[..., None], 3, axis=-1)
    canvas = s.place(colored, shape, (where.left, where.top))
    sector, parts, codes = np.zeros(shape, bool), [part], 0
    if where.small:
        small = draw_flow(fan, rng).rgb if flow else fan.gray
        if canvas.ndim == 4 and small.ndim == 3:
            small = np.repeat(small[..., None], 3, axis=-1)
        corner = (int((shape[1] - where.small) * rng.uniform(0.3, 0.7)), int(0.06 * shape[0]))
        canvas = s.place(small, shape, corner, background=canvas)
        sector = s.place(fan.sector[None], shape, corner)[0]
        parts.append(s.fan_part(sector, fan.mm_per_pixel, s.COLOR_FLOW if flow else s.TISSUE))
        codes = 0x11 if flow else 1
        glyphs = np.where(sector, cursor(fan, shape, corner, line, gate), np.uint8(0))
        canvas = s.draw_over(canvas, glyphs, (230, 230, 230))
    if rng.uniform() < 0.5:
        parts.reverse()
    # Three of twenty are stored while the trace runs: the same picture with a gap that sweeps over it.
    count = frames if rng.uniform() < 0.15 else 1
    if count > 1:
        canvas = _sweeping(canvas, where, count)
    return s.Screen(
        kind=kind, label="", view=view, frames=canvas, sector=sector, graphics=np.zeros(shape, np.uint8),
        parts=tuple(parts), codes=codes, frame_time_ms=fan.frame_time_ms if count > 1 else 0.0,
        depth_mm=float(fan.latents["depth_mm"]), mm_per_pixel=fan.mm_per_pixel, apex=None, settings=fan.settings,
        latents={"tint": name, "alone": where.small == 0, "small_flow": flow},
    )  # fmt: skip


def cursor(
    fan: Fan, shape: tuple[int, int], corner: tuple[int, int], line: float, gate: tuple[float, float] | None
) -> UInt8[np.ndarray, "h w"]:
    """A dashed beam through the fan, with two short bars across it where the gate begins and ends."""
    ink = Image.new("L", (shape[1], shape[0]), 0)
    draw = ImageDraw.Draw(ink)

    def at(sample: float) -> np.ndarray:
        return np.array(fan.pixel(line, sample)) + corner

    length = float(np.hypot(*(at(1.0) - at(0.0))))
    for k in np.arange(0, length, 4):
        draw.line([*at(k / length), *at((k + 2) / length)], fill=230)
    if gate is not None:
        along = (at(1.0) - at(0.0)) / max(length, 1)
        across = np.array([along[1], -along[0]]) * max(3.0, 0.012 * shape[0])
        half = max(gate[1] / 2, 1.5 / max(length, 1))
        for sample in (gate[0] - half, gate[0] + half):
            draw.line([*(at(sample) - across), *(at(sample) + across)], fill=255)
    return np.asarray(ink)


def _sweeping(canvas: np.ndarray, where: Frame, frames: int) -> np.ndarray:
    out = np.repeat(canvas, frames, axis=0)
    width = where.right - where.left
    for k in range(frames):
        x = where.left + int(width * ((0.1 + k / frames) % 1))
        out[k, where.top : where.bottom, x : min(x + max(2, width // 40), where.right)] = 0
    return out


@dataclass(frozen=True)
class _Scale:
    """Of a trace: the row that is 0, what one row upwards is worth, and in which unit."""

    zero_row: int
    per_row: float
    unit: str


def _step(whole: float) -> float:
    """A round distance of ticks: 1, 2 or 5 times a power of ten, six to fifteen of them on a scale."""
    power = 10.0 ** np.floor(np.log10(whole / 6))
    return float(power * max(k for k in (1, 2, 5) if k * power <= whole / 6 + 1e-9))


def _scales(
    where: Frame, shape: tuple[int, int], scale: _Scale, phase: Float[np.ndarray, " columns"], duration_s: float,
    rng: np.random.Generator, *, p_wave: bool,
) -> UInt8[np.ndarray, "h w"]:  # fmt: skip
    """Baseline, ticks with numbers at the side, seconds below, and an ECG."""
    ink = Image.new("L", (shape[1], shape[0]), 0)
    draw = ImageDraw.Draw(ink)
    font = ImageFont.load_default(size=max(7.0, shape[0] * 0.032))
    if scale.zero_row > 0:
        draw.line([(where.left, where.top + scale.zero_row), (where.right, where.top + scale.zero_row)], fill=220)
    height = where.shape[0]
    whole = abs(scale.per_row) * height
    step = _step(whole)
    for k in range(-int(whole / step) - 1, int(whole / step) + 2):
        y = where.top + scale.zero_row - k * step / scale.per_row
        if not where.top <= y <= where.bottom:
            continue
        draw.line([(where.right, y), (where.right + 4, y)], fill=220)
        if k % 2 == 0 and where.top + 0.03 * shape[0] < y:
            value = f"{k * step:.1f}" if step < 1 else f"{k * step:.0f}"
            draw.text((where.right + 6, y - shape[0] * 0.018), value, fill=220, font=font)
    draw.text((where.right + 6, where.top - shape[0] * 0.04), scale.unit, fill=220, font=font)
    for second in np.arange(0, duration_s, 0.2):
        x = where.left + (where.right - where.left) * second / duration_s
        draw.line([(x, where.bottom), (x, where.bottom + (4 if round(second * 5) % 5 == 0 else 2))], fill=200)
    if rng.uniform() < 0.8:
        box = (where.left, int(where.bottom - 0.06 * shape[0]), where.right, where.bottom - 2)
        ecg_line(draw, box, phase, p_wave=p_wave)
    return np.asarray(ink)


def _finish(
    screen: s.Screen,
    glyphs: UInt8[np.ndarray, "h w"],
    codes: int,
    drawn: dict[str, float | int | str | bool],
    rng: np.random.Generator,
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
