"""Screens that are no ultrasound picture: report pages, bull's-eyes, and rendered volumes."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from sslecho.phantom.echo import study_settings
from sslecho.phantom.factors import Factors
from sslecho.phantom.plan import Plan
from sslecho.phantom.screens import screen as s
from sslecho.phantom.screens.contrast import tint
from sslecho.phantom.sites import ARCHIVE_SITES, Site
from sslecho.phantom.speckle import smooth_field

# What a report says, in which unit, and between which values.
LINES = {
    "LVIDd": ("cm", 3.8, 6.2), "LVIDs": ("cm", 2.2, 4.8), "IVSd": ("cm", 0.6, 1.5), "LVPWd": ("cm", 0.6, 1.4),
    "EDV (MOD)": ("ml", 60, 190), "ESV (MOD)": ("ml", 20, 120), "EF (MOD)": ("%", 25, 70),
    "MV E Vel": ("m/s", 0.5, 1.1), "MV A Vel": ("m/s", 0.4, 0.9), "AV Vmax": ("m/s", 0.9, 4.6),
    "TR Vmax": ("m/s", 1.9, 3.5), "LA Diam": ("cm", 2.7, 4.8), "Ao Root": ("cm", 2.6, 4.1), "TAPSE": ("cm", 1.3, 2.6),
    "IVC Diam": ("cm", 1.0, 2.4), "E/e'": ("", 5, 18), "SV (LVOT)": ("ml", 40, 110), "RVSP": ("mmHg", 18, 60),
}  # fmt: skip
LOOKS = ("report", "bullseye", "volume")


def draw_other(
    plan: Plan,
    factors: Factors,
    rng: np.random.Generator,
    *,
    frames: int,
    shape: tuple[int, int],
    sites: tuple[Site, ...] = ARCHIVE_SITES,
    look: str = "",
) -> s.Screen:
    """One of LOOKS, drawn if none is named."""
    look = look or str(rng.choice(LOOKS))
    ink = np.zeros(shape, np.uint8)
    if look == "report":
        picture, ink = _report(shape, rng)
    elif look == "bullseye":
        picture, ink = _bullseye(shape, rng)
    else:
        picture = _volume(shape, rng, frames if rng.uniform() < 0.6 else 1)
    settings = study_settings(factors, plan.patient, plan.study, sites)
    return s.Screen(
        kind="other", label="", view="", frames=picture, sector=np.zeros(shape, bool), graphics=ink, parts=(),
        codes=0x40 if look == "volume" else 0, frame_time_ms=settings.frame_time_ms if len(picture) > 1 else 0.0,
        depth_mm=0.0, mm_per_pixel=0.0, apex=None, settings=settings, latents={"look": look},
    )  # fmt: skip


def _report(shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Lines of measurements, white on black or black on white."""
    height, width = shape
    ink = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(ink)
    font = ImageFont.load_default(size=max(7.0, height * 0.036))
    step = height * 0.055
    draw.text((width * 0.35, height * 0.12), "ADULT ECHO REPORT", fill=255, font=font)
    names = rng.permutation(list(LINES)).tolist()
    for k, name in enumerate(names):
        column, row = k // 9, k % 9
        x, y = width * (0.06 + 0.47 * column), height * 0.22 + row * step * 1.3
        draw.text((x, y), name, fill=255, font=font)
        unit, low, high = LINES[name]
        draw.text((x + width * 0.24, y), f"{rng.uniform(low, high):.1f} {unit}", fill=255, font=font)
    draw.line([(width * 0.05, height * 0.2), (width * 0.95, height * 0.2)], fill=200)
    glyphs = np.asarray(ink)
    white = rng.uniform() < 0.35
    picture = (255 - glyphs) if white else np.maximum(glyphs, np.uint8(rng.choice([0, 0, 30])))
    return picture[None], glyphs


def _bullseye(shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Strain of 17 segments as rings of flat colour."""
    height, width = shape
    picture = Image.new("RGB", (width, height), (0, 0, 0))
    draw = ImageDraw.Draw(picture)
    ink = Image.new("L", (width, height), 0)
    writes = ImageDraw.Draw(ink)
    font = ImageFont.load_default(size=max(7.0, height * 0.032))
    center, radius = (width * 0.45, height * 0.52), height * 0.38
    for ring, count in ((1.0, 6), (0.72, 6), (0.45, 4), (0.18, 1)):
        r = radius * ring
        box = (center[0] - r, center[1] - r, center[0] + r, center[1] + r)
        for k in range(count):
            strain = float(np.clip(rng.normal(0.7, 0.25), 0, 1))
            fill = (int(120 + 135 * strain), int(90 * (1 - strain)), int(200 * (1 - strain)))
            draw.pieslice(box, 360 * k / count, 360 * (k + 1) / count, fill=fill, outline=(0, 0, 0))
            angle = 2 * np.pi * (k + 0.5) / count
            at = (center[0] + 0.8 * r * np.cos(angle) - 6, center[1] + 0.8 * r * np.sin(angle) - 5)
            writes.text(at, f"-{10 + 15 * strain:.0f}", fill=255, font=font)
    for k, text in enumerate(("GLS -18.4 %", "HR 64 bpm", "AVC 342 ms")):
        writes.text((width * 0.02, height * (0.15 + 0.06 * k)), text, fill=255, font=font)
    glyphs = np.asarray(ink)
    return s.draw_over(np.asarray(picture)[None], glyphs, (255, 255, 255)), glyphs


def _volume(shape: tuple[int, int], rng: np.random.Generator, frames: int) -> np.ndarray:
    """A mitral valve as a surgeon sees it, lit from one side in bronze, smooth where a fan would be grainy."""
    height, width = shape
    rows, columns = np.indices(shape)
    y, x = (rows / height - 0.52) / 0.42, (columns / width - 0.5) / 0.42 * width / height
    turn = float(rng.uniform(-0.5, 0.5))
    x, y = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x

    def field(n: int, smooth: float) -> np.ndarray:
        coarse = smooth_field(rng, (n, n), (smooth, smooth))
        return np.asarray(ndimage.zoom(coarse, (height / n, width / n), order=3))[:height, :width]

    bumps, fine = field(64, 6.0), field(128, 2.5)
    annulus = np.hypot(x / 0.82, y / 0.66)
    inside = annulus + 0.07 * bumps < 1.28
    # The leaflets meet along a smile; in diastole it opens.
    line = 0.22 - 0.34 * (1 - (x / 0.62) ** 2) * 0.9
    out = np.empty((frames, height, width, 3), np.uint8)
    for k in range(frames):
        opening = max(np.sin(2 * np.pi * (k / max(frames, 8) + 0.1)), 0.0) if frames > 1 else float(rng.uniform(0, 1))
        gap = (0.03 + 0.24 * opening) * np.sqrt(np.clip(1 - (x / 0.6) ** 2, 0, 1))
        hole = 1 / (1 + np.exp((np.abs(y + line) - gap) / 0.02)) * (np.abs(x) < 0.6)
        ring = np.exp(-(((annulus - 1) / 0.14) ** 2))
        surface = 0.16 * ring + 0.05 * bumps + 0.012 * fine - 0.25 * np.exp(-(((y + line) / 0.2) ** 2)) * (annulus < 1)
        slope_y, slope_x = np.gradient(ndimage.gaussian_filter(surface, 0.006 * height))
        light = 0.55 - 16.0 * (slope_x + 0.7 * slope_y) * height / 256
        depth = np.clip(1.15 - 0.35 * annulus + 0.25 * ring, 0, 1)
        gray = np.clip(235 * np.clip(light, 0.05, 1.1) * depth * (1 - 0.93 * hole), 0, 255) * inside
        out[k] = tint(gray.astype(np.uint8), "bronze")
    return out
