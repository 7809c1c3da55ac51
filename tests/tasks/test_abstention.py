"""The threshold below which no label is given: does it keep what it promises?"""

import numpy as np
import pytest
from scipy.special import ndtr

from sslecho.tasks.abstention import choose_threshold


def simulated(rng, n_patients, *, alike=0.6, worst=0.5):
    """Items of patients: the confidence of each, and whether it is right, with a chance that rises with it.

    Both follow the patient: `alike` is the share of the variance that a patient's items have in common.
    """
    units = np.repeat(np.arange(n_patients), rng.poisson(4, size=n_patients) + 1)

    def uniform():
        common, own = rng.normal(size=n_patients)[units], rng.normal(size=len(units))
        return ndtr(np.sqrt(alike) * common + np.sqrt(1 - alike) * own)

    confidences = uniform()
    return confidences, uniform() < worst + (0.999 - worst) * confidences**0.25, units


@pytest.mark.parametrize("target", [0.9, 0.93])
def test_the_promise_is_kept_on_new_patients(target):
    new = simulated(np.random.default_rng(999), 20_000)
    kept, covered = [], []
    for seed in range(150):
        found = choose_threshold(*simulated(np.random.default_rng(seed), 400), precision=target)
        if found.holds:
            above = new[0] >= found.value
            kept.append(new[1][above].mean() >= target)
            covered.append(found.coverage)
    assert len(kept) > 75  # it dares to
    assert np.mean(kept) >= 0.95
    assert np.mean(covered) > 0.2


def test_a_plain_estimate_would_break_it():
    """What the bound is for: where the observed precision just reaches the target, the true one falls short."""
    new = simulated(np.random.default_rng(999), 20_000)
    kept = []
    for seed in range(60):
        confidences, right, _ = simulated(np.random.default_rng(seed), 200)
        order = np.argsort(-confidences)
        shares = np.cumsum(right[order]) / np.arange(1, len(right) + 1)
        value = confidences[order][np.flatnonzero(shares >= 0.95)[-1]]
        kept.append(new[1][new[0] >= value].mean() >= 0.95)
    assert np.mean(kept) < 0.8


def test_too_few_patients_are_said():
    found = choose_threshold(np.linspace(0.5, 1, 58), np.ones(58, bool), np.arange(58), precision=0.95)
    assert not found.holds
    assert found.value == 0.5
    assert "they count for 58, and at least 59 are needed; the threshold is an estimate" in (found.warning or "")
    enough = choose_threshold(np.linspace(0.5, 1, 59), np.ones(59, bool), np.arange(59), precision=0.95)
    assert (enough.holds, enough.warning, enough.value, enough.coverage) == (True, None, 0.5, 1.0)
    assert enough.at_least >= 0.95


def test_many_items_of_few_patients_are_few():
    found = choose_threshold(
        np.linspace(0.5, 1, 590), np.ones(590, bool), np.arange(590) // 59, precision=0.95, unit="sweep"
    )
    assert not found.holds
    assert "too few sweeps" in (found.warning or "")
    assert "they count for 10," in (found.warning or "")


def test_wrong_labels_at_low_confidence_are_left_out():
    confidences = np.linspace(0, 1, 400)
    right = confidences > 0.4
    found = choose_threshold(confidences, right, np.arange(400), precision=0.95)
    assert found.holds
    assert 0.35 < found.value < 0.5
    assert found.precision is not None
    assert found.precision >= 0.95
    assert found.n_patients == int((confidences >= found.value).sum())


def test_where_no_threshold_will_do_nothing_is_promised():
    rng = np.random.default_rng(0)
    found = choose_threshold(rng.random(300), rng.random(300) < 0.5, np.arange(300), precision=0.95)
    assert not found.holds
    assert "no threshold keeps a precision of 0.95" in (found.warning or "")
    none = choose_threshold(rng.random(100), np.zeros(100, bool), np.arange(100), precision=0.95)
    assert none.value == np.inf
    assert "No label reaches it, and none is propagated" in (none.warning or "")


def test_what_nothing_reaches_counts_as_not_covered():
    confidences = np.concatenate([np.full(100, 0.9), np.full(100, -np.inf)])
    found = choose_threshold(confidences, np.arange(200) < 100, np.arange(200), precision=0.9)
    assert (found.value, found.coverage, found.precision) == (0.9, 0.5, 1.0)
