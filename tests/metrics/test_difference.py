"""Paired differences over patients: their test against every change of signs, and how often it errs."""

from itertools import product

import numpy as np
import pytest

from sslecho.metrics.difference import LEVEL, detectable, mean_difference
from sslecho.metrics.intervals import bootstrap_mean


def by_all_signs(values, units):
    """The share of all changes of patients' signs whose sum is as far from 0 as the sum as it is."""
    sums = [sum(value for value, unit in zip(values, units, strict=True) if unit == one) for one in sorted(set(units))]
    reached = [
        abs(sum(s * v for s, v in zip(signs, sums, strict=True))) for signs in product((1, -1), repeat=len(sums))
    ]
    return np.mean([of >= abs(sum(sums)) - 1e-9 for of in reached])


@pytest.mark.parametrize("seed", range(4))
def test_p_is_the_share_of_all_changes_of_signs(seed):
    rng = np.random.default_rng(seed)
    units = rng.integers(0, 8, 30)
    values = rng.choice([-1.0, 0.0, 0.5, 1.0], 30, p=[0.2, 0.2, 0.2, 0.4])
    found = mean_difference(values, units, rng=np.random.default_rng(0))
    assert found.p == pytest.approx(by_all_signs(values.tolist(), units.tolist()))
    assert found[:3] == bootstrap_mean(values, units, rng=np.random.default_rng(0))[:3]
    assert found.n_units == len(np.unique(units))


def test_p_of_many_patients_is_drawn_and_near_that_of_all_signs():
    rng = np.random.default_rng(1)
    units, values = np.arange(15), rng.normal(0.35, 1.0, 15)
    found = mean_difference(values, units, rng=np.random.default_rng(0))
    assert found.p == pytest.approx(by_all_signs(values.tolist(), units.tolist()), abs=0.01)


def test_a_difference_is_shown_where_it_is_and_its_sign_counts():
    units = np.repeat(np.arange(10), 2)
    fell = np.where(np.arange(20) % 4 == 3, 0.0, 1.0)
    rng = np.random.default_rng(0)
    assert mean_difference(fell, units, rng=rng).is_above
    assert not mean_difference(fell, units, rng=rng).is_below
    assert mean_difference(-fell, units, rng=rng).is_below
    nothing = mean_difference(np.zeros(20), units, rng=rng)
    assert (nothing.p, nothing.is_above, nothing.is_below) == (1.0, False, False)


def test_few_patients_show_nothing_however_large_the_difference():
    assert [n for n in range(1, 10) if detectable(n)] == [6, 7, 8, 9]
    found = mean_difference(np.ones(40), np.repeat(np.arange(5), 8), rng=np.random.default_rng(0))
    assert found.low == 1.0
    assert not found.is_above
    assert not mean_difference(np.ones(4), np.zeros(4, np.int64), rng=np.random.default_rng(0)).is_above


def test_nothing_is_shown_as_rarely_as_promised_where_there_is_nothing():
    rng = np.random.default_rng(3)
    shown = 0
    for _ in range(300):
        units = np.repeat(np.arange(12), rng.integers(1, 5, 12))
        persons = rng.choice([-1.0, 1.0], 12)  # clips of a patient go the same way
        values = np.where(rng.random(len(units)) < 0.8, persons[units], 0.0)
        found = mean_difference(values, units, rng=rng)
        shown += found.is_above or found.is_below
    assert shown / 300 <= LEVEL + 2 * (LEVEL * (1 - LEVEL) / 300) ** 0.5
