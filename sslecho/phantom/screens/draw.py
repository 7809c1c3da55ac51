"""A screen of an archive from its plan: the mode's picture, then what the machine burns in."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, UInt8

from sslecho.phantom.echo import study_settings
from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.layouts import DEVICE_LAYOUTS, GRAPHICS, IDENTIFYING, LAYOUTS, Facts, draw_layout
from sslecho.phantom.overlay import Identity, draw_identity
from sslecho.phantom.plan import Plan
from sslecho.phantom.screens import screen as s
from sslecho.phantom.screens.contrast import TINTS, opacify, tint
from sslecho.phantom.screens.fan import draw_fan, other_drives, other_plane
from sslecho.phantom.screens.flow import color_bar, draw_flow
from sslecho.phantom.screens.other import draw_other
from sslecho.phantom.screens.panes import draw_dual, draw_quad
from sslecho.phantom.screens.traces import draw_m_mode, draw_spectral
from sslecho.phantom.sites import ARCHIVE_SITES

TINTED = {"b-mode": 0.15, "colour": 0.05, "contrast": 0.6}  # share of clips with a colored gray map
IN_COLOR = 0.5  # share of plain gray clips that are stored as RGB all the same, with colored text
NO_VIEW = "other"  # the class of fans that are no standard view
# Off the fan, a machine writes who and when, but no gray bar or ticks.
TEXT_ONLY = IDENTIFYING | {"clock"}


@dataclass(frozen=True)
class Burnt:
    """A finished screen.

    Args:
        screen: with everything burned in.
        identity: who is named.
        layout: a name of `layouts.LAYOUTS`.
        outside, inside: glyphs off and in the sector, by their kind: 1 graphics, 2 text, 3 text that names someone.
    """

    screen: s.Screen
    identity: Identity
    layout: str
    outside: UInt8[np.ndarray, "h w"]
    inside: UInt8[np.ndarray, "h w"]


def draw_screen(plan: Plan, factors: Factors, *, frames: int, size: int, jitter: float, overlays: bool = True) -> Burnt:
    """Draw what a plan of kind "archive" says, with the study's layout over it.

    Args:
        frames: of a clip; stills have one.
        size: the screen's height in pixels; it is a third wider.
    """
    rng = factors.stream("clip", plan.patient, plan.study, plan.view, plan.occasion, plan.acquisition, "screen")
    settings = study_settings(factors, plan.patient, plan.study, ARCHIVE_SITES)
    software = factors.stream("device", plan.patient, plan.study, "layout")
    name = str(software.choice(DEVICE_LAYOUTS[settings.device.name]))
    layout = LAYOUTS[name]
    screen = _picture(plan, factors, rng, fan=layout.fan, align=layout.align, frames=frames, size=size, jitter=jitter)
    identity = draw_identity(factors, plan.patient, plan.study, settings.site)
    h, w = screen.sector.shape
    outside, inside = np.zeros((h, w), np.uint8), np.zeros((h, w), np.uint8)
    kinds = np.where(screen.graphics > 0, np.uint8(GRAPHICS), np.uint8(0))
    if overlays:
        facts = Facts(
            probe=settings.device.maker,
            frequency_mhz=settings.frequency_mhz,
            depth_mm=screen.depth_mm,
            rate_per_min=float(screen.latents.get("heart_rate_per_min", 72.0)),
            view="" if screen.label == NO_VIEW else screen.label,
            numbers=tuple(software.uniform(0, 1, 8).tolist()),
            mirrored=bool(screen.latents.get("mirrored", False)),
        )
        burned = draw_layout(
            name, screen.sector, identity, facts, mm_per_pixel=screen.mm_per_pixel, apex=screen.apex,
            only=None if screen.apex is not None else TEXT_ONLY,
        )  # fmt: skip
        light = screen.frames[0].mean() > 150  # a white report page has black letters
        color = (0, 0, 0) if light else layout.color
        screen = replace(screen, frames=s.draw_over(screen.frames, burned.ink, color))
        kinds = np.maximum(kinds, burned.kinds)
    outside[~screen.sector], inside[screen.sector] = kinds[~screen.sector], kinds[screen.sector]
    return Burnt(screen, identity, name, outside, inside)


def _picture(
    plan: Plan,
    factors: Factors,
    rng: np.random.Generator,
    *,
    fan: float,
    align: float,
    frames: int,
    size: int,
    jitter: float,
) -> s.Screen:
    shape, label, drives = s.screen_shape(size), plan.view, None
    if plan.view == NO_VIEW:
        # Whoever switches on colour or a trace has found the heart.
        if plan.mode == "b-mode":
            plan = replace(plan, view=other_plane(plan, factors))
            drives = other_drives(plan.view, plan, factors, frames)
        else:
            choose = factors.stream("view", plan.patient, plan.study, plan.occasion, "behind")
            plan = replace(plan, view=str(choose.choice(list(VIEWS))))
    if plan.mode == "spectral":
        return draw_spectral(plan, factors, rng, frames=frames, shape=shape, jitter=jitter)
    if plan.mode == "m-mode":
        return draw_m_mode(plan, factors, rng, frames=frames, shape=shape, jitter=jitter)
    if plan.mode == "dual":
        return draw_dual(plan, factors, rng, frames=frames, shape=shape, jitter=jitter)
    if plan.mode == "quad":
        return draw_quad(plan, factors, rng, frames=frames, shape=shape, jitter=jitter)
    if plan.mode == "other":
        return draw_other(plan, factors, rng, frames=frames, shape=shape)
    drawn = draw_fan(plan, factors, frames=frames, size=int(size * fan), jitter=jitter, drives=drives)
    hue = str(rng.choice(list(TINTS))) if rng.uniform() < TINTED[plan.mode] else ""
    if plan.mode == "b-mode":
        pictures = tint(drawn.gray, hue) if hue else drawn.gray
        view = "" if label == NO_VIEW else plan.view
        screen = s.fan_screen("b-mode", drawn, pictures, size=size, align=align, label=label, view=view)
        if label == NO_VIEW:
            screen = replace(screen, latents={**screen.latents, "look": plan.view})
        screen = s.colored(screen) if rng.uniform() < IN_COLOR else screen
    elif plan.mode == "contrast":
        pictures = opacify(drawn, rng)
        pictures = tint(pictures, hue) if hue else pictures
        screen = s.fan_screen("contrast", drawn, pictures, size=size, align=align, view=plan.view)
    else:
        flow = draw_flow(drawn, rng)
        pictures = flow.rgb
        if hue:
            pictures = np.where(flow.colored[..., None], pictures, tint(drawn.gray, hue))
        screen = s.fan_screen("colour", drawn, pictures, size=size, align=align, view=plan.view, codes=0x11)
        screen = _with_box(screen, flow.box, flow.outline, flow.look, align, rng)
        screen = replace(
            screen, latents={**screen.latents, "flow_share": float(flow.colored.mean() / drawn.sector.mean())}
        )
    return replace(screen, latents={**screen.latents, "tint": hue})


def _with_box(
    screen: s.Screen, box: Bool[np.ndarray, "a a"], outline: Bool[np.ndarray, "a a"], look: str, align: float,
    rng: np.random.Generator,
) -> s.Screen:  # fmt: skip
    """The box's outline (most machines), the color bar at a side, and their regions."""
    shape, side = screen.sector.shape, len(box)
    corner = (round(align * (shape[1] - side)), round(0.5 * (shape[0] - side)))
    glyphs = np.zeros(shape, np.uint8)
    placed = s.place(box[None], shape, corner)[0]
    if rng.uniform() < 0.85:
        glyphs = s.place(outline[None], shape, corner)[0].astype(np.uint8) * np.uint8(220)
    colors = [(235, 235, 235), (90, 200, 255), (120, 255, 120)]
    frames = s.draw_over(screen.frames, glyphs, colors[int(rng.integers(3))])
    tall, wide = int(shape[0] * 0.22), max(4, int(shape[0] * 0.03))
    x, y = (shape[1] - wide - 14) if rng.uniform() < 0.7 else 12, int(shape[0] * 0.52)
    bar = np.zeros(shape, bool)
    bar[y : y + tall, x : x + wide] = True
    bar &= ~screen.sector
    full = np.zeros((*shape, 3), np.uint8)
    full[y : y + tall, x : x + wide] = color_bar(tall, wide, look)
    frames[:, bar] = full[bar]
    spacing = screen.mm_per_pixel / 10
    parts = [*screen.parts, s.Part(s.box_of(placed), s.TWO_D, s.COLOR_FLOW, (s.CM, s.CM), (spacing, spacing))]
    parts.append(s.Part((x, y, x + wide, y + tall), s.GRAPHICS, s.COLOR_BAR))
    order = rng.permutation(len(parts)).tolist()
    return replace(
        screen,
        frames=frames,
        graphics=np.maximum(glyphs, bar.astype(np.uint8) * np.uint8(255)),
        parts=tuple(parts[k] for k in order),
        latents={**screen.latents, "look": look},
    )
