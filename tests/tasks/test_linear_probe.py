"""The linear probe: held-out patients, strength chosen on val, nothing to learn."""

import numpy as np
import pytest
from gaussians import gaussians

from sslecho.tasks.linear_probe import linear_probe


def items(*, spread=0.35, seed=1):
    vectors, labels = gaussians((60, 150, 90), seed=seed, spread=spread)
    return vectors, labels.astype(str).astype(object), np.arange(300) // 5


def splits():
    return np.repeat(np.array((["train"] * 6 + ["val"] * 2 + ["test"] * 2) * 6, dtype=object), 5)


def test_classes_that_a_line_tells_apart_are_told_apart():
    vectors, labels, units = items()
    found = linear_probe(vectors, labels, unit_ids=units, splits=splits())
    assert found["accuracy"] > 0.98
    assert found["balanced_accuracy"] > 0.98
    assert (found["n"], found["n_patients"], found["split"]) == (60, 12, "test")
    assert found["accuracy_low"] <= found["accuracy"] <= found["accuracy_high"]
    assert "only 12 patients" in found["warning"]


def test_test_labels_are_never_learned_from():
    vectors, labels, units = items(spread=8.0)
    shuffled = np.random.default_rng(0).permutation(labels)
    found = linear_probe(vectors, shuffled, unit_ids=units, splits=splits())
    assert found["balanced_accuracy"] < 0.55


def test_without_a_split_patients_are_held_out_in_turn():
    vectors, _, units = items(spread=3.0)
    # Each patient's own direction is strong, and labels follow patients: other frames of one would give it away.
    vectors += np.random.default_rng(0).normal(size=(60, 24)).astype(np.float32)[units]
    labels = np.random.default_rng(1).integers(0, 2, 60).astype(str).astype(object)[units]
    found = linear_probe(vectors, labels, unit_ids=units)
    assert (found["split"], found["n"], found["n_patients"]) == ("all", 300, 60)
    assert found["accuracy"] < 0.75


def test_items_without_a_label_are_left_out_and_one_class_is_nothing_to_learn():
    vectors, labels, units = items()
    labels[splits() == "test"] = None
    assert linear_probe(vectors, labels, unit_ids=units, splits=splits()) is None
    assert linear_probe(vectors, np.full(300, "a", dtype=object), unit_ids=units) is None
    _, labels, _ = items()
    labels[::7] = None
    assert linear_probe(vectors, labels, unit_ids=units)["n"] == 257


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_seed_gives_the_same_figures(seed):
    vectors, labels, units = items(spread=3.0)
    one, two = (linear_probe(vectors, labels, unit_ids=units, splits=splits(), seed=seed) for _ in range(2))
    assert one == two
