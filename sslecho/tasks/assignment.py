"""Embeddings to the nearest of some centroids: in pieces, so that memory does not grow with their number."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int64

from sslecho.errors import InputError

DISTANCES_AT_ONCE = 1 << 22  # 16 MB of float32


class Assignment(NamedTuple):
    """The cluster of each item.

    Attributes:
        clusters: its number, 0 to k - 1.
        distances: Euclidean distance to the nearest centroid (between unit vectors where embeddings were normalized);
            None where a method knows no centroids.
        confidences: 0 to 1. With centroids 1 - distance / distance to the nearest centroid of another cluster: 0 on
            the border of two clusters, 1 at a centroid. It compares items of one clustering; it is no probability,
            and has no temperature to choose.
    """

    clusters: Int64[np.ndarray, " n"]
    distances: Float32[np.ndarray, " n"] | None
    confidences: Float32[np.ndarray, " n"]


def assign(
    vectors: Float[np.ndarray, "n d"],
    centroids: Float[np.ndarray, "m e"],
    *,
    cluster_of: Int64[np.ndarray, " m"] | None = None,
    normalize: bool = True,
) -> Assignment:
    """The cluster of each vector's nearest centroid; of equally near ones the first.

    Args:
        vectors: any embeddings of the same encoder, also memory-mapped, also new ones.
        centroids: one a cluster, or several.
        cluster_of: the cluster of each centroid; by default each is its own.
        normalize: as it was when the centroids were fitted.

    Raises:
        InputError: vectors and centroids differ in dimension, or an embedding is not finite.
    """
    if vectors.shape[1] != centroids.shape[1]:
        raise InputError(
            f"the embeddings have {vectors.shape[1]} dimensions and the centroids {centroids.shape[1]}; "
            "embed with the encoder that the clusters were fitted on"
        )
    centroids = centroids.astype(np.float32)
    n = len(vectors)
    found = (np.empty(n, np.int64), np.empty(n, np.float32), np.empty(n, np.float32))
    at_once = max(1, DISTANCES_AT_ONCE // max(len(centroids), vectors.shape[1]))
    for start in range(0, n, at_once):
        piece = prepared(vectors[start : start + at_once], normalize=normalize)
        for column, values in zip(found, _assign_piece(piece, centroids, cluster_of), strict=True):
            column[start : start + at_once] = values
    return Assignment(*found)


def gathered(
    vectors: Float[np.ndarray, "n d"], rows: Int64[np.ndarray, " m"], *, normalize: bool
) -> Float32[np.ndarray, "m d"]:
    """These rows as float32 in memory, scaled to length 1 where that is asked for; the others stay on disk.

    Raises:
        InputError: an embedding is not finite.
    """
    points = np.empty((len(rows), vectors.shape[1]), np.float32)
    at_once = max(1, DISTANCES_AT_ONCE // max(1, vectors.shape[1]))
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        points[start : start + at_once] = prepared(vectors[some], normalize=normalize)
    return points


def prepared(vectors: Float[np.ndarray, "n d"], *, normalize: bool) -> Float32[np.ndarray, "n d"]:
    """The vectors as float32, scaled to length 1 where that is asked for; a vector of zeros stays one.

    Raises:
        InputError: an embedding is not finite.
    """
    points = np.ascontiguousarray(vectors, np.float32)
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        bad = int((~np.isfinite(lengths)).sum())
        raise InputError(f"{bad} embeddings are not finite and can't be clustered; embed again with a sound encoder")
    return points / np.maximum(lengths, np.finfo(np.float32).tiny) if normalize else points


def _assign_piece(
    points: Float32[np.ndarray, "p d"],
    centroids: Float32[np.ndarray, "m d"],
    cluster_of: Int64[np.ndarray, " m"] | None,
) -> tuple[Int64[np.ndarray, " p"], Float32[np.ndarray, " p"], Float32[np.ndarray, " p"]]:
    # |x - c|^2 without the |x|^2 that all centroids share; good enough to rank, not to measure.
    closeness = points @ centroids.T - (centroids**2).sum(1) / 2
    nearest = closeness.argmax(1)
    clusters = nearest if cluster_of is None else cluster_of[nearest]
    distances = np.linalg.norm(points - centroids[nearest], axis=1)
    if len(centroids) == 1 or (cluster_of is not None and (cluster_of == cluster_of[0]).all()):
        return clusters, distances, np.ones(len(points), np.float32)
    if cluster_of is None:
        closeness[np.arange(len(points)), clusters] = -np.inf
    else:
        closeness[clusters[:, None] == cluster_of] = -np.inf
    second = np.linalg.norm(points - centroids[closeness.argmax(1)], axis=1)
    confidences = 1 - np.divide(distances, second, out=np.ones_like(second), where=second > 0)
    return clusters, distances, np.clip(confidences, 0, 1)
