"""Balanced accuracy and its lead: slow oracle, perfect, chance, one class, and intervals that cover."""

import numpy as np
import pytest
from reference import neighbors as oracle

from sslecho.errors import InputError
from sslecho.metrics.paired import balanced_accuracy, paired_accuracy


def items(seed, n_patients=30, clips=4, share=(0.8, 0.5)):
    """Uneven classes and patients who are easy or hard for all ways alike."""
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(n_patients), rng.integers(1, 2 * clips, n_patients))
    labels = np.array(["a", "b", "c"])[rng.choice(3, len(units), p=[0.6, 0.3, 0.1])]
    hard = rng.normal(0, 0.15, n_patients)[units]
    right = np.stack([rng.random(len(units)) < mean + hard for mean in share], axis=1)
    return labels, units, right


def test_equals_the_slow_oracle():
    labels, _, right = items(0)
    labels = labels.astype(object)
    labels[::7] = None
    expected = oracle.balanced_accuracy(labels.tolist(), right[:, 0].tolist())
    assert balanced_accuracy(labels, right[:, 0]) == pytest.approx(expected, abs=1e-12)
    assert balanced_accuracy(labels, right[:, 0]) != pytest.approx(right[:, 0].mean(), abs=1e-3)


def test_perfect_and_one_class():
    assert balanced_accuracy(["a", "b", "b"], np.array([True, True, True])) == 1
    assert balanced_accuracy(["a", "a"], np.array([True, False])) == 0.5
    assert balanced_accuracy(["a", "b", "b", "b"], np.array([False, True, True, True])) == 0.5


def test_no_label_at_all():
    with pytest.raises(InputError, match="none of the 2 items has a label"):
        balanced_accuracy([None, None], np.array([True, True]))


def test_the_interval_is_that_of_slow_draws():
    labels, units, right = items(1)
    found = paired_accuracy(labels, right, unit_ids=units, rng=np.random.default_rng(0))
    draws = np.random.default_rng(5).choice(30, size=(700, 30))
    slow = [np.array(oracle.drawn_accuracies(labels, right[:, way], units, draws.tolist())) for way in (0, 1)]
    for way in (0, 1):
        assert found.accuracy[way].value == pytest.approx(oracle.balanced_accuracy(labels, right[:, way]), abs=1e-12)
        assert (found.accuracy[way].low, found.accuracy[way].high) == pytest.approx(
            np.quantile(slow[way], [0.025, 0.975]), abs=0.02
        )
    lead = found.difference[1]
    assert lead.value == pytest.approx(found.accuracy[0].value - found.accuracy[1].value, abs=1e-12)
    assert (lead.low, lead.high) == pytest.approx(np.quantile(slow[0] - slow[1], [0.025, 0.975]), abs=0.02)
    assert lead.n_units == 30
    assert found.difference[0][:3] == (0, 0, 0)


def test_pairing_narrows_the_interval_of_ways_that_err_together():
    labels, units, right = items(2, share=(0.7,))
    both = np.concatenate([right, right], axis=1)
    both[np.flatnonzero(labels == "a")[:3], 1] ^= True
    found = paired_accuracy(labels, both, unit_ids=units, rng=np.random.default_rng(0))
    width = found.difference[1].high - found.difference[1].low
    assert width < 0.5 * (found.accuracy[0].high - found.accuracy[0].low)


def test_the_interval_covers_no_difference():
    """Two ways that are equally good: 95 of 100 intervals hold 0, give or take."""
    held = 0
    for seed in range(100):
        labels, units, right = items(seed, share=(0.6, 0.6))
        found = paired_accuracy(labels, right, unit_ids=units, rng=np.random.default_rng(seed)).difference[1]
        held += found.low <= 0 <= found.high
    assert 88 <= held <= 100


def test_a_class_of_one_patient_does_not_spoil_the_interval():
    labels, units, right = items(3)
    labels[units == 4] = "d"
    found = paired_accuracy(labels, right, unit_ids=units, rng=np.random.default_rng(0))
    assert found.accuracy[0].low < found.accuracy[0].value < found.accuracy[0].high
