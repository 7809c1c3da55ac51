"""Purity and its kin: slow oracles, closed forms, ties, chance by clips."""

from itertools import permutations

import numpy as np
import pytest
from reference import clustering_scores as oracle
from sklearn.metrics.cluster import contingency_matrix

from sslecho.metrics import clustering

FETAL_PLANES = (711, 3092, 1040, 1718, 1626)  # abdomen, brain, femur, thorax, cervix of FETAL_PLANES_DB


def asymmetric(seed, n=60, n_classes=4, n_clusters=6):
    """Labels of unequal frequency, clusters that follow them in part; never a symmetric table."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(n_classes, size=n, p=np.arange(1, n_classes + 1) / (n_classes * (n_classes + 1) / 2))
    clusters = np.where(rng.random(n) < 0.4, codes, rng.integers(n_clusters, size=n))
    return np.array(["a4c", "plax", "psax", "sc"])[codes], clusters


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("score", ["purity", "inverse_purity", "accuracy"])
@pytest.mark.parametrize("n_clusters", [3, 6])
def test_equals_the_slow_oracle(score, seed, n_clusters):
    labels, clusters = asymmetric(seed, n_clusters=n_clusters)
    table = clustering.contingency(labels, clusters)
    assert getattr(clustering, score)(table) == pytest.approx(
        getattr(oracle, score)(labels.tolist(), clusters.tolist()), abs=1e-12
    )


def test_contingency_equals_scikit_learns():
    labels, clusters = asymmetric(5)
    np.testing.assert_array_equal(clustering.contingency(labels, clusters), contingency_matrix(labels, clusters))


def test_contingency_leaves_out_items_without_a_label():
    table = clustering.contingency(["b", None, "a", float("nan"), "b"], np.array([7, 7, 2, 9, 2]))
    np.testing.assert_array_equal(table, [[1, 0], [1, 1]])  # cluster 9 held an unlabeled item only


def test_one_cluster_has_the_purity_of_the_largest_class():
    labels = np.repeat(np.arange(5), FETAL_PLANES)
    table = clustering.contingency(labels, np.zeros(len(labels), int))
    assert clustering.purity(table) == 3092 / 8187
    assert round(clustering.purity(table), 3) == 0.378
    assert clustering.inverse_purity(table) == 1
    assert clustering.accuracy(table) == 3092 / 8187


def test_as_many_clusters_as_items_have_purity_1_and_little_else():
    labels = np.repeat(np.arange(5), (7, 31, 10, 17, 16))
    table = clustering.contingency(labels, np.arange(len(labels)))
    assert clustering.purity(table) == 1
    assert clustering.inverse_purity(table) == 5 / 81
    assert clustering.accuracy(table) == 5 / 81


def test_equal_clusters_cap_purity_and_accuracy_on_unequal_classes():
    """Five clusters of equal size, filled class by class, in every order of the classes."""
    purities, accuracies = [], []
    for order in permutations(range(5)):
        labels = np.repeat(order, np.array(FETAL_PLANES)[list(order)])
        table = clustering.contingency(labels, np.arange(len(labels)) * 5 // len(labels))
        purities.append(clustering.purity(table))
        accuracies.append(clustering.accuracy(table))
    assert round(max(purities), 3) == 0.903
    assert round(max(accuracies), 3) == 0.812


def test_accuracy_with_more_clusters_than_classes_counts_the_unmatched_as_wrong():
    labels = ["a"] * 6 + ["b"] * 4
    clusters = np.array([0, 0, 0, 1, 1, 2, 3, 3, 3, 4])
    assert clustering.accuracy(clustering.contingency(labels, clusters)) == (3 + 3) / 10


def test_accuracy_with_fewer_clusters_than_classes_counts_the_unmatched_class_as_wrong():
    labels = ["a"] * 3 + ["b"] * 2 + ["c"] * 4
    assert clustering.accuracy(clustering.contingency(labels, np.array([0] * 5 + [1] * 4))) == 7 / 9


@pytest.mark.parametrize("one_label_a_clip", [True, False])
def test_purity_chance_is_the_mean_over_shuffles_of_whole_clips(one_label_a_clip):
    rng = np.random.default_rng(3)
    clips = np.repeat(np.arange(6), [5, 1, 3, 4, 2, 6])
    labels = np.array(list("aabbbc"))[clips] if one_label_a_clip else rng.choice(list("aabc"), size=len(clips))
    clusters = np.where(rng.random(len(clips)) < 0.7, clips // 2, rng.integers(4, size=len(clips)))
    exact = oracle.purity_over_all_clip_permutations(labels.tolist(), clusters.tolist(), clips.tolist())
    drawn = [
        clustering.purity_chance(labels, clusters, clip_ids=clips, rng=np.random.default_rng(seed)) for seed in range(8)
    ]
    assert np.mean(drawn) == pytest.approx(exact, abs=0.01)


def test_purity_chance_of_clips_is_far_above_that_of_frames():
    """Clusters that are the clips themselves: any labels of whole clips are pure, shuffled frames are not."""
    clips = np.repeat(np.arange(200), 20)
    labels = np.random.default_rng(0).integers(6, size=200)[clips]
    whole = clustering.purity_chance(labels, clips, clip_ids=clips, rng=np.random.default_rng(1))
    single = clustering.purity_chance(labels, clips, clip_ids=np.arange(4000), rng=np.random.default_rng(1))
    assert whole == 1
    assert single < 0.5
