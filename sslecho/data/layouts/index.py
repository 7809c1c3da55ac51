"""The index files of data sets: read them, find where they lie, and hold official splits to their promise."""

import csv
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sslecho.data.labels import MAX_SAID, SPLITS, LabelRow, delimiter_of, read_text
from sslecho.errors import InputError

PAPERS = frozenset(
    {".csv", ".tsv", ".txt", ".md", ".pdf", ".xlsx", ".xls", ".json", ".xml", ".html", ".cfg", ".gz", ".yaml", ".yml"}
)
HEADER_BYTES = 2**16
MAX_FOLDERS = 64  # looked into for a data set that was unpacked into a folder of its own


def header_of(path: Path) -> list[str]:
    """The column names of a table; none where the file is missing or is no text."""
    try:
        with path.open("rb") as file:
            line = file.read(HEADER_BYTES).split(b"\n", 1)[0].decode("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        return []
    return [name.strip() for name in next(csv.reader([line], delimiter=delimiter_of(line)), [])]


def read_index(path: Path, needs: Sequence[str]) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Line number and cells of each row; an empty cell is None. Spaces around names and cells are dropped.

    Raises:
        InputError: the file can't be read, lacks a column, or, at the end, rows had too few or too many cells.
    """
    lines = read_text(path).splitlines(keepends=True)
    reader = csv.reader(lines, delimiter=delimiter_of(lines[0] if lines else ""), strict=True)
    problems: list[str] = []
    try:
        columns = [name.strip() for name in next(reader, [])]
        missing = [name for name in needs if name not in columns]
        if missing:
            raise InputError(
                f"{path} has no column {', '.join(map(repr, missing))}; its header has: {', '.join(columns)}; "
                "copy it anew from the data set"
            )
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                problems.append(f"line {reader.line_num}: {len(cells)} cells under {len(columns)} columns")
                continue
            yield reader.line_num, {name: cell.strip() or None for name, cell in zip(columns, cells, strict=True)}
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}")
    if problems:
        refuse_rows(path, problems)


def refuse_rows(path: Path, problems: Sequence[str]) -> None:
    """Raise InputError that lists the bad rows of an index file."""
    more = f"\n  and {len(problems) - MAX_SAID} more" if len(problems) > MAX_SAID else ""
    raise InputError(f"{path} has bad rows; copy it anew, or mend them:\n  " + "\n  ".join(problems[:MAX_SAID]) + more)


def read_lines(path: Path) -> list[str]:
    """The lines of a list that are not empty, without spaces around them; none where there is no such file."""
    if not path.is_file():
        return []
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]


def number(cell: str | None) -> float | None:
    """A finite number; None where the cell is empty or holds something else."""
    try:
        value = float(cell) if cell is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def find_home(root: Path, fits: Callable[[Path], str | None]) -> tuple[Path, str] | None:
    """Where the data set lies, and why: in `root`, or in the one folder of it that fits."""
    if not root.is_dir():
        return None
    why = _unless_refused(root, fits)
    if why is not None:
        return root, why
    folders = folders_of(root)
    if len(folders) > MAX_FOLDERS:
        return None
    found = [(folder, why) for folder in folders if (why := _unless_refused(folder, fits)) is not None]
    return found[0] if len(found) == 1 else None


def _unless_refused(folder: Path, fits: Callable[[Path], str | None]) -> str | None:
    """A folder that may not be read fits nothing; the list of files has it, with its reason."""
    try:
        return fits(folder)
    except OSError:
        return None


def home_of(root: Path, fits: Callable[[Path], str | None], *, name: str, rule: str) -> tuple[Path, str]:
    """As `find_home`.

    Raises:
        InputError: the data set does not lie there.
    """
    found = find_home(root, fits)
    if found is None:
        raise InputError(
            f"--layout {name}: {root} is not laid out that way; {rule}. Name the folder that does, "
            "another --layout, or --layout none"
        )
    return found


def below(root: Path, home: Path) -> str:
    """What leads from the source to the data set's own folder: "" or "NAME/"."""
    return "" if home == root else home.relative_to(root).as_posix() + "/"


def papers(folder: Path) -> tuple[Path, ...]:
    """The tables, texts and licenses that lie in a folder beside the ultrasound."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return tuple(
        path
        for path in files
        if (path.suffix.lower() in PAPERS and not path.name.lower().endswith(".nii.gz"))
        or path.name.upper().startswith(("LICENSE", "LICENCE", "README", "SHA256SUMS"))
    )


def folders_of(folder: Path) -> list[Path]:
    """The folders in a folder in order, without hidden ones; none of a folder that may not be read.

    A source may hold a million files, so that none of them is looked at by itself.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except OSError:
        return []
    return [folder / name for name in names]


def without_repeats(path: Path, rows: Sequence[LabelRow]) -> tuple[list[LabelRow], list[str]]:
    """Rows that say the same of the same file only once, and a warning that counts the others.

    Raises:
        InputError: two rows say different things of one file.
    """
    seen: dict[str | None, LabelRow] = {}
    problems, repeats = [], 0
    for row in rows:
        first = seen.setdefault(row.path, row)
        if first is row:
            continue
        repeats += 1
        if replace(row, line=first.line) != first:
            problems.append(f"line {row.line}: another thing of the same file than line {first.line}")
    if problems:
        refuse_rows(path, problems)
    return list(seen.values()), [f"{repeats} rows of {path.name} repeat an earlier one"] if repeats else []


def honor_split(rows: Sequence[LabelRow]) -> tuple[list[LabelRow], list[str]]:
    """An official split, held to what it promises: no patient on two sides.

    The test split stays as it was published, then the validation split; what other files a divided patient has lose
    their split and are used by none.

    Returns:
        The rows, and a warning with the counts where there was something to do.
    """
    sides: dict[str, set[str]] = {}
    for row in rows:
        if row.patient is not None and row.split is not None:
            sides.setdefault(row.patient, set()).add(row.split)
    divided = {patient: max(found, key=SPLITS.index) for patient, found in sides.items() if len(found) > 1}
    if not divided:
        return list(rows), []
    held = [
        replace(row, split=None) if row.patient in divided and row.split not in (None, divided[row.patient]) else row
        for row in rows
    ]
    lost = sum(before.split != after.split for before, after in zip(rows, held, strict=True))
    return held, [
        f"the official split puts {len(divided)} of {len(sides)} patients in more than one split; {lost} of their "
        "files lose theirs (test stays as published, then val), so that no patient is on two sides"
    ]
