"""What `predict` writes beside the noun: tables for people, one of them private, and the page."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sslecho.data.identity import key_folder, read_sources
from sslecho.data.store import Store
from sslecho.errors import NounError
from sslecho.rundir import disk_error, write_text

TABLE, LEFT_OUT, PAGE = "predictions.csv", "left_out.csv", "predictions.html"
COLUMNS = (
    "clip_id", "frame_index", "patient_id", "frames", "kind", "prediction", "confidence", "set", "abstained",
    "uncertainty", "grade", "lowest_grade", "highest_grade",
)  # fmt: skip


def write_tables(out: Path, rows: Sequence[Mapping[str, Any]], store: Store, *, views: Sequence[str]) -> Path:
    """Write `predictions.csv` and `left_out.csv`, by keyed ids; and beside the key the first one with its paths.

    Args:
        out: the run's folder.
        rows: one a clip or frame.

    Returns:
        The private table, for its owner alone.
    """
    shown = [name for name in COLUMNS if any(row.get(name) is not None for row in rows)]
    flat = [_flat(row, views) for row in rows]
    columns = [*shown, *(f"p({view})" for view in views)]
    write_text(out / TABLE, csv_text(columns, flat))
    quarantine = store.quarantine().to_pylist()
    write_text(out / LEFT_OUT, csv_text(["source_id", "kind", "reason"], quarantine))
    path_of = paths_of(store.path)
    private = key_folder(store.path) / TABLE
    with_paths = [{"path": path_of.get(row["clip_id"]), **row} for row in flat]
    _write_private(private, csv_text(["path", *columns], with_paths))
    return private


def paths_of(store: Path) -> dict[str, str]:
    """The first file of each clip, where this user may read it."""
    try:
        rows = read_sources(store).to_pylist()
    except NounError:
        return {}
    found: dict[str, str] = {}
    for row in rows:
        if row["clip_id"] is not None:
            found.setdefault(row["clip_id"], row["path"])
    return found


def csv_text(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A table as text; what is not known is empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: short(row.get(name)) for name in columns} for row in rows)
    return buffer.getvalue()


def short(value: Any) -> Any:
    """A value as it stands in a table."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return round(value, 4) if isinstance(value, float) else value


def _flat(row: Mapping[str, Any], views: Sequence[str]) -> dict[str, Any]:
    """A set as one cell, and each view's probability as a column."""
    probabilities = row.get("probabilities") or [None] * len(views)
    said = None if row.get("set") is None else "|".join(row["set"])
    return {**row, "set": said, **{f"p({view})": p for view, p in zip(views, probabilities, strict=True)}}


def _write_private(path: Path, content: str) -> None:
    """A file that its owner alone can read, whole or not at all."""
    temporary = path.with_name(f"{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise disk_error(path, error) from error
