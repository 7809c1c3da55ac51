"""k-means and spherical k-means on embeddings.

Both minimize  sum_i |x_i - c(x_i)|^2  over k centroids c. k-means lets a centroid be the mean of its items; spherical
k-means keeps it on the unit sphere, so that it maximizes the sum of cosines, and loose clusters draw as strongly as
tight ones (Dhillon & Modha 2001).

Starts are k-means++ (Arthur & Vassilvitskii 2007), not FAISS's random items. Above 20,000 items they are drawn and
tried on a sample, and the best of them is iterated on all items by FAISS. On 88,063 x 512 embeddings of a mixture,
k = 60, one thread, this took 6.2 s; scikit-learn's KMeans 44.3 s to an inertia 0.3 % higher, FAISS from its own start
5.5 s to 0.5 % higher, MiniBatchKMeans 1.2 s to 1.8 % higher (benchmarks/speed/kmeans.py; one run on a busy machine).
"""

import warnings

import numpy as np
from jaxtyping import Float, Float32, Int64

from sslecho.embed.index.kmeans import Lloyd, lloyd
from sslecho.errors import InputError
from sslecho.tasks.assignment import gathered, prepared

FULL_BATCH_ROWS = 20_000  # above, scikit-learn's iterations over all items take minutes
STARTS = 5
SAMPLE_STARTS = 3
SAMPLE_PER_CLUSTER = 256  # as many as FAISS takes by default, where it takes a sample
SAMPLE_AT_LEAST = 8192
START_PER_CLUSTER = 64  # k-means++ takes k passes over these, which is most of its time
TRIED_TOLERANCE = 1e-2  # enough to tell which start is the best
VALUES_TO_FIT_ON = 1 << 28  # 1 GiB of float32; more embeddings than that are sampled, and all of them assigned


def points_to_fit_on(
    vectors: Float[np.ndarray, "n d"], rows: Int64[np.ndarray, " m"], *, seed: int, normalize: bool
) -> Float32[np.ndarray, "p d"]:
    """The embeddings of these rows in memory, at most 1 GiB: a random sample of them where they are more.

    Raises:
        InputError: an embedding is not finite.
    """
    most = max(1, VALUES_TO_FIT_ON // max(1, vectors.shape[1]))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return gathered(vectors, rows, normalize=normalize)


def fit_kmeans(
    vectors_train: Float[np.ndarray, "n d"], *, k: int, seed: int, normalize: bool = True
) -> Float32[np.ndarray, "k d"]:
    """Centroids of k clusters; the same seed gives the same centroids on the same machine.

    Lloyd's iterations, the best of 5 k-means++ starts, up to 20,000 items; see the top of this file for more. Fewer
    distinct vectors than k leave some clusters empty.

    Args:
        vectors_train: the embeddings to fit on.
        normalize: scale each to length 1 first; the centroids are then means of unit vectors.

    Raises:
        InputError: k < 1, more clusters than items, or an embedding that is not finite.
    """
    check_k(k, len(vectors_train), split="all")
    points = prepared(vectors_train, normalize=normalize)
    if len(points) > FULL_BATCH_ROWS:
        return _from_the_best_start(points, k=k, seed=seed, spherical=False)
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    # pyright takes the type of an argument from its default, and that of n_init is "auto".
    model = KMeans(k, n_init=STARTS, random_state=seed)  # pyright: ignore[reportArgumentType]
    with warnings.catch_warnings():
        # Fewer distinct vectors than k; `clusters_used` says it, and says it of the items that are scored.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(points)
    return np.asarray(model.cluster_centers_, np.float32)


def fit_spherical_kmeans(vectors_train: Float[np.ndarray, "n d"], *, k: int, seed: int) -> Float32[np.ndarray, "k d"]:
    """Centroids of length 1 for k clusters of directions; the same seed gives the same on the same machine.

    Args:
        vectors_train: the embeddings to fit on; their length does not count.

    Raises:
        InputError: k < 1, more clusters than items, or an embedding that is not finite.
        MissingExtraError: FAISS is not installed.
    """
    check_k(k, len(vectors_train), split="all")
    return _from_the_best_start(prepared(vectors_train, normalize=True), k=k, seed=seed, spherical=True)


def check_k(k: int, n: int, *, split: str) -> None:
    """Refuse a number of clusters that n items don't allow.

    Raises:
        InputError: k < 1, or more clusters than items.
    """
    if k < 1:
        raise InputError(f"--k {k}: the number of clusters must be at least 1")
    if k > n:
        cure = f"ask for --k {n} or less, or embed more" if n else "embed a store that holds some"
        raise InputError(f"--k {k}: more clusters than the {n} embeddings to fit on (split: {split}); {cure}")


def _from_the_best_start(
    points: Float32[np.ndarray, "n d"], *, k: int, seed: int, spherical: bool
) -> Float32[np.ndarray, "k d"]:
    """Lloyd's iterations on all points, from the best of several starts that were tried on a sample of them."""
    from sklearn.cluster import kmeans_plusplus

    if k == len(points):
        return points.copy()
    rng = np.random.default_rng(seed)
    sample = _some(points, max(SAMPLE_AT_LEAST, SAMPLE_PER_CLUSTER * k), rng)
    tried: list[Lloyd] = []
    for _ in range(SAMPLE_STARTS):
        few = _some(sample, max(SAMPLE_AT_LEAST // 4, START_PER_CLUSTER * k), rng)
        # In float64: scikit-learn goes through float32 in pieces, which takes twice as long.
        start, _ = kmeans_plusplus(few.astype(np.float64), k, random_state=int(rng.integers(1 << 31)))
        tried.append(lloyd(sample, start.astype(np.float32), spherical=spherical, tolerance=TRIED_TOLERANCE))
    best = min(tried, key=lambda one: one.objective)
    return lloyd(points, best.centroids, spherical=spherical).centroids


def _some(points: Float32[np.ndarray, "n d"], size: int, rng: np.random.Generator) -> Float32[np.ndarray, "m d"]:
    return points if size >= len(points) else points[np.sort(rng.choice(len(points), size, replace=False))]
