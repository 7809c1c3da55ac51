"""Lloyd's iterations by FAISS, from a start that the caller chose.

FAISS's own start is k items at random, and Lloyd's iterations never leave the basin that they begin in; so nothing
here draws a start, and how often it iterates is decided by what an iteration still gains.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from sslecho.embed.index.library import import_faiss

ITERATIONS_AT_ONCE = 5


class Lloyd(NamedTuple):
    """Centroids, and how near the points were to the last but one of them: lower is better.

    `objective` is the sum of squared distances, or minus the sum of cosines where the centroids have length 1.
    """

    centroids: Float32[np.ndarray, "k d"]
    objective: float


def lloyd(
    points: Float32[np.ndarray, "n d"],
    start: Float32[np.ndarray, "k d"],
    *,
    spherical: bool = False,
    tolerance: float = 1e-3,
    most_iterations: int = 50,
) -> Lloyd:
    """Lloyd's iterations until five of them gain less than `tolerance` of the objective.

    A centroid that no point is nearest to takes over half of a large cluster, as FAISS does it. The same points and
    start give the same centroids on one machine.

    Args:
        points: more than k of them; of length 1 where `spherical`.
        start: the first centroids.
        spherical: scale the centroids to length 1 after each iteration and compare by cosine (Dhillon & Modha 2001,
            "Concept decompositions for large sparse text data using clustering", section 3).

    Raises:
        MissingExtraError: FAISS is not installed.
    """
    k, dim = start.shape
    kmeans = import_faiss().Kmeans(
        dim,
        k,
        niter=ITERATIONS_AT_ONCE,
        spherical=spherical,
        # All points count, however many or few a cluster gets: whoever wants a sample has drawn it.
        min_points_per_centroid=1,
        max_points_per_centroid=len(points),
    )
    centroids, objective = np.ascontiguousarray(start, np.float32), np.inf
    for _ in range(0, most_iterations, ITERATIONS_AT_ONCE):
        kmeans.train(points, init_centroids=centroids)
        centroids = np.array(kmeans.centroids, np.float32)
        before, objective = objective, float(kmeans.obj[-1]) * (-1 if spherical else 1)
        if before - objective <= tolerance * abs(objective):
            break
    return Lloyd(centroids, objective)
