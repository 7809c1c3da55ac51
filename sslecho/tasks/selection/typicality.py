"""The most typical clip of each cluster that holds no label: TypiClust.

    typicality(x) = 1 / ( 1/K sum_{i in KNN(x)} |x - x_i| )

Source: G. Hacohen, A. Dekel, D. Weinshall, "Active learning on a budget: opposite strategies suit high and low
budgets", ICML 2022 (arXiv 2202.02794), equation 4 and algorithm 1: as many clusters as there will be labels, at most
500; the largest cluster without a label gives its most typical clip; K = 20 neighbors within the cluster.

Where it differs: clusters of fewer than 5 clips, which the paper leaves out, wait until every larger one has a label
and are asked then, for in a small archive they are most of it. The clusters are made once, for the whole budget.
"""

import numpy as np
from jaxtyping import Float32, Float64, Int64

from sslecho.tasks.selection.pool import Pick, Pool

NEIGHBORS = 20
MOST_CLUSTERS = 500
SMALL = 5
MOST_COMPARED = 4096  # of a larger cluster, neighbors are sought in a sample: it thins out dense and loose parts alike
SIMILARITIES_AT_ONCE = 1 << 22  # 16 MB of float32
CLOSEST = 1e-6  # a mean distance below it counts as this: typicality stays finite


def n_clusters(n: int, *, n_labeled: int, budget: int) -> int:
    """As many clusters as there will be labels, at most 500, and no more than clips."""
    return max(1, min(n_labeled + budget, MOST_CLUSTERS, n))


def typicality(
    vectors: Float32[np.ndarray, "n d"], *, rng: np.random.Generator, k: int = NEIGHBORS
) -> Float64[np.ndarray, " n"]:
    """1 / mean distance to the k nearest others; to all others where they are fewer, and 0 where there are none.

    Args:
        vectors: of length 1, of one cluster.
        rng: of the sample, where the cluster is so large that neighbors are sought in one.
    """
    n = len(vectors)
    compared = np.arange(n)
    if n > MOST_COMPARED:
        compared = np.sort(rng.choice(n, MOST_COMPARED, replace=False))
    place = np.full(n, -1)
    place[compared] = np.arange(len(compared))
    k = min(k, n - 1)
    if k < 1:
        return np.zeros(n)
    means = np.empty(n)
    # What is held at once: similarities to all, then differences to the k nearest.
    at_once = max(1, SIMILARITIES_AT_ONCE // max(len(compared), k * vectors.shape[1]))
    for start in range(0, n, at_once):
        rows = np.arange(start, min(start + at_once, n))
        similarities = vectors[rows] @ vectors[compared].T
        own = np.flatnonzero(place[rows] >= 0)
        similarities[own, place[rows[own]]] = -np.inf
        nearest = compared[np.argpartition(-similarities, k - 1, axis=1)[:, :k]]
        # By differences: 1 - cosine leaves nothing of small distances in float32.
        means[rows] = np.linalg.norm(vectors[rows][:, None] - vectors[nearest], axis=2).mean(1)
    return 1 / np.maximum(means, CLOSEST)


def typiclust(pool: Pool, clusters: Int64[np.ndarray, " n"], budget: int, *, rng: np.random.Generator) -> list[Pick]:
    """Up to `budget` picks: each the most typical open clip of the largest cluster that has the fewest labels.

    Args:
        clusters: the cluster of each clip of the pool, 0 to k - 1.
    """
    sizes = np.bincount(clusters)
    rounds = np.bincount(clusters[pool.labeled], minlength=len(sizes)) + (sizes < SMALL)
    by_typicality: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    picks: list[Pick] = []
    while len(picks) < budget:
        open_ones = np.flatnonzero(np.bincount(clusters[pool.open], minlength=len(sizes)))
        if not len(open_ones):
            break
        chosen = int(open_ones[np.lexsort((-sizes[open_ones], rounds[open_ones]))[0]])
        if chosen not in by_typicality:
            members = np.flatnonzero(clusters == chosen)
            values = typicality(pool.vectors[members], rng=rng)
            order = np.argsort(-values, kind="stable")
            by_typicality[chosen] = members[order], values[order]
        members, values = by_typicality[chosen]
        first = int(np.flatnonzero(pool.open[members])[0])
        pool.take(int(members[first]))
        rounds[chosen] += 1
        reason = f"typical of cluster {chosen} ({sizes[chosen]} clips)"
        picks.append(Pick(int(members[first]), float(values[first]), reason))
    return picks
