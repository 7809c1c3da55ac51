"""How large clusters are, where nobody has counted them: the prior of FUSC and TURTLE.

Many small clusters (k-means) are merged by Ward's method until k are left; their sizes are the prior, each with a part
of a uniform distribution (a Dirichlet prior), so that no cluster may be empty. k-means with k clusters alone would cut
large classes up and be as flat as the prior that it is to replace: on Gaussians of 1200 to 60 items that overlap a
little its sizes are off by 0.51 (the sum of differences of shares), those of merged clusters by 0.02.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from sslecho.tasks.assignment import assign
from sslecho.tasks.kmeans import fit_kmeans
from sslecho.tasks.merging import cut, ward

UNIFORM_PART = 0.02  # ours: of k = 10 clusters none is thought to hold less than 0.2 % of the items
SMALL_PER_CLUSTER, MOST_SMALL, ITEMS_PER_SMALL = 10, 300, 5


class Prior(NamedTuple):
    """Clusters as they may be.

    Attributes:
        shares: of the items, the largest first; they sum to 1 and none is 0.
        centers: the mean of each cluster's items, in the same order.
    """

    shares: Float64[np.ndarray, " k"]
    centers: Float32[np.ndarray, "k d"]


def estimate_prior(points: Float32[np.ndarray, "n d"], *, k: int, seed: int) -> Prior:
    """Shares and centers of k clusters.

    Args:
        points: embeddings of the training items, prepared as the head sees them.
    """
    n = len(points)
    n_small = max(k, min(SMALL_PER_CLUSTER * k, MOST_SMALL, n // ITEMS_PER_SMALL))
    centroids = fit_kmeans(points, k=n_small, seed=seed, normalize=False)
    small = assign(points, centroids, normalize=False).clusters
    counts = np.bincount(small, minlength=n_small)
    cluster = cut(ward(centroids, counts), k)
    sizes = np.bincount(cluster, weights=counts, minlength=k)
    sums = np.zeros((k, points.shape[1]))
    np.add.at(sums, cluster, centroids * counts[:, None])
    order = np.argsort(-sizes, kind="stable")
    shares = (1 - UNIFORM_PART) * sizes[order] / n + UNIFORM_PART / k
    return Prior(shares, (sums[order] / np.maximum(sizes[order], 1)[:, None]).astype(np.float32))
