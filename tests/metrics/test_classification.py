"""Figures of a classifier against scikit-learn's on the same items, whole and in every draw."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_recall_fscore_support, roc_auc_score

from sslecho.errors import InputError
from sslecho.metrics import classification
from sslecho.metrics.classification import ItemsByUnit, auroc, classification_scores

NAMES = ("a", "b", "c", "d")


def answers(n=400, *, n_units=40, seed=0, decimals=2):
    """Uneven classes, units of uneven size, scores with ties; the last class is never the answer."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(4, size=n, p=(0.5, 0.3, 0.15, 0.05))
    logits = rng.normal(size=(n, 4)) + 1.5 * np.eye(4)[truth] - np.array([0, 0, 0, 9])
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    units = np.minimum(rng.geometric(0.08, size=n), n_units)
    return truth, np.round(probabilities, decimals), units


def scores(truth, probabilities, units, **more):
    return classification_scores(truth, probabilities, names=NAMES, units=units, rng=np.random.default_rng(0), **more)


def ece_of(truth, probabilities):
    """Guo et al. 2017, equation 3, bin by bin."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    total = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


def test_the_figures_are_those_of_scikit_learn():
    truth, probabilities, units = answers()
    found = scores(truth, probabilities, units)
    said = probabilities.argmax(1)
    assert found["accuracy"] == pytest.approx((said == truth).mean())
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, said))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert found["ece"] == pytest.approx(ece_of(truth, probabilities))
    areas = [roc_auc_score(truth == c, probabilities[:, c]) for c in range(4)]
    assert found["auroc"] == pytest.approx(np.mean(areas))
    precision, recall, f1, n = precision_recall_fscore_support(truth, said, labels=range(4), zero_division=np.nan)
    for c, name in enumerate(NAMES):
        one = found["per_class"][name]
        assert one["auroc"] == pytest.approx(areas[c])
        assert (one["recall"], one["f1"], one["n"]) == (pytest.approx(recall[c]), pytest.approx(f1[c]), n[c])
        assert one["n_patients"] == len(set(units[truth == c]))
        assert one["precision"] is None if np.isnan(precision[c]) else one["precision"] == pytest.approx(precision[c])
    assert found["per_class"]["d"]["precision"] is None
    assert found["per_class"]["d"]["recall"] == 0


def test_a_draw_is_the_figure_of_its_items_repeated():
    truth, probabilities, units = answers(decimals=1)
    codes = np.unique(units, return_inverse=True)[1]
    n_units = int(codes.max()) + 1
    cells = ItemsByUnit(truth, probabilities, codes, n_units)
    rng = np.random.default_rng(1)
    weights = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=6).T.astype(float)
    drawn = cells.figures(weights, exact=False)
    for d in range(6):
        rows = np.repeat(np.arange(len(truth)), weights[codes, d].astype(int))
        of, said = truth[rows], probabilities[rows].argmax(1)
        there = np.unique(of)
        assert drawn.whole["balanced_accuracy"][d] == pytest.approx(balanced_accuracy_score(of, said))
        assert drawn.whole["macro_f1"][d] == pytest.approx(f1_score(of, said, average="macro"))
        assert drawn.whole["ece"][d] == pytest.approx(ece_of(of, probabilities[rows]))
        areas = [roc_auc_score(of == c, probabilities[rows, c]) for c in there]
        assert drawn.whole["auroc"][d] == pytest.approx(np.mean(areas))
        assert drawn.of_class["recall"][0, d] == pytest.approx((said == 0)[of == 0].mean())


def test_the_interval_of_a_calibrated_classifier_holds_its_ece():
    """Draws are lifted by chance as the figure is, and once more: left so, they lie above it."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        p = rng.dirichlet(np.ones(4), size=500)
        truth = (p.cumsum(1) < rng.random((500, 1))).sum(1).clip(max=3)
        found = scores(truth, p, rng.integers(60, size=500), n_draws=200)
        assert found["ece_low"] <= found["ece"] <= found["ece_high"]


def test_scores_that_many_share_have_a_step_of_their_own():
    rng = np.random.default_rng(0)
    positive = rng.random(4000) < 0.95
    sure = rng.random(4000) < np.where(positive, 0.8, 0.5)
    p = np.where(sure, 1.0, rng.random(4000))
    both = np.column_stack([p, 1 - p])
    cells = ItemsByUnit((~positive).astype(int), both, np.arange(4000), 4000)
    exact, stepped = (cells.figures(np.ones((4000, 1)), exact=e).of_class["auroc"] for e in (True, False))
    np.testing.assert_allclose(stepped, exact, atol=1e-3)


def test_steps_change_an_auroc_by_less_than_a_thousandth():
    truth, probabilities, units = answers(6000, decimals=12)
    codes = np.unique(units, return_inverse=True)[1]
    cells = ItemsByUnit(truth, probabilities, codes, int(codes.max()) + 1)
    weights = np.ones((codes.max() + 1, 1))
    exact, stepped = (cells.figures(weights, exact=e).of_class["auroc"] for e in (True, False))
    assert np.abs(exact - stepped).max() < 1e-3
    assert np.abs(exact - stepped).max() > 0


def test_an_interval_holds_its_figure_and_shrinks_with_units(monkeypatch):
    few, many = scores(*answers(300, seed=2)), scores(*answers(6000, n_units=2000, seed=2))
    for found in (few, many):
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "ece"):
            assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
    assert many["accuracy_high"] - many["accuracy_low"] < few["accuracy_high"] - few["accuracy_low"]
    monkeypatch.setattr(classification, "VALUES_AT_ONCE", 4096)  # a few draws at a time
    again = scores(*answers(300, seed=2))
    assert again["accuracy_low"] == pytest.approx(few["accuracy_low"], abs=0.02)


def test_frames_of_one_patient_are_one():
    truth, probabilities, units = answers(200, n_units=20)
    once = scores(truth, probabilities, units)
    fivefold = scores(np.repeat(truth, 5), np.repeat(probabilities, 5, axis=0), np.repeat(units, 5))
    assert fivefold["accuracy_low"] == pytest.approx(once["accuracy_low"])
    assert fivefold["n_patients"] == once["n_patients"]
    assert "too narrow to trust" in fivefold["warning"]


def test_a_class_that_is_not_there_has_no_figure_and_no_say():
    truth, probabilities, units = answers()
    kept = truth != 2
    found = scores(truth[kept], probabilities[kept], units[kept])
    assert found["per_class"]["c"] | {"n": 0, "n_patients": 0} == found["per_class"]["c"]
    assert found["per_class"]["c"]["recall"] is None
    assert found["per_class"]["c"]["auroc"] is None
    assert found["balanced_accuracy"] == pytest.approx(
        np.mean([found["per_class"][name]["recall"] for name in ("a", "b", "d")])
    )


def test_one_unit_or_one_class_is_no_silent_nan():
    truth, probabilities, _ = answers()
    one = scores(truth, probabilities, np.zeros(len(truth), int))
    assert one["accuracy"] is not None
    assert one["accuracy_low"] is None
    alone = scores(np.zeros(5, int), probabilities[:5], np.arange(5))
    assert alone["auroc"] is None
    assert alone["auroc_low"] is None
    assert alone["accuracy_low"] is not None


def test_auroc_counts_ties_half():
    assert auroc(np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, True, False, True])) == pytest.approx(3.5 / 4)
    assert np.isnan(auroc(np.array([0.1, 0.5]), np.array([True, True])))


def test_bad_input_is_named():
    truth, probabilities, units = answers(20)
    with pytest.raises(InputError, match="no item whose class is known"):
        scores(truth[:0], probabilities[:0], units[:0])
    with pytest.raises(InputError, match="codes from 0 to 7 and the classifier knows 0 to 3"):
        scores(np.append(truth[:-1] * 0, 7), probabilities, units)
    probabilities[3, 1] = np.nan
    with pytest.raises(InputError, match="1 of 20 items have a probability that is no number"):
        scores(truth, probabilities, units)
