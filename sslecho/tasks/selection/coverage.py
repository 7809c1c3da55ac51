"""The clip whose ball holds most clips that are not covered yet: ProbCover, also with a weight for each clip.

    next = argmax_x  sum_{x' not covered, |x - x'| < radius} w(x')

A clip is covered once a labeled or picked one is nearer to it than `radius`. All weights 1 is ProbCover: O. Yehuda,
A. Dekel, G. Hacohen, D. Weinshall, "Active learning through a covering lens", NeurIPS 2022 (arXiv 2205.11320),
algorithm 1; the greedy choice reaches 1 - 1/e of the best coverage (Nemhauser, Wolsey & Fisher 1978), weights or not.
Weights of uncertainty make it prefer what the labels so far don't settle, without asking the same question twice.

No graph is stored: a covered clip is subtracted from the sums that it is in, once, so memory is that of the vectors.
Of more than 8,192 clips a random sample stands for all as what is to be covered; every clip may still be picked.
"""

import math

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from sslecho.tasks.selection.pool import Pick, Pool

PURITY = 0.95  # of the paper, section 4.2
MOST_CENTERS = 2000  # balls whose purity is looked at: their share is known to half a percent then
MOST_COVERED = 8192
SIMILARITIES_AT_ONCE = 1 << 22  # 16 MB of float32
NOTHING = 1e-9  # a sum of weights below it is rounding


def purity_radius(
    vectors: Float32[np.ndarray, "n d"], clusters: Int64[np.ndarray, " n"], *, rng: np.random.Generator
) -> float:
    """The largest radius at which 95 % of the balls around clips hold clips of one cluster only (section 4.2).

    A ball is pure as long as the nearest clip of another cluster is not inside, so it is a quantile of those distances.

    Args:
        vectors: of length 1.
        clusters: the pseudo-labels: k-means with as many clusters as classes are expected.

    Returns:
        A distance; 2, the largest there is, where all are of one cluster.
    """
    n = len(vectors)
    centers = np.arange(n) if n <= MOST_CENTERS else np.sort(rng.choice(n, MOST_CENTERS, replace=False))
    best, nearest = np.full(len(centers), -np.inf, np.float32), np.full(len(centers), -1)
    at_once = max(1, SIMILARITIES_AT_ONCE // len(centers))
    for start in range(0, n, at_once):
        rows = np.arange(start, min(start + at_once, n))
        similarities = vectors[centers] @ vectors[rows].T
        similarities[clusters[centers][:, None] == clusters[rows]] = -np.inf
        found = similarities.argmax(1)
        closest = similarities[np.arange(len(centers)), found]
        better = closest > best
        best[better], nearest[better] = closest[better], rows[found[better]]
    if (nearest < 0).any():
        return 2.0
    distances = np.sort(np.linalg.norm(vectors[centers] - vectors[nearest], axis=1))
    return float(distances[len(distances) - math.ceil(PURITY * len(distances))])


def probcover(
    pool: Pool,
    budget: int,
    *,
    radius: float,
    rng: np.random.Generator,
    weights: Float64[np.ndarray, " n"] | None = None,
) -> list[Pick]:
    """Up to `budget` picks, each covering most anew; fewer where nothing is left to cover.

    Args:
        radius: of the balls, a Euclidean distance.
        weights: how much it is worth to cover each clip, at least 0; by default 1.

    Returns:
        Picks whose score is the share of all weight that they cover anew.
    """
    n = len(pool)
    targets = np.arange(n) if n <= MOST_COVERED else np.sort(rng.choice(n, MOST_COVERED, replace=False))
    worth = np.ones(len(targets)) if weights is None else weights[targets].copy()
    total = worth.sum()
    worth[_covered(pool.vectors, np.flatnonzero(pool.labeled), targets, radius)] = 0
    left = worth > 0
    gains = _sums(pool.vectors, targets[left], worth[left], radius)
    picks: list[Pick] = []
    while len(picks) < budget and pool.open.any():
        row = int(np.where(pool.open, gains, -1).argmax())
        if gains[row] <= NOTHING * max(total, 1):
            break
        newly = _covered(pool.vectors, np.array([row]), targets, radius) & (worth > 0)
        share = float(gains[row] / total)
        what = "of the clips" if weights is None else "of the uncertainty"
        picks.append(Pick(row, share, f"covers {share:.1%} {what} anew"))
        pool.take(row)
        gains -= _sums(pool.vectors, targets[newly], worth[newly], radius)
        worth[newly] = 0
    return picks


def _covered(
    vectors: Float32[np.ndarray, "n d"],
    centers: Int64[np.ndarray, " c"],
    targets: Int64[np.ndarray, " t"],
    radius: float,
) -> Bool[np.ndarray, " t"]:
    """Which targets are inside the ball of any center."""
    covered = np.isin(targets, centers)  # a clip covers itself, however small the radius
    at_once = max(1, SIMILARITIES_AT_ONCE // max(1, len(targets)))
    for start in range(0, len(centers), at_once):
        similarities = vectors[centers[start : start + at_once]] @ vectors[targets].T
        covered |= (similarities > _threshold(radius)).any(0)
    return covered


def _sums(
    vectors: Float32[np.ndarray, "n d"],
    targets: Int64[np.ndarray, " t"],
    worth: Float64[np.ndarray, " t"],
    radius: float,
) -> Float64[np.ndarray, " n"]:
    """Of each vector, the worth of the targets inside its ball."""
    sums = np.zeros(len(vectors))
    if not len(targets):
        return sums
    of_targets = np.ascontiguousarray(vectors[targets].T)
    at_once = max(1, SIMILARITIES_AT_ONCE // len(targets))
    for start in range(0, len(vectors), at_once):
        inside = vectors[start : start + at_once] @ of_targets > _threshold(radius)
        own = np.flatnonzero((targets >= start) & (targets < start + at_once))
        inside[targets[own] - start, own] = True
        sums[start : start + at_once] = inside @ worth
    return sums


def _threshold(radius: float) -> float:
    """The cosine at this distance of unit vectors: |a - b|^2 = 2 - 2 cos."""
    return 1 - radius**2 / 2
