"""Frames as they come: from a recording, played at its own speed if that is asked for, or from a pipe.

A `Feed` reads in a thread of its own. It never queues: a frame that comes while the last one still waits takes its
place, and the one that waited is counted as dropped; or, where nothing may be dropped, the source waits.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter
from PIL import Image

from sslecho.data.readers.recording import Frame, Recording, Unreadable, quiet, refuse_huge
from sslecho.data.readers.sniff import open_recording
from sslecho.data.readers.video_file import CONTAINERS, color, luma

COLOR_EVERY = 8  # frames of which one carries its color, to see color Doppler being switched on
IN_COLOR = 32  # of the first frames all do: by these it is seen what the device paints in color


@runtime_checkable
class Pipe(Protocol):
    """What bytes come from; it need not go back."""

    def read(self, n: int, /) -> bytes:
        """Up to so many bytes; none at the end."""
        ...


class Arrived(NamedTuple):
    """A frame, and when it was there to be looked at, by `time.monotonic`."""

    frame: Frame
    at: float


def recorded(path: Path) -> tuple[Recording, Iterator[Frame]]:
    """A file that ingest can read, and all of its frames.

    Raises:
        Unreadable: it can't be used, at once; or its pixels can't be decoded, while iterating.
    """
    with quiet():
        recording = open_recording(path)
    indices = range(recording.n_frames)
    return recording, recording.frames(indices, in_color=[i for i in indices if _is_colored(i)])


def raw_frames(pipe: Pipe, *, width: int, height: int, pixels: str) -> Iterator[Frame]:
    """Raw frames one after another, without any header; what is left of one at the end is not shown.

    Args:
        pixels: "gray", a byte a pixel, or "rgb", three.
    """
    refuse_huge(height, width)
    shape = (height, width) if pixels == "gray" else (height, width, 3)
    n_bytes, index = int(np.prod(shape)), 0
    while len(content := _exactly(pipe, n_bytes)) == n_bytes:
        picture = np.frombuffer(content, np.uint8).reshape(shape)
        if pixels == "gray":
            yield Frame(index, None, picture)
        else:
            gray = np.asarray(Image.fromarray(picture).convert("L"))
            yield Frame(index, None, gray, picture if _is_colored(index) else None)
        index += 1


def streamed_frames(pipe: Pipe) -> Iterator[Frame]:
    """Frames of an encoded video (MPEG-TS, Matroska, Motion JPEG, …) as it comes through a pipe.

    Raises:
        Unreadable: it is no video that FFmpeg can decode, or breaks off.
    """
    scaler, index, start = VideoReformatter(), 0, None
    options = {"format_whitelist": CONTAINERS}
    try:
        container: Any = av.open(cast(Any, pipe), mode="r", metadata_errors="ignore", container_options=options)
        with container:
            if not container.streams.video:
                raise Unreadable("what comes through the pipe has no video stream")
            for frame in container.decode(container.streams.video[0]):
                start = frame.time if start is None else start
                time_s = None if frame.time is None or start is None else frame.time - start
                rgb = color(frame, scaler) if _is_colored(index) else None
                yield Frame(index, time_s, luma(frame, scaler), rgb)
                index += 1
    except (FFmpegError, ValueError) as error:
        raise Unreadable(
            f"what comes through the pipe can't be decoded after {index} frames ({type(error).__name__}); say --width "
            "and --height for raw frames"
        ) from error


class Feed:
    """Iterates over frames as they arrive.

    Args:
        frames: read in a thread; what it raises is raised where the feed is iterated.
        fps: frames a second, where a frame has no time.
        paced: each frame arrives at its time, counted from the start of the iteration, and not before.
        drop: the newest frame takes the place of one that still waits; else the source waits.

    Attributes:
        dropped: frames that nobody looked at.
    """

    def __init__(self, frames: Iterator[Frame], *, fps: float, paced: bool, drop: bool):
        self._frames, self._fps, self._paced, self._drop = frames, fps, paced, drop
        self.dropped = 0
        self._waiting: Arrived | None = None
        self._ended, self._stopped = False, False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="frames", daemon=True)

    def start(self) -> "Feed":
        """Begin to read before the first frame is asked for."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Read no further frame."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Arrived]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting is not None or self._ended)
                taken, self._waiting = self._waiting, None
                self._changed.notify_all()
            if taken is None:
                if self._error is not None:
                    raise self._error
                return
            yield taken

    def _read(self) -> None:
        try:
            self._read_all()
        except BaseException as error:  # whatever it is, it belongs to whoever iterates
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _read_all(self) -> None:
        began = first = None
        for frame in self._frames:
            if self._paced:
                time_s = frame.index / self._fps if frame.time_s is None else frame.time_s
                began, first = (time.monotonic(), time_s) if began is None or first is None else (began, first)
                late = time.monotonic() - (began + time_s - first)
                if late < 0:
                    time.sleep(-late)
                elif self._drop and late > 1 / self._fps:  # even reading it took too long
                    self.dropped += 1
                    continue
            with self._changed:
                if not self._drop:
                    self._changed.wait_for(lambda: self._waiting is None or self._stopped)
                elif self._waiting is not None:
                    self.dropped += 1
                if self._stopped:
                    return
                self._waiting = Arrived(frame, time.monotonic())
                self._changed.notify_all()


def _is_colored(index: int) -> bool:
    return index < IN_COLOR or index % COLOR_EVERY == 0


def _exactly(pipe: Pipe, n_bytes: int) -> bytes:
    """So many bytes, or what is left of them at the end: a pipe gives fewer at a time."""
    parts, left = [], n_bytes
    while left and (part := pipe.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
