"""The losses of FUSC and TURTLE by explicit loops over items, clusters and orders, each from its paper's equation.

Arrays are float64 and hold probabilities, not their logarithms.
"""

import itertools
import math

import numpy as np

Array = np.ndarray


def mean_of(p: Array) -> list[float]:
    return [sum(float(p[i, c]) for i in range(len(p))) / len(p) for c in range(p.shape[1])]


def slow_consistency(p: Array, q: Array) -> float:
    """Van Gansbeke et al. 2020, equation 2, first term."""
    terms = [math.log(sum(float(p[i, c] * q[i, c]) for c in range(p.shape[1]))) for i in range(len(p))]
    return -sum(terms) / len(terms)


def slow_entropy(p: Array) -> float:
    return -sum(share * math.log(share) for share in mean_of(p) if share > 0)


def slow_marginal_kl(p: Array, prior: list[float]) -> float:
    """The least KL over all orders of the prior, by trying each."""
    mean = mean_of(p)
    return min(
        sum(share * math.log(share / other) for share, other in zip(mean, order, strict=True) if share > 0)
        for order in itertools.permutations(prior)
    )


def slow_confident(p: Array, share: float) -> list[bool]:
    """Of each cluster the surest share, rounded up, and of these the items above 1/2."""
    kept = [False] * len(p)
    best = [max(range(p.shape[1]), key=lambda c, i=i: p[i, c]) for i in range(len(p))]
    for cluster in range(p.shape[1]):
        members = sorted((i for i in range(len(p)) if best[i] == cluster), key=lambda i: -p[i, best[i]])
        for i in members[: math.ceil(share * len(members))]:
            kept[i] = bool(p[i, cluster] > 0.5)
    return kept


def slow_self_label(logits: Array, clusters: list[int], kept: list[bool], shares: list[float]) -> float:
    """Weighed cross-entropy: every cluster weighs its share, divided among its items."""
    counts = {c: sum(1 for i, k in enumerate(kept) if k and clusters[i] == c) for c in set(clusters)}
    top, bottom = 0.0, 0.0
    for i, row in enumerate(logits):
        if kept[i]:
            total = math.log(sum(math.exp(value) for value in row))
            weight = shares[clusters[i]] / counts[clusters[i]]
            top += weight * (total - row[clusters[i]])
            bottom += weight
    return top / bottom


def slow_turtle(tau: Array, classified: list[Array], lam: float) -> float:
    """Gadetsky et al. 2024: cross-entropies of all encoders' classifiers, and the entropy of the mean label."""
    loss = 0.0
    for q in classified:
        for i in range(len(tau)):
            loss -= sum(float(tau[i, c]) * math.log(q[i, c]) for c in range(tau.shape[1])) / len(tau)
    return loss - lam * slow_entropy(tau)
