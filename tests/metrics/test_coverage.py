"""Precision against coverage, on made answers."""

import json

import numpy as np
import pytest
from reference.propagation import macro_f1_by_hand

from sslecho.metrics.coverage import coverage_curve, macro_f1, precision_and_coverage


def made(seed, n=120, n_patients=30):
    rng = np.random.default_rng(seed)
    truth = rng.choice(4, size=n, p=[0.1, 0.2, 0.3, 0.4])
    predicted = np.where(rng.random(n) < 0.7, truth, rng.integers(6, size=n))
    predicted[rng.random(n) < 0.3] = -1
    return truth, predicted, rng.integers(n_patients, size=n)


@pytest.mark.parametrize("seed", range(3))
def test_macro_f1_is_the_mean_over_classes(seed):
    truth, predicted, _ = made(seed)
    words = [None if code == -1 else code for code in predicted.tolist()]
    assert macro_f1(truth, predicted) == pytest.approx(macro_f1_by_hand(truth.tolist(), words))


def test_the_figures():
    truth, predicted, units = made(3)
    scores = precision_and_coverage(truth, predicted, units=units, rng=np.random.default_rng(0))
    told = predicted != -1
    assert scores["precision"] == pytest.approx((truth == predicted)[told].mean())
    assert scores["scored_coverage"] == pytest.approx(told.mean())
    assert scores["macro_f1"] == pytest.approx(macro_f1(truth[told], predicted[told]))
    assert scores["macro_f1_all"] == pytest.approx(macro_f1(truth, predicted))
    assert scores["macro_f1_all"] < scores["macro_f1"]
    for name in ("precision", "macro_f1", "macro_f1_all", "scored_coverage"):
        assert scores[f"{name}_low"] < scores[name] < scores[f"{name}_high"]
    assert (scores["n"], scores["n_patients"], scores["warning"]) == (120, len(np.unique(units)), None)


def test_the_interval_knows_that_a_patients_items_are_alike():
    rng = np.random.default_rng(1)
    truth = np.zeros(400, int)
    predicted = np.repeat((rng.random(40) < 0.2).astype(int), 10)
    widths = []
    for units in (np.arange(400), np.arange(400) // 10):
        scores = precision_and_coverage(truth, predicted, units=units, rng=np.random.default_rng(0))
        widths.append(scores["precision_high"] - scores["precision_low"])
    assert widths[1] > 2 * widths[0]


def test_who_labels_nothing_has_no_precision():
    truth, predicted, units = made(4)
    scores = precision_and_coverage(truth, np.full_like(predicted, -1), units=units, rng=np.random.default_rng(0))
    assert scores["precision"] is scores["macro_f1"] is scores["precision_low"] is None
    assert scores["scored_coverage"] == 0
    none = np.empty(0, np.int64)
    empty = precision_and_coverage(none, none, units=none, rng=np.random.default_rng(0))
    assert empty["precision"] is empty["scored_coverage"] is None
    json.dumps([scores, empty], allow_nan=False)


def test_the_curve_takes_the_most_confident_first():
    confidences = np.array([0.9, 0.8, 0.8, 0.7, 0.6, -np.inf])
    right = np.array([True, True, False, True, False, True])
    curve = coverage_curve(right, confidences, units=np.arange(6), rng=np.random.default_rng(0))
    assert [(point["n"], point["precision"], point["threshold"]) for point in curve] == [
        (1, 1.0, 0.9),
        (3, pytest.approx(2 / 3), 0.8),
        (4, 0.75, 0.7),
        (5, 0.6, 0.6),
    ]
    assert curve[-1]["coverage"] == pytest.approx(5 / 6)  # what nothing reaches is never labeled
    assert coverage_curve(right, np.full(6, -np.inf), units=np.arange(6), rng=np.random.default_rng(0)) == []
