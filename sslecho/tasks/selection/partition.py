"""Clusters of the pool by k-means; a sample decides the centroids, so that a million clips take no longer."""

import warnings

import numpy as np
from jaxtyping import Float32, Int64

from sslecho.tasks.assignment import assign

MOST_FITTED = 20_000
PLAIN_UP_TO = 50  # clusters; above, mini-batches, as Hacohen et al. 2022 do it


def partition(
    vectors: Float32[np.ndarray, "n d"], k: int, *, rng: np.random.Generator
) -> tuple[Int64[np.ndarray, " n"], int]:
    """The cluster of each vector, 0 to k - 1, and k: no more than there are distinct vectors in the sample.

    Args:
        vectors: of length 1.
        k: at most n.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    size = max(MOST_FITTED, 20 * k)
    sample = vectors if len(vectors) <= size else vectors[np.sort(rng.choice(len(vectors), size, replace=False))]
    seed = int(rng.integers(1 << 31))
    # pyright takes the type of an argument from its default, and that of n_init is "auto".
    if k <= PLAIN_UP_TO:
        model = KMeans(k, n_init=3, random_state=seed)  # pyright: ignore[reportArgumentType]
    else:
        model = MiniBatchKMeans(k, n_init=3, batch_size=4096, random_state=seed)  # pyright: ignore[reportArgumentType]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct vectors than k
        centroids = np.asarray(model.fit(sample).cluster_centers_, np.float32)
    found = assign(vectors, centroids, normalize=False).clusters
    # Numbered anew without the empty ones.
    used, clusters = np.unique(found, return_inverse=True)
    return clusters.astype(np.int64), len(used)
