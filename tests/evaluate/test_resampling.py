"""Intervals over patients and supports together, against items that are repeated one by one."""

import numpy as np
import pytest
from made_arms import arm, design
from reference import label_efficiency as reference
from scipy.stats import t as student

from sslecho.evaluate.comparison import leads
from sslecho.evaluate.resampling import METRICS, Curve, curves, draw, half_widths, simultaneous


def answered(made, *, seed, supports, n_runs, numbers):
    """Probabilities of every cell, with many ties and with a class that is never answered where x is small."""
    rng = np.random.default_rng(seed)
    said = {}
    for x in numbers:
        for key in np.ndindex(supports, n_runs):
            raw = rng.integers(1, 5, size=(len(made.test), 3)).astype(float)
            raw[np.arange(len(raw)), made.test.codes] += 0.6 * x
            if x == 1:
                raw[:, 2] = 0
            said[(x, *key)] = (raw / raw.sum(1, keepdims=True)).astype(np.float32)
    return said


@pytest.mark.parametrize("metric", METRICS)
def test_draws_are_those_of_repeated_patients_and_supports(metric):
    made, numbers = design(), [1, 4]
    said = answered(made, seed=1, supports=3, n_runs=2, numbers=numbers)
    draws = draw(made.test.n_units, 3, rng=np.random.default_rng(2), n_draws=20)
    curve = curves(made, arm("a", print, n_runs=2), numbers, draws, read=lambda *key: said[key])[metric]
    whole = list(range(len(made.test)))
    for place, x in enumerate(numbers):
        one = [[reference.figure(metric, made.test.codes, said[x, s, r], whole) for r in range(2)] for s in range(3)]
        np.testing.assert_allclose(curve.cells[place], one, atol=1e-12)
        assert curve.values[place] == pytest.approx(np.mean(one))
        for d in range(20):
            positions = reference.repeated(made.test.units, draws.units[:, d])
            expected = sum(
                draws.supports[s, d]
                * np.mean([reference.figure(metric, made.test.codes, said[x, s, r], positions) for r in range(2)])
                for s in range(3)
            )
            assert curve.draws[place, d] == pytest.approx(expected, abs=1e-9)


def test_as_many_patients_as_there_are_and_supports_with_students_spread():
    draws = draw(9, 4, rng=np.random.default_rng(0), n_draws=4000)
    assert set(draws.units.sum(0)) == {9.0}
    np.testing.assert_allclose(draws.supports.sum(0), 1)
    # The interval of a mean over few supports is Student's.
    values = np.array([0.1, 0.5, 0.2, 0.9, 0.4, 0.45])
    shares = draw(9, 6, rng=np.random.default_rng(0), n_draws=20_000).supports
    low, high = np.quantile(values @ shares, [0.025, 0.975])
    expected = student.interval(0.95, 5, loc=values.mean(), scale=values.std(ddof=1) / 6**0.5)
    assert (high - low) == pytest.approx(expected[1] - expected[0], rel=0.06)
    assert set(draw(9, 1, rng=np.random.default_rng(0), n_draws=5).supports.ravel()) == {1.0}
    assert set(draw(9, 2, rng=np.random.default_rng(0), n_draws=5, n_drawn=30).units.sum(0)) == {30.0}


def simulated(seed, *, gap, patients=60, supports=6, numbers=(1, 2)):
    """The lead of one of two arms whose accuracy follows the patient and the support; every number has its own noise.

    Every patient has as many clips of every class, so an accuracy is the mean of the patients'.
    """
    rng = np.random.default_rng(seed)
    draws = draw(patients, supports, rng=rng, n_draws=300)
    both = rng.uniform(-0.1, 0.1, size=patients)
    found = []
    for mean in (0.5 + gap, 0.5):
        chance = mean + both + rng.uniform(-0.1, 0.1, size=patients)
        of_support = rng.uniform(-0.15, 0.15, size=(len(numbers), supports, 1))
        right = rng.binomial(6, chance + of_support) / 6  # [x, supports, patients]
        drawn = (draws.supports * (right @ draws.units / patients)).sum(1)
        found.append(Curve(right.mean((1, 2)), drawn, right[:, :, :1]))
    return leads(numbers, found[0], {"b": found[1]})["b"]


def test_intervals_hold_a_true_difference_in_95_percent():
    n = 300
    held = [simulated(seed, gap=0.1)[0] for seed in range(n)]
    share = np.mean([lead.low <= 0.1 <= lead.high for lead in held])
    assert 0.95 - 3 * (0.95 * 0.05 / n) ** 0.5 <= share <= 0.99


def test_arms_that_are_alike_are_rarely_told_apart_and_equal_ones_never():
    n = 300
    shown = [any(lead.shown for lead in simulated(1000 + seed, gap=0.0, numbers=(1, 2, 4, 8))) for seed in range(n)]
    assert np.mean(shown) <= 0.05 + 3 * (0.95 * 0.05 / n) ** 0.5
    made = design()
    said = answered(made, seed=4, supports=3, n_runs=1, numbers=[1, 4])
    draws = draw(made.test.n_units, 3, rng=np.random.default_rng(2), n_draws=100)
    curve = curves(made, arm("a", print), [1, 4], draws, read=lambda *key: said[key])["macro_f1"]
    for lead in leads([1, 4], curve, {"same": curve})["same"]:
        assert (lead.value, lead.low, lead.high, lead.all_low, lead.all_high, lead.shown) == (0, 0, 0, 0, 0, 0)


def test_bounds_for_all_at_once_are_those_of_the_largest_deviation():
    rng = np.random.default_rng(6)
    values, draws = np.array([0.3, -0.1, 0.0]), rng.normal(size=(3, 500)) * np.array([[0.1], [0.02], [0.0]])
    draws += values[:, None]
    low, high = simultaneous(values, draws)
    inside = ((draws >= low[:, None]) & (draws <= high[:, None])).all(0)
    assert inside.mean() == pytest.approx(0.95, abs=0.004)
    assert (high - low)[0] / (high - low)[1] == pytest.approx(draws[0].std() / draws[1].std())
    assert (high - low)[2] == 0
    alone = np.quantile(draws[0], [0.025, 0.975])
    assert low[0] < alone[0]
    assert high[0] > alone[1]


def test_a_plan_for_four_times_the_patients_halves_the_part_that_they_cause():
    made = design(tested=40)
    said = answered(made, seed=9, supports=1, n_runs=1, numbers=[1])
    other = answered(made, seed=10, supports=1, n_runs=1, numbers=[1])
    cells, against = [[said[1, 0, 0]]], [[other[1, 0, 0]]]
    rows = half_widths(made, cells, against, "balanced_accuracy", patients=(50, 200), seed=0, n_draws=3000)
    for name in ("half_width", "half_width_of_difference"):
        assert rows[0][name] / rows[1][name] == pytest.approx(2, rel=0.1)
    same = half_widths(made, cells, cells, "balanced_accuracy", patients=(50,), seed=0, n_draws=50)
    assert same[0]["half_width_of_difference"] == 0


def test_draws_need_no_metric_that_is_not_there():
    """A draw without a second class has no AUROC, and bounds are made from the others."""
    draws = np.array([[0.1, np.nan, 0.3, 0.2], [0.0, 0.1, 0.2, 0.1]])
    low, high = simultaneous(np.array([0.2, 0.1]), draws)
    assert np.isfinite([low, high]).all()
