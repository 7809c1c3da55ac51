"""One clip's share of an ingest, done in a worker process: open, decode, find the sector, letterbox, hash.

Pixels go to a part file beside the store, everything else into a small result. Nothing that names a person or a
file is in either, and what goes wrong is told in our own words: decoders quote what they read.
"""

import json
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from sslecho.data.identity import Identity
from sslecho.data.letterbox import Letterbox
from sslecho.data.readers.recording import Frame, Origin, Recording, Unreadable, quiet
from sslecho.data.readers.sniff import open_recording, reader_of
from sslecho.data.sector import find_sector

# The sector is found from a clip's first kept frames; so many are in memory at once.
LOOK_AT_FRAMES = 64
LOOK_AT_BYTES = 2**28


@dataclass(frozen=True)
class ClipOptions:
    """What holds for all clips of a run.

    Attributes:
        dicom_patient: take the patient from the file.
        patient_unit: the patient is the unit.
        every, max_frames: which frames are kept.
        sector: "mask" or "off".
        size: side of the stored frames, in pixels.
        dry_run: open and count only.
    """

    dicom_patient: bool
    patient_unit: bool
    every: int
    max_frames: int | None
    sector: str
    size: int
    dry_run: bool


@dataclass(frozen=True)
class ClipTask:
    """All that a worker needs to know of a clip.

    Attributes:
        files: paths of the clip's file or files.
        frame_numbers: for several files each one's frame in the source.
        part: where the pixels go; the result is written beside it.
        clip: columns of the clips' table that are known already.
        own: label and grade of single frames, by their index in the source.
        problem: why the clip is left out although its files may be fine.
        key: the store's secret, to hash what the files say of patient, study, site and device.
        options: what holds for all clips.
    """

    files: tuple[str, ...]
    frame_numbers: tuple[int, ...] | None
    part: str
    clip: dict[str, Any]
    own: dict[int, tuple[str | None, float | None]]
    problem: str | None
    key: bytes
    options: ClipOptions


class NoSpace(Exception):
    """The part could not be written; the run stops, for the file is not at fault."""


class FileSequence:
    """A clip that came as files of frames."""

    time_source: str | None = None

    def __init__(self, files: Sequence[Path], frame_numbers: Sequence[int]):
        self._recordings = [open_recording(file) for file in files]
        if any(recording.n_frames != 1 for recording in self._recordings):
            raise Unreadable("one of the clip's files has several frames; a clip's files hold one each")
        self._frame_numbers = frame_numbers
        self.n_frames = len(files)
        self.origin: Origin = self._recordings[0].origin
        if any(recording.origin.patient != self.origin.patient for recording in self._recordings):
            raise Unreadable("the clip's files are of different patients")
        spacings = {recording.spacing_mm for recording in self._recordings}
        self.spacing_mm = spacings.pop() if len(spacings) == 1 else None

    def frames(self, indices: Sequence[int]) -> Iterator[Frame]:
        for index in indices:
            for frame in self._recordings[index].frames([0]):
                yield Frame(self._frame_numbers[index], None, frame.pixels)


def ingest_clip(task: ClipTask) -> dict[str, Any]:
    """Do one clip, unless an interrupted run had done it.

    Returns:
        {"reason"} for a clip that is left out; {"no_space"} where the disk is full;
        else {"clip", "frames", "n_frames", "crc"}: columns of the tables, and the part's checksum.
    """
    with quiet():
        try:
            return _finished(task) or _accept(task)
        except Unreadable as error:
            return {"reason": str(error)}
        except NoSpace:
            return {"no_space": True}
        except MemoryError:
            return {"reason": "it needs more memory than there is"}
        except Exception as error:  # whatever a decoder raises on a file must not end the run
            return {"reason": f"reading it failed ({type(error).__name__})"}


def read_part(task: ClipTask, n_frames: int) -> Iterator[UInt8[np.ndarray, "h w"]]:
    """The stored frames of a clip, one at a time.

    Raises:
        ValueError: the part is shorter than that.
    """
    with Path(task.part).open("rb") as file:
        for _ in range(n_frames):
            yield np.frombuffer(file.read(task.options.size**2), dtype=np.uint8).reshape(
                task.options.size, task.options.size
            )


def remove_part(task: ClipTask) -> None:
    for name in (task.part, task.part + ".json"):
        Path(name).unlink(missing_ok=True)


def choose_frames(n_frames: int, *, every: int, max_frames: int | None) -> list[int]:
    """Every n-th frame; where these are more than `max_frames`, so many of them, evenly spread."""
    chosen = range(0, n_frames, every)
    if max_frames is None or len(chosen) <= max_frames:
        return list(chosen)
    return [chosen[number * len(chosen) // max_frames] for number in range(max_frames)]


def _finished(task: ClipTask) -> dict[str, Any] | None:
    """The result of an earlier run; None where there is none, or its part is damaged."""
    if task.options.dry_run:
        return None
    try:
        result = json.loads(Path(task.part + ".json").read_text(encoding="utf-8"))
        crc = 0
        for frame in read_part(task, result["n_frames"]):
            crc = zlib.crc32(frame.data, crc)
    except (OSError, ValueError, KeyError):
        return None
    return result if crc == result["crc"] else None


def _accept(task: ClipTask) -> dict[str, Any]:
    files = [Path(file) for file in task.files]
    recording: Recording = open_recording(files[0])
    # Labels may name the clip of a file that holds all of its frames.
    if task.frame_numbers is not None and (len(files) > 1 or recording.n_frames == 1):
        recording = FileSequence(files, task.frame_numbers)
    if task.problem is not None:
        raise Unreadable(task.problem)
    clip = _clip_columns(task, recording)
    indices = choose_frames(recording.n_frames, every=task.options.every, max_frames=task.options.max_frames)
    if task.options.dry_run:
        return {"clip": clip, "n_frames": len(indices), "kind": reader_of(files[0]).removesuffix("_file")}
    stored = _Stored(recording, indices, sector=task.options.sector, size=task.options.size)
    kept, crc = _write_part(Path(task.part), stored)
    if not kept:
        raise Unreadable("none of its frames can be decoded")
    frames = {
        "frame_index": [index for index, _ in kept],
        "time_s": [time_s for _, time_s in kept],
        "label": [task.own.get(index, (None, None))[0] for index, _ in kept],
        "grade": [task.own.get(index, (None, None))[1] for index, _ in kept],
        "spacing_mm": recording.spacing_mm / stored.letterbox.scale if recording.spacing_mm else None,
        **dict(zip(("crop_x0", "crop_y0", "crop_x1", "crop_y1"), stored.letterbox.crop, strict=True)),
        "scale": stored.letterbox.scale,
    }
    has_times = all(time_s is not None for _, time_s in kept) and recording.time_source is not None
    clip |= {"sector": stored.sector, "frame_time_source": recording.time_source if has_times else None}
    result = {"clip": clip, "frames": frames, "n_frames": len(kept), "crc": crc}
    try:
        _replace(Path(task.part + ".json"), json.dumps(result).encode())
    except OSError as error:
        raise NoSpace from error
    return result


def _clip_columns(task: ClipTask, recording: Recording) -> dict[str, Any]:
    """The clip's row, with what the file says of its origin as ids. What the labels say wins."""
    identity = Identity(task.key)
    clip = dict(task.clip)
    origin = recording.origin
    if task.options.dicom_patient:
        clip["patient_id"] = identity.maybe("patient", origin.patient)
        if clip["patient_id"] is None:
            raise Unreadable("it has no PatientID; say where patients come from with --patient-from")
    for column, kind, value in (
        ("study_id", "study", origin.study),
        ("site", "site", origin.site),
        ("device", "device", origin.device),
    ):
        if clip.get(column) is None:
            clip[column] = identity.maybe(kind, value)
    if task.options.patient_unit:
        clip["unit_id"] = clip["patient_id"]
    return clip


class _Stored:
    """The frames of a recording as they will be stored; after the first one, how that was done."""

    letterbox: Letterbox
    sector: str

    def __init__(self, recording: Recording, indices: Sequence[int], *, sector: str, size: int):
        self._frames = recording.frames(indices) if indices else iter(())
        self._wants_sector = sector == "mask"
        self._size = size

    def __iter__(self) -> Iterator[tuple[Frame, UInt8[np.ndarray, "h w"]]]:
        first = next(self._frames, None)
        if first is None:
            return
        shape = first.pixels.shape
        n_looked_at = max(1, min(LOOK_AT_FRAMES, LOOK_AT_BYTES // first.pixels.size))
        start = [first, *islice(self._frames, n_looked_at - 1)]
        _refuse_other_shapes(start, shape)
        found = find_sector([frame.pixels for frame in start]) if self._wants_sector else None
        if self._wants_sector and found is None:
            # What is burned in around it can't be blanked, and may be a name.
            raise Unreadable("no sector was found in it; if it shows no one's name, ingest it with --sector off")
        self.sector = "off" if found is None else "whole" if found.mask.all() else "mask"
        box = found.box if found else (0, 0, shape[1], shape[0])
        self.letterbox = Letterbox(box, (self._size, self._size))
        for frame in chain(start, self._frames):
            _refuse_other_shapes([frame], shape)
            yield frame, self.letterbox(found.blank(frame.pixels) if found else frame.pixels)


def _refuse_other_shapes(frames: Sequence[Frame], shape: tuple[int, ...]) -> None:
    if any(frame.pixels.shape != shape for frame in frames):
        raise Unreadable("its frames differ in size")


def _write_part(part: Path, stored: _Stored) -> tuple[list[tuple[int, float | None]], int]:
    """Write the pixels; returns index and time of each frame, and the checksum."""
    kept, crc = [], 0
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=part.parent)
    except OSError as error:
        raise NoSpace from error
    try:
        with os.fdopen(handle, "wb") as file:
            for frame, pixels in stored:
                try:
                    file.write(pixels.data)
                except OSError as error:
                    raise NoSpace from error
                crc = zlib.crc32(pixels.data, crc)
                kept.append((frame.index, frame.time_s))
            try:
                file.flush()
            except OSError as error:
                raise NoSpace from error
        Path(temporary).replace(part)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return kept, crc


def _replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(temporary).replace(path)
