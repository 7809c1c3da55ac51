"""How large clusters are, where nobody has counted them: the prior of FUSC and TURTLE.

The sizes are those of k-means on the same embeddings, each with a part of a uniform distribution (a Dirichlet prior),
so that no cluster may be empty. k-means has no term that asks for equal sizes, though its round clusters are less
unequal than classes are: the estimate errs toward the published uniform prior, never beyond the items.
"""

import numpy as np
from jaxtyping import Float32, Float64

from sslecho.tasks.assignment import assign
from sslecho.tasks.kmeans import fit_kmeans

UNIFORM_PART = 0.02  # ours: of k = 10 clusters none is thought to hold less than 0.2 % of the items


def estimate_prior(points: Float32[np.ndarray, "n d"], *, k: int, seed: int) -> Float64[np.ndarray, " k"]:
    """Shares of k clusters, the largest first; they sum to 1 and none is 0.

    Args:
        points: embeddings of the training items, prepared as the head sees them.
    """
    centroids = fit_kmeans(points, k=k, seed=seed, normalize=False)
    sizes = np.bincount(assign(points, centroids, normalize=False).clusters, minlength=k) / len(points)
    return np.sort((1 - UNIFORM_PART) * sizes + UNIFORM_PART / k)[::-1].copy()
