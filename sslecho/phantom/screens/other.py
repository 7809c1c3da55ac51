"""Screens that are no ultrasound picture: report pages, bull's-eyes, and rendered volumes."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from sslecho.phantom.echo import study_settings
from sslecho.phantom.factors import Factors
from sslecho.phantom.plan import Plan
from sslecho.phantom.screens import screen as s
from sslecho.phantom.screens.contrast import tint
from sslecho.phantom.sites import ARCHIVE_SITES
from sslecho.phantom.speckle import smooth_field

LINES = ("LVIDd", "LVIDs", "IVSd", "LVPWd", "EDV (MOD)", "ESV (MOD)", "EF (MOD)", "MV E Vel", "MV A Vel", "AV Vmax",
         "TR Vmax", "LA Diam", "Ao Root", "TAPSE", "IVC Diam", "E/e'", "SV (LVOT)", "RVSP")  # fmt: skip
LOOKS = ("report", "bullseye", "volume")


def draw_other(plan: Plan, factors: Factors, rng: np.random.Generator, *, frames: int, size: int) -> s.Screen:
    """One of LOOKS."""
    look = str(rng.choice(LOOKS))
    shape = s.screen_shape(size)
    ink = np.zeros(shape, np.uint8)
    if look == "report":
        picture, ink = _report(shape, rng)
    elif look == "bullseye":
        picture, ink = _bullseye(shape, rng)
    else:
        picture = _volume(shape, rng, frames if rng.uniform() < 0.6 else 1)
    settings = study_settings(factors, plan.patient, plan.study, ARCHIVE_SITES)
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
    names = rng.permutation(LINES)
    for k, name in enumerate(names):
        column, row = k // 9, k % 9
        x, y = width * (0.06 + 0.47 * column), height * 0.22 + row * step * 1.3
        draw.text((x, y), name, fill=255, font=font)
        draw.text(
            (x + width * 0.24, y),
            f"{rng.uniform(0.5, 90):.1f} {rng.choice(['cm', 'ml', 'm/s', '%'])}",
            fill=255,
            font=font,
        )
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
    """A surface lit from one side in bronze, smooth where a fan would be grainy."""
    height, width = shape
    rows, columns = np.indices(shape)
    y, x = (rows / height - 0.52) / 0.4, (columns / width - 0.5) / 0.38
    bumps = ndimage.zoom(smooth_field(rng, (64, 64), (6.0, 6.0)), (height / 64, width / 64), order=3)[:height, :width]
    fine = ndimage.zoom(smooth_field(rng, (128, 128), (2.0, 2.0)), (height / 128, width / 128), order=3)[
        :height, :width
    ]
    inside = x**2 + y**2 + 0.15 * bumps < 1
    out = np.empty((frames, height, width, 3), np.uint8)
    for k in range(frames):
        beat = 1 + 0.12 * np.sin(2 * np.pi * k / max(frames, 8))
        hole = np.exp(-(((x - 0.1) / 0.3) ** 2 + ((y + 0.05) / (0.38 * beat)) ** 2))
        surface = 0.25 * bumps + 0.02 * fine - 1.1 * hole + 0.6 * np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))
        slope_y, slope_x = np.gradient(ndimage.gaussian_filter(surface, 1.2))
        light = 0.6 - 5.0 * (slope_x + 0.6 * slope_y) * height / 256
        gray = np.clip(255 * light * (0.45 + 0.5 * (1 - hole)), 0, 255) * inside
        out[k] = tint(gray.astype(np.uint8), "bronze")
    return out
