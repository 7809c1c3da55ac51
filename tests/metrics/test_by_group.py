"""Scores by group: loops as the oracle, the mean of all groups, missing groups, one unit."""

from itertools import combinations

import numpy as np
import pytest
from reference import clustering_scores as oracle

from sslecho.metrics import transfer
from sslecho.metrics.by_group import by_group
from sslecho.metrics.transfer import held_out, transfer_purity


def rng():
    return np.random.default_rng(0)


def asymmetric(seed, n_units=7):
    random = np.random.default_rng(seed)
    units = np.repeat(np.arange(n_units), random.integers(2, 9, size=n_units))
    labels = random.choice(list("aaabbc"), size=len(units))
    clusters = np.where(random.random(len(units)) < 0.5, np.searchsorted(list("abc"), labels), units + 3)
    devices = np.where(units % 3 == 0, "x", "y").astype(object)
    devices[::5] = None
    return labels, clusters, units, devices


def scored(labels, clusters, groups, units, **options):
    scores = held_out(labels, clusters, unit_ids=units, rng=rng())
    return by_group(labels, clusters, groups, scores=scores, unit_ids=units, rng=rng(), **options)


def test_each_item_is_scored_by_every_half_without_its_unit(monkeypatch):
    """Six units: 20 halves; each item is in the scored half of ten of them."""
    monkeypatch.setattr(transfer, "N_HALVINGS", 1500)
    labels, clusters, units, _ = asymmetric(1, 6)
    found = held_out(labels, clusters, unit_ids=units, rng=rng())
    for item in range(len(labels)):
        right, named = [], []
        for half in combinations(range(6), 3):
            if units[item] in half:
                continue
            inside = [i for i in range(len(labels)) if units[i] in half]
            names = oracle.name_clusters(labels.tolist(), clusters.tolist(), inside)
            r, c = oracle.score_named(labels.tolist(), clusters.tolist(), names, [item])
            right.append(r)
            named.append(c)
        assert found.right[item] == pytest.approx(np.mean(right), abs=0.06)
        assert found.named[item] == pytest.approx(np.mean(named), abs=0.06)


def test_groups_equal_loops_over_items():
    labels, clusters, units, devices = asymmetric(2)
    scores = held_out(labels, clusters, unit_ids=units, rng=rng())
    names = oracle.name_clusters(labels.tolist(), clusters.tolist(), range(len(labels)))
    found = by_group(labels, clusters, devices, scores=scores, unit_ids=units, rng=rng())
    assert [score.group for score in found] == ["x", "y", None]
    for score in found:
        inside = [i for i, device in enumerate(devices) if device == score.group]
        assert score.n == len(inside)
        assert score.n_units == len({units[i] for i in inside})
        assert score.purity == np.mean([names[clusters[i]] == labels[i] for i in inside])
        assert score.transfer_purity == pytest.approx(sum(scores.right[i] for i in inside) / len(inside))
        assert score.coverage == pytest.approx(sum(scores.named[i] for i in inside) / len(inside))
        assert score.low <= score.transfer_purity <= score.high
        assert "only" in score.warning


def test_the_groups_together_are_transfer_purity():
    """With as many items a unit the mean over items is the mean over halves."""
    units = np.repeat(np.arange(20), 5)
    random = np.random.default_rng(3)
    labels = random.choice(list("aabc"), size=100)
    clusters = np.where(random.random(100) < 0.5, np.searchsorted(list("abc"), labels), random.integers(4, size=100))
    found = scored(labels, clusters, labels, units)
    whole = transfer_purity(labels, clusters, unit_ids=units, rng=rng())
    mean = sum(score.n * score.transfer_purity for score in found) / 100
    assert mean == pytest.approx(whole.value, abs=0.02)
    assert [score.group for score in found] == ["a", "b", "c"]


def test_a_class_that_never_wins_a_cluster_has_no_recall():
    units = np.repeat(np.arange(30), 4)
    found = scored(np.tile(list("aaab"), 30), np.zeros(120, int), np.tile(list("aaab"), 30), units)
    assert [(score.group, score.purity, score.transfer_purity) for score in found] == [("a", 1, 1), ("b", 0, 0)]
    assert [score.warning for score in found] == [None, None]


def test_missing_labels_and_one_unit():
    labels = np.array(["a", None, "a", "b"], dtype=object)
    found = scored(labels, np.zeros(4, int), ["g", "g", "g", "h"], ["p"] * 4)
    assert [(s.group, s.n, s.transfer_purity, s.low, s.coverage) for s in found] == [
        ("g", 2, None, None, None),
        ("h", 1, None, None, None),
    ]
    assert found[0].purity == 1
    assert scored([None] * 2, np.zeros(2, int), ["g", "h"], ["p", "q"]) == []


def test_a_group_of_one_patient_has_a_figure_and_no_interval():
    labels, clusters, units, _ = asymmetric(4)
    for score in scored(labels, clusters, units, units):
        assert (score.n_units, score.low, score.high) == (1, None, None)
        assert 0 <= score.transfer_purity <= 1
