"""New labels, grades and splits for a store that stands: a new version of its tables, the shards untouched."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from sslecho.data.identity import key_folder, read_sources
from sslecho.data.labels import LabelRow, LabelTable, read_labels
from sslecho.data.store import Store
from sslecho.errors import InputError, NounError


def labels_of_clips(
    path: Path, *, column: str = "label", store: Store | None = None
) -> tuple[dict[str, str], dict[tuple[str, int], str]]:
    """What a labels file says: clip_id -> label, and (clip_id, frame) -> label where a row speaks of one frame.

    Args:
        store: with it, rows may name clips by `path`, where the table beside the store's key may be read.

    Raises:
        InputError: the file is bad, has no such column, or names clips by path and there is no store.
    """
    table = read_labels(path, label_column=column)
    if column not in table.columns or not {"clip_id", "path"} & set(table.columns):
        raise InputError(
            f"{path} needs the columns `clip_id` (or `path`) and `{column}`; its header has: {', '.join(table.columns)}"
        )
    if store is None and "clip_id" not in table.columns:
        raise InputError(f"{path} names clips by path, which only their store can resolve; give a `clip_id` column")
    targets = _targets(store, table) if store else [(row, row.clip_id, row.frame) for row in table.rows]
    named = [(row.label, clip_id, frame) for row, clip_id, frame in targets if clip_id is not None and row.label]
    of_clips = {clip_id: label for label, clip_id, frame in named if frame is None}
    return of_clips, {(clip_id, frame): label for label, clip_id, frame in named if frame is not None}


def relabel(store: Store, labels: Path, *, column: str = "label") -> Store:
    """Replace labels, and grades and splits where the file has them.

    A clip that the file does not name keeps what it has; an empty cell under a column that is there clears it. A
    row with a frame holds for that frame alone.

    Args:
        store: the store.
        labels: rows with `clip_id`; or with `path`, where the table beside the store's key may be read.
        column: the file's column that holds the labels.

    Raises:
        InputError: the file is bad, or none of its rows is of this store.
    """
    table = read_labels(labels, label_column=column)
    columns = {"label": column, "grade": "grade", "split": "split"}
    present = [name for name, source in columns.items() if source in table.columns]
    if not present:
        raise InputError(
            f"{labels} has no column {column!r}, grade or split; its header has: {', '.join(table.columns)}"
        )
    place_of = {clip_id: place for place, clip_id in enumerate(store.clips["clip_id"].to_pylist())}
    clips = {name: store.clips[name].to_pylist() for name in present}
    frames = {name: store.frames[name].to_pylist() for name in present if name != "split"}
    frame_place = _frame_places(store) if any(row.frame is not None for row in table.rows) else {}
    matched = 0
    for row, clip_id, frame in _targets(store, table):
        place = place_of.get(clip_id) if clip_id is not None else None
        if place is None:
            continue
        matched += 1
        if frame is None:
            for name in present:
                clips[name][place] = getattr(row, name)
        elif (place, frame) in frame_place:
            for name in frames:
                frames[name][frame_place[place, frame]] = getattr(row, name)
    if not matched:
        raise InputError(
            f"none of the {len(table.rows)} rows of {labels} is a clip of {store.path}; "
            "its clip_id column must hold the store's ids, or its path column the paths that were ingested"
        )
    return store.with_tables(clips=_replaced(store.clips, clips), frames=_replaced(store.frames, frames))


def _targets(store: Store, table: LabelTable) -> list[tuple[LabelRow, str | None, int | None]]:
    """Each row with the clip and frame that it speaks of."""
    if all(row.clip_id is not None for row in table.rows):
        return [(row, row.clip_id, row.frame) for row in table.rows]
    try:
        sources = read_sources(store.path).to_pylist()
    except NounError as error:
        raise InputError(
            f"{table.path} names clips by path, "
            f"and what leads from a path to a clip is in {key_folder(store.path)}: {error}"
        ) from None
    by_path = {source["path"]: source for source in sources}
    targets: list[tuple[LabelRow, str | None, int | None]] = []
    of_frames: dict[str, list[tuple[LabelRow, int]]] = defaultdict(list)
    for row in table.rows:
        source = by_path.get(row.path) if row.clip_id is None else None
        if source is None:
            targets.append((row, row.clip_id, row.frame))
        elif source["frame"] is None or source["clip_id"] is None:
            targets.append((row, source["clip_id"], row.frame))
        else:
            of_frames[source["clip_id"]].append((row, source["frame"]))
    for clip_id, rows in of_frames.items():
        # Files that are frames of a clip and all say the same speak of the clip.
        if len({(row.label, row.grade, row.split) for row, _ in rows}) == 1:
            targets.append((rows[0][0], clip_id, None))
        else:
            targets += [(row, clip_id, frame) for row, frame in rows]
    return targets


def _frame_places(store: Store) -> dict[tuple[int, int], int]:
    """(clip's place, index in the source) -> row of the frames' table."""
    indices = store.frames["frame_index"].to_pylist()
    return {(place, indices[row]): row for row, place in enumerate(store.clip_of_frame.tolist())}


def _replaced(table: pa.Table, columns: dict[str, list[Any]]) -> pa.Table:
    for name, values in columns.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(name).type))
    return table
