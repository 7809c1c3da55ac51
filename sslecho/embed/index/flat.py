"""Exact nearest neighbors by cosine distance, with the query's own group left out.

Vectors are scaled to length 1 and compared by inner product: embeddings are stored before the projection head, where
their length says more about contrast and gain than about the view. A distance is 1 - cosine, in [0, 2].
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int64, Shaped

from sslecho.embed.index.exclusion import first_allowed, group_codes, n_left_out
from sslecho.embed.index.library import import_faiss
from sslecho.embed.index.saved import read_index, write_index
from sslecho.embed.index.vectors import hash_of, pieces, unit_length
from sslecho.errors import InputError, NounError, SslechoError

FOUND_AT_ONCE = 1 << 22  # distances and ids held by one call of FAISS: 50 MB


class FlatIndex:
    """An exact index over `n` vectors; make it with `build` or `load`."""

    kind = "exact"
    recall = 1.0

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
        for piece in pieces(vectors):
            index.add(unit_length(piece))
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
        check_queries(queries, k, dim=self._index.d)
        own, of_vector = group_codes(query_groups, groups, n_queries=len(queries), n_vectors=len(self))
        similarities = np.full((len(queries), k), -np.inf, np.float32)
        ids = np.full((len(queries), k), -1, np.int64)
        # After this many hits nothing is left to find: a query's own group can take no more places than it has.
        # Asking for them at once costs FAISS little; queries of large groups are asked together, not all as widely.
        enough = np.minimum(len(self), k + n_left_out(own, of_vector))
        widest_first, start = np.argsort(-enough, kind="stable"), 0
        while start < len(queries):
            fetch = int(enough[widest_first[start]])
            rows = widest_first[start : start + max(1, FOUND_AT_ONCE // fetch)]
            start += len(rows)
            found, hits = self._index.search(unit_length(queries[rows]), fetch)
            similarities[rows], ids[rows] = first_allowed(found, hits, k, query_codes=own[rows], codes=of_vector)
        return distances_of(similarities), ids

    def save(self, path: Path | str) -> None:
        """Write the index with the hash of its vectors: a cache, from which nothing but time is lost.

        Raises:
            SslechoError: the disk is full or the folder can't be written.
        """
        write_index(Path(path), self._index, vectors_hash=self._vectors_hash)

    @classmethod
    def load(cls, path: Path | str, vectors: Float[np.ndarray, "n d"]) -> "FlatIndex":
        """The saved index of these vectors; where it is missing, damaged or of other vectors, a new one, saved.

        Raises:
            MissingExtraError: FAISS is not installed.
        """
        vectors_hash = hash_of(vectors)
        try:
            index, more = read_index(Path(path), vectors_hash=vectors_hash)
            if more:
                raise NounError(f"{Path(path).name} is no exact index; it is built anew")
            return cls(index, vectors_hash)
        except (OSError, NounError):
            index = cls.build(vectors)
            with suppress(SslechoError, OSError):  # embeddings on a read-only disk can be searched all the same
                index.save(path)
            return index


def check_queries(queries: Float[np.ndarray, "q d"], k: int, *, dim: int) -> None:
    """Refuse what can't be searched.

    Raises:
        InputError: k < 1, or queries of another dimension.
    """
    if k < 1:
        raise InputError(f"k = {k} neighbors can't be searched; ask for at least 1")
    if queries.shape[1] != dim:
        raise InputError(
            f"the queries have {queries.shape[1]} dimensions and the index {dim}; embed both with the same encoder"
        )


def distances_of(similarities: Float32[np.ndarray, "q k"]) -> Float32[np.ndarray, "q k"]:
    """1 - cosine, in [0, 2]; infinity where nothing was found."""
    return np.where(np.isneginf(similarities), np.float32(np.inf), np.clip(1 - similarities, 0, 2))
