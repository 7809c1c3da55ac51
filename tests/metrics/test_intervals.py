"""The patient bootstrap: against closed forms, against itself written slowly, and its coverage."""

import numpy as np
import pytest

from sslecho.metrics import intervals


def patients(seed, n_patients=30):
    """Unequal patients, each with an accuracy of its own: items of one patient are alike."""
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(n_patients), rng.integers(1, 12, size=n_patients))
    return (rng.random(len(units)) < rng.beta(2, 1, size=n_patients)[units]).astype(float), units


def test_drawn_ratios_equal_a_loop_over_the_same_draws():
    values, units = patients(0)
    sums = np.bincount(units, weights=values)
    sizes = np.bincount(units).astype(float)
    fast = intervals.drawn_ratios(sums, sizes, rng=np.random.default_rng(5), n_draws=7)
    rng = np.random.default_rng(5)
    for ratio, drawn in zip(fast, rng.integers(30, size=(7, 30)), strict=True):
        items = [value for unit in drawn for value in values[units == unit]]
        assert ratio == pytest.approx(sum(items) / len(items), abs=1e-12)


def test_drawing_in_pieces_changes_nothing(monkeypatch):
    values, units = patients(1)
    whole = intervals.bootstrap_mean(values, units, rng=np.random.default_rng(0))
    monkeypatch.setattr(intervals, "VALUES_AT_ONCE", 100)
    assert intervals.bootstrap_mean(values, units, rng=np.random.default_rng(0)) == whole


def test_any_statistic_and_the_mean_agree():
    values, units = patients(2)
    shuffled = np.random.default_rng(1).permutation(len(units))
    values, units = values[shuffled], units[shuffled]
    fast = intervals.bootstrap_mean(values, units, rng=np.random.default_rng(0), n_draws=800)
    slow = intervals.bootstrap(
        lambda items: float(values[items].mean()), units, rng=np.random.default_rng(0), n_draws=800
    )
    assert slow == pytest.approx(fast, abs=1e-12)
    assert fast.value == values.mean()
    assert fast.n_units == 30


def test_items_of_a_patient_stay_together():
    units = np.repeat([3, 8, 9], [4, 1, 2])
    seen = []
    intervals.bootstrap(
        lambda items: float(seen.append(units[items]) or 0), units, rng=np.random.default_rng(0), n_draws=20
    )
    for drawn in seen:
        counts = {unit: int((drawn == unit).sum()) for unit in (3, 8, 9)}
        assert counts[3] % 4 == 0
        assert counts[9] % 2 == 0
        assert counts[3] // 4 + counts[8] + counts[9] // 2 == 3


def test_an_interval_over_patients_is_wider_than_over_items():
    rng = np.random.default_rng(3)
    units = np.repeat(np.arange(40), 25)
    values = (rng.random(40) < 0.6).astype(float)[units]  # a patient is all right or all wrong
    by_patient = intervals.bootstrap_mean(values, units, rng=rng)
    by_item = intervals.bootstrap_mean(values, np.arange(1000), rng=rng)
    assert by_patient.high - by_patient.low > 3 * (by_item.high - by_item.low)
    assert by_patient.low < by_patient.value < by_patient.high


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        units = np.repeat(np.arange(60), 4)
        interval = intervals.bootstrap_mean(rng.normal(2.0, 1.0, 60)[units], units, rng=rng, n_draws=400)
        held += interval.low <= 2.0 <= interval.high
    assert 0.89 <= held / 200 <= 0.98


def test_draws_without_a_figure_are_left_out():
    interval = intervals.bootstrap(
        lambda items: float("nan") if 0 not in items else 0.5, np.arange(5), rng=np.random.default_rng(0), n_draws=50
    )
    assert (interval.low, interval.high) == (0.5, 0.5)


def test_few_units_are_named():
    assert intervals.too_few(24, unit="patient") is None
    assert intervals.too_few(23, unit="sweep") == (
        "only 23 sweeps: an interval over fewer than 24 is too narrow to trust"
    )
