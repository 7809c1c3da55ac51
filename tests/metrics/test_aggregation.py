"""A clip's answer from its windows: against loops, with ties, one window, many windows, and the prior added once."""

import numpy as np
import pytest
from reference.evidence import slow_aggregate, softplus

from sslecho.errors import InputError
from sslecho.metrics.aggregation import AGGREGATES, PRIOR, aggregate, of_windows
from sslecho.metrics.calibration import fit_temperature

POSSIBLE = [(how, evidential) for how in AGGREGATES for evidential in (True, False) if evidential or how != "evidence"]


def windows(seed=0, *, counts=(1, 4, 2, 7, 1, 12), n_classes=4):
    """Logits of clips with `counts` windows each, mixed in order."""
    rng = np.random.default_rng(seed)
    clips = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    truth = rng.integers(n_classes, size=len(counts))
    quality = rng.gamma(1.0, 2.0, size=len(clips))
    logits = rng.normal(size=(len(clips), n_classes)) * 1.5 - 0.7 + quality[:, None] * np.eye(n_classes)[truth[clips]]
    return logits, clips, len(counts)


@pytest.mark.parametrize(("how", "evidential"), POSSIBLE)
def test_it_is_what_a_loop_over_windows_gives(how, evidential):
    logits, clips, n = windows()
    found = aggregate(logits, clips, n, how=how, evidential=evidential, prior=0.6)
    p, u = slow_aggregate(logits, clips.tolist(), n, how=how, evidential=evidential, prior=0.6)
    assert found.probabilities == pytest.approx(np.array(p), abs=1e-12)
    assert found.uncertainty == pytest.approx(np.array(u), abs=1e-12)
    assert found.answer.tolist() == np.array(p).argmax(1).tolist()
    assert found.n_windows.tolist() == [1, 4, 2, 7, 1, 12]
    assert found.probabilities.sum(1) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("how", "evidential"), POSSIBLE)
def test_the_order_of_windows_and_of_clips_decides_nothing(how, evidential):
    logits, clips, n = windows(1)
    first = aggregate(logits, clips, n, how=how, evidential=evidential)
    order = np.random.default_rng(2).permutation(len(clips))
    names = np.random.default_rng(3).permutation(n)
    other = aggregate(logits[order], names[clips[order]], n, how=how, evidential=evidential)
    for a, b in zip(first, other, strict=True):
        assert np.array_equal(a, b[names])  # to the last bit


@pytest.mark.parametrize(("how", "evidential"), POSSIBLE)
def test_one_window_is_its_own_clip_and_the_same_window_again_changes_no_answer(how, evidential):
    logits = np.random.default_rng(4).normal(size=(9, 5))
    alone = aggregate(logits, np.arange(9), 9, how=how, evidential=evidential)
    assert alone.answer.tolist() == logits.argmax(1).tolist()
    p, u = of_windows(logits, evidential=evidential)
    if how != "vote":  # whose one vote counts beside the probability
        assert alone.probabilities == pytest.approx(p, abs=1e-12)
    assert alone.uncertainty == pytest.approx(u, abs=1e-12)
    again = aggregate(np.tile(logits, (6, 1)), np.tile(np.arange(9), 6), 9, how=how, evidential=evidential)
    assert np.array_equal(again.answer, alone.answer)
    assert set(again.n_windows.tolist()) == {6}
    if how == "evidence":
        assert (again.uncertainty < alone.uncertainty).all()  # six windows are six times the evidence
    else:
        assert again.uncertainty == pytest.approx(alone.uncertainty, abs=1e-12)


def test_the_prior_is_that_of_the_clip_and_counts_once():
    logits = np.random.default_rng(5).normal(size=(10, 3)) - 1
    found = aggregate(logits, np.zeros(10, int), 1, how="evidence", evidential=True)
    e = sum(np.array([softplus(o) for o in row]) for row in logits)
    once, with_every_window = 3 * PRIOR / (e + PRIOR).sum(), 3 * PRIOR / (e + 10 * PRIOR).sum()
    assert found.uncertainty[0] == pytest.approx(once, abs=1e-12)
    assert with_every_window < 0.5 * once  # the wrong way is far too sure
    assert np.argsort(e + 10 * PRIOR).tolist() == np.argsort(found.probabilities[0]).tolist()  # of the same answer


@pytest.mark.parametrize("n", [1, 10])
def test_windows_that_saw_nothing_leave_a_clip_unknown(n):
    found = aggregate(np.full((n, 4), -90.0), np.zeros(n, int), 1, how="evidence", evidential=True)
    assert found.uncertainty[0] == 1
    assert found.probabilities[0] == pytest.approx(0.25, abs=1e-15)


def test_equal_votes_are_decided_by_the_mean_probability_then_by_the_first_class():
    sure_of_2, doubtful_1 = [0.0, 0.0, 5.0], [0.0, 0.5, 0.0]
    for rows in ([doubtful_1, sure_of_2], [sure_of_2, doubtful_1]):
        assert aggregate(np.array(rows), np.zeros(2, int), 1, how="vote", evidential=False).answer.tolist() == [2]


@pytest.mark.parametrize("how", ["mean", "vote"])
def test_mirrored_windows_are_a_tie_to_the_last_bit_whatever_their_order(how):
    # 0.1 + 0.2 + 0.3 + 0.6 and 0.3 + 0.1 + 0.6 + 0.2 are not the same number when they are summed as they stand.
    p = np.array([[0.1, 0.3, 0.2], [0.3, 0.1, 0.2], [0.2, 0.6, 0.1], [0.6, 0.2, 0.1]])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 0, 1, 3]):
        logits = np.log(p / p.sum(1, keepdims=True))[order]
        found = aggregate(logits, np.zeros(4, int), 1, how=how, evidential=False)
        assert found.probabilities[0, 0] == found.probabilities[0, 1]
        assert found.answer.tolist() == [0]


def test_no_majority_is_overturned_by_probabilities():
    logits = np.array([[0.1, 0.0], [0.1, 0.0], [0.0, 50.0]])
    answers = {
        how: aggregate(logits, np.zeros(3, int), 1, how=how, evidential=False).answer[0] for how in AGGREGATES[:2]
    }
    assert answers == {"vote": 0, "mean": 1}


@pytest.mark.parametrize("evidential", [True, False])
def test_of_windows_that_are_equally_sure_the_one_for_the_first_class_speaks(evidential):
    logits = np.array([[0.0, 3.0], [3.0, 0.0]])
    for rows in (logits, logits[::-1]):
        found = aggregate(rows, np.zeros(2, int), 1, how="min-uncertainty", evidential=evidential)
        assert found.answer.tolist() == [0]


@pytest.mark.parametrize(("how", "evidential"), POSSIBLE)
def test_a_temperature_changes_no_answer_and_no_uncertainty_but_how_sure_it_is(how, evidential):
    logits, clips, n = windows(6)
    plain, warm, cold = (
        aggregate(logits, clips, n, how=how, evidential=evidential, temperature=t) for t in (1.0, 3.0, 0.5)
    )
    assert np.array_equal(plain.answer, warm.answer)
    assert np.array_equal(plain.uncertainty, warm.uncertainty)
    assert (warm.probabilities.max(1) < plain.probabilities.max(1)).all()
    assert (cold.probabilities.max(1) > plain.probabilities.max(1)).all()
    powers = plain.probabilities ** (1 / 3)
    assert warm.probabilities == pytest.approx(powers / powers.sum(1, keepdims=True), abs=1e-12)


@pytest.mark.parametrize(("how", "evidential"), POSSIBLE)
def test_extreme_logits_give_numbers_that_a_temperature_can_be_fitted_on(how, evidential):
    logits = np.array([[900.0, -900.0, 0.0], [-900.0, 900.0, 0.0], [-900.0, -900.0, -900.0]])
    found = aggregate(logits, np.array([0, 0, 1]), 2, how=how, evidential=evidential)
    assert np.isfinite(found.probabilities).all()
    assert ((found.uncertainty >= 0) & (found.uncertainty <= 1)).all()
    if how == "vote":
        assert (found.probabilities[0, :2] > 0.3).all()
        assert fit_temperature(np.log(found.probabilities + 1e-300), np.array([0, 1])) > 0


def test_bad_input_is_named():
    logits, clips, n = windows()
    good = {"how": "mean", "evidential": True}
    with pytest.raises(InputError, match="aggregate 'median' does not exist; choose one of: vote, mean, evidence"):
        aggregate(logits, clips, n, how="median", evidential=True)
    with pytest.raises(InputError, match="--aggregate evidence sums the evidence .* choose vote, mean or min"):
        aggregate(logits, clips, n, how="evidence", evidential=False)
    with pytest.raises(InputError, match="clip 6 has no window"):
        aggregate(logits, clips, n + 1, **good)
    with pytest.raises(InputError, match="a window is of clip 5 or 0, and there are 5"):
        aggregate(logits, clips, n - 1, **good)
    with pytest.raises(InputError, match="a logit is no number"):
        aggregate(np.where(logits > 1, np.nan, logits), clips, n, **good)
    with pytest.raises(InputError, match="prior is 0.0; it must be above 0"):
        aggregate(logits, clips, n, **good, prior=0.0)
    with pytest.raises(InputError, match="temperature is nan; it must be above 0"):
        aggregate(logits, clips, n, **good, temperature=float("nan"))
