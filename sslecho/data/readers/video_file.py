"""Videos and animated GIFs through PyAV: luma in full range, times from the stream's own clock."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from jaxtyping import UInt8

from sslecho.data.readers.recording import Frame, Origin, Unreadable, refuse_huge
from sslecho.data.readers.sniff import READERS

AV_ERRORS = (FFmpegError, ValueError, MemoryError, OverflowError)


@READERS.add("video_file")
class VideoRecording:
    """The first video stream of a container."""

    spacing_mm = None
    origin = Origin()

    def __init__(self, path: Path):
        self._path = path
        with self._opened() as container:
            stream = container.streams.video[0]
            refuse_huge(stream.codec_context.height, stream.codec_context.width)
            try:
                # Counted, because what the container claims is often 0, and now and then wrong.
                self.n_frames = sum(1 for packet in container.demux(stream) if packet.size)
            except AV_ERRORS as error:
                raise Unreadable(f"it breaks off while it is read ({_said(error)})") from error
            if not self.n_frames:
                raise Unreadable("its video stream has no frames")
            self.time_source = "pts" if stream.time_base else None

    def frames(self, indices: Sequence[int]) -> Iterator[Frame]:
        wanted = set(indices)
        start = None
        n_decoded = 0
        with self._opened() as container:
            stream = container.streams.video[0]
            # Files are read in parallel; more threads in each would only get in each other's way.
            stream.codec_context.thread_count = 1
            try:
                for frame in container.decode(stream):
                    start = frame.time if start is None else start
                    if n_decoded in wanted:
                        time_s = None if frame.time is None or start is None else frame.time - start
                        yield Frame(n_decoded, time_s, to_gray(frame, aspect=float(stream.sample_aspect_ratio or 1)))
                    n_decoded += 1
                    if n_decoded > indices[-1]:
                        return
            except AV_ERRORS as error:
                raise Unreadable(
                    f"its decoding stopped at frame {n_decoded} of {self.n_frames} ({_said(error)})"
                ) from error
        if not n_decoded:
            raise Unreadable("none of its frames can be decoded")

    def _opened(self) -> InputContainer:
        try:
            container = av.open(str(self._path), mode="r", metadata_errors="ignore")
        except AV_ERRORS as error:
            raise Unreadable(f"it is no video that can be opened ({_said(error)})") from error
        if not container.streams.video:
            container.close()
            raise Unreadable("it has no video stream")
        if container.streams.video[0].codec_context is None:
            container.close()
            raise Unreadable("its video codec is unknown to the decoder")
        return container


def to_gray(frame: av.VideoFrame, *, aspect: float) -> UInt8[np.ndarray, "h w"]:
    """Luma in full range, as shown: square pixels (`aspect` is a stored pixel's width over its height), upright.

    A luma plane alone is not enough: limited-range video keeps black at 16 and white at 235. The decoder's own
    scaler brings it to 0..255 on the way to gray.
    """
    width = round(frame.width * aspect)
    refuse_huge(frame.height, width)
    pixels = frame.reformat(width=width, height=frame.height, format="gray", dst_color_range="JPEG").to_ndarray()
    quarter_turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns)) if quarter_turns else pixels


def _said(error: BaseException) -> str:
    """The decoder's own words without the file's name, which PyAV puts behind them."""
    return str(getattr(error, "strerror", None) or type(error).__name__)
