"""What every reader hands back: one recording, its frames in gray, and what its file says of it."""

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

MAX_PIXELS = 89_478_485  # a frame; Pillow's own limit against decompression bombs, here for every reader


class Unreadable(Exception):
    """A file can't be used; the message is a reason that its owner understands and that names no file or person."""


class Frame(NamedTuple):
    """One decoded frame: 0-based index in the source, seconds since the first frame, gray, and color if asked for."""

    index: int
    time_s: float | None
    pixels: UInt8[np.ndarray, "h w"]
    rgb: UInt8[np.ndarray, "h w 3"] | None = None


@dataclass(frozen=True)
class Origin:
    """Where a recording comes from, as its file says. Raw values: they are hashed and go nowhere else."""

    patient: str | None = None
    study: str | None = None
    site: str | None = None
    device: str | None = None
    date: str | None = None  # of the study, YYYYMMDD


@dataclass(frozen=True)
class Region:
    """A part of the picture that the machine describes: an item of DICOM's SequenceOfUltrasoundRegions.

    Attributes:
        box: x0, y0, x1, y1 in source pixels, the second corner outside; within the picture.
        format: "2d", "m-mode", "spectral", "waveform", "graphics"; None where it is another or not said.
        data: "tissue", "color flow", "spectral", "ecg", …; None where it is another or not said.
        spacing_mm: size of a pixel in x and y, only where both units are centimeters.
    """

    box: tuple[int, int, int, int]
    format: str | None
    data: str | None
    spacing_mm: tuple[float, float] | None


@runtime_checkable
class Recording(Protocol):
    """An opened file. Opening reads headers; frames are decoded one at a time.

    Attributes:
        n_frames: frames in the file, as far as it can be told without decoding.
        time_source: where the frames' times come from ("pts", "FrameTime", …); None where they are unknown.
        spacing_mm: size of a source pixel, where it is known and the same in both directions.
        origin: patient, study, site, device and date.
        regions: all parts of the picture that the file describes, in its order; most files describe none.
        modes: what the file's tags claim it shows, words of `triage.KINDS`; most files claim nothing.
        hints: what the file says of its view in words that name no one ("view_name", …); never a truth.
        is_color: whether the pixels have color at all, so that `in_color` has more to say than gray.
    """

    n_frames: int
    time_source: str | None
    spacing_mm: float | None
    origin: Origin
    regions: tuple[Region, ...]
    modes: frozenset[str]
    hints: Mapping[str, str]
    is_color: bool

    def frames(self, indices: Sequence[int], *, in_color: Collection[int] = ()) -> Iterator[Frame]:
        """The frames at these ascending indices.

        Args:
            in_color: those of them that carry `rgb`, too; heeded only where `is_color`.

        Raises:
            Unreadable: the pixels can't be decoded.
        """
        ...


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings: those of decoders quote what they read, which may name a person."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def refuse_huge(height: int, width: int) -> None:
    """Raise Unreadable for a frame that would fill the memory, and for one without pixels."""
    if height * width > MAX_PIXELS:
        raise Unreadable(f"its frames have {height} x {width} pixels, more than the limit of {MAX_PIXELS}")
    if height < 1 or width < 1:
        raise Unreadable("its frames have no pixels")
