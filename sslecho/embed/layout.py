"""Embeddings on a plane: UMAP over the exact neighbor graph, started from the first two principal components.

McInnes, Healy and Melville 2018, "UMAP: Uniform Manifold Approximation and Projection". Neighbors are by cosine, as
everywhere else here, and found exactly, so that one seed gives one map. Distances between far groups of points, their
sizes and their density mean little in such a map; who is whose neighbor does.
"""

import warnings

import numpy as np
from jaxtyping import Float, Float32, Int64

from sslecho.embed.index.flat import FlatIndex
from sslecho.errors import InputError

FEWEST_FOR_UMAP = 5  # below there is no graph to speak of


def umap_layout(vectors: Float[np.ndarray, "n d"], *, neighbors: int, seed: int) -> Float32[np.ndarray, "n 2"]:
    """Coordinates of each vector; the same vectors and seed give the same map on the same machine.

    Fewer vectors than `neighbors` lower it. Fewer than five, and those that all lie on one line or in one point, are
    placed by their principal components.

    Args:
        vectors: embeddings; only their direction counts.
        neighbors: how many, the vector itself included, UMAP keeps together.
        seed: of the start's jitter and of the descent.

    Raises:
        InputError: no vector, or one that is not finite.
        MissingExtraError: FAISS is not installed.
    """
    n = len(vectors)
    if n == 0:
        raise InputError("there are no embeddings to draw; embed a store with at least one frame")
    index = FlatIndex.build(vectors)
    start = _principal_components(vectors)
    if n < FEWEST_FOR_UMAP or not start.std(0).min() > 0:
        return start
    neighbors = min(neighbors, n - 1)
    ids, distances = _graph(index, vectors, neighbors)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
        # Both are so by choice: one thread for the sake of the seed, and a graph in place of UMAP's own.
        warnings.filterwarnings("ignore", message="n_jobs value", category=UserWarning)
        warnings.filterwarnings("ignore", message="precomputed_knn", category=UserWarning)
        import umap

        reducer = umap.UMAP(
            n_neighbors=neighbors,
            metric="cosine",
            precomputed_knn=(ids, distances, None),
            # The spectral start takes many times longer on large graphs, and groups no better.
            init=start,  # pyright: ignore[reportArgumentType]
            random_state=seed,
            n_jobs=1,
        )
        points = reducer.fit_transform(np.ascontiguousarray(vectors, np.float32))
    return np.asarray(points, np.float32)


def _graph(
    index: FlatIndex, vectors: Float[np.ndarray, "n d"], neighbors: int
) -> tuple[Int64[np.ndarray, "n k"], Float32[np.ndarray, "n k"]]:
    """Each vector's neighbors, itself first, which UMAP expects and a search among equal vectors doesn't promise."""
    own = np.arange(len(vectors))
    distances, ids = index.search(vectors, neighbors - 1, query_groups=own, groups=own)
    return np.column_stack([own, ids]), np.column_stack([np.zeros(len(own), np.float32), distances])


def _principal_components(vectors: Float[np.ndarray, "n d"]) -> Float32[np.ndarray, "n 2"]:
    """The first two, of vectors of length 1, each turned so that its largest loading is positive."""
    points = np.asarray(vectors, np.float64)
    points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    centered = points - points.mean(0)
    variances, axes = np.linalg.eigh(centered.T @ centered)
    axes = axes[:, np.argsort(variances)[::-1][:2]]
    axes = axes * np.where(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])] < 0, -1, 1)
    placed = np.zeros((len(points), 2), np.float32)
    placed[:, : axes.shape[1]] = centered @ axes
    # What rounding leaves of equal vectors is no difference.
    placed[:, placed.std(0) < 1e-6] = 0
    return placed
