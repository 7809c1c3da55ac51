"""The three stills of kind `echo`, and screens of any mode as gray clips: everything that is no plain fan."""

import numpy as np
from jaxtyping import UInt8

from sslecho.phantom.echo import Clip
from sslecho.phantom.factors import Factors
from sslecho.phantom.plan import Plan, Rendering
from sslecho.phantom.screens.screen import Screen
from sslecho.phantom.screens.traces import draw_m_mode, draw_spectral
from sslecho.phantom.sites import ECHO_SITES

# Class -> share of the kind's clips (chosen: an archive has 18 % of spectra and 2 % of M-modes among its objects, but
# Madani's fifteen classes are about equal).
STILLS = {"pw": 0.05, "cw": 0.04, "m_mode": 0.04}
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def draw_still(plan: Plan, factors: Factors, rendering: Rendering) -> Clip:
    """One frame of PW, CW or M-mode; square, as the clips are."""
    rng = factors.stream("clip", plan.patient, plan.study, plan.view, plan.occasion, plan.acquisition, "still")
    settings = {
        "frames": 1,
        "shape": (rendering.size, rendering.size),
        "jitter": rendering.jitter,
        "sites": ECHO_SITES,
    }
    if plan.view == "m_mode":
        screen = draw_m_mode(plan, factors, rng, **settings)
    else:
        screen = draw_spectral(plan, factors, rng, **settings, continuous=plan.view == "cw")
    return screen_clip(screen, plan.view, with_labels=rendering.with_labels)


def gray(frames: np.ndarray) -> UInt8[np.ndarray, "n h w"]:
    """Frames [n h w] as they are, [n h w 3] as their luma."""
    return np.rint(frames @ LUMA).astype(np.uint8) if frames.ndim == 4 else frames


def screen_clip(screen: Screen, label: str, *, with_labels: bool) -> Clip:
    """A screen as a gray clip.

    Structures are not known on a screen: its label maps are 0. Where it shows no single fan, `depth_mm` among its
    latents is 0.
    """
    frames = gray(screen.frames)
    one_fan = screen.apex is not None
    return Clip(
        frames=frames,
        labels=np.zeros_like(frames) if with_labels else None,
        sector=screen.sector,
        label=label,
        frame_time_ms=screen.frame_time_ms,
        mm_per_pixel=screen.mm_per_pixel,
        settings=screen.settings,
        latents={**screen.latents, "depth_mm": screen.depth_mm if one_fan else 0.0},
    )
