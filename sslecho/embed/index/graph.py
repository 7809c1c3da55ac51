"""The graph of nearest neighbors of all vectors, with an item's own clip or patient left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Int64, Shaped

from sslecho.embed.index.cells import cells_to_search, n_comparisons, partition, search_cells
from sslecho.embed.index.exhaustive import search_exhaustively
from sslecho.embed.index.recall import mean_recall, recalls, two_samples
from sslecho.embed.index.reduction import reduced
from sslecho.embed.index.vectors import pieces, unit_length
from sslecho.errors import InputError
from sslecho.metrics.labels import encode_groups
from sslecho.progress import track

EXACT_UP_TO = 10**11  # multiplications that take about a second: a partition would take as long
WORTH_ITS_CELLS = 0.5  # of all comparisons; above, the plain search is as fast and finds everything


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
    everything = len(vectors) ** 2
    if recall == 1 or everything * vectors.shape[1] <= EXACT_UP_TO:
        return _exact(vectors, k, codes)
    cells = partition(vectors, seed=seed)
    chosen_on, measured_on = two_samples(vectors, k, codes=codes, seed=seed)
    few, kept = reduced(cells.vectors, chosen_on, order=cells.order, codes=codes[cells.order], recall=recall, seed=seed)
    n_cells = cells_to_search(cells, chosen_on, kept=kept, recall=recall)
    if n_comparisons(cells, n_cells) > WORTH_ITS_CELLS * everything:
        del cells, few
        return _exact(vectors, k, codes)
    similarities, ids = search_cells(cells, k, few=few, n_cells=n_cells, codes=codes)
    # A group may fill all the cells that its vectors look into; its neighbors are farther away.
    others = len(vectors) - np.bincount(codes)[codes]
    short = np.flatnonzero((ids >= 0).sum(1) < np.minimum(k, others))
    if len(short):
        similarities[short], ids[short] = search_exhaustively(
            vectors, unit_length(vectors[short]), k, query_codes=codes[short], codes=codes
        )
    reached = mean_recall(recalls(similarities[measured_on.rows], measured_on.similarities))
    return Graph(ids, np.minimum(similarities, 1), reached, "cells")


def _exact(vectors: Float[np.ndarray, "n d"], k: int, codes: Int64[np.ndarray, "n"]) -> Graph:
    similarities, ids = np.empty((len(vectors), k), np.float32), np.empty((len(vectors), k), np.int64)
    start = 0
    with track("neighbors", total=len(vectors), unit="vectors") as bar:
        for piece in pieces(vectors):
            rows = slice(start, start + len(piece))
            similarities[rows], ids[rows] = search_exhaustively(
                vectors, unit_length(piece), k, query_codes=codes[rows], codes=codes
            )
            start += len(piece)
            bar.advance(len(piece))
    return Graph(ids, np.minimum(similarities, 1), 1.0, "exact")
