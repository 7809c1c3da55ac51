"""A partition of the vectors by their nearest centroid, and the neighbors of all of them, cell by cell.

An inverted file looks up the lists of one query at a time and is bound by memory. Here all vectors are queries, so
those of a cell share the cells that they look into, and each pair of cells is one matrix product: per comparison it
costs a small part. The price is that a vector on a border looks into its cell's nearest cells, not its own.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from threadpoolctl import threadpool_limits

from sslecho.embed.index.exhaustive import SIMILARITIES_AT_ONCE, sift
from sslecho.embed.index.library import import_faiss
from sslecho.embed.index.recall import Sample, surely_reaches
from sslecho.embed.index.reduction import WIDER
from sslecho.embed.index.vectors import pieces, unit_length
from sslecho.progress import track

CELLS_PER_ROOT = 4  # cells = 4 * sqrt(n)
POINTS_PER_CELL = 32  # that k-means sees: more move the centroids little and cost as much as a search
ITERATIONS = 5
VOTES = 8  # cells that a vector is near to


@dataclass(frozen=True)
class Cells:
    """Vectors of length 1 in the order of their cells.

    Attributes:
        order: the row, among the given vectors, of each vector here.
        starts: where each cell begins, and n.
        near: all cells in the order in which a cell looks into them: itself, then those that most of its vectors have
            among their 8 nearest, then by the centroids' similarity.
    """

    vectors: Float32[np.ndarray, "n d"]
    order: Int64[np.ndarray, "n"]
    starts: Int64[np.ndarray, "bounds"]
    near: Int64[np.ndarray, "m m"]

    @property
    def sizes(self) -> Int64[np.ndarray, "m"]:
        return np.diff(self.starts)

    def of_row(self) -> Int64[np.ndarray, "n"]:
        """The cell of each of the given vectors."""
        cells = np.empty(len(self.order), np.int64)
        cells[self.order] = np.repeat(np.arange(len(self.near)), self.sizes)
        return cells


def partition(vectors: Float[np.ndarray, "n d"], *, seed: int) -> Cells:
    """Spherical k-means on a sample, then every vector to its nearest centroid; the result holds one copy of them.

    Raises:
        InputError: a vector is not finite.
        MissingExtraError: FAISS is not installed.
    """
    n, d = vectors.shape
    m = min(n, round(CELLS_PER_ROOT * n**0.5))
    sample = np.sort(np.random.default_rng(seed).permutation(n)[: m * POINTS_PER_CELL])
    kmeans = import_faiss().Kmeans(
        d, m, niter=ITERATIONS, spherical=True, seed=seed, min_points_per_centroid=1, max_points_per_centroid=n
    )
    kmeans.train(unit_length(vectors[sample]))
    alike = kmeans.centroids @ kmeans.centroids.T
    cells, votes = np.empty(n, np.int64), np.zeros(alike.shape, np.float32)
    start = 0
    for piece in pieces(vectors):
        nearest = kmeans.index.search(unit_length(piece), min(VOTES, m))[1]
        cells[start : start + len(piece)] = nearest[:, 0]
        np.add.at(votes, (nearest[:, :1], nearest), 1)
        start += len(piece)
    order = np.argsort(cells, kind="stable")
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    sorted_vectors, start = np.empty((n, d), np.float32), 0
    for piece in pieces(vectors):
        sorted_vectors[place[start : start + len(piece)]] = unit_length(piece)
        start += len(piece)
    starts = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=m))])
    np.fill_diagonal(votes, np.inf)
    # A similarity is at most 1 and a vote is 1: a quarter of it breaks ties only.
    return Cells(sorted_vectors, order, starts, np.argsort(-(votes + alike / 4), axis=1, kind="stable"))


def cells_to_search(cells: Cells, sample: Sample, *, kept: Bool[np.ndarray, "s k"], recall: float) -> int:
    """Into how many nearest cells each cell must look, so that the sample's neighbors are surely found at `recall`.

    No search is needed: a neighbor is found if its cell's rank, seen from the query's, is below the number.

    Args:
        kept: which neighbors are among the candidates of a comparison in fewer dimensions; the others are missed.
    """
    m = len(cells.near)
    of_row = cells.of_row()
    rank = np.empty((m, m), np.int64)
    np.put_along_axis(rank, cells.near, np.arange(m)[None], axis=1)
    there = sample.ids >= 0
    ranks = np.where(there & kept, rank[of_row[sample.rows][:, None], of_row[sample.ids]], m)
    n_true = there.sum(1)
    for n_cells in range(1, m):
        found = (ranks < n_cells).sum(1)[n_true > 0] / n_true[n_true > 0]
        if surely_reaches(found, recall):
            return n_cells
    return m


def n_comparisons(cells: Cells, n_cells: int) -> int:
    """How many pairs of vectors are compared when each cell looks into its `n_cells` nearest."""
    return int((cells.sizes * cells.sizes[cells.near[:, :n_cells]].sum(1)).sum())


def search_cells(
    cells: Cells, k: int, *, few: Float32[np.ndarray, "n e"], n_cells: int, codes: Int64[np.ndarray, "n"]
) -> tuple[Float32[np.ndarray, "n k"], Int64[np.ndarray, "n k"]]:
    """The k nearest of each vector, of another group, in its cell's `n_cells` nearest cells.

    Args:
        few: the cells' vectors in fewer dimensions, to find candidates in; or the cells' vectors themselves.
        codes: the group of each of the given vectors.

    Returns:
        Similarities and rows, in the order of the given vectors; minus infinity and -1 where there are fewer.
    """
    n = len(cells.order)
    similarities, ids = np.empty((n, k), np.float32), np.empty((n, k), np.int64)
    of_sorted = codes[cells.order]
    width = k if few is cells.vectors else WIDER * k

    def search_one(cell: int) -> int:
        start, stop = cells.starts[cell : cell + 2].tolist()
        searched = np.sort(cells.near[cell, :n_cells])
        ranges = list(zip(cells.starts[searched].tolist(), cells.starts[searched + 1].tolist(), strict=True))
        columns = np.concatenate([np.arange(*ends) for ends in ranges])
        step = max(1, SIMILARITIES_AT_ONCE // max(1, len(columns)))
        for first in range(start, stop, step):
            queries = slice(first, min(first + step, stop))
            compared, at = np.empty((queries.stop - queries.start, len(columns)), np.float32), 0
            for low, high in ranges:  # written side by side: the vectors need not be gathered first
                np.matmul(few[queries], few[low:high].T, out=compared[:, at : at + high - low])
                at += high - low
            best, found = sift(
                torch.from_numpy(compared), width, query_codes=of_sorted[queries], codes=of_sorted[columns]
            )
            if few is not cells.vectors:
                best, found = _compared_in_full(cells.vectors, queries, columns, found, k)
            similarities[cells.order[queries]] = best
            ids[cells.order[queries]] = np.where(found >= 0, cells.order[columns[found]], -1)
        return stop - start

    with track("neighbors", total=n, unit="vectors") as bar, _one_thread_each() as pool:
        for done in pool.map(search_one, np.flatnonzero(cells.sizes).tolist()):
            bar.advance(done)
    return similarities, ids


def _compared_in_full(
    vectors: Float32[np.ndarray, "n d"],
    queries: slice,
    columns: Int64[np.ndarray, "c"],
    found: Int64[np.ndarray, "q w"],
    k: int,
) -> tuple[Float32[np.ndarray, "q k"], Int64[np.ndarray, "q k"]]:
    """The k nearest of the candidates by all dimensions."""
    candidates = vectors[columns[found]]
    similarities = np.matmul(candidates, vectors[queries][:, :, None])[:, :, 0]
    similarities[found < 0] = -np.inf
    best = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(similarities, best, 1), np.take_along_axis(found, best, 1)


@contextmanager
def _one_thread_each() -> Iterator[ThreadPoolExecutor]:
    """As many threads as there may be, each with a cell of its own.

    The products of one cell are too small to share: threads would wait for each other more than they work, and many
    times as long on a machine that has other work.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)
