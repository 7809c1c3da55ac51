"""Embeddings on a plane: UMAP over the graph of nearest neighbors, started from the first two principal components.

McInnes, Healy and Melville 2018, "UMAP: Uniform Manifold Approximation and Projection". Neighbors are by cosine, as
everywhere else here, and found through `index/`. Graph, sample and descent are seeded, so that one seed gives one map.
Distances between far groups of points, their sizes and their density mean little in such a map; who is whose neighbor
does.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64

from sslecho.embed.index.choose import build_index
from sslecho.embed.index.graph import neighbor_graph
from sslecho.embed.index.vectors import ROWS_AT_ONCE, pieces, unit_length
from sslecho.errors import InputError
from sslecho.progress import track

FEWEST_FOR_UMAP = 5  # below there is no graph to speak of
MOST_FITTED = 200_000  # more take very long and change the map little
RECALL = 0.98  # of the neighbors; UMAP's own search finds no more
NEAREST = 1e-6  # cosine distances below are rounding


@dataclass(frozen=True)
class Layout:
    """A map of n vectors.

    Attributes:
        points: where each vector lies.
        ids: the neighbors that placed it, nearest first, itself left out: rows of the vectors. k is `neighbors` - 1,
            or less where there are fewer vectors.
        distances: their cosine distances, in [0, 2].
        n_fitted: how many vectors were fitted; the others were placed among them.
    """

    points: Float32[np.ndarray, "n 2"]
    ids: Int64[np.ndarray, "n k"]
    distances: Float32[np.ndarray, "n k"]
    n_fitted: int


def umap_layout(vectors: Float[np.ndarray, "n d"], *, neighbors: int, seed: int) -> Float32[np.ndarray, "n 2"]:
    """The points of `lay_out` alone."""
    return lay_out(vectors, neighbors=neighbors, seed=seed).points


def lay_out(vectors: Float[np.ndarray, "n d"], *, neighbors: int, seed: int, most_fitted: int = MOST_FITTED) -> Layout:
    """A map of the vectors; the same vectors and seed give the same map on the same machine.

    Fewer vectors than `neighbors` lower it. Fewer than five, and those that all lie on one line or in one point, are
    placed by their principal components. Of more than `most_fitted` a random sample is fitted; each other vector lies
    at the mean of its nearest neighbors in the sample, weighed by 1 / distance².

    Args:
        vectors: embeddings, a memory map will do; only their direction counts.
        neighbors: how many, the vector itself included, UMAP keeps together.
        seed: of the sample, the graph, the start's jitter and the descent.

    Raises:
        InputError: no vector, or one that is not finite.
        MissingExtraError: FAISS is not installed.
    """
    n = len(vectors)
    if n == 0:
        raise InputError("there are no embeddings to draw; embed a store with at least one frame")
    if n <= most_fitted:
        return _fit(np.ascontiguousarray(vectors, np.float32), neighbors=neighbors, seed=seed)
    order = np.random.default_rng(seed).permutation(n)
    chosen, rest = np.sort(order[:most_fitted]), np.sort(order[most_fitted:])
    sample = np.ascontiguousarray(vectors[chosen], np.float32)
    fitted = _fit(sample, neighbors=neighbors, seed=seed)
    k = fitted.ids.shape[1]
    points, ids, distances = np.empty((n, 2), np.float32), np.empty((n, k), np.int64), np.empty((n, k), np.float32)
    points[chosen], ids[chosen], distances[chosen] = fitted.points, chosen[fitted.ids], fitted.distances
    index = build_index(sample, recall=RECALL, seed=seed, n_queries=len(rest))
    with track("placing the others", total=len(rest), unit="vectors") as bar:
        for start in range(0, len(rest), ROWS_AT_ONCE):
            rows = rest[start : start + ROWS_AT_ONCE]
            distances[rows], found = index.search(np.ascontiguousarray(vectors[rows], np.float32), k)
            points[rows] = weighted_mean(fitted.points[found], distances[rows])
            ids[rows] = chosen[found]
            bar.advance(len(rows))
    return Layout(points, ids, distances, most_fitted)


def weighted_mean(
    places: Float32[np.ndarray, "n k 2"], distances: Float32[np.ndarray, "n k"]
) -> Float32[np.ndarray, "n 2"]:
    """The mean of each vector's neighbors' places, weighed by 1 / distance²; one that has a copy lies on the copy."""
    weights = 1 / np.maximum(distances.astype(np.float64), NEAREST) ** 2
    return ((places * weights[:, :, None]).sum(1) / weights.sum(1, keepdims=True)).astype(np.float32)


def _fit(vectors: Float32[np.ndarray, "n d"], *, neighbors: int, seed: int) -> Layout:
    n = len(vectors)
    start = _principal_components(vectors)
    neighbors = min(neighbors, n - 1)
    if neighbors < 2:
        return Layout(start, np.empty((n, 0), np.int64), np.empty((n, 0), np.float32), n)
    graph = neighbor_graph(vectors, neighbors - 1, recall=RECALL, seed=seed)
    distances = np.clip(1 - graph.similarities, 0, 2)
    if n < FEWEST_FOR_UMAP or not start.std(0).min() > 0:
        return Layout(start, graph.ids, distances, n)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        # Both are so by choice: one thread for the sake of the seed, and a graph in place of UMAP's own.
        warnings.filterwarnings("ignore", message="n_jobs value", category=UserWarning)
        warnings.filterwarnings("ignore", message="precomputed_knn", category=UserWarning)
        import umap

        # UMAP expects each vector itself first among its neighbors, which a search among equal ones doesn't promise.
        itself = np.arange(n)[:, None], np.zeros((n, 1), np.float32)
        reducer = umap.UMAP(
            n_neighbors=neighbors,
            metric="cosine",
            precomputed_knn=(np.hstack([itself[0], graph.ids]), np.hstack([itself[1], distances]), None),
            # The spectral start takes many times longer on large graphs, and groups no better.
            init=start,  # pyright: ignore[reportArgumentType]
            random_state=seed,
            n_jobs=1,
        )
        points = reducer.fit_transform(vectors)
    return Layout(np.asarray(points, np.float32), graph.ids, distances, n)


def _principal_components(vectors: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n 2"]:
    """The first two, of vectors of length 1, each turned so that its largest loading is positive."""
    n, dim = vectors.shape
    total, products = np.zeros(dim), np.zeros((dim, dim))
    for piece in pieces(vectors):
        points = unit_length(piece).astype(np.float64)
        total += points.sum(0)
        products += points.T @ points
    mean = total / n
    variances, axes = np.linalg.eigh(products - n * np.outer(mean, mean))
    axes = axes[:, np.argsort(variances)[::-1][:2]]
    axes = axes * np.where(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])] < 0, -1, 1)
    placed, first = np.zeros((n, 2), np.float32), 0
    for piece in pieces(vectors):
        placed[first : first + len(piece), : axes.shape[1]] = (unit_length(piece) - mean) @ axes
        first += len(piece)
    # What rounding leaves of equal vectors is no difference.
    placed[:, placed.std(0) < 1e-6] = 0
    return placed
