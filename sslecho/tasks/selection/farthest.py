"""The clip farthest from all that is labeled: k-center, the greedy rule that is at most twice as wide as the best.

Sources: T. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical Computer Science 1985;
O. Sener, S. Savarese, "Active learning for convolutional neural networks: a core-set approach", ICLR 2018, algorithm 1.
"""

import numpy as np
from jaxtyping import Float32, Float64, Int64

from sslecho.tasks.selection.pool import Pick, Pool

KNOWN_AT_ONCE = 64


def kcenter(pool: Pool, budget: int) -> list[Pick]:
    """Up to `budget` picks, each the open clip that is farthest from what is labeled or picked.

    Where nothing is, the first one is the clip nearest to the mean: a start must be chosen, and a middle is the least
    wrong one.
    """
    nearest = _nearest(pool.vectors, pool.known)
    picks: list[Pick] = []
    while len(picks) < budget and pool.open.any():
        if np.isinf(nearest).all():
            score, reason = None, "nearest to the mean of all"
            row = int(np.where(pool.open, pool.vectors @ pool.vectors.mean(0), -np.inf).argmax())
        else:
            row = int(np.where(pool.open, nearest, -1).argmax())
            score, reason = float(nearest[row]), "farthest from what is labeled or picked"
        picks.append(Pick(row, score, reason))
        pool.take(row)
        np.minimum(nearest, _nearest(pool.vectors, np.array([row])), out=nearest)
    return picks


def _nearest(vectors: Float32[np.ndarray, "n d"], known: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, " n"]:
    """Euclidean distance of each vector to the nearest known one; infinite where none is."""
    best = np.full(len(vectors), -np.inf)
    for start in range(0, len(known), KNOWN_AT_ONCE):
        np.maximum(best, (vectors @ vectors[known[start : start + KNOWN_AT_ONCE]].T).max(1), out=best)
    return np.sqrt(np.maximum(0, 2 - 2 * best))
