"""What every reader hands back: one recording, its frames in gray, and what its file says of it."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

MAX_PIXELS = 89_478_485  # a frame; Pillow's own limit against decompression bombs, here for every reader


class Unreadable(Exception):
    """A file can't be used; the message is a reason that its owner understands and that names no file or person."""


class Frame(NamedTuple):
    """One decoded frame: 0-based index in the source, seconds since the first frame, gray pixels."""

    index: int
    time_s: float | None
    pixels: UInt8[np.ndarray, "h w"]


@dataclass(frozen=True)
class Origin:
    """Where a recording comes from, as its file says. Raw values: they are hashed and go nowhere else."""

    patient: str | None = None
    study: str | None = None
    site: str | None = None
    device: str | None = None


@runtime_checkable
class Recording(Protocol):
    """An opened file. Opening reads headers; frames are decoded one at a time.

    Attributes:
        n_frames: frames in the file, as far as it can be told without decoding.
        time_source: where the frames' times come from ("pts", "FrameTime", …); None where they are unknown.
        spacing_mm: size of a source pixel, where it is known and the same in both directions.
        origin: patient, study, site and device.
    """

    n_frames: int
    time_source: str | None
    spacing_mm: float | None
    origin: Origin

    def frames(self, indices: Sequence[int]) -> Iterator[Frame]:
        """The frames at these ascending indices.

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
