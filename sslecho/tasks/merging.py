"""Many small clusters merged into few: Ward's method on centroids, each weighted by its size.

k-means cuts a large class up and drowns a small one next to it, because it likes clusters of equal size and round
shape. Small clusters follow any shape, and are merged where that costs least:

    cost(a, b) = n_a n_b / (n_a + n_b) |c_a - c_b|^2

is what the sum of squared distances to the own centroid rises by when clusters of n_a and n_b items become one.
Ward 1963, "Hierarchical grouping to optimize an objective function"; the cost is that of Murtagh & Legendre 2014,
"Ward's hierarchical agglomerative clustering method", equation 3. SciPy's and scikit-learn's Ward start from single
items and know no weights.
"""

import numpy as np
from jaxtyping import Float, Int, Int64

LEAST_SIZE = 1e-6  # of an empty cluster: it then joins the nearest one first, and moves it nowhere


def ward(centroids: Float[np.ndarray, "m d"], sizes: Int[np.ndarray, " m"]) -> Int64[np.ndarray, "merges 2"]:
    """Which clusters to merge, the cheapest first, until one is left; of equally cheap ones the first.

    Time and memory grow with the square of m, times d for time: for some thousand clusters at most.

    Args:
        centroids: of the small clusters.
        sizes: how many items each holds.

    Returns:
        Pairs `(kept, taken)` with kept < taken: cluster `taken` becomes part of cluster `kept`, whose number goes on.
    """
    means = centroids.astype(np.float64)
    weights = np.maximum(sizes.astype(np.float64), LEAST_SIZE)
    m = len(means)
    costs = np.stack([_costs(means, weights, one) for one in range(m)])
    np.fill_diagonal(costs, np.inf)
    nearest = costs.argmin(1)
    cheapest = costs[np.arange(m), nearest]
    merges = np.empty((m - 1, 2), np.int64)
    for step in range(m - 1):
        one = int(cheapest.argmin())
        kept, taken = sorted((one, int(nearest[one])))
        merges[step] = kept, taken
        total = weights[kept] + weights[taken]
        means[kept] = (weights[kept] * means[kept] + weights[taken] * means[taken]) / total
        weights[kept] = total
        costs[taken] = costs[:, taken] = np.inf
        gone = np.isinf(costs[kept])
        costs[kept] = np.where(gone, np.inf, _costs(means, weights, kept))
        costs[:, kept] = costs[kept]
        cheapest[taken] = np.inf
        # Merging never makes a cluster cheaper to join than the cheaper of its two parts was, so only those whose
        # nearest was one of them have to look again.
        stale = np.flatnonzero((nearest == kept) | (nearest == taken) | (np.arange(m) == kept))
        nearest[stale] = costs[stale].argmin(1)
        cheapest[stale] = costs[stale, nearest[stale]]
    return merges


def cut(merges: Int64[np.ndarray, "merges 2"], k: int) -> Int64[np.ndarray, " m"]:
    """The cluster, 0 to k - 1, of each small cluster after so many merges that k are left.

    They are numbered in the order of their first small cluster.
    """
    m = len(merges) + 1
    leader = np.arange(m)
    for kept, taken in merges[: m - k]:
        leader[leader == taken] = kept
    return np.unique(leader, return_inverse=True)[1].astype(np.int64)


def _costs(means: Float[np.ndarray, "m d"], weights: Float[np.ndarray, " m"], one: int) -> Float[np.ndarray, " m"]:
    return weights * weights[one] / (weights + weights[one]) * ((means - means[one]) ** 2).sum(1)
