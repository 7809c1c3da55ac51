"""Exact nearest neighbors by cosine distance, with the query's own group left out.

Vectors are scaled to length 1 and compared by inner product: embeddings are stored before the projection head, where
their length says more about contrast and gain than about the view. A distance is 1 - cosine, in [0, 2].
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int64, Shaped

from sslecho.embed.index.library import import_faiss
from sslecho.errors import InputError, NounError, SslechoError
from sslecho.metrics.labels import encode_groups
from sslecho.rundir import write_atomic

SCHEMA, VERSION = "sslecho.index", 1
ROWS_AT_ONCE = 1 << 16  # scaled or hashed at a time, so that memory-mapped vectors stay on disk
FOUND_AT_ONCE = 1 << 22  # distances and ids held by one call of FAISS: 50 MB


class FlatIndex:
    """An exact index over `n` vectors; make it with `build` or `load`."""

    def __init__(self, faiss_index: Any, vectors_hash: str):
        self._index = faiss_index
        self._vectors_hash = vectors_hash

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(cls, vectors: Float[np.ndarray, "n d"]) -> "FlatIndex":
        """Index the vectors; a memory map will do.

        Raises:
            InputError: there is no vector, or one is not finite.
            MissingExtraError: FAISS is not installed.
        """
        if len(vectors) == 0:
            raise InputError("there are no embeddings to index; embed a store with at least one frame")
        index = import_faiss().IndexFlatIP(vectors.shape[1])
        for piece in _pieces(vectors):
            index.add(_unit_length(piece))
        return cls(index, hash_of(vectors))

    def search(
        self,
        queries: Float[np.ndarray, "q d"],
        k: int,
        *,
        query_groups: Shaped[np.ndarray, "q"] | Sequence[Any] | None = None,
        groups: Shaped[np.ndarray, "n"] | Sequence[Any] | None = None,
    ) -> tuple[Float32[np.ndarray, "q k"], Int64[np.ndarray, "q k"]]:
        """The k nearest vectors of each query, nearest first.

        Args:
            queries: need not have length 1.
            k: how many; a query with fewer candidates gets the rest filled with id -1 and distance infinity.
            query_groups: the group (clip, patient) of each query; vectors of that group are no candidates.
            groups: the group of each indexed vector; given together with `query_groups`.

        Returns:
            Cosine distances and ids (rows of the indexed vectors).

        Raises:
            InputError: k < 1, queries of another dimension or not finite, or a group that is missing.
        """
        self._check(queries, k)
        if (query_groups is None) != (groups is None):
            raise ValueError("query_groups and groups go together: one says what to leave out, the other where it is")
        if query_groups is None or groups is None:
            own, of_vector = np.full(len(queries), -1), np.zeros(len(self), np.int64)
        else:
            codes = encode_groups([*query_groups, *groups], what="group")
            own, of_vector = codes[: len(queries)], codes[len(queries) :]
            if len(of_vector) != len(self):
                raise ValueError(f"groups has {len(of_vector)} entries for {len(self)} indexed vectors")
        distances = np.full((len(queries), k), np.inf, np.float32)
        ids = np.full((len(queries), k), -1, np.int64)
        # After this many hits nothing is left to find: a query's own group can take no more places than it has.
        # Asking for them at once costs FAISS little; queries of large groups are asked together, not all as widely.
        group_sizes = np.bincount(of_vector, minlength=int(own.max(initial=0)) + 1)
        enough = np.minimum(len(self), k + np.where(own >= 0, group_sizes[own], 0))
        widest_first, start = np.argsort(-enough, kind="stable"), 0
        while start < len(queries):
            fetch = int(enough[widest_first[start]])
            rows = widest_first[start : start + max(1, FOUND_AT_ONCE // fetch)]
            start += len(rows)
            similarities, hits = self._index.search(_unit_length(queries[rows]), fetch)
            allowed = of_vector[hits] != own[rows][:, None]
            place = np.cumsum(allowed, axis=1) - 1
            at, column = np.nonzero(allowed & (place < k))
            ids[rows[at], place[at, column]] = hits[at, column]
            distances[rows[at], place[at, column]] = np.clip(1 - similarities[at, column], 0, 2)
        return distances, ids

    def save(self, path: Path | str) -> None:
        """Write the index with the hash of its vectors: a cache, from which nothing but time is lost.

        Raises:
            SslechoError: the disk is full or the folder can't be written.
        """
        body = import_faiss().serialize_index(self._index).tobytes()
        header = {
            "schema": SCHEMA,
            "version": VERSION,
            "vectors_sha256": self._vectors_hash,
            "body_sha256": hashlib.sha256(body).hexdigest(),
        }
        write_atomic(Path(path), json.dumps(header).encode() + b"\n" + body)

    @classmethod
    def load(cls, path: Path | str, vectors: Float[np.ndarray, "n d"]) -> "FlatIndex":
        """The saved index of these vectors; where it is missing, damaged or of other vectors, a new one, saved.

        Raises:
            MissingExtraError: FAISS is not installed.
        """
        path, vectors_hash = Path(path), hash_of(vectors)
        try:
            return cls(import_faiss().deserialize_index(_read_body(path, vectors_hash)), vectors_hash)
        except (OSError, NounError):
            index = cls.build(vectors)
            with suppress(SslechoError, OSError):  # embeddings on a read-only disk can be searched all the same
                index.save(path)
            return index

    def _check(self, queries: Float[np.ndarray, "q d"], k: int) -> None:
        if k < 1:
            raise InputError(f"k = {k} neighbors can't be searched; ask for at least 1")
        if queries.shape[1] != self._index.d:
            raise InputError(
                f"the queries have {queries.shape[1]} dimensions and the index {self._index.d}; "
                "embed both with the same encoder"
            )


def hash_of(vectors: Float[np.ndarray, "n d"]) -> str:
    """SHA-256 of the vectors' shape and float32 values."""
    digest = hashlib.sha256(f"{vectors.shape}".encode())
    for piece in _pieces(vectors):
        digest.update(np.ascontiguousarray(piece, dtype="<f4").data)
    return digest.hexdigest()


def _read_body(path: Path, vectors_hash: str) -> np.ndarray:
    """FAISS's bytes of a saved index. FAISS trusts what it reads, so damage must be seen here.

    Raises:
        NounError: not an index, of another version, of other vectors, or damaged.
    """
    with path.open("rb") as file:
        first, body = file.readline(), file.read()
    try:
        header = json.loads(first)
    except ValueError:
        header = None
    wanted = {
        "schema": SCHEMA,
        "version": VERSION,
        "vectors_sha256": vectors_hash,
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    if header != wanted:
        raise NounError(f"{path.name} is no index of these embeddings; it is built anew")
    return np.frombuffer(body, np.uint8)


def _pieces(vectors: Float[np.ndarray, "n d"]) -> Iterator[np.ndarray]:
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        yield vectors[start : start + ROWS_AT_ONCE]


def _unit_length(vectors: Float[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
    vectors = np.ascontiguousarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        bad = int((~np.isfinite(lengths)).sum())
        raise InputError(f"{bad} of {len(vectors)} embeddings are not finite; embed again with a sound encoder")
    return vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
