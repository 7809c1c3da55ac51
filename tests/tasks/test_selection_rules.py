"""Typicality, coverage, k-center and uncertainty against slow oracles, and what pools keep closed."""

import math

import numpy as np
import pytest
from reference import selection as oracle

from sslecho.tasks.selection import coverage, typicality
from sslecho.tasks.selection.coverage import probcover, purity_radius
from sslecho.tasks.selection.farthest import kcenter
from sslecho.tasks.selection.partition import partition
from sslecho.tasks.selection.pool import Pool, fair_cap, first_of_copies
from sslecho.tasks.selection.typicality import typiclust
from sslecho.tasks.selection.uncertainty import entropy, margin, quick_probe


def clips(seed, n=70, n_classes=4, d=5, spread=0.35):
    """Clips of unequal classes around directions of their own, patients of unequal size, a few labels."""
    rng = np.random.default_rng(seed)
    classes = np.minimum(rng.geometric(0.45, size=n) - 1, n_classes - 1)
    vectors = np.eye(n_classes, d)[classes] + spread * rng.normal(size=(n, d))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    units = np.minimum(rng.geometric(0.15, size=n) - 1, 14)
    return vectors, classes, units, rng.random(n) < 0.12


def pool_of(vectors, units=None, labeled=None, per_unit=1000):
    n = len(vectors)
    units = np.arange(n) if units is None else units
    return Pool(vectors, labeled=np.zeros(n, bool) if labeled is None else labeled, units=units, per_unit=per_unit)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 7, 500])
@pytest.mark.parametrize("at_once", [1 << 22, 300])
def test_typicality_is_the_inverse_mean_distance_to_the_nearest(seed, k, at_once, monkeypatch):
    monkeypatch.setattr(typicality, "SIMILARITIES_AT_ONCE", at_once)
    vectors = clips(seed)[0]
    found = typicality.typicality(vectors, rng=np.random.default_rng(0), k=k)
    np.testing.assert_allclose(found, oracle.typicality(vectors, k), rtol=1e-5)


def test_typicality_of_a_large_cluster_is_that_in_a_sample(monkeypatch):
    monkeypatch.setattr(typicality, "MOST_COMPARED", 25)
    vectors = clips(1)[0]
    found = typicality.typicality(vectors, rng=np.random.default_rng(4), k=3)
    sample = np.sort(np.random.default_rng(4).choice(len(vectors), 25, replace=False)).tolist()
    for i, x in enumerate(vectors):
        nearest = sorted(oracle.distance(x, vectors[j]) for j in sample if j != i)[:3]
        assert found[i] == pytest.approx(3 / sum(nearest), rel=1e-5)


def test_typicality_of_one_clip_alone_and_of_copies_is_a_number():
    one = np.eye(1, 3, dtype=np.float32)
    assert typicality.typicality(one, rng=np.random.default_rng(0)).tolist() == [0]
    assert np.isfinite(typicality.typicality(np.repeat(one, 4, 0), rng=np.random.default_rng(0))).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("per_unit", [1, 3, 1000])
def test_typiclust_is_the_algorithm(seed, per_unit):
    vectors, _, units, labeled = clips(seed)
    clusters = np.random.default_rng(seed).choice(9, len(vectors), p=np.arange(9, 0, -1) / 45)
    clusters = np.unique(clusters, return_inverse=True)[1]
    picks = typiclust(pool_of(vectors, units, labeled, per_unit), clusters, 25, rng=np.random.default_rng(0))
    expected = oracle.typiclust(vectors, clusters.tolist(), labeled, units, budget=25, per_unit=per_unit, k=20, small=5)
    assert [pick.row for pick in picks] == expected
    for pick in picks:
        of_cluster = np.flatnonzero(clusters == clusters[pick.row])
        values = oracle.typicality(vectors[of_cluster], 20)
        assert pick.score == pytest.approx(values[of_cluster.tolist().index(pick.row)], rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_the_radius_is_the_largest_with_pure_balls(seed):
    vectors, classes, *_ = clips(seed, n=45)
    found = purity_radius(vectors, classes, rng=np.random.default_rng(0))
    assert found == pytest.approx(oracle.purity_radius(vectors, classes.tolist(), 0.95), rel=1e-6)


def test_the_radius_of_a_sample_of_centers_still_sees_all_clips(monkeypatch):
    monkeypatch.setattr(coverage, "MOST_CENTERS", 20)
    monkeypatch.setattr(coverage, "SIMILARITIES_AT_ONCE", 100)
    vectors, classes, *_ = clips(2)
    centers = np.sort(np.random.default_rng(5).choice(len(vectors), 20, replace=False))
    nearest = sorted(
        min(oracle.distance(vectors[i], vectors[j]) for j in np.flatnonzero(classes != classes[i])) for i in centers
    )
    # 95 % of 20 balls: the second nearest stranger may be on the border, the first inside.
    assert purity_radius(vectors, classes, rng=np.random.default_rng(5)) == pytest.approx(nearest[1], rel=1e-6)


def test_one_cluster_has_the_largest_radius():
    vectors = clips(0)[0]
    assert purity_radius(vectors, np.zeros(len(vectors), np.int64), rng=np.random.default_rng(0)) == 2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("per_unit", [2, 1000])
@pytest.mark.parametrize("weighted", [False, True])
def test_probcover_is_greedy(seed, per_unit, weighted, monkeypatch):
    monkeypatch.setattr(coverage, "SIMILARITIES_AT_ONCE", 500)
    vectors, _, units, labeled = clips(seed)
    n = len(vectors)
    # Powers of two: sums that are equal in theory are equal in float, in whatever order.
    weights = 2.0 ** np.random.default_rng(seed).integers(-3, 4, n) if weighted else None
    rows, gains = oracle.probcover(
        vectors,
        labeled,
        units,
        budget=30,
        per_unit=per_unit,
        radius=0.5,
        weights=[1] * n if weights is None else weights,
    )
    pool = pool_of(vectors, units, labeled, per_unit)
    picks = probcover(pool, 30, radius=0.5, weights=weights, rng=np.random.default_rng(0))
    assert [pick.row for pick in picks] == rows
    total = n if weights is None else weights.sum()
    np.testing.assert_allclose([pick.score for pick in picks], np.array(gains) / total)


@pytest.mark.parametrize("seed", range(3))
def test_probcover_covers_nearly_as_much_as_the_best_of_all_subsets(seed):
    vectors = clips(seed, n=16)[0]
    picks = probcover(pool_of(vectors), 3, radius=0.6, rng=np.random.default_rng(0))
    covered = sum(pick.score for pick in picks) * 16
    best = oracle.best_coverage(vectors, budget=3, radius=0.6)
    assert (1 - 1 / math.e) * best <= covered <= best + 1e-9


def test_probcover_ends_once_all_is_covered():
    vectors = clips(0)[0]
    picks = probcover(pool_of(vectors), 50, radius=2.5, rng=np.random.default_rng(0))
    assert [pick.score for pick in picks] == [1]


@pytest.mark.parametrize("seed", range(2))
def test_a_sample_of_targets_stands_for_all(seed, monkeypatch):
    monkeypatch.setattr(coverage, "MOST_COVERED", 30)
    vectors, _, units, labeled = clips(seed)
    targets = np.random.default_rng(9).choice(len(vectors), 30, replace=False)
    weights = np.isin(np.arange(len(vectors)), targets).astype(int)
    rows, gains = oracle.probcover(vectors, labeled, units, budget=9, per_unit=99, radius=0.5, weights=weights)
    picks = probcover(pool_of(vectors, units, labeled), 9, radius=0.5, rng=np.random.default_rng(9))
    assert [pick.row for pick in picks] == rows
    assert any(row not in targets for row in rows)  # others may still be picked
    np.testing.assert_allclose([pick.score for pick in picks], np.array(gains) / 30)


@pytest.mark.parametrize("seed", range(3))
def test_kcenter_takes_the_farthest(seed):
    vectors, _, _, labeled = clips(seed)
    picks = kcenter(pool_of(vectors, labeled=labeled), 15)
    assert [pick.row for pick in picks] == oracle.kcenter(vectors, labeled, budget=15)
    known = np.flatnonzero(labeled)
    assert picks[0].score == pytest.approx(min(oracle.distance(vectors[picks[0].row], vectors[j]) for j in known))


def test_kcenter_begins_in_the_middle():
    vectors = clips(0)[0]
    (first,) = kcenter(pool_of(vectors), 1)
    means = vectors.mean(0)
    cosines = [float(v @ means) for v in vectors]
    assert (first.row, first.score) == (int(np.argmax(cosines)), None)


def test_margin_and_entropy_by_hand():
    p = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [0.4, 0.2, 0.4]])
    np.testing.assert_allclose(margin(p), [0.5, 0, 1])
    expected = [-(0.7 * math.log(0.7) + 0.2 * math.log(0.2) + 0.1 * math.log(0.1)) / math.log(3), 0]
    np.testing.assert_allclose(entropy(p)[:2], expected, atol=1e-12)
    np.testing.assert_allclose(entropy(np.full((1, 5), 0.2)), [1])


def test_the_probe_is_unsure_between_the_classes(monkeypatch):
    from sslecho.tasks.selection import uncertainty

    monkeypatch.setattr(uncertainty, "ROWS_AT_ONCE", 7)
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, np.pi / 2, 300)
    # A third dimension that never changes must not count.
    vectors = np.stack([np.cos(angles), np.sin(angles), np.full(300, 1e-9)], 1).astype(np.float32)
    rows = np.concatenate([np.flatnonzero(angles < 0.3)[:9], np.flatnonzero(angles > np.pi / 2 - 0.3)[:3]])
    codes = (angles[rows] > 0.8).astype(np.int64)
    probabilities = quick_probe(vectors, rows, codes, rng=rng)(vectors)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    order = np.argsort(-margin(probabilities))
    assert np.abs(angles[order[:30]] - np.pi / 4).max() < 0.25
    assert ((probabilities.argmax(1) == 1) == (angles > np.pi / 4))[np.abs(angles - np.pi / 4) > 0.3].all()


def test_partition_finds_the_classes_and_leaves_no_cluster_empty(monkeypatch):
    from sslecho.tasks.selection import partition as module

    vectors, classes, *_ = clips(0, n=300, spread=0.05)
    for fitted, plain in ((20_000, 50), (100, 50), (20_000, 2)):  # all; a sample; mini-batches
        monkeypatch.setattr(module, "MOST_FITTED", fitted)
        monkeypatch.setattr(module, "PLAIN_UP_TO", plain)
        clusters, k = partition(vectors, 4, rng=np.random.default_rng(0))
        assert k == 4
        assert len(set(zip(clusters.tolist(), classes.tolist(), strict=True))) == 4
    clusters, k = partition(np.repeat(vectors[:3], 5, 0), 9, rng=np.random.default_rng(0))
    assert k == len(set(clusters.tolist())) == 3


def test_copies_of_what_is_known_stay_closed():
    vectors = clips(0, n=8)[0]
    vectors = vectors[[0, 1, 0, 2, 1, 3, 3]]
    assert first_of_copies(vectors).tolist() == [0, 1, 0, 3, 1, 5, 5]
    labeled = np.array([1, 0, 0, 0, 0, 0, 0], bool)
    pool = pool_of(vectors, labeled=labeled)
    assert pool.open.tolist() == [False, True, False, True, True, True, True]
    pool.take(4)
    assert pool.open.tolist() == [False, False, False, True, False, True, True]
    pool.open_copies()
    assert pool.open.tolist() == [False, True, True, True, False, True, True]


def test_a_patient_is_closed_after_the_last_pick_that_is_allowed():
    pool = pool_of(clips(0, n=6)[0], units=np.array([0, 1, 0, 1, 0, 2]), per_unit=2)
    pool.take(0)
    assert pool.open.tolist() == [False, True, True, True, True, True]
    pool.take(4)
    assert pool.open.tolist() == [False, True, False, True, False, True]


@pytest.mark.parametrize(
    ("sizes", "budget", "cap"), [([10, 10, 10], 6, 4), ([10, 1, 1], 9, 7), ([5], 5, 10), ([1, 1, 1, 1], 1, 1)]
)
def test_the_cap_is_twice_an_even_share_or_what_the_budget_needs(sizes, budget, cap):
    assert fair_cap(np.array(sizes), budget) == cap
