"""What the first frames of a clip tell: its kind, where its sector lies, whether text stands inside it."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Bool, UInt8

from sslecho.data.burned_in import TEXT, find_text
from sslecho.data.readers.recording import Frame, Recording, Region, Unreadable
from sslecho.data.sector import CONFIDENT, Outline, Sector, find_panel, find_sector
from sslecho.data.triage import FLOW, WORKING_SIDE, flow_mask, triage

LOOK_AT_FRAMES = 32  # so many are in memory at once
LOOK_AT_BYTES = 2**28
IN_COLOR = 5  # of these, evenly spread, are looked at in color
LATER_IN_COLOR = 8  # of the frames behind them every so-manieth: color may be switched on in the course of a cine
MOST_IN_COLOR = 2**20  # frames; a damaged file may claim billions
WITH_FLOW = ("colour", "m-mode", "spectral", "dual", "quad", "other")
WITH_FAN = ("b-mode", "colour", "contrast")  # kinds that show one sector; the others are panels of graphics


class LeftOut(Unreadable):
    """Nothing is wrong with the clip; its kind was not asked for."""

    def __init__(self, kind: str, why: str):
        super().__init__(f"its kind is {kind} ({why}), which --kinds leaves out")
        self.kind = kind


class Doubtful(Unreadable):
    """Where the sector lies is not certain.

    Attributes:
        picture: the first frame.
        sector: what was found after all.
        kind: of the clip.
    """

    def __init__(self, picture: UInt8[np.ndarray, "h w"], sector: Sector | None, kind: str):
        if sector is None:
            said = "no sector was found in it, so what is burned in around it can't be blanked"
        else:
            said = f"where its sector lies is uncertain (confidence {sector.confidence:.2f})"
        super().__init__(f"{said}; sign it off with --sign-off, or take it with --sector off if it shows no one's name")
        self.picture = picture
        self.sector = sector
        self.kind = kind


@dataclass(frozen=True)
class Rules:
    """What the user asked for.

    Attributes:
        kinds: the kinds of clips to take.
        sector: "mask" or "off".
        text_inside: "keep" or "quarantine" clips with text inside the sector.
        signed_off: what a person said of this clip: "yes" to the sector that is found however uncertain, "whole" to
            all of the picture; None where nobody looked.
    """

    kinds: tuple[str, ...]
    sector: str
    text_inside: str
    signed_off: str | None

    @property
    def keeps_flow(self) -> bool:
        """Whether clips with color flow are taken, so that each frame's color must be known to blank it."""
        return bool(set(self.kinds) & set(WITH_FLOW))


@dataclass(frozen=True)
class Look:
    """What was seen.

    Attributes:
        kind: a word of `triage.KINDS`.
        sector: None where the whole picture is kept as it is.
        text_inside: None where it was not looked for.
        start: the frames that were looked at.
    """

    kind: str
    sector: Sector | None
    text_inside: bool | None
    start: list[Frame]


def first_frames(
    recording: Recording, indices: Sequence[int], *, all_in_color: bool = False
) -> tuple[list[Frame], Iterator[Frame]]:
    """The frames to look at, some with color, and all that come after them.

    Args:
        all_in_color: every frame carries its color, not only some.

    Raises:
        Unreadable: the pixels can't be decoded, or the frames differ in size.
    """
    n_looked_at = min(len(indices), LOOK_AT_FRAMES)
    frames = recording.frames(indices, in_color=indices if all_in_color else _some(indices, n_looked_at))
    first = next(frames, None)
    if first is None:
        return [], frames
    n_looked_at = max(1, min(n_looked_at, LOOK_AT_BYTES // first.pixels.size))
    start = [first, *islice(frames, n_looked_at - 1)]
    same_shapes(start, first.pixels.shape)
    return start, frames


def look_at(
    start: Sequence[Frame],
    *,
    regions: Sequence[Region],
    modes: frozenset[str],
    rules: Rules,
    outlines: Sequence[Outline] = (),
) -> Look:
    """Decide on a clip from its first frames.

    Args:
        outlines: of other clips of the same device, for one whose own sector is in doubt.

    Raises:
        LeftOut: its kind was not asked for.
        Doubtful: the sector is not certain, and nobody has signed it off.
        Unreadable: there is text in the sector, and such clips are not wanted.
    """
    gray = [frame.pixels for frame in start]
    seen = triage(gray, [frame.rgb for frame in start if frame.rgb is not None], modes=modes)
    if seen.kind not in rules.kinds:
        raise LeftOut(seen.kind, seen.why)
    if rules.sector == "off" or rules.signed_off == "whole":
        return Look(seen.kind, None, None, list(start))
    if seen.kind in WITH_FAN:
        sector = find_sector(gray, regions=regions, outlines=outlines)
    else:
        sector = find_panel(gray, regions=regions)
    if sector is None or (sector.confidence < CONFIDENT and rules.signed_off != "yes"):
        raise Doubtful(gray[0], sector, seen.kind)
    has_text = find_text(gray, sector.mask).score >= TEXT
    if has_text and rules.text_inside == "quarantine":
        raise Unreadable("what looks like text stands inside its sector; take it with --text-inside keep")
    return Look(seen.kind, sector, has_text, list(start))


def without_flow(frame: Frame) -> Frame:
    """The frame with what color Doppler painted in black: flow is no tissue."""
    if frame.rgb is None:
        return frame
    return frame._replace(pixels=np.where(flow_mask(frame.rgb), np.uint8(0), frame.pixels))


def flow_of(rgb: UInt8[np.ndarray, "h w 3"]) -> Bool[np.ndarray, "a b"]:
    """Where flow is, on a picture of the size that triage works with."""
    step = max(1, round(max(rgb.shape) / WORKING_SIDE))
    return flow_mask(rgb[::step, ::step])


def shows_new_flow(rgb: UInt8[np.ndarray, "h w 3"], known: Bool[np.ndarray, "a b"]) -> bool:
    """Whether a later frame of a clip has flow where its first frames had no color.

    Args:
        known: `flow_of` the first frames; it is no flow, for else the clip's kind would say so.
    """
    return bool((flow_of(rgb) & ~known).mean() >= FLOW)


def same_shapes(frames: Sequence[Frame], shape: tuple[int, ...]) -> None:
    """Raise Unreadable where a frame is of another size."""
    if any(frame.pixels.shape != shape for frame in frames):
        raise Unreadable("its frames differ in size")


def _some(indices: Sequence[int], n_looked_at: int) -> Collection[int]:
    """The first and the last of those that are looked at, some between them, and some of those behind."""
    n = min(IN_COLOR, n_looked_at)
    spread = [indices[number * (n_looked_at - 1) // max(1, n - 1)] for number in range(n)]
    return frozenset([*spread, *indices[n_looked_at:MOST_IN_COLOR:LATER_IN_COLOR]])
