"""What two raters say, and how well anybody could say it."""

import numpy as np
import pytest

from sslecho.phantom.factors import Factors
from sslecho.phantom.raters import biases, rate

FACTORS = Factors.from_seed(5)
SWEEPS, FRAMES = 500, 10
# Grades that neither end of the scale clips.
TRUE = np.random.default_rng(0).uniform(4.0, 7.0, (SWEEPS, FRAMES))


@pytest.fixture(scope="module")
def ratings() -> np.ndarray:
    """[raters, sweeps, frames]"""
    return np.stack([rate(TRUE[k], FACTORS, 0, k, "A4C").raters for k in range(SWEEPS)], axis=1)


def test_nobody_predicts_the_own_rater_better_than_the_error_and_rounding(ratings):
    """0.7^2 + 1/12 = 0.573, for a model that knows the true grade and the rater's bias."""
    expected = TRUE[None] + biases(FACTORS)[:, None, None]
    assert np.mean((ratings - expected) ** 2) == pytest.approx(0.49 + 1 / 12, abs=0.03)


def test_against_a_rater_of_unknown_bias_the_floor_is_higher():
    """0.573 + 0.5^2 = 0.823 for who knows the true grade; 1.07 for who learned another rater's bias with it."""
    truth, other = [], []
    for archive in range(300):
        factors = Factors.from_seed(archive)
        grades = TRUE[archive]
        _, second = rate(grades, factors, 0, archive, "A4C").raters
        truth.append(np.mean((second - grades) ** 2))
        other.append(np.mean((second - grades - biases(factors)[0]) ** 2))
    assert np.mean(truth) == pytest.approx(0.823, abs=0.12)
    assert np.mean(other) == pytest.approx(1.073, abs=0.12)


def test_a_sweep_shares_three_fifths_of_the_error(ratings):
    error = ratings - TRUE[None] - biases(FACTORS)[:, None, None]
    between = np.mean([np.cov(one.T)[np.triu_indices(FRAMES, 1)].mean() for one in error])
    assert between == pytest.approx(0.6 * 0.49, abs=0.03)
    # The two raters err apart.
    assert np.mean(error[0] * error[1]) == pytest.approx(0.0, abs=0.03)


def test_ratings_are_whole_grades_within_the_scale():
    low, high = rate(np.full(40, 1.0), FACTORS, 0, 1, "A4C"), rate(np.full(40, 10.0), FACTORS, 0, 2, "A4C")
    assert low.raters.min() == low.consensus.min() == 1
    assert high.raters.max() == high.consensus.max() == 10
    columns = rate(np.array([5.0, 6.0]), FACTORS, 0, 3, "A4C").columns()
    assert list(columns) == ["grade", "rater_1", "rater_2"]
    assert all(type(value) is int for values in columns.values() for value in values)


def test_the_consensus_lies_between_the_raters():
    rated = rate(TRUE.ravel(), FACTORS, 0, 9, "PL")
    low, high = rated.raters.min(axis=0), rated.raters.max(axis=0)
    assert np.all((rated.consensus >= low) & (rated.consensus <= high))


def test_no_view_is_zero_for_everybody():
    rated = rate(np.zeros(5), FACTORS, 0, 4, "Random")
    assert not rated.raters.any()
    assert not rated.consensus.any()


def test_ratings_depend_on_the_sweep_alone():
    again = rate(TRUE[3], FACTORS, 0, 3, "A4C").raters
    assert np.array_equal(again, rate(TRUE[3], FACTORS, 0, 3, "A4C").raters)
    assert not np.array_equal(again, rate(TRUE[3], FACTORS, 0, 4, "A4C").raters)
