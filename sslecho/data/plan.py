"""Which files make a clip, and what is said of each clip."""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath

from sslecho.data.identity import Identity
from sslecho.data.labels import LabelRow, LabelTable
from sslecho.data.patients import PatientFrom
from sslecho.data.sources import SourceFile
from sslecho.errors import InputError

PER_CLIP = ("patient", "unit", "split")


@dataclass(frozen=True)
class PlannedClip:
    """One clip to be: a file, or several files that are its frames. Values are raw, as the user gave them.

    Attributes:
        name: unique in the run; that of its file, or of its folder and clip.
        frame_numbers: for a clip of several files each file's frame in the source; None for a single file.
        own: label and grade of single frames, by their index in the source.
        problem: why it can't be used although its files may be fine.
    """

    name: str
    files: tuple[SourceFile, ...]
    frame_numbers: tuple[int, ...] | None = None
    label: str | None = None
    grade: float | None = None
    patient: str | None = None
    unit: str | None = None
    split: str | None = None
    kept: Mapping[str, str | None] = field(default_factory=dict)
    own: Mapping[int, tuple[str | None, float | None]] = field(default_factory=dict)
    problem: str | None = None


@dataclass(frozen=True)
class Plan:
    """All clips in order, and what the user should hear."""

    clips: list[PlannedClip]
    warnings: list[str]


def plan_clips(
    files: Sequence[SourceFile],
    *,
    labels: LabelTable | None,
    labels_from: str | None,
    patient_from: PatientFrom,
    unit: str,
    identity: Identity | None,
) -> Plan:
    """Which files make which clip, and what the labels say of it.

    Args:
        files: as `sources.find_files` returns them.
        labels: the labels file, read with the patients' column of `patient_from`.
        labels_from: "folder" takes the first folder below the source as the label, where `labels` give none.
        patient_from: where patients come from.
        unit: "patient", "sweep" (the labels' `unit` column) or "clip".
        identity: that of an earlier store in the same place, for labels that name clips by id.

    Raises:
        InputError: no row of the labels matches a file, rows contradict each other, or units are missing.
    """
    if unit == "sweep" and (labels is None or "unit" not in labels.columns):
        raise InputError("--unit sweep needs --labels with a column `unit` that names each clip's sweep")
    rows, unmatched = _match(files, labels, identity)
    groups: dict[str, list[tuple[SourceFile, list[LabelRow]]]] = defaultdict(list)
    for file in files:
        groups[_clip_name(file, rows[file.name])].append((file, rows[file.name]))
    clips = [
        _plan_clip(name, members, labels_from=labels_from, patient_from=patient_from, unit=unit)
        for name, members in groups.items()
    ]
    return Plan(clips, _warnings(labels, unmatched))


def _match(
    files: Sequence[SourceFile], labels: LabelTable | None, identity: Identity | None
) -> tuple[dict[str, list[LabelRow]], list[LabelRow]]:
    """The rows of each file, by its name, and the rows of none."""
    by_path: dict[str, list[SourceFile]] = defaultdict(list)
    by_id: dict[str, SourceFile] = {}
    for file in files:
        for path in dict.fromkeys(map(_composed, (file.relative, file.name))):
            by_path[path].append(file)
        if identity is not None:
            by_id[identity.id("clip", file.name)] = file
    rows: dict[str, list[LabelRow]] = {file.name: [] for file in files}
    unmatched = []
    for row in labels.rows if labels else []:
        if row.path is not None:
            found = by_path.get(_composed(row.path), [])
        else:
            found = [by_id[row.clip_id]] if row.clip_id in by_id else []
        if len(found) > 1:
            raise InputError(
                f"line {row.line} of the labels: {row.path} lies in more than one source; "
                f"write {' or '.join(file.name for file in found)}"
            )
        if found:
            rows[found[0].name].append(row)
        else:
            unmatched.append(row)
    if labels and labels.rows and len(unmatched) == len(labels.rows):
        example = labels.rows[0].path or labels.rows[0].clip_id
        raise InputError(
            f"no row of {labels.path} matches a file: line {labels.rows[0].line} says {example!r}, "
            f"and the first file is {files[0].relative!r}; paths are relative to the source folder"
        )
    return rows, unmatched


def _composed(path: str) -> str:
    """A path in one spelling: macOS writes an accent as a letter of its own, which tables seldom do."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def _clip_name(file: SourceFile, rows: Sequence[LabelRow]) -> str:
    clips = {row.clip for row in rows if row.clip is not None}
    if len(clips) > 1:
        raise InputError(f"line {rows[-1].line} of the labels puts {file.relative} into a second clip")
    if not clips:
        return file.name
    # NUL can't be part of a path, so a clip never has the name of a file.
    return f"{PurePosixPath(file.name).parent}\0{clips.pop()}"


def _plan_clip(
    name: str,
    members: Sequence[tuple[SourceFile, list[LabelRow]]],
    *,
    labels_from: str | None,
    patient_from: PatientFrom,
    unit: str,
) -> PlannedClip:
    numbers = None
    if "\0" in name:
        members, numbers = _ordered(members)
    files = tuple(file for file, _ in members)
    rows = [row for _, found in members for row in found]
    same = {key: _agreed(rows, key) for key in PER_CLIP}
    first = files[0].relative
    patient = same["patient"] if patient_from.kind == "column" else None
    if patient_from.kind in ("folder", "regex"):
        patient = patient_from.from_path(first, labelled_folder=labels_from == "folder")
    problem = next((file.problem for file in files if file.problem is not None), None)
    if problem is None and patient is None and patient_from.kind in ("column", "folder", "regex"):
        problem = patient_from.why_not()
    if unit == "sweep" and same["unit"] is None:
        problem = problem or "the labels name no unit for it"
    label, grade, own = _labels_of(rows, numbers)
    if label is None and not own and labels_from == "folder" and "/" in first:
        label = PurePosixPath(first).parts[0]
    kept = {key: _agreed(rows, key) for key in (rows[0].kept if rows else {})}
    return PlannedClip(name, files, numbers, label, grade, patient, same["unit"], same["split"], kept, own, problem)


def _ordered(
    members: Sequence[tuple[SourceFile, list[LabelRow]]],
) -> tuple[list[tuple[SourceFile, list[LabelRow]]], tuple[int, ...]]:
    """The files of a clip by their `frame`; by name where none is given."""
    for file, rows in members:
        if len(rows) > 1:
            raise InputError(
                f"lines {rows[0].line} and {rows[1].line} of the labels both speak of {file.relative}, "
                "which is a frame of a clip; give it one row"
            )
    frames = [rows[0].frame for _, rows in members]
    if all(frame is None for frame in frames):
        return list(members), tuple(range(len(members)))
    lines = [rows[0].line for _, rows in members]
    if any(frame is None for frame in frames):
        raise InputError(
            f"line {lines[frames.index(None)]} of the labels: other files of its clip have a frame, it has none"
        )
    order = sorted(range(len(members)), key=lambda i: frames[i])  # pyright: ignore[reportArgumentType, reportCallIssue]
    for before, after in pairwise(order):
        if frames[before] == frames[after]:
            raise InputError(f"lines {lines[before]} and {lines[after]} of the labels are the same frame of one clip")
    return [members[i] for i in order], tuple(frames[i] for i in order)  # pyright: ignore[reportReturnType]


def _agreed(rows: Sequence[LabelRow], key: str) -> str | None:
    """The value that all rows of a clip give."""
    said = [(row.line, getattr(row, key) if key in PER_CLIP else row.kept[key]) for row in rows]
    said = [(line, value) for line, value in said if value is not None]
    for line, value in said[1:]:
        if value != said[0][1]:
            raise InputError(
                f"lines {said[0][0]} and {line} of the labels give one clip two values of {key!r}; a clip has one"
            )
    return said[0][1] if said else None


def _labels_of(
    rows: Sequence[LabelRow], numbers: tuple[int, ...] | None
) -> tuple[str | None, float | None, dict[int, tuple[str | None, float | None]]]:
    """Label and grade of the clip, and those that only single frames have."""
    if numbers is None:
        whole = [row for row in rows if row.frame is None]
        for row in whole[1:]:
            if (row.label, row.grade) != (whole[0].label, whole[0].grade):
                raise InputError(
                    f"lines {whole[0].line} and {row.line} of the labels give one file two labels; remove one of them"
                )
        own = {row.frame: (row.label, row.grade) for row in rows if row.frame is not None}
        return (whole[0].label, whole[0].grade, own) if whole else (None, None, own)
    if len({(row.label, row.grade) for row in rows}) == 1:
        return rows[0].label, rows[0].grade, {}
    return None, None, {number: (row.label, row.grade) for number, row in zip(numbers, rows, strict=True)}


def _warnings(labels: LabelTable | None, unmatched: Sequence[LabelRow]) -> list[str]:
    said = []
    if unmatched:
        lines = ", ".join(str(row.line) for row in unmatched[:10]) + (" …" if len(unmatched) > 10 else "")
        said.append(
            f"{len(unmatched)} of {len(labels.rows) if labels else 0} rows of the labels match no file (lines {lines})"
        )
    if labels and labels.dropped:
        said.append(f"columns of the labels that were not kept: {', '.join(labels.dropped)}; name them with --keep")
    return said
