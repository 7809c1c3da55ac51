"""Transfer purity: every way of halving as the oracle, ties, names, intervals, too few units."""

import numpy as np
import pytest
from reference import clustering_scores as oracle

from sslecho.errors import InputError
from sslecho.metrics import transfer
from sslecho.metrics.transfer import transfer_purity


def rng():
    return np.random.default_rng(0)


def asymmetric(seed, n_units=7):
    random = np.random.default_rng(seed)
    units = np.repeat(np.arange(n_units), random.integers(2, 9, size=n_units))
    labels = random.choice(list("aaabbc"), size=len(units))
    clusters = np.where(random.random(len(units)) < 0.5, np.searchsorted(list("abc"), labels), units + 3)
    return labels, clusters, units


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_units", [6, 7])
def test_is_the_mean_over_all_halves(seed, n_units, monkeypatch):
    monkeypatch.setattr(transfer, "N_HALVINGS", 1000)  # enough to see all 20 or 35 halves about equally often
    labels, clusters, units = asymmetric(seed, n_units)
    value, coverage = oracle.transfer_over_all_halves(labels.tolist(), clusters.tolist(), units.tolist())
    found = transfer_purity(labels, clusters, unit_ids=units, rng=rng())
    assert found.value == pytest.approx(value, abs=0.01)
    assert found.coverage == pytest.approx(coverage, abs=0.01)


def test_two_units_are_exact():
    labels, clusters, units = asymmetric(8, 2)
    value, coverage = oracle.transfer_over_all_halves(labels.tolist(), clusters.tolist(), units.tolist())
    found = transfer_purity(labels, clusters, unit_ids=units, rng=rng())
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.coverage == pytest.approx(coverage, abs=1e-12)


def test_an_item_in_a_cluster_without_a_name_is_an_error():
    """Every unit has a cluster of its own, all with the same label: pure, and of no use in another patient."""
    units = np.repeat(np.arange(30), 4)
    found = transfer_purity(["a"] * 120, units, unit_ids=units, rng=rng())
    assert (found.value, found.coverage) == (0.0, 0.0)


def test_a_tie_takes_the_first_label_in_sorted_order():
    """Two units; in each, the cluster holds one b and one a: both halves name it a, and half of the items are a."""
    found = transfer_purity(["b", "a", "a", "b", "b"], np.zeros(5, int), unit_ids=[1, 1, 2, 2, 2], rng=rng())
    # named by unit 1: a, right for 1 of 3; named by unit 2: b (two of three), right for 1 of 2
    assert found.value == pytest.approx((1 / 3 + 1 / 2) / 2)
    named_a = transfer_purity(["b", "a", "a"], np.zeros(3, int), unit_ids=[1, 1, 2], rng=rng())
    assert named_a.value == pytest.approx((1 + 1 / 2) / 2)


@pytest.mark.parametrize("n_units", [0, 1])
def test_fewer_than_two_units_have_no_figure_and_a_reason(n_units):
    found = transfer_purity(
        ["a", None, "b"][: n_units * 3], np.zeros(n_units * 3, int), unit_ids=["p"] * 3 * n_units, rng=rng()
    )
    assert found[:4] == (None, None, None, None)
    assert "at least 2 patients" in found.warning
    assert f"there are {n_units}" in found.warning


def test_units_whose_items_have_no_label_do_not_count():
    found = transfer_purity(["a", "b", None, None], np.zeros(4, int), unit_ids=["p", "p", "q", "r"], rng=rng())
    assert found.value is None


@pytest.mark.parametrize(("n_units", "warns"), [(23, True), (24, False)])
def test_few_units_warn(n_units, warns):
    units = np.repeat(np.arange(n_units), 2)
    found = transfer_purity(["a", "b"] * n_units, units % 2, unit_ids=units, rng=rng(), unit="sweep")
    assert (found.warning is not None) == warns
    assert found.warning is None or "only 23 sweeps" in found.warning


def test_a_missing_unit_is_refused_and_the_cure_named():
    with pytest.raises(InputError, match=r"unit_id is missing for 1 of 3 items.*--patient-from"):
        transfer_purity(["a", "b", "a"], np.zeros(3, int), unit_ids=["p", None, "q"], rng=rng())


def test_same_seed_same_figures():
    labels, clusters, units = asymmetric(1, 30)
    assert transfer_purity(labels, clusters, unit_ids=units, rng=rng()) == transfer_purity(
        labels, clusters, unit_ids=units, rng=rng()
    )


def test_the_interval_holds_its_own_point_and_is_as_wide_as_patients_demand():
    """Half of the patients are all right, half all wrong: frames tell nothing new, so neither may the interval."""
    units = np.repeat(np.arange(60), 30)
    random = np.random.default_rng(2)
    labels = np.where(random.random(60)[units] < 0.7, "a", "b")
    found = transfer_purity(labels, np.zeros(len(units), int), unit_ids=units, rng=rng())
    assert found.low < found.value < found.high
    half_of_patients = 1.96 * np.sqrt(found.value * (1 - found.value) / 30)
    assert (found.high - found.low) / 2 == pytest.approx(half_of_patients, rel=0.25)
