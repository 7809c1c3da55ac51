"""Temperatures, reliability rows and conformal sets: what they promise is kept on new patients."""

import numpy as np
import pytest
from scipy.special import softmax

from sslecho.errors import InputError
from sslecho.metrics.calibration import (
    Conformal,
    fewest_patients,
    fit_conformal,
    fit_temperature,
    one_a_unit,
    reliability,
)


def classifier(n, *, seed, sharp=1.0):
    """Logits whose softmax is the true probability of each class, times `sharp`; and the truth, drawn from it."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, 3)) + np.array([0.5, 0, -0.5])
    p = softmax(logits, axis=1)
    return sharp * logits, (p.cumsum(1) < rng.random((n, 1))).sum(1)


def patients(n_patients, *, seed, a_patient=6):
    """Items whose classifier is as good as their patient: scores within a patient are alike."""
    rng = np.random.default_rng(seed)
    units = np.repeat(np.arange(n_patients), a_patient)
    quality = np.repeat(rng.normal(size=n_patients) * 1.5 + 1, a_patient)
    truth = rng.integers(3, size=len(units))
    logits = rng.normal(size=(len(units), 3)) * 0.3 + quality[:, None] * np.eye(3)[truth]
    return truth, softmax(logits, axis=1), units


@pytest.mark.parametrize("sharp", [0.5, 1.0, 4.0])
def test_the_temperature_undoes_what_logits_were_sharpened_by(sharp):
    logits, truth = classifier(6000, seed=0, sharp=sharp)
    t = fit_temperature(logits, truth)
    assert t == pytest.approx(sharp, rel=0.08)
    tried = [-np.log(softmax(logits / other, axis=1)[np.arange(6000), truth]).mean() for other in (t, 0.9 * t, 1.1 * t)]
    assert min(tried) == tried[0]


def test_a_classifier_that_is_always_right_is_not_made_certain():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=25)
    logits = rng.normal(size=(25, 3)) + 9 * np.eye(3)[truth]
    t = fit_temperature(logits, truth)
    assert 0.2 < t < 5
    assert softmax(logits / t, axis=1).max() < 1 - 1e-9
    none_of_it = fit_temperature(np.zeros((5, 3)), np.zeros(5, int))  # any temperature is as good
    assert np.isfinite(none_of_it)


def test_rows_of_the_reliability_plot():
    truth = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.95, 0.05], [0.55, 0.45], [0.0, 1.0]])
    rows = reliability(truth, probabilities, bins=10)
    assert [(row["low"], row["n"], row["accuracy"]) for row in rows] == [(0.5, 1, 0.0), (0.8, 1, 1.0), (0.9, 2, 1.0)]
    assert rows[-1]["confidence"] == pytest.approx(0.975)
    assert sum(row["n"] for row in rows) == 4


def test_nineteen_patients_are_needed_for_95_percent():
    assert [fewest_patients(level) for level in (0.5, 0.8, 0.9, 0.95, 0.99)] == [1, 4, 9, 19, 99]
    truth, p, units = patients(18, seed=0)
    with pytest.raises(InputError, match="18 calibration patients can't carry a promise of 95 %: it needs 19 or more"):
        fit_conformal(truth, p, units=units, rng=np.random.default_rng(0))
    truth, p, units = patients(19, seed=0)
    found = fit_conformal(truth, p, units=units, rng=np.random.default_rng(0))
    chosen = one_a_unit(1 - p[np.arange(len(truth)), truth], units, rng=np.random.default_rng(0))
    assert found == Conformal(float(chosen.max()), 0.95, 19)


def test_sets_hold_the_truth_of_new_patients_as_often_as_promised():
    held, naive = [], []
    for seed in range(400):
        truth, p, units = patients(30, seed=seed)
        new_truth, new_p, new_units = patients(1, seed=10_000 + seed)
        item = np.random.default_rng(seed).integers(len(new_units))
        for rows, kept in ((held, units), (naive, np.arange(len(units)))):
            found = fit_conformal(truth, p, units=kept, level=0.9, rng=np.random.default_rng(seed))
            rows.append(found.sets(new_p)[item, new_truth[item]])
    assert np.mean(held) >= 0.9 - 2 * (0.9 * 0.1 / 400) ** 0.5
    assert np.mean(held) < 0.97  # and no more than 1 / (m + 1) above it, but for chance
    assert np.mean(naive) < np.mean(held)  # counting items as if they were patients promises too much


def test_one_item_of_each_unit():
    units = np.array([3, 3, 3, 8, 8, 5])
    found = np.array([sorted(one_a_unit(np.arange(6.0), units, rng=np.random.default_rng(s))) for s in range(300)])
    assert found.shape == (300, 3)
    assert {tuple(row) for row in found} == {(float(a), float(b), 5.0) for a in (0, 1, 2) for b in (3, 4)}


def test_bad_input_is_named():
    with pytest.raises(InputError, match="no item to fit a temperature on"):
        fit_temperature(np.empty((0, 3)), np.empty(0, int))
    with pytest.raises(InputError, match="a logit is no number"):
        fit_temperature(np.array([[0.0, np.inf]]), np.array([0]))
    truth, p, units = patients(30, seed=0)
    with pytest.raises(InputError, match="level is 95"):
        fit_conformal(truth, p, units=units, level=95.0, rng=np.random.default_rng(0))
