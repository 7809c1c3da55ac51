"""Labeled items counted by unit, cluster and label: what figures need that halve or resample the units (patients).

Conventions: units, clusters and labels are codes 0, 1, …; a row stands for one combination that occurs. The name of a
cluster is a label's code, or -1 where it has none.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int, Int64

from sslecho.metrics.labels import MISSING


class UnitCounts(NamedTuple):
    """`n[r]` items of unit `unit[r]` lie in cluster `cluster[r]` and have the label `label[r]`."""

    unit: Int64[np.ndarray, "r"]
    cluster: Int64[np.ndarray, "r"]
    label: Int64[np.ndarray, "r"]
    n: Int64[np.ndarray, "r"]
    n_units: int
    n_clusters: int
    n_labels: int


def unit_counts(
    units: Int64[np.ndarray, "m"], clusters: Int[np.ndarray, "m"], codes: Int64[np.ndarray, "m"], *, n_labels: int
) -> UnitCounts:
    """Count labeled items.

    Args:
        units: codes without a gap.
        clusters: codes without a gap.
        codes: the label of each item; none is missing.
    """
    n_units, n_clusters = (int(column.max(initial=-1)) + 1 for column in (units, clusters))
    cells, n = np.unique((units * n_clusters + clusters) * n_labels + codes, return_counts=True)
    rest, label = np.divmod(cells, max(n_labels, 1))
    unit, cluster = np.divmod(rest, max(n_clusters, 1))
    return UnitCounts(unit, cluster, label, n, n_units, n_clusters, n_labels)


def of_units(counts: UnitCounts, kept: Bool[np.ndarray, "u"]) -> UnitCounts:
    """The counts of some units, which get new codes in the same order."""
    rows = kept[counts.unit]
    place = np.cumsum(kept) - 1
    return UnitCounts(
        place[counts.unit[rows]],
        counts.cluster[rows],
        counts.label[rows],
        counts.n[rows],
        int(kept.sum()),
        counts.n_clusters,
        counts.n_labels,
    )


def of_labels(counts: UnitCounts, kept: Bool[np.ndarray, "c"]) -> UnitCounts:
    """The counts of the items with some labels; all codes stay."""
    rows = kept[counts.label]
    unit, cluster, label, n = (column[rows] for column in (counts.unit, counts.cluster, counts.label, counts.n))
    return counts._replace(unit=unit, cluster=cluster, label=label, n=n)


def majority_names(counts: UnitCounts) -> Int64[np.ndarray, "k"]:
    """The most frequent label of each cluster, of equally frequent ones the first; -1 where a cluster is empty."""
    votes = np.bincount(
        counts.cluster * counts.n_labels + counts.label,
        weights=counts.n,
        minlength=counts.n_clusters * counts.n_labels,
    ).reshape(counts.n_clusters, counts.n_labels)
    return np.where(votes.sum(1) > 0, votes.argmax(1), MISSING)


def hits(
    counts: UnitCounts, names: Int64[np.ndarray, "k"]
) -> tuple[Float64[np.ndarray, "u"], Float64[np.ndarray, "u"], Float64[np.ndarray, "u"]]:
    """Of each unit: items whose cluster's name is their label, items whose cluster has a name, items."""
    given = names[counts.cluster]
    return (
        np.bincount(counts.unit, weights=counts.n * (given == counts.label), minlength=counts.n_units),
        np.bincount(counts.unit, weights=counts.n * (given != MISSING), minlength=counts.n_units),
        np.bincount(counts.unit, weights=counts.n, minlength=counts.n_units),
    )


def halves(n_units: int, *, n_halvings: int, rng: np.random.Generator) -> Iterator[Bool[np.ndarray, "u"]]:
    """Random halves of the units, each followed by its other half: in a halving every unit names once, is scored once.

    The generator is asked when a half is, so the caller may draw from it in between.
    """
    for _ in range(n_halvings):
        first = np.zeros(n_units, bool)
        first[rng.permutation(n_units)[: n_units // 2]] = True
        yield first
        yield ~first
