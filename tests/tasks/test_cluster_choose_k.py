"""Which k: prediction strength against loops over pairs, and mixtures whose number of clusters is known."""

import json

import numpy as np
import pytest

from sslecho.errors import InputError
from sslecho.tasks import choose_k as module
from sslecho.tasks.choose_k import choose_k, prediction_strength


def drawn(seed, *, classes, patients=30, clips=10, offset=0.15, noise=0.25, d=8, spread=1.5):
    """Classes of unequal size, each patient with an offset of its own; `classes` 0 draws no class at all."""
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(patients), clips)
    shares = 1.0 / (1 + 0.4 * np.arange(max(classes, 1)))
    labels = rng.choice(max(classes, 1), size=len(units), p=shares / shares.sum())
    centers = spread * np.linalg.qr(rng.normal(size=(d, d)))[0][: max(classes, 1)] if classes else np.zeros((1, d))
    vectors = (
        centers[labels] + offset * rng.normal(size=(patients, d))[units] + noise * rng.normal(size=(len(units), d))
    )
    return vectors.astype(np.float32), units


def slow_strength(own, others, units):
    lowest = 1.0
    for cluster in set(own.tolist()):
        members = [i for i in range(len(own)) if own[i] == cluster]
        pairs = [(i, j) for i in members for j in members if i < j and units[i] != units[j]]
        together = sum(others[i] == others[j] for i, j in pairs)
        lowest = min(lowest, together / len(pairs) if pairs else 0.0)
    return lowest


@pytest.mark.parametrize("seed", range(5))
def test_prediction_strength_equals_a_loop_over_pairs(seed):
    rng = np.random.default_rng(seed)
    own, units = rng.integers(3, size=60), rng.integers(6, size=60)
    others = np.where(rng.random(60) < 0.8, own, rng.integers(4, size=60))
    assert prediction_strength(own, others, units) == pytest.approx(slow_strength(own, others, units), abs=1e-12)


def test_strength_is_1_where_both_agree_and_0_for_a_cluster_of_one_patient():
    own = np.array([0, 0, 1, 1, 2, 2])
    units = np.array([0, 1, 0, 1, 0, 1])
    assert prediction_strength(own, own[::-1].copy(), units) == 1.0
    assert prediction_strength(own, own, np.array([0, 1, 0, 1, 0, 0])) == 0.0


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_number_of_classes_is_found_under_patients_offsets(classes):
    vectors, units = drawn(classes, classes=classes)
    choice = choose_k(vectors, ks=[7, 2, 4, 3, 5], unit_ids=units, seed=0, normalize=False)
    assert choice.k == classes
    assert choice.sure in ("clear", "likely")
    assert [one.k for one in choice.tried] == [2, 3, 4, 5, 7]
    assert max(choice.tried, key=lambda one: one.separation).k == classes
    assert f"k = {classes} is the largest whose clusters other patients repeat" in choice.words


def test_where_there_is_no_class_none_is_found():
    vectors, units = drawn(0, classes=0)
    choice = choose_k(vectors, ks=[3, 4, 6], unit_ids=units, seed=0, normalize=False)
    assert (choice.k, choice.sure) == (None, "none")
    assert "no k that was tried is repeated by other patients" in choice.words


def test_clusters_that_are_patients_are_weak_though_items_repeat_them():
    """12 patients far apart: as many clusters are found again in every half of the items, in none of the patients."""
    vectors, units = drawn(1, classes=0, patients=12, clips=30, offset=1.5, noise=0.1)
    items = np.arange(len(units))
    over_items = choose_k(vectors, ks=[12], unit_ids=items, seed=0, normalize=False)
    over_patients = choose_k(vectors, ks=[12, 6], unit_ids=units, seed=0, normalize=False)
    assert over_items.tried[0].strength > 0.9
    assert max(one.strength for one in over_patients.tried) < 0.3
    assert over_patients.k is None
    assert "12 patients" in over_patients.words


def test_doubts_are_said():
    vectors, units = drawn(3, classes=5)
    largest = choose_k(vectors, ks=[2, 5], unit_ids=units, seed=0, normalize=False)
    assert largest.k == 5
    assert largest.sure != "clear"
    assert "it is the largest that was tried, so try larger ones" in largest.words
    few = choose_k(vectors[:100], ks=[2, 3, 80], unit_ids=units[:100], seed=0, normalize=False)
    assert "10 patients" in few.words
    assert 80 not in [one.k for one in few.tried]


def test_too_little_to_tell():
    vectors, units = drawn(3, classes=5)
    choice = choose_k(vectors[:70], ks=[2, 3], unit_ids=units[:70], seed=0)
    assert (choice.k, choice.tried) == (None, [])
    assert "7 patients are too few" in choice.words
    choice = choose_k(vectors, ks=[200], unit_ids=units, seed=0, unit="sweep")
    assert (choice.k, choice.tried) == (None, [])
    assert "half of the 300 items are fewer than 200 clusters" in choice.words


def test_only_the_rows_that_are_named_decide_and_the_seed_repeats(monkeypatch):
    vectors, units = drawn(4, classes=3)
    rows = np.flatnonzero(units < 20)
    spoiled = vectors.copy()
    spoiled[units >= 20] = 99
    one, other = (
        choose_k(v, ks=[2, 3], unit_ids=units, rows=rows, seed=0, normalize=False) for v in (vectors, spoiled)
    )
    assert one == other
    assert (one.n, one.n_units) == (200, 20)
    monkeypatch.setattr(module, "MOST_ITEMS", 150)
    assert choose_k(vectors, ks=[2, 3], unit_ids=units, seed=0, normalize=False).n == 150
    json.dumps(one.to_json(), allow_nan=False)


def test_bad_input():
    vectors, units = drawn(4, classes=3)
    vectors[7, 1] = np.nan
    with pytest.raises(InputError, match="1 embeddings are not finite"):
        choose_k(vectors, ks=[2], unit_ids=units, seed=0)
