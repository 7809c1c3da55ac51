"""MPEG-2, H.264 and HEVC in DICOM: all fragments together are one video stream, decoded from its beginning.

Source: DICOM PS3.5 8.2.5 to 8.2.11. When its frames were taken is for the DICOM header to say, not for the stream.
"""

import io
from collections.abc import Collection, Iterator, Sequence
from io import BufferedReader
from typing import Any

import av
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from sslecho.data.readers.dicom.decoders import Picture
from sslecho.data.readers.dicom.fragments import FrameIndex
from sslecho.data.readers.dicom.layout import Layout
from sslecho.data.readers.video_file import color, luma

CONTAINERS = "mov,mp4,mpeg,mpegts,mpegvideo,h264,hevc"


class Joined(io.RawIOBase):
    """The fragments of a file as one file of their own, none of which is copied."""

    def __init__(self, file: BufferedReader, index: FrameIndex):
        self._file = file
        self._offsets = index.offsets.tolist()
        self._starts = [0]
        for length in index.lengths.tolist():
            self._starts.append(self._starts[-1] + length)
        self._position = self._fragment = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._starts[-1]}[whence]
        self._position = max(start + offset, 0)
        if self._position < self._starts[self._fragment]:
            self._fragment = 0
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        while self._fragment < len(self._offsets) and self._position >= self._starts[self._fragment + 1]:
            self._fragment += 1
        if self._fragment == len(self._offsets):
            return 0
        within = self._position - self._starts[self._fragment]
        self._file.seek(self._offsets[self._fragment] + within)
        found = self._file.read(min(len(buffer), self._starts[self._fragment + 1] - self._position))
        buffer[: len(found)] = found
        self._position += len(found)
        return len(found)


def film(
    file: BufferedReader, index: FrameIndex, layout: Layout, indices: Sequence[int], *, in_color: Collection[int]
) -> Iterator[Picture]:
    """The frames at ascending indices, as luma, or as RGB those that are `in_color`.

    Raises:
        EOFError: the stream ends before the frame.
        ValueError: the stream can't be decoded, or has frames of another size than the header says.
    """
    scaler, wanted, n_decoded = VideoReformatter(), set(indices), 0
    joined = BufferedReader(Joined(file, index), 2**16)
    try:
        with av.open(joined, mode="r", options={"format_whitelist": CONTAINERS}) as container:
            if not container.streams.video:
                raise ValueError("no video stream")
            stream = container.streams.video[0]
            # Files are read in parallel; more threads in each would only get in each other's way.
            stream.codec_context.thread_count = 1
            for frame in container.decode(stream):
                if n_decoded in wanted:
                    if (frame.height, frame.width) != (layout.rows, layout.columns):
                        raise ValueError("the video is of another size than the header says")
                    gray = luma(frame, scaler)
                    in_rgb = n_decoded in in_color
                    yield Picture(color(frame, scaler), "rgb", gray) if in_rgb else Picture(gray, "luma")
                n_decoded += 1
                if indices and n_decoded > indices[-1]:
                    return
    except FFmpegError as error:
        raise ValueError("the video stream can't be decoded") from error
    raise EOFError
