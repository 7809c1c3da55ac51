"""The graph of nearest neighbors of all vectors, with an item's own clip or patient left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int64, Shaped

from sslecho.embed.index.exhaustive import search_exhaustively
from sslecho.embed.index.vectors import unit_length
from sslecho.errors import InputError
from sslecho.metrics.labels import encode_groups


@dataclass(frozen=True)
class Graph:
    """The k nearest neighbors of each of n vectors, nearest first.

    Attributes:
        ids: rows of the vectors; -1 where a vector has fewer neighbors than k.
        similarities: their cosine similarities; minus infinity where the id is -1.
        recall: the share of the true k nearest that was found, measured on vectors that chose nothing.
        kind: "exact", or "cells" where only the nearest cells of a partition were searched.
    """

    ids: Int64[np.ndarray, "n k"]
    similarities: Float32[np.ndarray, "n k"]
    recall: float
    kind: str


def neighbor_graph(
    vectors: Float[np.ndarray, "n d"],
    k: int,
    *,
    groups: Shaped[np.ndarray, "n"] | Sequence[Any] | None = None,
    recall: float = 0.98,
    seed: int = 0,
) -> Graph:
    """The k nearest neighbors of every vector by cosine; a vector is never its own neighbor.

    Args:
        vectors: one embedding an item; a memory map will do.
        k: how many neighbors.
        groups: the clip or patient of each vector, whose others are no neighbors either.
        recall: the share of the true neighbors to find; 1 searches all vectors.
        seed: of the partition and of the vectors on which recall is measured.

    Raises:
        InputError: k < 1, a recall outside (0, 1], no vector, one that is not finite, or a group that is missing.
    """
    if k < 1:
        raise InputError(f"k = {k} neighbors can't be searched; ask for at least 1")
    if not 0 < recall <= 1:
        raise InputError(f"recall = {recall} is no share of neighbors to find; take one above 0 and at most 1")
    if len(vectors) == 0:
        raise InputError("there are no embeddings to index; embed a store with at least one frame")
    codes = np.arange(len(vectors)) if groups is None else encode_groups(groups, what="group")
    if len(codes) != len(vectors):
        raise ValueError(f"groups has {len(codes)} entries for {len(vectors)} vectors")
    similarities, ids = search_exhaustively(vectors, unit_length(vectors), k, query_codes=codes, codes=codes)
    return Graph(ids, similarities, 1.0, "exact")
