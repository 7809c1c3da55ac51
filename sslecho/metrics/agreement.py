"""How far a clustering and the labels agree: NMI, AMI and ARI.

Conventions: all take the contingency table `table[class, cluster]`, ignore the names of classes and clusters, are
symmetric in the two partitions, and use natural logarithms. Where a figure is 0 / 0, two equal partitions score 1 and
all others 0, so one cluster scores 0 unless there is one class.

Purity needs a majority and rises with the number of clusters; NMI rises with it too, more slowly; AMI and ARI are
corrected for chance *over items drawn at random*. Frames of one clip are no such draw: these figures don't replace
`transfer_purity`.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Int, Int64
from scipy.special import gammaln

TERMS_AT_ONCE = 1 << 20  # of the expected mutual information: 8 MB an array


def nmi(table: Int[np.ndarray, "c k"]) -> float:
    """Normalized mutual information, MI / ((H(labels) + H(clusters)) / 2), in [0, 1].

    Vinh, Epps & Bailey 2010, "Information theoretic measures for clusterings comparison", table 2 (NMI_sum).
    """
    if _same_partition(table):
        return 1.0
    mean_entropy = (_entropy(table.sum(1)) + _entropy(table.sum(0))) / 2
    return min(1.0, max(0.0, mutual_information(table) / mean_entropy)) if mean_entropy > 0 else 0.0


def ami(table: Int[np.ndarray, "c k"]) -> float:
    """Adjusted mutual information, (MI - E[MI]) / (mean entropy - E[MI]); 0 is chance, 1 is equal partitions.

    Vinh, Epps & Bailey 2010, equation 12 (AMI_sum).
    """
    if _same_partition(table):
        return 1.0
    classes, clusters = table.sum(1), table.sum(0)
    if min((classes > 0).sum(), (clusters > 0).sum()) == 1 or min(classes.max(), clusters.max()) == 1:
        return 0.0  # MI equals its expectation exactly; only rounding would be left of the numerator
    expected = expected_mutual_information(table)
    return float((mutual_information(table) - expected) / ((_entropy(classes) + _entropy(clusters)) / 2 - expected))


def ari(table: Int[np.ndarray, "c k"]) -> float:
    """Adjusted Rand index: agreement on pairs of items, 0 is chance, 1 is equal partitions.

    Hubert & Arabie 1985, "Comparing partitions", equation 5.
    """
    if _same_partition(table):
        return 1.0
    n = int(table.sum())
    together = _pairs(table)
    in_classes, in_clusters = _pairs(table.sum(1)), _pairs(table.sum(0))
    expected = in_classes * in_clusters / (n * (n - 1) / 2)
    possible = (in_classes + in_clusters) / 2
    return float((together - expected) / (possible - expected)) if possible != expected else 0.0


def mutual_information(table: Int[np.ndarray, "c k"]) -> float:
    """Mutual information of the two partitions, in nats: sum of p(c, k) log(p(c, k) / (p(c) p(k)))."""
    n = table.sum()
    at = np.nonzero(table)
    joint = table[at].astype(np.float64)
    independent = table.sum(1)[at[0]].astype(np.float64) * table.sum(0)[at[1]]
    return float((joint / n * (np.log(joint * n) - np.log(independent))).sum())


def expected_mutual_information(table: Int[np.ndarray, "c k"]) -> float:
    """The mean mutual information, in nats, of all pairs of partitions with these class and cluster sizes.

    Vinh, Epps & Bailey 2010, equation 14: a hypergeometric mean for each cell. Cells with equal margins share it, and
    the sum over a cell's counts is laid out flat, so its cost is the number of distinct margins times their size.
    """
    n = int(table.sum())
    log_factorial = gammaln(np.arange(n + 1, dtype=np.float64) + 1)
    class_sizes, class_times = np.unique(table.sum(1), return_counts=True)
    cluster_sizes, cluster_times = np.unique(table.sum(0), return_counts=True)
    a = np.repeat(class_sizes, len(cluster_sizes))
    b = np.tile(cluster_sizes, len(class_sizes))
    times = np.outer(class_times, cluster_times).ravel()
    lowest = np.maximum(1, a + b - n)
    n_terms = np.maximum(0, np.minimum(a, b) - lowest + 1)  # an empty class or cluster has none
    total = 0.0
    for start, stop in _chunks(n_terms):
        width = n_terms[start:stop]
        cell = np.repeat(np.arange(start, stop), width)
        within = np.arange(width.sum()) - np.repeat(np.cumsum(width) - width, width)
        total += _expected_terms(lowest[cell] + within, a[cell], b[cell], n, times[cell], log_factorial)
    return total


def _expected_terms(
    count: Int64[np.ndarray, "t"],
    a: Int64[np.ndarray, "t"],
    b: Int64[np.ndarray, "t"],
    n: int,
    times: Int64[np.ndarray, "t"],
    log_factorial: Float64[np.ndarray, "n_plus_1"],
) -> float:
    f = log_factorial
    log_chance = (
        f[a] + f[b] + f[n - a] + f[n - b] - f[n] - f[count] - f[a - count] - f[b - count] - f[n - a - b + count]
    )
    information = count / n * (np.log(n * count.astype(np.float64)) - np.log(a.astype(np.float64) * b))
    return float((times * information * np.exp(log_chance)).sum())


def _chunks(sizes: Int64[np.ndarray, "m"]) -> list[tuple[int, int]]:
    """Runs of cells with about `TERMS_AT_ONCE` terms together; one large cell makes a run of its own."""
    run = (np.cumsum(sizes) - sizes) // TERMS_AT_ONCE
    edges = [*np.flatnonzero(np.diff(run, prepend=-1)).tolist(), len(sizes)]
    return list(pairwise(edges))


def _same_partition(table: Int[np.ndarray, "c k"]) -> bool:
    filled = table > 0
    return bool((filled.sum(0) <= 1).all() and (filled.sum(1) <= 1).all())


def _entropy(counts: Int[np.ndarray, "m"]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _pairs(counts: Int[np.ndarray, "*shape"]) -> float:
    x = counts.astype(np.float64)
    return float((x * (x - 1) / 2).sum())
