"""Figures of a grader against scikit-learn's, SciPy's and slow sums."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from sslecho.errors import InputError
from sslecho.metrics.grading import grading_scores, qwk, rater_error, spearman

SCALE = (0, 10)


def grades(n=300, *, seed=0, n_units=40):
    """Three views whose grades differ, with a grader that is half a grade too kind."""
    rng = np.random.default_rng(seed)
    views = np.array(["a4c", "plax", "psax"], dtype=object)[rng.integers(3, size=n)]
    middle = np.where(views == "a4c", 7.0, np.where(views == "plax", 5.0, 2.0))
    truth = np.clip(middle + rng.normal(size=n) * 1.5, 0, 10)
    predicted = 0.7 * truth + 2 + rng.normal(size=n)
    return truth, predicted, rng.integers(n_units, size=n), views


def scored(truth, predicted, units, **more):
    how = {"constant": 5.0, "scale": SCALE, "rng": np.random.default_rng(0), **more}
    return grading_scores(truth, predicted, units=units, **how)


def test_the_figures_are_those_of_the_libraries():
    truth, predicted, units, views = grades()
    found = scored(truth, predicted, units, views=views)
    for name, rows in {"": np.arange(300), **{v: np.flatnonzero(views == v) for v in set(views)}}.items():
        t, p, one = truth[rows], predicted[rows], found["per_view"][name] if name else found
        whole = [np.clip(np.rint(x), 0, 10).astype(int) for x in (t, p)]
        assert one["mse"] == pytest.approx(np.mean([(a - b) ** 2 for a, b in zip(t, p, strict=True)]))
        assert one["mae"] == pytest.approx(np.abs(t - p).mean())
        assert one["mse_constant"] == pytest.approx(((t - 5) ** 2).mean())
        assert one["qwk"] == pytest.approx(cohen_kappa_score(*whole, weights="quadratic", labels=range(11)))
        assert one["spearman"] == pytest.approx(spearmanr(t, p).statistic)
        assert (one["n"], one["n_patients"]) == (len(rows), len(set(units[rows])))
        for figure in ("mse", "mae", "qwk", "spearman", "mse_constant"):
            assert one[f"{figure}_low"] <= one[figure] <= one[f"{figure}_high"]


def test_a_grader_of_views_alone_has_agreement_over_all_and_none_within():
    truth, _, units, views = grades(3000, n_units=300)
    only_view = np.where(views == "a4c", 7.0, np.where(views == "plax", 5.0, 2.0))
    found = scored(truth, only_view, units, views=views)
    assert found["qwk"] > 0.6
    assert max(one["qwk"] for one in found["per_view"].values()) < 0.05
    assert all(one["spearman"] is None for one in found["per_view"].values())


def test_intervals_resample_units():
    """The interval of 40 units of 25 equal items is that of 40 items, and covers the truth as often as it says."""
    hits = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        error = np.repeat(rng.normal(size=40), 25)
        found = scored(np.full(1000, 5.0), 5 + error, np.repeat(np.arange(40), 25), rng=rng)
        hits += found["mse_low"] <= 1 <= found["mse_high"]
    assert 50 <= hits <= 60


def test_draws_of_kappa_are_kappas_of_drawn_items():
    """Units of one item: the spread of kappa over draws is that of kappa over items drawn anew."""
    truth, predicted, _, _ = grades(120, seed=3)
    found = scored(truth, predicted, np.arange(120))
    whole = [np.clip(np.rint(x), 0, 10) for x in (truth, predicted)]
    rng = np.random.default_rng(1)
    draws = [qwk(*(x[at] for x in whole)) for at in (rng.integers(120, size=120) for _ in range(1000))]
    assert (found["qwk_low"], found["qwk_high"]) == pytest.approx(np.quantile(draws, (0.025, 0.975)), abs=0.02)


def test_raters_are_held_against_each_other():
    raters = np.array([[1.0, 2.0, np.nan], [4.0, 4.0, 6.0], [np.nan, 3.0, np.nan]])
    assert rater_error(raters) == {"mse": pytest.approx((1 + 0 + 4 + 4) / 4), "mae": pytest.approx((1 + 0 + 2 + 2) / 4)}
    assert rater_error(raters[2:]) == {"mse": None, "mae": None}
    assert rater_error(raters[:, :1]) == {"mse": None, "mae": None}


def test_what_has_no_spread_has_no_figure():
    same = np.full(5, 3.0)
    found = scored(same, same, np.arange(5))
    assert (found["qwk"], found["qwk_low"], found["spearman"], found["mse"]) == (None, None, None, 0)
    alone = scored(np.array([1.0, 4.0]), np.array([2.0, 4.0]), np.zeros(2, int))
    assert alone["mse"] == 0.5
    assert alone["mse_low"] is None
    assert np.isnan(spearman(same, np.arange(5.0)))


def test_bad_grades_are_named():
    truth, predicted, units, _ = grades(20)
    with pytest.raises(InputError, match="no graded item"):
        scored(truth[:0], predicted[:0], units[:0])
    with pytest.raises(InputError, match="and the scale is 0 to 3"):
        scored(truth, predicted, units, scale=(0, 3))
    for which, said in ((0, "1 of 20 grades are no number"), (1, "1 of 20 predictions are no number")):
        bad = [truth.copy(), predicted.copy()]
        bad[which][4] = np.nan
        with pytest.raises(InputError, match=said):
            scored(*bad, units)
