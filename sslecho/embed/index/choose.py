"""Which kind of index fits: by the number of vectors and queries, their dimension, memory and the recall asked for."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int64, Shaped

from sslecho.embed.index.approximate import ApproximateIndex
from sslecho.embed.index.flat import FlatIndex
from sslecho.embed.index.recall import two_samples
from sslecho.embed.index.saved import read_index
from sslecho.embed.index.vectors import hash_of
from sslecho.errors import InputError, NounError, SslechoError
from sslecho.metrics.labels import encode_groups

IN_MEMORY = 6 << 30  # bytes of vectors; above, only their codes are held
EXACT_UP_TO = 10**12  # multiplications that take about ten seconds
QUERIES_FOR_HNSW = 8  # a vector: only so many pay for the graph, which takes three times as long to build as lists
NEIGHBORS = 16  # of which recall is measured


Index = FlatIndex | ApproximateIndex  # both have kind, recall and search


def choose_kind(n: int, dim: int, *, n_queries: int, recall: float) -> str:
    """ "exact", "ivf", "hnsw" or "ivfpq".

    - Vectors that don't fit into 6 GB: ivfpq, whatever the rest, for it alone leaves them on disk.
    - Recall 1, or queries that are answered in about ten seconds without an index: exact.
    - Eight queries a vector or more: hnsw. Fewer: ivf.
    """
    if n * dim * 4 > IN_MEMORY and recall < 1:
        return "ivfpq"
    if recall == 1 or n * dim * n_queries <= EXACT_UP_TO:
        return "exact"
    return "hnsw" if n_queries >= QUERIES_FOR_HNSW * n else "ivf"


def build_index(
    vectors: Float[np.ndarray, "n d"],
    *,
    recall: float = 0.98,
    seed: int = 0,
    n_queries: int | None = None,
    groups: Shaped[np.ndarray, "n"] | Sequence[Any] | None = None,
    kind: str | None = None,
) -> Index:
    """An index of the kind that fits, its recall measured; the exact one where no other reaches the recall in memory.

    Args:
        vectors: one embedding an item; a memory map will do.
        recall: the share of the true 16 nearest to find.
        seed: of the partition and of the two samples of vectors on which effort is chosen and recall measured.
        n_queries: how many queries there will be; None for as many as vectors.
        groups: the clip or patient of each vector, where the queries will leave out their own: their neighbors are
            farther away, and recall is that of those.
        kind: "exact", "ivf", "hnsw" or "ivfpq", to choose it oneself.

    Raises:
        InputError: a recall outside (0, 1], no vector, one that is not finite, or a group that is missing.
        MissingExtraError: FAISS is not installed.
    """
    if not 0 < recall <= 1:
        raise InputError(f"recall = {recall} is no share of neighbors to find; take one above 0 and at most 1")
    n, dim = vectors.shape
    kind = kind or choose_kind(n, dim, n_queries=n if n_queries is None else n_queries, recall=recall)
    if kind == "exact":
        return FlatIndex.build(vectors)
    codes = _codes(groups, n)
    index = ApproximateIndex.build(vectors, kind=kind, seed=seed)
    chosen_on, measured_on = two_samples(vectors, NEIGHBORS, codes=codes, seed=seed)
    if index.tune(chosen_on, measured_on, codes=codes, recall=recall) or kind == "ivfpq":
        return index
    return FlatIndex.build(vectors)


def load_index(
    path: Path | str,
    vectors: Float[np.ndarray, "n d"],
    *,
    recall: float = 0.98,
    seed: int = 0,
    n_queries: int | None = None,
    groups: Shaped[np.ndarray, "n"] | Sequence[Any] | None = None,
    kind: str | None = None,
) -> Index:
    """The saved index of these vectors; where it is missing, damaged, of other vectors or settings, a new one, saved.

    An exact index will do for any recall. Arguments and errors are those of `build_index`.
    """
    path = Path(path)
    made_from = {"asked": recall, "seed": seed, "groups_sha256": _hash_of_groups(groups, len(vectors))}
    try:
        return _read(path, vectors, kind=kind, made_from=made_from)
    except (OSError, NounError):
        index = build_index(vectors, recall=recall, seed=seed, n_queries=n_queries, groups=groups, kind=kind)
    with suppress(SslechoError, OSError):  # embeddings on a read-only disk can be searched all the same
        if isinstance(index, FlatIndex):
            index.save(path)
        else:
            index.save(path, **made_from)
    return index


def _read(path: Path, vectors: Float[np.ndarray, "n d"], *, kind: str | None, made_from: dict[str, Any]) -> Index:
    vectors_hash = hash_of(vectors)
    index, more = read_index(path, vectors_hash=vectors_hash)
    if not more:
        found = FlatIndex(index, vectors_hash)
    else:
        found = ApproximateIndex(index, vectors, kind=more["kind"], vectors_hash=vectors_hash)
        found.effort, found.recall = more["effort"], more["recall"]
        if {name: more.get(name) for name in made_from} != made_from:
            raise NounError(f"{path.name} was made with other settings; it is built anew")
    if kind not in (None, found.kind):
        raise NounError(f"{path.name} is of kind {found.kind}, not {kind}; it is built anew")
    return found


def _codes(groups: Shaped[np.ndarray, "n"] | Sequence[Any] | None, n: int) -> Int64[np.ndarray, "n"]:
    """The group of each vector; without groups each is its own, for a vector is no neighbor of itself."""
    if groups is None:
        return np.arange(n)
    if len(groups) != n:
        raise ValueError(f"groups has {len(groups)} entries for {n} vectors")
    return encode_groups(groups, what="group")


def _hash_of_groups(groups: Shaped[np.ndarray, "n"] | Sequence[Any] | None, n: int) -> str | None:
    return None if groups is None else hashlib.sha256(_codes(groups, n).tobytes()).hexdigest()
