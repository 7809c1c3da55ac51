"""Intervals of clustering figures: a loop over draws as the oracle, who is resampled, edges."""

import numpy as np
import pytest
from reference import clustering_scores as oracle
from scipy.optimize import linear_sum_assignment

from sslecho.metrics import clustering
from sslecho.metrics.agreement import ami, ari, nmi
from sslecho.metrics.clustering_intervals import clustering_intervals

NAMES = ["purity", "inverse_purity", "accuracy", "nmi", "ami", "ari"]


def asymmetric(seed, n_units=30):
    random = np.random.default_rng(seed)
    units = np.repeat(np.arange(n_units), random.integers(2, 12, size=n_units))
    labels = random.choice(list("aaabbc"), size=len(units))
    clusters = np.where(random.random(len(units)) < 0.6, np.searchsorted(list("abc"), labels), units % 5)
    return labels, clusters, units


def by_loops(labels, clusters, units, rng, n_draws):
    """Every draw laid out item by item, with the names, clusters and matches of all items."""
    table = clustering.contingency(labels, clusters)
    classes, ids = np.unique(labels), np.unique(clusters)
    rows, columns = linear_sum_assignment(table, maximize=True)
    match = {ids[c]: classes[r] for r, c in zip(rows, columns, strict=True)}
    name = oracle.name_clusters(labels.tolist(), clusters.tolist(), range(len(labels)))
    home = oracle.name_clusters(clusters.tolist(), labels.tolist(), range(len(labels)))
    draws = {name: [] for name in NAMES}
    n_units = len(np.unique(units))
    for chosen in rng.integers(n_units, size=(n_draws, n_units)):
        items = [i for unit in chosen for i in np.flatnonzero(units == unit)]
        own, inside = labels[items].tolist(), clusters[items].tolist()
        draws["purity"].append(np.mean([name[c] == y for y, c in zip(own, inside, strict=True)]))
        draws["inverse_purity"].append(np.mean([home[y] == c for y, c in zip(own, inside, strict=True)]))
        draws["accuracy"].append(np.mean([match.get(c) == y for y, c in zip(own, inside, strict=True)]))
        draws["nmi"].append(oracle.nmi(own, inside))
        draws["ami"].append(oracle.ami(own, inside))
        draws["ari"].append(oracle.rand_adjusted(own, inside))
    for figure in (nmi, ami, ari):
        moved = np.array(draws[figure.__name__])
        draws[figure.__name__] = moved - moved.mean() + figure(table)
    return {name: np.quantile(values, [0.025, 0.975]) for name, values in draws.items()}


@pytest.mark.parametrize("seed", range(2))
def test_equals_a_loop_over_the_same_draws(seed):
    labels, clusters, units = asymmetric(seed, 12)
    found = clustering_intervals(labels, clusters, unit_ids=units, rng=np.random.default_rng(7), n_draws=60)
    expected = by_loops(labels, clusters, units, np.random.default_rng(7), 60)
    assert list(found) == NAMES
    for name in NAMES:
        # The expectation of AMI is that of all items, scaled: close, not equal, on 70 items.
        assert found[name] == pytest.approx(tuple(expected[name]), abs=0.02 if name == "ami" else 1e-12), name


def test_pieces_of_draws_give_the_same(monkeypatch):
    labels, clusters, units = asymmetric(3)
    module = "sslecho.metrics.clustering_intervals.VALUES_AT_ONCE"
    whole = clustering_intervals(labels, clusters, unit_ids=units, rng=np.random.default_rng(0), n_draws=50)
    monkeypatch.setattr(module, 100)
    pieces = clustering_intervals(labels, clusters, unit_ids=units, rng=np.random.default_rng(0), n_draws=50)
    assert whole == {name: pytest.approx(bounds, abs=1e-12) for name, bounds in pieces.items()}


@pytest.mark.parametrize("seed", range(3))
def test_every_interval_holds_its_figure(seed):
    labels, clusters, units = asymmetric(seed, 40)
    found = clustering_intervals(labels, clusters, unit_ids=units, rng=np.random.default_rng(0))
    table = clustering.contingency(labels, clusters)
    figures = (clustering.purity, clustering.inverse_purity, clustering.accuracy, nmi, ami, ari)
    for figure in figures:
        low, high = found[figure.__name__]
        assert low < figure(table) < high


def test_patients_are_resampled_not_items():
    """The same items as 400 units of one and as 20 units of 20, whose items are all right or all wrong."""
    right = np.repeat(np.arange(20) % 4 > 0, 20)
    labels, clusters = np.where(right, "a", "b"), np.zeros(400, int)
    of_items = clustering_intervals(labels, clusters, unit_ids=np.arange(400), rng=np.random.default_rng(0))["purity"]
    of_units = clustering_intervals(
        labels, clusters, unit_ids=np.repeat(np.arange(20), 20), rng=np.random.default_rng(0)
    )["purity"]
    assert of_units[1] - of_units[0] > 3 * (of_items[1] - of_items[0])


def test_perfect_one_class_one_unit_and_missing_labels():
    clusters = np.tile([0, 1, 2], 40)
    units = np.arange(120) // 4
    perfect = clustering_intervals(clusters, clusters, unit_ids=units, rng=np.random.default_rng(0))
    assert perfect == {name: pytest.approx((1, 1)) for name in NAMES}
    one_class = clustering_intervals(["a"] * 120, clusters, unit_ids=units, rng=np.random.default_rng(0))
    assert one_class["purity"] == (1, 1)
    assert one_class["nmi"] == pytest.approx((0, 0), abs=1e-12)
    assert clustering_intervals(["a", "b"], np.arange(2), unit_ids=["p", "p"], rng=np.random.default_rng(0)) == {}
    labels, clusters, units = asymmetric(5)
    gaps = labels.astype(object)
    gaps[::3] = None
    kept = np.array([label is not None for label in gaps])
    assert clustering_intervals(gaps, clusters, unit_ids=units, rng=np.random.default_rng(0)) == clustering_intervals(
        labels[kept], clusters[kept], unit_ids=units[kept], rng=np.random.default_rng(0)
    )
