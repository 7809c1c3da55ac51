"""Class `other` of kind `echo`: what an archive holds besides standard views and traces, of many looks.

    fans        heart.other: air, liver, lung, oblique cuts, from the esophagus, between windows
    colour      a standard view with a colour box
    dual, quad, slices  two, four or nine panes
    volume, bullseye, report    what is no ultrasound picture at all

Everything is gray and square, as the other classes are.
"""

from dataclasses import replace

import numpy as np

from sslecho.phantom.echo import Clip, EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.other import OTHER
from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.kinds.stills import gray, screen_clip
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.screens.fan import draw_fan, other_drives
from sslecho.phantom.screens.flow import draw_flow
from sslecho.phantom.screens.other import LOOKS, draw_other
from sslecho.phantom.screens.panes import draw_dual, draw_quad, draw_slices
from sslecho.phantom.sites import ECHO_SITES

# Shares within the class (chosen): fans are the harder half, because only their anatomy gives them away.
SUBTYPES = {
    **dict.fromkeys(OTHER, 0.53 / len(OTHER)),
    "colour": 0.14,
    "dual": 0.08,
    "quad": 0.06,
    "slices": 0.04,
    **dict.fromkeys(LOOKS, 0.15 / len(LOOKS)),
}


def draw_no_view(plan: Plan, factors: Factors, rendering: Rendering, label: str) -> Clip:
    """A clip of one of SUBTYPES, which is `look` among the latents."""
    keys = (plan.patient, plan.study, plan.occasion)
    look = str(factors.stream("view", *keys, "look").choice(list(SUBTYPES), p=list(SUBTYPES.values())))
    if look in OTHER:
        clip = _fan(plan, factors, rendering, look)
    else:
        # What a box or a pane shows is a standard view.
        behind = str(factors.stream("view", *keys, "behind").choice(list(VIEWS)))
        clip = _screen(replace(plan, view=behind), factors, rendering, look)
    return replace(clip, label=label, latents={**clip.latents, "look": look})


def _fan(plan: Plan, factors: Factors, rendering: Rendering, look: str) -> Clip:
    clip = EchoClip(
        factors,
        patient=plan.patient,
        view=look,
        study=plan.study,
        acquisition=plan.acquisition,
        frames=rendering.frames,
        size=rendering.size,
        jitter=rendering.jitter,
        same_fan=rendering.same_fan,
        drives=other_drives(look, plan, factors, rendering.frames),
    )
    return clip.render(with_labels=rendering.with_labels)


def _screen(plan: Plan, factors: Factors, rendering: Rendering, look: str) -> Clip:
    rng = factors.stream("clip", plan.patient, plan.study, plan.view, plan.occasion, plan.acquisition, "screen")
    if look == "colour":
        return _color(plan, factors, rendering, rng)
    if look == "slices":
        shape = (rendering.size, rendering.size)
        screen = draw_slices(plan, factors, shape=shape, jitter=rendering.jitter, sites=ECHO_SITES)
        return screen_clip(screen, "", with_labels=rendering.with_labels)
    settings = {"frames": rendering.frames, "shape": (rendering.size, rendering.size), "sites": ECHO_SITES}
    if look in LOOKS:
        screen = draw_other(plan, factors, rng, **settings, look=look)
    else:
        draw_panes = draw_dual if look == "dual" else draw_quad
        screen = draw_panes(plan, factors, rng, **settings, jitter=rendering.jitter)
    return screen_clip(screen, "", with_labels=rendering.with_labels)


def _color(plan: Plan, factors: Factors, rendering: Rendering, rng: np.random.Generator) -> Clip:
    """A fan with colour in a box, in gray: the box is brighter blood and an outline."""
    fan = draw_fan(
        plan, factors, frames=rendering.frames, size=rendering.size, jitter=rendering.jitter, sites=ECHO_SITES
    )
    flow = draw_flow(fan, rng)
    frames = gray(flow.rgb)
    if rng.uniform() < 0.85:
        frames[:, flow.outline] = 200
    return Clip(
        frames=frames,
        labels=np.zeros_like(frames) if rendering.with_labels else None,
        sector=fan.sector,
        label="",
        frame_time_ms=fan.frame_time_ms,
        mm_per_pixel=fan.mm_per_pixel,
        settings=fan.settings,
        latents={**fan.latents, "behind": plan.view},
    )
