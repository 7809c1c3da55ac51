"""Recall of an approximate search: how effort is chosen on some vectors, and what it is on others.

A found neighbor counts if it is as near as the k-th true one: of equal vectors any will do, whichever a search met.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64

from sslecho.embed.index.exhaustive import search_exhaustively
from sslecho.embed.index.vectors import unit_length

QUERIES = 1000  # in each of the two samples: the standard error of a recall of .98 is then some .0015 to .003
ONE_SIDED_99 = 2.326  # standard errors; at 95 %, one archive in twenty would get less than it asked for
ROUNDING = 2e-6  # two ways to sum 512 products of float32 differ by less


@dataclass(frozen=True)
class Sample:
    """Vectors as queries, with their true neighbors.

    Attributes:
        rows: which vectors.
        queries: they, of length 1.
        codes: the group of each.
        similarities: of the k nearest of other groups, minus infinity where there are fewer.
        ids: their rows, -1 where there are fewer.
    """

    rows: Int64[np.ndarray, "s"]
    queries: Float32[np.ndarray, "s d"]
    codes: Int64[np.ndarray, "s"]
    similarities: Float32[np.ndarray, "s k"]
    ids: Int64[np.ndarray, "s k"]


def two_samples(
    vectors: Float[np.ndarray, "n d"], k: int, *, codes: Int64[np.ndarray, "n"], seed: int
) -> tuple[Sample, Sample]:
    """Disjoint random samples of at most 1,000 vectors: one to choose on, one to measure on.

    Args:
        vectors: of any length, at least two.
        k: how many true neighbors.
        codes: the group of each vector; neighbors are of other groups.
    """
    size = min(QUERIES, len(vectors) // 2)
    rows = np.random.default_rng(seed).permutation(len(vectors))[: 2 * size]
    queries = unit_length(vectors[rows])
    similarities, ids = search_exhaustively(vectors, queries, k, query_codes=codes[rows], codes=codes)
    halves = (slice(0, size), slice(size, None))
    first, second = (Sample(rows[h], queries[h], codes[rows][h], similarities[h], ids[h]) for h in halves)
    return first, second


def recalls(found: Float32[np.ndarray, "s k"], similarities: Float32[np.ndarray, "s k"]) -> Float[np.ndarray, "t"]:
    """The share of its true neighbors that each query found; queries that have none are left out.

    Args:
        found: similarities of what was found, minus infinity where nothing was.
        similarities: of the true k nearest.
    """
    n_true = np.isfinite(similarities).sum(1)
    asked = n_true > 0
    farthest = similarities[asked, n_true[asked] - 1]
    hits = (np.isfinite(found[asked]) & (found[asked] >= farthest[:, None] - ROUNDING)).sum(1)
    return np.minimum(hits, n_true[asked]) / n_true[asked]


def mean_recall(shares: Float[np.ndarray, "t"]) -> float:
    """1 where no query has a neighbor: there was nothing to miss."""
    return float(shares.mean()) if len(shares) else 1.0


def surely_reaches(shares: Float[np.ndarray, "t"], recall: float) -> bool:
    """Whether the one-sided 99 % lower bound of the mean is at least `recall`: on other queries it will be, too."""
    if len(shares) < 2:
        return mean_recall(shares) >= recall
    return mean_recall(shares) - ONE_SIDED_99 * float(shares.std(ddof=1)) / math.sqrt(len(shares)) >= recall
