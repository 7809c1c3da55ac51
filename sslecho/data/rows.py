"""The journal's entries as rows of the store's tables, a part at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

ROWS_PER_PART = 8192  # of a table, in memory at once


def as_tables(
    entries: Iterable[dict[str, Any]], schema: pa.Schema, rows_of: Callable[[dict[str, Any]], list[dict[str, Any]]]
) -> Iterator[pa.Table]:
    """A table in parts, the last of which may be empty.

    Args:
        entries: of the journal, in order.
        schema: the table's columns.
        rows_of: what an entry contributes.
    """
    rows: list[dict[str, Any]] = []
    for entry in entries:
        rows += rows_of(entry)
        while len(rows) >= ROWS_PER_PART:
            yield pa.Table.from_pylist(rows[:ROWS_PER_PART], schema=schema)
            rows = rows[ROWS_PER_PART:]
    yield pa.Table.from_pylist(rows, schema=schema)


def frame_columns(frame_rows: Mapping[str, Any], n_frames: int) -> dict[str, Any]:
    """The frames' columns as they are noted: one value for all, or a list.

    Raises:
        ValueError: no frame, or a list of another length than there are frames.
    """
    if not n_frames:
        raise ValueError("a clip needs at least one frame")
    for name, values in frame_rows.items():
        if isinstance(values, list) and len(values) != n_frames:
            raise ValueError(f"column {name!r} has {len(values)} values for {n_frames} frames")
    return {"frame_index": list(range(n_frames)), **frame_rows}


def clip_rows(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the clips' table."""
    return [entry["clip"]] if "clip" in entry else []


def left_out(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the quarantine's table."""
    return [entry["quarantine"]] if "quarantine" in entry else []


def frame_rows_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the frames' table, in the order of the clip's frames."""
    if "clip" not in entry:
        return []
    n_frames = entry["clip"]["n_frames"]
    columns = {name: said if isinstance(said, list) else [said] * n_frames for name, said in entry["frames"].items()}
    columns["clip_id"] = [entry["clip"]["clip_id"]] * n_frames
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
