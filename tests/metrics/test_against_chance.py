"""Chance that deals patients: against all deals counted out, and how often it accuses answers that know nothing."""

from itertools import permutations

import numpy as np
import pytest

from sslecho.metrics.against_chance import AgainstChance, deals, kinship_against_chance, naming_against_chance


def balanced(truth, answers):
    """Written from the definition."""
    return np.mean([np.mean([answers[i] == c for i in np.flatnonzero(truth == c)]) for c in set(truth.tolist())])


def test_chance_and_p_are_those_of_all_deals():
    """Five patients of two clips each, all alike within a patient: 120 deals can be counted out."""
    of_unit, said = np.array([0, 1, 2, 2, 0]), np.array([0, 1, 2, 1, 0])
    units = np.repeat([7, 3, 9, 1, 4], 2)
    order = np.array([7, 3, 9, 1, 4])
    place = {unit: i for i, unit in enumerate(order)}
    of = np.array([place[unit] for unit in units])
    truth, answers = of_unit[of], said[of]
    exact = [balanced(truth, said[list(p)][of]) for p in permutations(range(5))]
    found = naming_against_chance(truth, answers, units=units, rng=np.random.default_rng(0), n_draws=4000)
    assert found.value == pytest.approx(balanced(truth, answers))
    assert found.chance == pytest.approx(np.mean(exact), abs=0.015)
    assert found.p == pytest.approx(np.mean(np.array(exact) >= found.value - 1e-9), abs=0.015)
    faultless = [balanced(truth, of_unit[list(p)][of]) for p in permutations(range(5))]
    assert found.least_p == pytest.approx(np.mean(np.isclose(faultless, 1)), abs=0.015)
    assert (found.n, found.n_units) == (10, 5)


def test_a_deal_gives_a_unit_the_clips_of_one_other():
    units = np.array([5, 5, 5, 2, 2, 8, 8, 8, 8, 5, 3])
    owners, orders = set(), set()
    for taken in deals(units, rng=np.random.default_rng(0), n_deals=60):
        for unit in np.unique(units):
            giver = np.unique(units[taken[units == unit]])
            assert len(giver) == 1
            owners.add((int(unit), int(giver[0])))
        given = [int(t) for t in taken[units == 5]]
        assert len(set(given)) == min(4, int((units == units[given[0]]).sum()))  # none twice before all came once
        orders.add(tuple(given))
    assert len(owners) == 16
    assert len(orders) > 20


def test_answers_that_know_nothing_are_seldom_above_chance():
    """Truth and answers that all clips of a patient share, and such that come in runs within a patient."""
    alpha, trials, accused = 0.05, 80, {"same": 0, "repeats": 0}
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        n_units = int(rng.integers(8, 30))
        units = np.repeat(np.arange(n_units), rng.integers(1, 6, size=n_units))
        kinds = {
            "same": (rng.integers(3, size=n_units)[units], rng.integers(3, size=n_units)[units]),
            # Within a patient runs of clips share their label, and others their answer.
            "repeats": tuple(rng.integers(2, size=(n_units, 2))[units, np.arange(len(units)) // 3 % 2] for _ in "ab"),
        }
        for kind, (truth, answers) in kinds.items():
            if len(np.unique(truth)) > 1:
                found = naming_against_chance(truth, answers, units=units, rng=rng, n_draws=39)
                accused[kind] += found.is_above(alpha)
    # Three standard errors above 5 %.
    assert max(accused.values()) / trials < alpha + 3 * (alpha * (1 - alpha) / trials) ** 0.5


def test_answers_that_know_are_above_chance_and_few_patients_can_show_nothing():
    units = np.repeat(np.arange(30), 2)
    truth = (units % 3).astype(np.int64)
    answers = np.where(units % 5 == 0, 0, truth)
    found = naming_against_chance(truth, answers, units=units, rng=np.random.default_rng(0), n_draws=499)
    assert found.is_above(0.01)
    assert found.least_p == pytest.approx(1 / 500)
    few = units < 3
    found = naming_against_chance(truth[few], truth[few], units=units[few], rng=np.random.default_rng(0), n_draws=499)
    assert found.value == 1
    assert found.p == found.least_p > 0.1
    assert not found.is_above(0.05)


def test_above_chance_takes_both_the_interval_and_the_deals():
    found = AgainstChance(0.7, 0.6, 0.8, 0.5, 0.01, 0.001, 40, 20)
    assert found.is_above(0.01)
    assert not found._replace(p=0.011).is_above(0.01)
    assert not found._replace(low=0.49).is_above(0.01)
    assert not found._replace(low=None).is_above(0.01)


def test_one_unit_has_no_interval():
    found = naming_against_chance(
        np.array([0, 1]), np.array([0, 1]), units=np.array([4, 4]), rng=np.random.default_rng(0), n_draws=9
    )
    assert (found.low, found.high) == (None, None)


def test_kinship_is_the_share_of_own_patients_and_chance_knows_the_view():
    units = np.array([0, 0, 1, 1, 2, 2, 3])
    views = np.array([0, 1, 0, 1, 0, 1, 1])
    nearest = np.array([1, 0, 4, 5, 2, -1, 5])
    rng = np.random.default_rng(0)
    found = kinship_against_chance(units, nearest, among=views, rng=rng, n_draws=4000)
    assert found is not None
    assert found.value == pytest.approx(2 / 6)
    # Counted out: patients 0, 1, 2 in any order on the clips of view 0, 0, 1, 2, 3 on those of view 1.
    shares = []
    for first in permutations([0, 1, 2]):
        for second in permutations([0, 1, 2, 3]):
            owners = np.empty(7, int)
            owners[views == 0], owners[views == 1] = first, second
            shares.append(np.mean([owners[i] == owners[nearest[i]] for i in range(7) if nearest[i] >= 0]))
    assert found.chance == pytest.approx(np.mean(shares), abs=0.01)
    assert found.p == pytest.approx(np.mean(np.array(shares) >= 2 / 6 - 1e-9), abs=0.03)
    assert found.n == 6
    assert kinship_against_chance(units, np.full(7, -1), among=views, rng=rng, n_draws=3) is None
