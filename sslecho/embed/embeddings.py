"""The Embeddings noun: one vector a frame and the rows that say which frames they are.

    embeddings/vectors.npy    float32 [n, dim], as the encoder gives them, not normalized
    embeddings/rows.parquet   row (in the store), clip_id, frame_index, patient_id, unit_id, label, split
    embeddings/meta.json      schema, hashes of store and encoder, where both were found

The labels and splits in rows.parquet are those of the day of embedding; where the store is still there, its own count.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32

from sslecho.errors import NounError
from sslecho.rundir import read_json, write_json

SCHEMA, VERSION = "sslecho.embeddings", 1


@dataclass(frozen=True)
class Embeddings:
    """Vectors and the rows that name them, in the same order.

    Attributes:
        vectors: one a frame (or one a clip after `per_clip`).
        rows: see the top of this file.
        meta: hashes and origin.
        path: the folder they were read from.
    """

    vectors: Float32[np.ndarray, "n d"]
    rows: pa.Table
    meta: dict[str, Any]
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    @classmethod
    def load(cls, folder: Path | str) -> "Embeddings":
        """Read the noun from its folder or from the run that holds it; the vectors are memory-mapped.

        Raises:
            NounError: no embeddings there, another version, or a damaged file.
        """
        folder = Path(folder)
        if (folder / "embeddings").is_dir():
            folder = folder / "embeddings"
        try:
            meta = read_json(folder / "meta.json")
        except (OSError, ValueError):
            raise NounError(
                f"{folder} holds no embeddings (no readable meta.json); name the folder that `sslecho embed` wrote"
            ) from None
        if meta.get("schema") != SCHEMA or meta.get("version") != VERSION:
            raise NounError(
                f"{folder} is {meta.get('schema')!r} version {meta.get('version')!r}, "
                f"not {SCHEMA!r} version {VERSION}; embed again"
            )
        try:
            vectors = np.load(folder / "vectors.npy", mmap_mode="r")
            rows = pq.read_table(folder / "rows.parquet")
        except (OSError, ValueError, pa.ArrowInvalid) as error:
            reason = str(error).splitlines()[0]
            raise NounError(f"{folder} is damaged ({reason}); embed again with --overwrite") from None
        if len(vectors) != rows.num_rows:
            raise NounError(
                f"{folder}: vectors.npy has {len(vectors)} rows and rows.parquet {rows.num_rows}; "
                "embed again with --overwrite"
            )
        return cls(vectors, rows, meta, folder)

    def column(self, name: str) -> np.ndarray:
        """A column of the rows as an object array, None where nothing is known."""
        values = np.empty(self.rows.num_rows, dtype=object)
        values[:] = self.rows[name].to_pylist()
        return values

    def per_clip(self) -> "Embeddings":
        """One row a clip: the mean of its frames' vectors, with the clip's label.

        A clip whose frames have different labels gets the most frequent one (the first in sorted order among equals).
        """
        clip_ids = self.column("clip_id")
        _, first, clip = np.unique(clip_ids.astype(str), return_index=True, return_inverse=True)
        # Numbered in the order of appearance, not of their ids, which are hashes.
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        clip, first = rank[clip], np.sort(first)
        sums = np.zeros((len(first), self.vectors.shape[1]))
        np.add.at(sums, clip, self.vectors)
        means = (sums / np.bincount(clip)[:, None]).astype(np.float32)
        labels = _majority(self.column("label"), clip, len(first))
        rows = self.rows.take(pa.array(first)).set_column(
            self.rows.column_names.index("label"), "label", pa.array(labels, pa.string())
        )
        return Embeddings(means, rows, self.meta, self.path)

    def with_columns(self, **columns: np.ndarray) -> "Embeddings":
        """The same vectors with columns of the rows replaced, such as newer labels."""
        rows = self.rows
        for name, values in columns.items():
            words = [None if value is None else str(value) for value in values]  # a grade can be a label too
            rows = rows.set_column(rows.column_names.index(name), name, pa.array(words, pa.string()))
        return Embeddings(self.vectors, rows, self.meta, self.path)


def write_rows(folder: Path, rows: pa.Table, *, meta: Mapping[str, Any]) -> None:
    """Complete the noun whose vectors.npy already stands in `folder`; meta.json is written last."""
    pq.write_table(rows, folder / "rows.parquet")
    write_json(folder / "meta.json", {"schema": SCHEMA, "version": VERSION, **meta})


def rows_hash(rows: pa.Table) -> str:
    """SHA-256 over which frames these are, in which order."""
    digest = hashlib.sha256()
    for clip_id, index in zip(rows["clip_id"].to_pylist(), rows["frame_index"].to_pylist(), strict=True):
        digest.update(f"{clip_id}:{index};".encode())
    return digest.hexdigest()


def _majority(labels: np.ndarray, group: np.ndarray, n_groups: int) -> list[str | None]:
    counts: list[dict[str, int]] = [{} for _ in range(n_groups)]
    for label, number in zip(labels, group, strict=True):
        if label is not None:
            counts[number][label] = counts[number].get(label, 0) + 1
    return [min(c, key=lambda word: (-c[word], word)) if c else None for c in counts]
