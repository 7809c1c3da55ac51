"""Labeling cost: every way of halving as the oracle, who is looked at, agreement, "other", few units."""

import numpy as np
import pytest
from reference import naming as oracle

from sslecho.errors import InputError
from sslecho.metrics import naming_cost as module
from sslecho.metrics.naming_cost import naming_cost, viewing_order

FIGURES = ("coverage", "precision", "class_coverage", "class_precision", "n_images", "n_named")


def rng():
    return np.random.default_rng(0)


def asymmetric(seed, n_units=6):
    """Units of unequal size, labels of unequal frequency, one cluster of its own for every second unit."""
    random = np.random.default_rng(seed)
    units = np.repeat(np.arange(n_units), random.integers(3, 11, size=n_units))
    labels = random.choice(list("aaabbo"), size=len(units))
    labels[0] = "o"
    clusters = np.where(random.random(len(units)) < 0.6, np.searchsorted(list("abo"), labels), 3 + units // 2)
    return labels, clusters, random.random(len(units)), units


def as_lists(*columns):
    return [column.tolist() for column in columns]


def figures(point):
    return {name: getattr(point, name) for name in FIGURES}


@pytest.mark.parametrize("agreement", [0.0, 2 / 3, 1.0])
@pytest.mark.parametrize("m", [1, 3, 4])
def test_two_units_equal_the_oracle_exactly(m, agreement):
    for seed in range(6):
        labels, clusters, confidences, units = asymmetric(seed, 2)
        expected = oracle.naming_over_all_halves(
            labels.tolist(),
            clusters.tolist(),
            confidences.tolist(),
            units.tolist(),
            m=m,
            agreement=agreement,
            others="o",
        )
        found = naming_cost(
            labels, clusters, confidences, unit_ids=units, rng=rng(), ms=(m,), agreements=(agreement,), others="o"
        )
        assert figures(found.points[0]) == pytest.approx(expected, abs=1e-12), seed


@pytest.mark.parametrize("seed", range(2))
def test_is_the_pooled_figure_of_all_halves(seed, monkeypatch):
    monkeypatch.setattr(module, "N_HALVINGS", 800)  # enough to see all 20 halves about equally often
    labels, clusters, confidences, units = asymmetric(seed)
    found = naming_cost(labels, clusters, confidences, unit_ids=units, rng=rng(), ms=(2, 3), others=["o"])
    for point in found.points:
        expected = oracle.naming_over_all_halves(
            labels.tolist(),
            clusters.tolist(),
            confidences.tolist(),
            units.tolist(),
            m=point.m,
            agreement=2 / 3,
            others="o",
        )
        assert figures(point) == pytest.approx(expected, abs=0.02, rel=0.02)


def test_every_patient_is_seen_once_before_any_is_seen_twice():
    clusters = np.array([0, 0, 0, 0, 0, 1])
    units = np.array([7, 7, 7, 3, 3, 7])
    confidences = np.array([0.9, 0.8, 0.7, 0.2, 0.3, 0.5])
    assert viewing_order(clusters, confidences, units).tolist() == [0, 4, 1, 3, 2, 5]


def test_the_confident_are_looked_at_not_the_first():
    """In each cluster one typical item says what it is; everything else is labeled otherwise."""
    units = np.repeat([0, 1], 4)
    labels = np.array(["x", "x", "a", "x"] * 2)
    confidences = np.array([0.1, 0.2, 0.9, 0.3] * 2)
    found = naming_cost(labels, np.zeros(8, int), confidences, unit_ids=units, rng=rng(), ms=(1,))
    assert (found.points[0].coverage, found.points[0].precision) == (1, 0.25)  # named a by both


def test_perfect_clusters_are_named_wholly_and_rightly():
    units = np.repeat(np.arange(30), 6)
    clusters = np.tile([0, 1, 2], 60)
    found = naming_cost(np.array(list("abc"))[clusters], clusters, np.ones(180), unit_ids=units, rng=rng(), ms=(1, 3))
    assert found.warning is None
    for point in found.points:
        assert (point.coverage, point.precision, point.precision_low, point.n_images) == (1, 1, 1, 3 * point.m)
        assert point.class_coverage is None


def test_chance_is_the_share_of_the_classes():
    random = np.random.default_rng(3)
    labels = random.choice(list("ab"), size=4000, p=[0.8, 0.2])
    units = np.repeat(np.arange(80), 50)
    found = naming_cost(
        labels, random.integers(10, size=4000), random.random(4000), unit_ids=units, rng=rng(), ms=(10,)
    )
    assert found.points[0].precision == pytest.approx(0.8, abs=0.03)
    all_agree = naming_cost(
        labels,
        random.integers(10, size=4000),
        random.random(4000),
        unit_ids=units,
        rng=rng(),
        ms=(10,),
        agreements=(1.0,),
    )
    assert all_agree.points[0].coverage < 0.3  # .8 ^ 10 = .11 of clusters show ten of a kind


def test_names_and_order_do_not_matter():
    labels, clusters, confidences, units = asymmetric(4, 20)
    one = naming_cost(labels, clusters, confidences, unit_ids=units, rng=rng(), others=["o"])
    renamed = np.random.default_rng(1).permutation(60)[clusters]
    order = np.random.default_rng(2).permutation(len(labels))
    other = naming_cost(
        labels[order], renamed[order], confidences[order], unit_ids=units[order], rng=rng(), others=["o"]
    )
    assert [figures(p) for p in other.points] == [pytest.approx(figures(p), abs=1e-12) for p in one.points]


def test_one_class():
    found = naming_cost(["a"] * 60, np.arange(60) % 3, np.ones(60), unit_ids=np.arange(60) // 2, rng=rng(), ms=(1,))
    assert (found.points[0].coverage, found.points[0].precision) == (1, 1)


def test_items_without_a_label_are_left_out():
    labels, clusters, confidences, units = asymmetric(5, 12)
    gaps = labels.astype(object)
    gaps[::4] = None
    kept = np.array([label is not None for label in gaps])
    with_gaps = naming_cost(gaps, clusters, confidences, unit_ids=units, rng=rng())
    without = naming_cost(labels[kept], clusters[kept], confidences[kept], unit_ids=units[kept], rng=rng())
    assert with_gaps.points == without.points


def test_disagreeing_images_leave_a_cluster_unnamed_and_precision_unknown():
    """Each unit holds one a and one b in the same cluster: two images never agree."""
    units = np.repeat(np.arange(4), 2)
    found = naming_cost(["a", "b"] * 4, np.zeros(8, int), np.tile([0.9, 0.8], 4), unit_ids=units, rng=rng(), ms=(4,))
    point = found.points[0]
    assert (point.coverage, point.precision, point.precision_low, point.n_named) == (0, None, None, 0)
    assert point.n_images == 4


def test_other_is_a_name_or_none():
    """Cluster 0 is a, cluster 1 is other, and an other item in three lies in cluster 0, the least typical one."""
    units = np.repeat(np.arange(10), 6)
    clusters = np.tile([0, 0, 0, 0, 1, 1], 10)
    labels = np.tile(["a", "a", "a", "other", "other", "other"], 10)
    confidences = np.tile([0.9, 0.8, 0.7, 0.1, 0.9, 0.8], 10)
    (point,) = naming_cost(labels, clusters, confidences, unit_ids=units, rng=rng(), ms=(3,), others=["other"]).points
    assert (point.coverage, point.precision) == (1, pytest.approx(5 / 6))
    assert (point.class_coverage, point.class_precision) == (1, 0.75)  # 3 of 4 in the cluster that took the name a
    left_out = np.where(labels == "other", None, labels)
    (known,) = naming_cost(left_out, clusters, confidences, unit_ids=units, rng=rng(), ms=(3,)).points
    assert (known.coverage, known.precision) == (1, 1)


@pytest.mark.parametrize("n_units", [0, 1])
def test_one_unit_has_no_figure_and_a_reason(n_units):
    n = 3 * n_units
    found = naming_cost(["a"] * n, np.zeros(n, int), np.ones(n), unit_ids=["p"] * n, rng=rng(), unit="sweep")
    assert found.points == []
    assert f"at least 2 sweeps, and there are {n_units}" in found.warning


@pytest.mark.parametrize(("n_units", "warns"), [(23, True), (24, False)])
def test_few_units_warn(n_units, warns):
    units = np.repeat(np.arange(n_units), 2)
    found = naming_cost(["a", "b"] * n_units, units % 2, np.ones(2 * n_units), unit_ids=units, rng=rng(), ms=(1,))
    assert (found.warning is not None) == warns


def test_a_missing_unit_is_refused():
    with pytest.raises(InputError, match=r"unit_id is missing for 1 of 2 items"):
        naming_cost(["a", "b"], np.zeros(2, int), np.ones(2), unit_ids=["p", None], rng=rng())


def test_the_interval_is_as_wide_as_patients_demand():
    """All frames of a patient have one label, so 60 frames of one say no more than one."""
    units = np.repeat(np.arange(60), 30)
    labels = np.where(np.random.default_rng(2).random(60)[units] < 0.7, "a", "b")
    (point,) = naming_cost(labels, np.zeros(1800, int), np.ones(1800), unit_ids=units, rng=rng(), ms=(5,),
                           agreements=(0.0,)).points  # fmt: skip
    assert point.precision_low < point.precision < point.precision_high
    assert (point.precision_high - point.precision_low) / 2 > 1.96 * np.sqrt(0.7 * 0.3 / 60)
    assert (point.coverage, point.coverage_low) == (1, 1)


def test_more_clusters_cost_more_images():
    labels, clusters, confidences, units = asymmetric(6, 30)
    few = naming_cost(labels, clusters % 2, confidences, unit_ids=units, rng=rng(), ms=(3,)).points[0]
    many = naming_cost(labels, clusters, confidences, unit_ids=units, rng=rng(), ms=(3,)).points[0]
    assert few.n_images <= 6 < many.n_images
