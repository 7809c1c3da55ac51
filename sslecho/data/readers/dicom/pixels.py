"""The frames of a DICOM file, decoded one at a time: no more than one is in memory, whatever the file's size."""

from collections.abc import Collection, Iterator, Sequence
from io import BufferedReader
from struct import unpack

from sslecho.data.readers.dicom.codecs import SYNTAXES
from sslecho.data.readers.dicom.decoders import DECODERS, Picture
from sslecho.data.readers.dicom.fragments import FrameIndex, index_frames
from sslecho.data.readers.dicom.header import value
from sslecho.data.readers.dicom.layout import Layout
from sslecho.data.readers.dicom.opening import Opened
from sslecho.data.readers.recording import Unreadable

# A compressed frame is no larger than its samples, but for headers and what noise costs.
SPARE_BYTES = 2**20


class Pixels:
    """Reads and decodes frames.

    Raises:
        Unreadable: the file holds less than it claims, or its pixel data contradict its transfer syntax.
    """

    def __init__(self, opened: Opened, layout: Layout, n_frames: int):
        syntax = SYNTAXES[opened.syntax]
        self._opened, self._layout, self._n_frames = opened, layout, n_frames
        self._is_film = syntax.family == "video"
        self._decode = None if self._is_film else DECODERS[syntax.family]
        self._has_end_marker = syntax.family in ("jpeg", "jpeg lossless", "jpeg-ls", "jpeg 2000")
        self._index: FrameIndex | None = None
        if opened.pixels_at is None:
            raise Unreadable("it has no pixels")
        if syntax.encapsulated != (opened.n_bytes is None):
            raise Unreadable("its pixels are not stored the way its transfer syntax says")
        if opened.n_bytes is not None:
            self._refuse_short(opened.n_bytes)

    def pictures(self, indices: Sequence[int], *, in_color: Collection[int] = ()) -> Iterator[Picture]:
        """The frames at ascending indices; of those that are not `in_color` a decoder may leave the color out.

        Raises:
            EOFError: the file ends before the frame.
            whatever a decoder raises on malformed data: see `cine.DICOM_ERRORS`.
        """
        with self._opened.stream() as stream:
            if self._decode is None:
                from sslecho.data.readers.dicom.film import film

                yield from film(stream, self._indexed(stream), self._layout, indices, in_color=in_color)
                return
            for index in indices:
                data = self._read(stream, index)
                yield self._decode(data, self._layout, wants_luma=index not in in_color)

    def _indexed(self, stream: BufferedReader) -> FrameIndex:
        if self._index is None:
            # All fragments of a film are one stream.
            n_frames = 1 if self._is_film else self._n_frames
            table = value(self._opened.header, "ExtendedOffsetTable")
            extended = unpack(f"<{len(table) // 8}Q", table[: len(table) // 8 * 8]) if isinstance(table, bytes) else ()
            assert self._opened.pixels_at is not None
            self._index = index_frames(
                stream, self._opened.pixels_at, n_frames, extended=extended, has_end_marker=self._has_end_marker
            )
        return self._index

    def _read(self, stream: BufferedReader, index: int) -> bytes:
        if self._opened.n_bytes is not None:
            return self._native(stream, index)
        frames = self._indexed(stream)
        if index >= len(frames):
            raise EOFError
        if frames.n_bytes(index) > 2 * self._layout.n_bytes + SPARE_BYTES:
            raise ValueError("a compressed frame is far larger than its pixels")
        return frames.read(stream, index)

    def _native(self, stream: BufferedReader, index: int) -> bytes:
        n_bytes = self._layout.n_bytes
        start = index * n_bytes
        end = start + n_bytes
        if self._layout.swapped:
            start, end = start // 2 * 2, (end + 1) // 2 * 2
        assert self._opened.pixels_at is not None
        stream.seek(self._opened.pixels_at + start)
        data = stream.read(end - start)
        if self._layout.swapped:
            swapped = bytearray(len(data) // 2 * 2)
            swapped[::2], swapped[1::2] = data[1 : len(swapped) : 2], data[: len(swapped) : 2]
            data = bytes(swapped[index * n_bytes - start :][:n_bytes])
        if len(data) < n_bytes:
            raise EOFError
        return data

    def _refuse_short(self, n_bytes: int) -> None:
        """Refuse native pixels that are fewer than the header claims, before a frame is asked for."""
        if self._opened.deflated_at is None:
            assert self._opened.pixels_at is not None
            n_bytes = min(n_bytes, self._opened.path.stat().st_size - self._opened.pixels_at)
        n_whole = n_bytes // self._layout.n_bytes
        if n_whole < self._n_frames:
            frames = "frame" if self._n_frames == 1 else "frames"
            raise Unreadable(f"it is cut short: it claims {self._n_frames} {frames} but holds {n_whole}")
