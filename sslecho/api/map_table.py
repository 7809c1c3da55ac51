"""The map as a table in the columns that Embedding Atlas reads.

    embedding-atlas map.parquet --x x --y y --text text --neighbors neighbors

Its documentation: coordinates and text are columns of any name; neighbors are {"ids": [...], "distances": [...]} with
ids that count rows from 0; pictures are {"bytes": ...}.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sslecho.embed.layout import Layout


def map_table(
    layout: Layout,
    *,
    clip_ids: Sequence[str],
    frames: Sequence[int] | None,
    columns: Mapping[str, Sequence[Any]],
    pictures: Mapping[int, bytes],
) -> bytes:
    """The table as Parquet: x, y, text, clip_id, frame_index of frames, the columns, image, neighbors.

    Args:
        columns: values of each point by name; a name of the table's own is left out.
        pictures: JPEGs by point.
    """
    n, k = layout.ids.shape
    labels = columns.get("label") or [None] * n
    places = list(clip_ids) if frames is None else [f"{c}, frame {f}" for c, f in zip(clip_ids, frames, strict=True)]
    said = [place if label is None else f"{label} · {place}" for label, place in zip(labels, places, strict=True)]
    table: dict[str, Any] = {
        "x": pa.array(layout.points[:, 0]),
        "y": pa.array(layout.points[:, 1]),
        "text": pa.array(said, pa.string()),
        "clip_id": pa.array(list(clip_ids), pa.string()),
    }
    if frames is not None:
        table["frame_index"] = pa.array(list(frames), pa.int64())
    for name, values in columns.items():
        if name not in (*table, "image", "neighbors"):
            table[name] = pa.array(list(values))
    if pictures:
        found = [None if row not in pictures else {"bytes": pictures[row], "path": None} for row in range(n)]
        table["image"] = pa.array(found, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    starts = pa.array(np.arange(n + 1, dtype=np.int32) * k)
    table["neighbors"] = pa.StructArray.from_arrays(
        [pa.ListArray.from_arrays(starts, pa.array(part.ravel())) for part in (layout.ids, layout.distances)],
        ["ids", "distances"],
    )
    buffer = io.BytesIO()
    pq.write_table(pa.table(table), buffer, compression="zstd")
    return buffer.getvalue()
