"""One clip's share of an ingest, done in a worker process: open, look, decode, letterbox, hash.

Pixels go to a part file beside the store, everything else into a small result. Nothing that names a person or a
file is in either, and what goes wrong is told in our own words: decoders quote what they read.
"""

import errno
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sslecho.data.calendar import shifted_day
from sslecho.data.clip_frames import StoredFrames
from sslecho.data.containers.archive import borrowed
from sslecho.data.containers.member import Member
from sslecho.data.file_sequence import FileSequence
from sslecho.data.identity import Identity
from sslecho.data.look import Doubtful, LeftOut, Look, Rules, first_frames, look_at
from sslecho.data.parts import NoSpace, finished_part, write_part, write_result
from sslecho.data.readers.recording import Recording, Unreadable, quiet
from sslecho.data.readers.sniff import open_recording
from sslecho.data.sector import CONFIDENT, Outline
from sslecho.data.signoff import draw_doubt
from sslecho.errors import SslechoError

FRAMES_OF_A_DRY_RUN = 5
NO_SPACE = (errno.ENOSPC, os.strerror(errno.ENOSPC))


@dataclass(frozen=True)
class ClipOptions:
    """What holds for all clips of a run.

    Attributes:
        dicom_patient: take the patient from the file.
        patient_unit: the patient is the unit.
        every, max_frames: which frames are kept.
        hints: what the file says of its view that is kept, names of columns.
        size: side of the stored frames, in pixels.
        scratch: folder for members of zip and tar files while they are read; outside the store.
        doubts: folder for pictures of clips whose sector is uncertain; outside the store.
        dry_run: open and look only.
    """

    dicom_patient: bool
    patient_unit: bool
    every: int
    max_frames: int | None
    hints: tuple[str, ...]
    size: int
    scratch: str
    doubts: str
    dry_run: bool


@dataclass(frozen=True)
class ClipTask:
    """All that a worker needs to know of a clip.

    Attributes:
        files: paths of the clip's file or files, and for one that lies in a container which member of it.
        frame_numbers: for several files each one's frame in the source.
        part: where the pixels go; the result is written beside it.
        clip: columns of the clips' table that are known already.
        own: label and grade of single frames, by their index in the source.
        problem: why the clip is left out although its files may be fine.
        unusable: why a file of it is not even to be opened.
        key: the store's secret, to hash what the files say of patient, study, site and device.
        options: what holds for all clips.
        rules: what is taken and how.
        outlines: of other clips of its device; given when a clip in doubt has its second and last turn.
    """

    # What shows a task (a cluster's log of what failed there) must show neither a path nor the key.
    files: tuple[tuple[str, Member | None], ...] = field(repr=False)
    frame_numbers: tuple[int, ...] | None
    part: str = field(repr=False)
    clip: dict[str, Any] = field(repr=False)
    own: dict[int, tuple[str | None, float | None]]
    problem: str | None
    unusable: str | None
    key: bytes = field(repr=False)
    options: ClipOptions = field(repr=False)
    rules: Rules
    outlines: tuple[Outline, ...] | None = None


def ingest_clip(task: ClipTask) -> dict[str, Any]:
    """Do one clip, unless an interrupted run had done it.

    Returns:
        {"reason"} for a clip that is left out, with "kind" where that is why and "errno" where the system refused to
        read the file; {"doubtful"} where it should have a
        second turn; {"no_space": (errno, words)} where the disk is full or fails; for a dry run
        {"clip", "kind", "n_frames", "doubtful", "seconds"};
        else {"clip", "frames", "n_frames", "crc", "outline"}: columns of the tables, the part's checksum, and the
        sector for others of the same device.
    """
    with quiet():
        try:
            return _finished(task) or _open_and_accept(task)
        except LeftOut as error:
            return {"reason": str(error), "kind": error.kind}
        except Unreadable as error:
            cause = error.__cause__
            return {"reason": str(error), "errno": cause.errno if isinstance(cause, OSError) else None}
        except NoSpace as error:
            return {"no_space": error.args}
        except SslechoError as error:
            cause = error.__cause__
            return {"no_space": (cause.errno, cause.strerror) if isinstance(cause, OSError) else NO_SPACE}
        except OSError as error:
            if error.errno == errno.ENOMEM:
                raise MemoryError from error
            # A member of an archive is unpacked beside the store's key.
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            if full:
                return {"no_space": NO_SPACE}
            return {"reason": f"reading it failed ({type(error).__name__})", "errno": error.errno}
        except MemoryError:
            raise  # `limits` knows the words
        except Exception as error:  # whatever a decoder raises on a file must not end the run
            return {"reason": f"reading it failed ({type(error).__name__})"}


def choose_frames(n_frames: int, *, every: int, max_frames: int | None) -> Sequence[int]:
    """Every n-th frame; where these are more than `max_frames`, so many of them, evenly spread."""
    chosen = range(0, n_frames, every)  # not as a list: a damaged file may claim billions
    if max_frames is None or len(chosen) <= max_frames:
        return chosen
    return [chosen[number * len(chosen) // max_frames] for number in range(max_frames)]


def _finished(task: ClipTask) -> dict[str, Any] | None:
    return None if task.options.dry_run else finished_part(Path(task.part), size=task.options.size)


def _open_and_accept(task: ClipTask) -> dict[str, Any]:
    started = time.process_time()
    if task.unusable is not None:
        raise Unreadable(task.unusable)
    with ExitStack() as stack:
        paths = [_fetch(stack, path, member, task.options.scratch) for path, member in task.files]
        recording = open_recording(paths[0])
        # Labels may name the clip of a file that holds all of its frames.
        if task.frame_numbers is not None and (len(paths) > 1 or recording.n_frames == 1):
            recording = FileSequence([recording, *map(open_recording, paths[1:])], task.frame_numbers)
        if task.problem is not None:
            raise Unreadable(task.problem)
        clip = _clip_columns(task, recording)
        indices = choose_frames(recording.n_frames, every=task.options.every, max_frames=task.options.max_frames)
        if task.options.dry_run:
            return {"clip": clip, **_foreseen(task, recording, indices, started)}
        return _accept(task, recording, clip, indices)


def _fetch(stack: ExitStack, path: str, member: Member | None, scratch: str) -> Path:
    return Path(path) if member is None else stack.enter_context(borrowed(member, Path(scratch)))


def _foreseen(task: ClipTask, recording: Recording, indices: Sequence[int], started: float) -> dict[str, Any]:
    """Kind, number of frames, whether the sector is in doubt, and processor seconds, from a few of its frames."""
    opened = time.process_time()
    start, _ = first_frames(recording, indices[:FRAMES_OF_A_DRY_RUN])
    if not start:
        raise Unreadable("none of its frames can be decoded")
    decoded = time.process_time()
    try:
        look = look_at(start, regions=recording.regions, modes=recording.modes, rules=task.rules)
        kind, doubtful = look.kind, False
        looked = time.process_time()
        for _ in StoredFrames(look, iter(()), size=task.options.size, kinds=task.rules.kinds):
            pass
    except Doubtful as doubt:
        kind, doubtful = doubt.kind, True
        looked = time.process_time()
    a_frame = (decoded - opened + time.process_time() - looked) / len(start)
    seconds = opened - started + looked - decoded + a_frame * len(indices)
    return {"kind": kind, "n_frames": len(indices), "doubtful": doubtful, "seconds": seconds}


def _accept(task: ClipTask, recording: Recording, clip: dict[str, Any], indices: Sequence[int]) -> dict[str, Any]:
    start, rest = first_frames(recording, indices, all_in_color=task.rules.keeps_flow)
    if not start:
        raise Unreadable("none of its frames can be decoded")
    group = [clip["device"], *start[0].pixels.shape]
    rules = task.rules
    if task.outlines is None and rules.signed_off == "yes":
        # The outline that a person saw and said yes to was that of the second turn.
        rules = replace(rules, signed_off=None)
    try:
        look = look_at(
            start, regions=recording.regions, modes=recording.modes, rules=rules, outlines=task.outlines or ()
        )
    except Doubtful as doubt:
        if task.outlines is None:
            return {"doubtful": {"group": group}}
        draw_doubt(Path(task.options.doubts), task.clip["source_id"], doubt.picture, doubt.sector)
        raise
    if task.outlines is None and look.sector is not None and look.sector.how == "bare":
        # Nothing is written in it, but a dark side may be missing: what other clips of its device show comes first.
        return {"doubtful": {"group": group}}
    stored = StoredFrames(look, rest, size=task.options.size, kinds=task.rules.kinds)
    kept, crc = write_part(Path(task.part), stored)
    result = {
        "clip": clip | _seen(look, stored, has_times=_has_times(recording, kept), source=recording.time_source),
        "frames": _frame_columns(task, stored, kept, recording.spacing_mm),
        "n_frames": len(kept),
        "crc": crc,
        "outline": None,
    }
    sector = look.sector
    if sector is not None and sector.outline is not None and sector.confidence >= CONFIDENT:
        result["outline"] = {"group": group, "outline": asdict(sector.outline)}
    write_result(Path(task.part), result)
    return result


def _has_times(recording: Recording, kept: Sequence[tuple[int, float | None]]) -> bool:
    return all(time_s is not None for _, time_s in kept) and recording.time_source is not None


def _seen(look: Look, stored: StoredFrames, *, has_times: bool, source: str | None) -> dict[str, Any]:
    """Columns of the clip's row that its pixels tell."""
    sector = look.sector
    columns: dict[str, Any] = {"kind": stored.kind, "frame_time_source": source if has_times else None, "sector": "off"}
    if sector is not None:
        # A polygon's whole numbers are pixel centers, a letterbox's are edges.
        polygon = stored.letterbox.to_stored(sector.polygon + 0.5).round(2)
        columns |= {
            "sector": "whole" if sector.mask.all() else "mask",
            "sector_confidence": round(float(sector.confidence), 4),
            "sector_polygon": polygon.ravel().tolist(),
            "text_inside": look.text_inside,
        }
    return columns


def _frame_columns(
    task: ClipTask, stored: StoredFrames, kept: Sequence[tuple[int, float | None]], spacing_mm: float | None
) -> dict[str, Any]:
    return {
        "frame_index": [index for index, _ in kept],
        "time_s": [time_s for _, time_s in kept],
        "label": [task.own.get(index, (None, None))[0] for index, _ in kept],
        "grade": [task.own.get(index, (None, None))[1] for index, _ in kept],
        "spacing_mm": spacing_mm / stored.letterbox.scale if spacing_mm else None,
        **dict(zip(("crop_x0", "crop_y0", "crop_x1", "crop_y1"), stored.letterbox.crop, strict=True)),
        "scale": stored.letterbox.scale,
    }


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
    for column in task.options.hints:
        clip[column] = recording.hints.get(column)
    clip["day"] = shifted_day(identity, origin.date)
    if task.options.patient_unit:
        clip["unit_id"] = clip["patient_id"]
    return clip
