"""Several fans on one screen: gray beside colour, two phases side by side, and the four panes of a stress study."""

from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sslecho.phantom.factors import Factors
from sslecho.phantom.plan import Plan
from sslecho.phantom.screens import screen as s
from sslecho.phantom.screens.fan import Fan, draw_fan
from sslecho.phantom.screens.flow import draw_flow
from sslecho.phantom.sites import ARCHIVE_SITES, Site

STRESS_VIEWS = ("plax", "psax_mid", "a4c", "a2c")
# Stress studies are adults', so that the apex is on top; and of good windows, or one wouldn't begin (chosen).
CAREFUL = 0.6  # times the usual spread of positions and quality
SLICES = ("psax_mv",) * 3 + ("psax_pap",) * 3 + ("psax_apex",) * 3
STAGES = ("REST", "LOW", "PEAK", "POST")


def draw_dual(
    plan: Plan,
    factors: Factors,
    rng: np.random.Generator,
    *,
    frames: int,
    shape: tuple[int, int],
    jitter: float,
    sites: tuple[Site, ...] = ARCHIVE_SITES,
) -> s.Screen:
    """The same fan twice: gray and colour (three of four), or gray and gray of another view."""
    side = int(shape[1] * rng.uniform(0.46, 0.495))
    left = draw_fan(plan, factors, frames=frames, size=side, jitter=jitter, sites=sites)
    color = bool(rng.uniform() < 0.75)
    if color:
        right, pictures = left, [np.repeat(left.gray[..., None], 3, axis=-1), draw_flow(left, rng).rgb]
    else:
        other = str(rng.choice(STRESS_VIEWS))
        right = draw_fan(plan, factors, frames=frames, size=side, jitter=jitter, view=other, sites=sites)
        pictures = [left.gray, right.gray]
    row = int((shape[0] - side) * rng.uniform(0.2, 0.8))
    corners = [(0, row), (shape[1] // 2, row)]
    data = [s.TISSUE, s.COLOR_FLOW if color else s.TISSUE]
    return _assembled("dual", plan, shape, pictures, [left, right], corners, data, 0x11 if color else 1)


def draw_quad(
    plan: Plan,
    factors: Factors,
    rng: np.random.Generator,
    *,
    frames: int,
    shape: tuple[int, int],
    jitter: float,
    sites: tuple[Site, ...] = ARCHIVE_SITES,
) -> s.Screen:
    """Four views, or one view at four stages, two by two, each with its name."""
    side = int(min(shape[0], shape[1]) * rng.uniform(0.45, 0.49))
    stages = bool(rng.uniform() < 0.5)
    views = [plan.view] * 4 if stages else list(STRESS_VIEWS)
    upright = tuple(replace(site, apex_down=False) for site in sites)
    fans = [
        draw_fan(plan, factors, frames=frames, size=side, jitter=CAREFUL * jitter, view=view, sites=upright)
        for view in views
    ]
    width, height = shape[1] // 2, shape[0] // 2
    corners = [(x * width + (width - side) // 2, y * height + (height - side) // 2) for y in (0, 1) for x in (0, 1)]
    pictures = [np.roll(fan.gray, 2 * k, axis=0) for k, fan in enumerate(fans)]
    screen = _assembled("quad", plan, shape, pictures, fans, corners, [s.TISSUE] * 4, 1)
    ink = Image.new("L", (shape[1], shape[0]), 0)
    draw = ImageDraw.Draw(ink)
    font = ImageFont.load_default(size=max(7.0, shape[0] * 0.032))
    for k, name in enumerate(STAGES if stages else views):
        draw.text((3 + (k % 2) * width, 2 + (k // 2) * height), name.upper(), fill=220, font=font)
    if rng.uniform() < 0.6:
        draw.line([(width, 0), (width, shape[0])], fill=120)
        draw.line([(0, height), (shape[1], height)], fill=120)
    glyphs = np.asarray(ink)
    return replace(screen, frames=s.draw_over(screen.frames, glyphs, (220, 220, 220)), graphics=glyphs)


def draw_slices(
    plan: Plan, factors: Factors, *, shape: tuple[int, int], jitter: float, sites: tuple[Site, ...] = ARCHIVE_SITES
) -> s.Screen:
    """Nine slices of a volume, three by three, from the base to the apex: the middles of fans, each with its number."""
    side = min(shape) // 3
    canvas, ink = np.zeros((1, *shape), np.uint8), Image.new("L", (shape[1], shape[0]), 0)
    draw = ImageDraw.Draw(ink)
    font = ImageFont.load_default(size=max(7.0, shape[0] * 0.032))
    fans = {
        view: draw_fan(plan, factors, frames=1, size=2 * side, jitter=CAREFUL * jitter, view=view, sites=sites)
        for view in dict.fromkeys(SLICES)
    }
    left, top = (shape[1] - 3 * side) // 2, (shape[0] - 3 * side) // 2
    for k, view in enumerate(SLICES):
        gray = fans[view].gray[0]
        # One level is drawn once; its neighbors in the volume are a little larger or smaller.
        edge = int(side * (0.62 + 0.03 * (k % 3)))
        row, column = int(0.3 * side) + side // 2 - edge // 2, side + side // 8 - edge // 2
        pane = Image.fromarray(gray[row : row + edge, column : column + edge]).resize((side - 2, side - 2))
        corner = (left + (k % 3) * side, top + (k // 3) * side)
        canvas[0, corner[1] : corner[1] + side - 2, corner[0] : corner[0] + side - 2] = np.asarray(pane)
        draw.text((corner[0] + 3, corner[1] + 0.055 * shape[0]), str(k + 1), fill=220, font=font)
    first = fans[SLICES[0]]
    glyphs = np.asarray(ink)
    return s.Screen(
        kind="other", label="", view="", frames=s.draw_over(canvas, glyphs, (220, 220, 220)), sector=canvas[0] > 0,
        graphics=glyphs, parts=(), codes=1, frame_time_ms=0.0, depth_mm=0.0, mm_per_pixel=0.0, apex=None,
        settings=first.settings, latents={"panes": len(SLICES)},
    )  # fmt: skip


def _assembled(
    kind: str, plan: Plan, shape: tuple[int, int], pictures: list[np.ndarray], fans: list[Fan],
    corners: list[tuple[int, int]], data: list[int], codes: int,
) -> s.Screen:  # fmt: skip
    canvas, sector, parts = None, np.zeros(shape, bool), []
    for picture, fan, corner, of in zip(pictures, fans, corners, data, strict=True):
        one = s.place(fan.sector[None], shape, corner)[0]
        placed = s.place(picture, shape, corner)
        canvas = placed if canvas is None else np.maximum(canvas, placed)
        sector |= one
        parts.append(s.fan_part(one, fan.mm_per_pixel, of))
    assert canvas is not None
    first = fans[0]
    return s.Screen(
        kind=kind, label="", view=plan.view, frames=canvas, sector=sector, graphics=np.zeros(shape, np.uint8),
        parts=tuple(parts), codes=codes, frame_time_ms=first.frame_time_ms, depth_mm=float(first.latents["depth_mm"]),
        mm_per_pixel=first.mm_per_pixel, apex=None, settings=first.settings, latents={"panes": len(fans)},
    )  # fmt: skip
