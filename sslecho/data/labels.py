"""labels.csv: which file is what, whose, and in which split.

Columns: `path` (relative to the source folder) or `clip_id`, then any of `clip`, `frame`, `label`, `grade`,
`patient`, `unit`, `split`, and others that are kept on request. UTF-8 with or without a byte-order mark, comma
or semicolon.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from sslecho.errors import InputError
from sslecho.registry import did_you_mean

KNOWN = ("path", "clip_id", "clip", "frame", "label", "grade", "patient", "unit", "split")
SPLITS = ("train", "val", "test")
MAX_SAID = 10  # bad rows in one message


@dataclass(frozen=True, slots=True)  # a data set may have a million rows
class LabelRow:
    """One row; None where a cell is empty or its column absent."""

    line: int
    path: str | None = None
    clip_id: str | None = None
    clip: str | None = None
    frame: int | None = None
    label: str | None = None
    grade: float | None = None
    patient: str | None = None
    unit: str | None = None
    split: str | None = None
    kept: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelTable:
    """The rows of a labels file in order, its columns, and the columns that were left out."""

    path: Path
    rows: list[LabelRow]
    columns: list[str]
    dropped: list[str]


def read_labels(
    path: Path, *, keep: Sequence[str] = (), label_column: str = "label", patient_column: str = "patient"
) -> LabelTable:
    """Read a labels file and check every row.

    Args:
        path: the file.
        keep: further columns to keep as attributes.
        label_column: the column that holds the labels.
        patient_column: the column that holds the patients.

    Raises:
        InputError: the file can't be read, a column is missing, or rows are bad; these are named by line number.
    """
    lines = read_text(path).splitlines(keepends=True)
    if not lines:
        raise InputError(f"{path} is empty; it needs a header line with `path` or `clip_id`")
    reader = csv.reader(lines, delimiter=delimiter_of(lines[0]), strict=True)
    problems: list[str] = []
    rows: list[LabelRow] = []
    try:
        columns = [name.strip() for name in next(reader)]
        _refuse_header(path, columns, keep, label_column, patient_column)
        names = {**{name: name for name in KNOWN}, "label": label_column, "patient": patient_column}
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                problems.append(f"line {reader.line_num}: {len(cells)} cells under {len(columns)} columns")
                continue
            said = {name: cell.strip() or None for name, cell in zip(columns, cells, strict=True)}
            row = _row(reader.line_num, {field: said.get(name) for field, name in names.items()}, problems)
            rows.append(LabelRow(**row, kept={name: said[name] for name in keep}))
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}")
    problems += _twice(rows)
    if not rows and not problems:
        raise InputError(f"{path} has a header line and no rows; fill it in, or leave --labels out")
    if problems:
        more = f"\n  and {len(problems) - MAX_SAID} more" if len(problems) > MAX_SAID else ""
        raise InputError(f"{path} has bad rows; mend them:\n  " + "\n  ".join(problems[:MAX_SAID]) + more)
    used = {*KNOWN, *keep, label_column, patient_column}
    return LabelTable(path, rows, columns, [name for name in columns if name not in used])


def delimiter_of(header: str) -> str:
    """Comma or semicolon, whichever the header has more of."""
    return ";" if header.count(";") > header.count(",") else ","


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte-order mark.

    Raises:
        InputError: it can't be read, or is not UTF-8; the line is named.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror})") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path} line {line} is not UTF-8; save the file as UTF-8") from None


def _refuse_header(path: Path, columns: list[str], keep: Sequence[str], label_column: str, patient_column: str) -> None:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise InputError(f"{path} has the columns {twice} twice; remove one of each")
    if "path" not in columns and "clip_id" not in columns:
        raise InputError(f"{path} needs a column `path` or `clip_id`; its header has: {', '.join(columns)}")
    wanted = [*keep]
    wanted += [label_column] if label_column != "label" else []
    wanted += [patient_column] if patient_column != "patient" else []
    for name in wanted:
        if name not in columns:
            raise InputError(
                f"{path} has no column {name!r}{did_you_mean(name, columns)}; its header has: {', '.join(columns)}"
            )


def _row(line: int, said: dict[str, str | None], problems: list[str]) -> dict[str, Any]:
    """The typed cells of a row; what is wrong with it goes to `problems`."""
    row: dict[str, Any] = {**said, "line": line}
    path = said["path"]
    if path is not None:
        posix = PurePosixPath(path.replace("\\", "/"))
        row["path"] = str(posix)
        if posix.is_absolute() or ".." in posix.parts:
            problems.append(f"line {line}: path {path!r} must be relative to the source folder and stay inside it")
    elif said["clip_id"] is None:
        problems.append(f"line {line}: neither path nor clip_id")
    if said["frame"] is not None:
        if said["frame"].isascii() and said["frame"].isdigit():
            row["frame"] = int(said["frame"])
        else:
            problems.append(f"line {line}: frame {said['frame']!r} must be a whole number, 0 for the first")
            row["frame"] = None
    if said["grade"] is not None:
        try:
            row["grade"] = float(said["grade"])
        except ValueError:
            row["grade"] = math.nan
        if not math.isfinite(row["grade"]):
            problems.append(f"line {line}: grade {said['grade']!r} must be a number")
            row["grade"] = None
    if said["split"] is not None and said["split"] not in SPLITS:
        problems.append(f"line {line}: split {said['split']!r} must be train, val or test")
    return row


def _twice(rows: list[LabelRow]) -> list[str]:
    """Rows that speak of the same thing as an earlier one."""
    seen: dict[tuple[object, ...], int] = {}
    problems = []
    for row in rows:
        # Where files are the frames of a clip, `frame` orders them; elsewhere it picks a frame of the file.
        key = (row.path or row.clip_id, None if row.clip else row.frame)
        if key in seen:
            problems.append(
                f"line {row.line}: the same file{' and frame' if key[1] is not None else ''} as line {seen[key]}"
            )
        seen.setdefault(key, row.line)
    return problems
