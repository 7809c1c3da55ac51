"""Parts: the stored pixels of one clip and its result, in two files beside the store until they are appended to it.

A part is written whole or not at all, and its result last, so that an interrupted run takes up what is there.
"""

import json
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from sslecho.data.clip_frames import StoredFrames


class NoSpace(Exception):
    """A part could not be written (errno, the system's words); the run stops, for the file is not at fault."""


def write_part(part: Path, stored: StoredFrames) -> tuple[list[tuple[int, float | None]], int]:
    """Write the pixels; returns index and time of each frame, and the checksum.

    Raises:
        NoSpace: the disk refused.
    """
    kept, crc = [], 0
    with _new_file(part) as put:
        for frame, pixels in stored:
            put(pixels.data.cast("B"))
            crc = zlib.crc32(pixels.data, crc)
            kept.append((frame.index, frame.time_s))
    return kept, crc


def write_result(part: Path, result: dict[str, Any]) -> None:
    """Write what is known of a part, which is whole from now on.

    Raises:
        NoSpace: the disk refused.
    """
    with _new_file(_result_of(part)) as put:
        put(json.dumps(result).encode())


def finished_part(part: Path, *, size: int) -> dict[str, Any] | None:
    """The result of an earlier run; None where there is none, or its pixels are damaged."""
    try:
        result = json.loads(_result_of(part).read_text(encoding="utf-8"))
        crc = 0
        for frame in read_part(part, result["n_frames"], size=size):
            crc = zlib.crc32(frame.data, crc)
    except (OSError, ValueError, KeyError):
        return None
    return result if crc == result["crc"] else None


def read_part(part: Path, n_frames: int, *, size: int) -> Iterator[UInt8[np.ndarray, "h w"]]:
    """The stored frames of a clip, one at a time.

    Raises:
        ValueError: the part is shorter than that.
    """
    with part.open("rb") as file:
        for _ in range(n_frames):
            yield np.frombuffer(file.read(size**2), dtype=np.uint8).reshape(size, size)


def remove_part(part: Path) -> None:
    """Remove a clip's part; where the disk refuses, it goes with the run's folder."""
    for path in (part, _result_of(part)):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _result_of(part: Path) -> Path:
    return part.with_name(part.name + ".json")


@contextmanager
def _new_file(path: Path) -> Iterator[Callable[[bytes | memoryview], None]]:
    """Write a file that appears whole or not at all; yields what appends to it.

    Raises:
        NoSpace: the disk refused. An OSError of the decoder, which runs inside, is another matter.
    """
    with _disk():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)

    def put(content: bytes | memoryview) -> None:
        left = memoryview(content)
        with _disk():
            while left:
                left = left[os.write(handle, left) :]

    try:
        try:
            yield put
        finally:
            with _disk():
                os.close(handle)
        with _disk():
            Path(temporary).replace(path)
    finally:
        with suppress(OSError):
            Path(temporary).unlink(missing_ok=True)


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoSpace(error.errno, error.strerror) from error
