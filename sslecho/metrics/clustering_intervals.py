"""Intervals of a clustering's figures that resample units (patients), all draws at once.

Figures that name clusters keep their names: a draw that named anew would see its own items twice and lie above the
figure of all items. So purity, inverse purity and accuracy are ratios of sums over the drawn units, with the majority
label of each cluster, the largest cluster of each class and the best match as all items have them.

NMI, AMI and ARI name nothing, but a unit that is drawn twice agrees with itself, which lifts them too. Their draws are
moved so that their mean is the figure of all items (the bias-corrected bootstrap: Efron & Tibshirani 1993, "An
Introduction to the Bootstrap", section 10.3).

The draws weight units: with `weights[draw, unit]` = how often a unit was drawn, the contingency tables of all draws are
one sparse product, and every figure is a sum of x log x or x (x - 1) / 2 over its cells and margins.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int, Int64, Shaped
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.special import xlogy

from sslecho.metrics.agreement import ami, ari, expected_mutual_information, nmi
from sslecho.metrics.clustering import contingency
from sslecho.metrics.intervals import VALUES_AT_ONCE, percentiles
from sslecho.metrics.labels import MISSING, encode, encode_groups
from sslecho.metrics.unit_counts import UnitCounts, unit_counts

N_DRAWS = 1000


def clustering_intervals(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    clusters: Int[np.ndarray, "n"],
    *,
    unit_ids: Shaped[np.ndarray, "n"] | Sequence[Any],
    rng: np.random.Generator,
    n_draws: int = N_DRAWS,
) -> dict[str, tuple[float, float]]:
    """The 95 % intervals of purity, inverse_purity, accuracy, nmi, ami and ari; empty where there is one unit only.

    AMI's expectation is not summed anew in each draw (its cost grows with the items): it is that of all items, scaled
    by their number over the draw's, as n E[MI] hardly depends on n. It is small wherever it is costly.

    Args:
        labels, clusters, unit_ids: as in `sslecho.metrics.clustering.evaluate`.
    """
    codes, names = encode(labels)
    labeled = codes != MISSING
    units = np.unique(encode_groups(unit_ids, what="unit_id")[labeled], return_inverse=True)[1]
    used = np.unique(clusters[labeled], return_inverse=True)[1]
    counts = unit_counts(units, used, codes[labeled], n_labels=len(names))
    if counts.n_units < 2:
        return {}
    table = contingency(labels, clusters)
    sizes = np.bincount(counts.unit, weights=counts.n, minlength=counts.n_units)
    kept = _kept(counts, table)
    expected_n = expected_mutual_information(table) * table.sum()
    cells = _Cells(counts)
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*kept, "nmi", "ami", "ari")}
    at_once = max(1, VALUES_AT_ONCE // max(counts.n_units, cells.n_cells))
    for start in range(0, n_draws, at_once):
        drawn = rng.integers(counts.n_units, size=(min(at_once, n_draws - start), counts.n_units))
        weights = np.stack([np.bincount(row, minlength=counts.n_units) for row in drawn]).astype(np.float64)
        for name, right in kept.items():
            found[name].append((weights @ right) / (weights @ sizes))
        for name, values in cells.figures(weights, expected_n).items():
            found[name].append(values)
    draws = {name: np.concatenate(values) for name, values in found.items()}
    for name, figure in (("nmi", nmi), ("ami", ami), ("ari", ari)):
        draws[name] = draws[name] - draws[name].mean() + figure(table)
    intervals = {name: percentiles(values) for name, values in draws.items()}
    lowest = {"ami": -1.0, "ari": -1.0}
    return {name: (max(low, lowest.get(name, 0.0)), min(high, 1.0)) for name, (low, high) in intervals.items()}


def _kept(counts: UnitCounts, table: Int64[np.ndarray, "c k"]) -> dict[str, Float64[np.ndarray, "u"]]:
    """Of each unit the items that are right, with names, largest clusters and matches of all items."""
    matched = np.zeros(table.shape, bool)
    matched[linear_sum_assignment(table, maximize=True)] = True
    is_right = {
        "purity": counts.label == table.argmax(0)[counts.cluster],
        "inverse_purity": counts.cluster == table.argmax(1)[counts.label],
        "accuracy": matched[counts.label, counts.cluster],
    }
    return {
        name: np.bincount(counts.unit, weights=counts.n * right, minlength=counts.n_units)
        for name, right in is_right.items()
    }


class _Cells:
    """The cells of the contingency table that hold an item, as sums over units."""

    def __init__(self, counts: UnitCounts) -> None:
        occurring, cell = np.unique(counts.label * counts.n_clusters + counts.cluster, return_inverse=True)
        self.n_cells = len(occurring)
        n = counts.n.astype(np.float64)
        self._tables = csr_array((n, (cell, counts.unit)), shape=(self.n_cells, counts.n_units))
        label, cluster = np.divmod(occurring, counts.n_clusters)
        one, at = np.ones(self.n_cells), np.arange(self.n_cells)
        self._to_classes = csr_array((one, (label, at)), shape=(counts.n_labels, self.n_cells))
        self._to_clusters = csr_array((one, (cluster, at)), shape=(counts.n_clusters, self.n_cells))

    def figures(self, weights: Float64[np.ndarray, "d u"], expected_n: float) -> dict[str, Float64[np.ndarray, "d"]]:
        """NMI, AMI and ARI of each draw; 0 / 0 counts as 1, as it is then two equal partitions or one item."""
        tables = self._tables @ weights.T
        classes, clusters = self._to_classes @ tables, self._to_clusters @ tables
        n = tables.sum(0)
        information = _x_log_x(tables) - _x_log_x(classes) - _x_log_x(clusters) + xlogy(n, n)
        entropies = xlogy(n, n) - (_x_log_x(classes) + _x_log_x(clusters)) / 2
        expected_n = np.minimum(expected_n, entropies)
        together, of_classes, of_clusters = _pairs(tables), _pairs(classes), _pairs(clusters)
        by_chance = of_classes * of_clusters / np.maximum(n * (n - 1) / 2, 1)
        possible = (of_classes + of_clusters) / 2
        return {
            "nmi": _divided(information, entropies),
            # Where clusters are about as many as items, what is left below is next to nothing.
            "ami": np.clip(_divided(information - expected_n, entropies - expected_n), -1, 1),
            "ari": _divided(together - by_chance, possible - by_chance),
        }


def _x_log_x(counts: Float64[np.ndarray, "m d"]) -> Float64[np.ndarray, "d"]:
    return xlogy(counts, counts).sum(0)


def _pairs(counts: Float64[np.ndarray, "m d"]) -> Float64[np.ndarray, "d"]:
    return (counts * (counts - 1) / 2).sum(0)


def _divided(above: Float64[np.ndarray, "d"], below: Float64[np.ndarray, "d"]) -> Float64[np.ndarray, "d"]:
    tiny = 1e-9  # relative to sums of thousands: what rounding leaves of nothing
    return np.where(below > tiny, above / np.where(below > tiny, below, 1), 1.0)
