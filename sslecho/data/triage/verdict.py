"""The decision: pixels first where they show something that no tag can talk away, then tags, then b-mode.

A plain gray picture without tags is b-mode unless there is strong evidence against it: a clip that is left out wrongly
is lost, and most files say nothing of themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from jaxtyping import Bool, UInt8

from sslecho.data.triage.color import Colored, sort_colors
from sslecho.data.triage.pages import Surface, measure_surface
from sslecho.data.triage.panes import count_panes
from sslecho.data.triage.traces import Trace, measure_trace

KINDS = ("b-mode", "colour", "contrast", "m-mode", "spectral", "dual", "quad", "other")
# Of what tags claim, the one that says most about the whole picture comes first: a spectrum's file also claims the
# small b-mode above it, a dual pane's the colour in one of its halves.
CLAIMS = ("spectral", "m-mode", "quad", "dual", "other", "colour", "contrast")

WORKING_SIDE = 400  # pixels, about
BRIGHTEST_OF = 8  # frames, so that a dark chamber counts as lit
FLOW, LITTLE_FLOW = 0.002, 0.0003  # of the picture in colour: no logo is so large; a narrow jet, if more speaks for it
PAINTED = 0.2  # of the picture under one paint
BAR_HUES = 0.92  # resultant length of a bar's hues: below, it is a colour map and no tinted gray bar
BAR = 0.0005  # of the picture
LINE, BEATS, STREAKS = 0.58, 0.50, 0.25  # see `traces.Trace`
PAGE_GRAIN, PAGE_LETTERS, PAGE_INK, PAGE_FLAT = 0.03, 60, 0.02, 0.15  # see `pages.Surface`
MOVING = 0.01  # of the picture that changes in a cine
STILL = 4  # gray levels that a graphic may change from frame to frame in a lossy video


@dataclass(frozen=True)
class Verdict:
    """What a recording shows.

    Args:
        kind: a word of KINDS.
        why: the evidence, in words that name no one.
        sure: False where a person should look: a claim that the pixels don't show, or a weak sign.
    """

    kind: str
    why: str
    sure: bool


def triage(
    gray: Sequence[UInt8[np.ndarray, "h w"]],
    rgb: Sequence[UInt8[np.ndarray, "h w 3"]],
    *,
    modes: frozenset[str] = frozenset(),
) -> Verdict:
    """Say what a recording shows.

    Args:
        gray: some of its frames, at least one.
        rgb: some frames in color; empty where the file has none.
        modes: what its tags claim, words of KINDS.

    Raises:
        ValueError: no frame.
    """
    if not gray:
        raise ValueError("triage needs at least one frame")
    # Pixels are left out, not averaged: grain, flow and letters keep their values, and large pictures cost no more.
    step = max(1, round(max(gray[0].shape) / WORKING_SIDE))
    brightest = max((gray[k] for k in _three(gray)), key=np.mean)  # a clip may fade in from black
    gray, rgb = [frame[::step, ::step] for frame in gray], [frame[::step, ::step] for frame in rgb]
    colors = [sort_colors(frame) for frame in rgb]
    flow, moving = _flow_share(colors, rgb)
    surface = _surface(gray)
    seen = _seen(gray, measure_trace(brightest[::step, ::step], brightest[:, ::step]), surface, flow)
    if seen is not None:
        return seen
    claimed = next((kind for kind in CLAIMS if kind in modes), None)
    painted = max((float(color.painted.mean()) for color in colors), default=0.0)
    if painted >= PAINTED and surface.grainy < PAGE_GRAIN:
        return Verdict("other", "much of it lies under one paint, and there are no echoes", False)
    has_bar = any(_has_color_bar(color, frame) for color, frame in zip(colors, rgb, strict=True))
    if claimed is not None:
        return Verdict(claimed, f"its tags claim {claimed}", claimed == "colour" and has_bar)
    if flow >= LITTLE_FLOW and (has_bar or moving):
        return Verdict("colour", "there is a little flow in it", True)
    if has_bar:
        return Verdict("colour", "it has a colour bar, though no flow in the frames looked at", False)
    if "b-mode" in modes:
        return Verdict("b-mode", "its tags claim b-mode, and nothing in the picture contradicts", True)
    plain = flow < LITTLE_FLOW and surface.grainy >= PAGE_GRAIN
    return Verdict("b-mode", "nothing speaks for another kind", plain)


def _seen(gray: Sequence[np.ndarray], trace: Trace, surface: Surface, flow: float) -> Verdict | None:
    """What the pixels show beyond doubt."""
    if _is_page(surface):
        return Verdict("other", "letters or painted surfaces, and no echoes", True)
    panes = count_panes(reduce(np.maximum, gray[:: max(1, len(gray) // BRIGHTEST_OF)]))
    if panes == 4:
        return Verdict("quad", "four like outlines, two by two", True)
    if panes == 2:
        return Verdict("dual", "two like outlines side by side", True)
    if _is_spectrum(trace):
        return Verdict("spectral", "a baseline over most of the width, and beats that repeat", True)
    if flow >= FLOW:
        return Verdict("colour", f"{100 * flow:.2g} % of the picture is in colour that is no tint and no graphic", True)
    if _is_m_mode(trace):
        return Verdict("m-mode", "lines over most of the width, and rows that go on", True)
    return None


def _surface(gray: Sequence[np.ndarray]) -> Surface:
    """Of the frame with most grain."""
    return max((measure_surface(gray[k]) for k in _three(gray)), key=lambda surface: surface.grainy)


def _three(gray: Sequence[np.ndarray]) -> list[int]:
    """The first frame, the middle one and the last."""
    return sorted({0, len(gray) // 2, len(gray) - 1})


def _is_page(surface: Surface) -> bool:
    if surface.grainy >= PAGE_GRAIN:
        return False
    return (surface.letters >= PAGE_LETTERS and surface.ink >= PAGE_INK) or surface.flat >= PAGE_FLAT


def _is_spectrum(trace: Trace) -> bool:
    return trace.baseline >= LINE and trace.beats >= BEATS


def _is_m_mode(trace: Trace) -> bool:
    return trace.baseline >= LINE and trace.streaks >= STREAKS


def _flow_share(colors: Sequence[Colored], rgb: Sequence[np.ndarray]) -> tuple[float, bool]:
    """Of the picture, in the frame that has most, and whether it moves.

    Where the picture moves, what keeps its colour is a graphic.
    """
    if not colors:
        return 0.0, False
    moves = np.ones(colors[0].flow.shape, bool)
    moving = False
    if len(rgb) >= 3:
        changing = _changing(np.stack(rgb))
        if changing.mean() > MOVING:
            moves, moving = changing, True
    return max(float((color.flow & moves).mean()) for color in colors), moving


def _changing(frames: UInt8[np.ndarray, "n h w 3"]) -> Bool[np.ndarray, "h w"]:
    return ((frames.max(axis=0).astype(np.int16) - frames.min(axis=0)) > STILL).any(axis=-1)


def _has_color_bar(color: Colored, frame: UInt8[np.ndarray, "h w 3"]) -> bool:
    """A bar of more than one hue."""
    if color.bars.mean() < BAR:
        return False
    values = frame[color.bars].astype(np.float32)
    luma = values @ np.array([0.299, 0.587, 0.114], np.float32)
    cb, cr = values[:, 2] - luma, values[:, 0] - luma
    size = np.hypot(cb, cr)
    some = size > 20
    if not some.any():
        return False
    return bool(np.hypot((cb[some] / size[some]).mean(), (cr[some] / size[some]).mean()) < BAR_HUES)
