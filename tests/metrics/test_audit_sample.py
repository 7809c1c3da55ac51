"""How many labels to check, and what may be claimed then."""

import numpy as np
import pytest
from reference.propagation import fewest, least_precision

from sslecho.metrics.audit_sample import checked, effective_units, lower_bound, sample_size, upper_bound


def test_the_sizes_that_are_known():
    assert [sample_size(0.95, errors=errors) for errors in range(4)] == [59, 93, 124, 153]
    assert sample_size(0.99) == 299


@pytest.mark.parametrize("errors", [0, 1, 2, 5])
@pytest.mark.parametrize(("precision", "confidence"), [(0.8, 0.95), (0.95, 0.9), (0.5, 0.99)])
def test_the_size_is_the_first_that_will_do(errors, precision, confidence):
    assert sample_size(precision, errors=errors, confidence=confidence) == fewest(precision, errors, confidence)


@pytest.mark.parametrize(("errors", "n"), [(0, 59), (1, 93), (3, 20), (19, 20), (0, 1)])
def test_bounds_are_where_the_binomial_says(errors, n):
    assert lower_bound(errors, n) == pytest.approx(least_precision(errors, n, 0.95), abs=1e-9)
    # What is rarely wrong so often is the upper bound: the lower one of the errors, turned round.
    assert upper_bound(errors, n) == pytest.approx(1 - least_precision(n - errors, n, 0.95) if errors else 1, abs=1e-9)


def test_a_claim_stands_at_the_size_and_not_one_below():
    assert lower_bound(0, 59) >= 0.95 > lower_bound(0, 58)
    assert lower_bound(1, 93) >= 0.95 > lower_bound(1, 92)
    assert lower_bound(5, 5) == lower_bound(0, 0) == 0


def test_the_interval_after_a_check():
    found = checked(2, 93, population=5000)
    assert found.value == pytest.approx(91 / 93)
    assert found.low == pytest.approx(least_precision(2, 93, 0.975), abs=1e-9)
    assert found.high == pytest.approx(1 - least_precision(91, 93, 0.975), abs=1e-9)
    assert found.low < found.at_least < 0.95 < found.value < found.high


def test_who_has_checked_all_of_them_is_certain():
    assert checked(1, 20, population=20) == (0.95, 0.95, 0.95, 0.95)


def test_the_bound_holds_as_often_as_it_says():
    rng = np.random.default_rng(0)
    errors = rng.binomial(93, 0.05, size=4000)
    too_high = np.array([lower_bound(e, 93) for e in range(94)])[errors] > 0.95
    assert 0.02 < too_high.mean() < 0.06


def test_patients_count_by_what_they_bring():
    assert effective_units(np.array([3, 1, 2])) == 3
    assert effective_units(np.array([5, 5, 5, 5])) == 1
    assert effective_units(np.array([0, 0, 0, 1])) == pytest.approx(16 / 10)
    assert effective_units(np.array([], int)) == 0


@pytest.mark.parametrize(("errors", "n", "population"), [(2, 1, 9), (0, 0, 9), (-1, 3, 9), (0, 10, 9)])
def test_counts_that_make_no_sense(errors, n, population):
    with pytest.raises(ValueError, match="must rise"):
        checked(errors, n, population=population)


@pytest.mark.parametrize(("precision", "errors"), [(1.0, 0), (0.0, 0), (0.95, -1)])
def test_claims_that_no_sample_can_show(precision, errors):
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        sample_size(precision, errors=errors)
