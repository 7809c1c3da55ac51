"""Pixels that lie in a file as plain numbers, slice after slice: what NIfTI and MetaImage files have in common."""

import gzip
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from math import isfinite
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Num, UInt8
from PIL import Image

from sslecho.data.readers.depth import Range, extremes, range_of, to_gray
from sslecho.data.readers.recording import Frame, Origin, Unreadable, refuse_huge

SAME_SPACING = 0.02  # pixels whose sides differ by less are square
WIDEST_PIXEL = 4.0  # its width over its height, or the reverse; more is a damaged header
MOST_DEFLATED = 1032  # bytes that one byte of deflate can become
STEP = 2**20  # bytes that are passed at once


@dataclass(frozen=True)
class Layout:
    """Where the numbers lie and what they mean.

    Attributes:
        path: the file that holds them.
        offset: bytes before them; within what is unpacked for gzip.
        dtype: of one number, with its byte order.
        shape: frames, height, width, channels (1, 3 or 4); channels are fastest, then x.
        packed: "no", "gzip" (the whole file) or "zlib" (from the offset on).
        slope, intercept: a number means slope * number + intercept.
        window: what the file says is black and white.
        spacing_mm: a pixel's width and height, where the file says so.
        aspect: a pixel's width over its height.
        time_step_s: seconds between frames, where the file says so.
    """

    path: Path
    offset: int
    dtype: np.dtype
    shape: tuple[int, int, int, int]
    packed: str = "no"
    slope: float = 1.0
    intercept: float = 0.0
    window: Range | None = None
    spacing_mm: tuple[float, float] | None = None
    aspect: float = 1.0
    time_step_s: float | None = None

    @property
    def frame_bytes(self) -> int:
        _, height, width, channels = self.shape
        return height * width * channels * self.dtype.itemsize


class VolumeRecording:
    """Its slices as frames, the first axis to the right, the second one down. Pixels are made square.

    Raises:
        Unreadable: it is cut short, or claims more than it can hold.
    """

    origin = Origin()
    regions = ()
    modes: frozenset[str] = frozenset()
    hints: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, layout: Layout):
        self._layout = layout
        self._range: Range | None = None
        self.n_frames, height, width, channels = layout.shape
        self.is_color = channels > 1
        self._shown = _shown_shape(height, width, layout.aspect)
        refuse_huge(height, width)
        refuse_huge(*self._shown)
        if self.n_frames < 1:
            raise Unreadable("it has no frames")
        self._refuse_short()
        self.spacing_mm = None if layout.spacing_mm is None else min(layout.spacing_mm)
        self.time_source = None if layout.time_step_s is None else "time step"

    def frames(self, indices: Sequence[int], *, in_color: Collection[int] = ()) -> Iterator[Frame]:
        step = self._layout.time_step_s
        for index, numbers in self._slices(indices):
            pixels = self._to_8_bits(numbers)
            picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else _on_black(pixels))
            if pixels.shape[:2] != self._shown:
                height, width = self._shown
                picture = picture.resize((width, height), Image.Resampling.BILINEAR)
            rgb = np.asarray(picture) if self.is_color and index in in_color else None
            yield Frame(index, None if step is None else index * step, np.asarray(picture.convert("L")), rgb)

    def _to_8_bits(self, numbers: Num[np.ndarray, "h w channels"]) -> UInt8[np.ndarray, "h w channels"]:
        layout = self._layout
        if layout.dtype == np.uint8 and (layout.slope, layout.intercept) == (1, 0):
            return numbers.astype(np.uint8, copy=False)
        if self._range is None:
            found = extremes(self._meant(frame) for _, frame in self._slices(range(self.n_frames)))
            is_float = layout.dtype.kind == "f" or (layout.slope, layout.intercept) != (1, 0)
            self._range = range_of(found, is_float=is_float, window=layout.window)
        return to_gray(self._meant(numbers), self._range)

    def _meant(self, numbers: Num[np.ndarray, "h w channels"]) -> Num[np.ndarray, "h w channels"]:
        layout = self._layout
        if (layout.slope, layout.intercept) == (1, 0):
            return numbers
        return numbers.astype(np.float64) * layout.slope + layout.intercept

    def _slices(self, indices: Sequence[int]) -> Iterator[tuple[int, Num[np.ndarray, "h w channels"]]]:
        """The numbers of single frames; no other frame is in memory."""
        layout = self._layout
        try:
            with _unpacked(layout) as file:
                position = 0
                for index in indices:
                    _pass(file, (index - position) * layout.frame_bytes)
                    content = _exactly(file, layout.frame_bytes)
                    if len(content) < layout.frame_bytes:
                        raise Unreadable(f"it is cut short: it ends in frame {index} of {self.n_frames}")
                    yield index, np.frombuffer(content, layout.dtype).reshape(layout.shape[1:])
                    position = index + 1
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable("its packed pixels are damaged") from error

    def _refuse_short(self) -> None:
        layout = self._layout
        try:
            there = layout.path.stat().st_size
        except OSError as error:
            raise Unreadable("its pixels can't be read") from error
        needed = self.n_frames * layout.frame_bytes
        if layout.packed == "no" and layout.offset + needed > there:
            whole = max(0, there - layout.offset) // layout.frame_bytes
            raise Unreadable(f"it is cut short: {whole} of its {self.n_frames} frames are there")
        if needed > there * MOST_DEFLATED:
            raise Unreadable("it claims more frames than a file of its size can hold")


def square(width_mm: float, height_mm: float) -> float:
    """A pixel's width over its height; 1 within 2 %, and where the sizes are no sizes.

    Raises:
        Unreadable: the two differ too much to be true.
    """
    if not (isfinite(width_mm) and isfinite(height_mm) and width_mm > 0 and height_mm > 0):
        return 1.0
    aspect = width_mm / height_mm
    if not 1 / WIDEST_PIXEL <= aspect <= WIDEST_PIXEL:
        raise Unreadable(f"its pixels claim to be more than {WIDEST_PIXEL:g} times as wide as high, or the reverse")
    return aspect if abs(aspect - 1) > SAME_SPACING else 1.0


def _shown_shape(height: int, width: int, aspect: float) -> tuple[int, int]:
    """Height and width with square pixels; the longer side of a pixel is divided, so that nothing is lost."""
    return (height, round(width * aspect)) if aspect >= 1 else (round(height / aspect), width)


def _on_black(pixels: UInt8[np.ndarray, "h w channels"]) -> UInt8[np.ndarray, "h w 3"]:
    if pixels.shape[2] == 3:
        return pixels
    return (pixels[..., :3].astype(np.uint16) * pixels[..., 3:] // 255).astype(np.uint8)


@runtime_checkable
class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Inflating:
    """A zlib stream, unpacked as far as `read` needs it."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._stream = zlib.decompressobj()

    def read(self, size: int, /) -> bytes:
        found = b""
        while not found and not self._stream.eof:
            packed = self._stream.unconsumed_tail or self._file.read(STEP)
            if not packed:
                break
            found = self._stream.decompress(packed, size)
        return found


@contextmanager
def _unpacked(layout: Layout) -> Iterator[_Readable]:
    """The pixels' file, at the first of them."""
    if layout.packed == "gzip":
        with gzip.open(layout.path, "rb") as packed:
            _pass(packed, layout.offset)
            yield packed
    else:
        with layout.path.open("rb") as plain:
            plain.seek(layout.offset)
            yield _Inflating(plain) if layout.packed == "zlib" else plain


def _pass(file: _Readable, n_bytes: int) -> None:
    """Go so many bytes further."""
    if isinstance(file, BufferedReader):
        file.seek(n_bytes, 1)
        return
    while n_bytes > 0 and (content := file.read(min(n_bytes, STEP))):
        n_bytes -= len(content)


def _exactly(file: _Readable, n_bytes: int) -> bytes:
    """So many bytes, or fewer where there are no more."""
    parts = []
    while n_bytes > 0 and (content := file.read(n_bytes)):
        parts.append(content)
        n_bytes -= len(content)
    return b"".join(parts)
