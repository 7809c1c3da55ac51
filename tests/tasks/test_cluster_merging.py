"""Ward's method on weighted centroids, against SciPy's on single points."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from sslecho.errors import SettingsError
from sslecho.tasks.assignment import assign
from sslecho.tasks.cluster import cluster_and_score, make_clusterer
from sslecho.tasks.merging import cut, ward


def same_partition(a, b):
    return len(np.unique(a)) == len(np.unique(b)) == len(np.unique(np.stack([a, b]), axis=1).T)


@pytest.mark.parametrize("seed", range(4))
def test_points_are_merged_as_scipy_merges_them(seed):
    points = np.random.default_rng(seed).normal(size=(40, 3))
    merges = ward(points, np.ones(40, int))
    theirs = linkage(points, "ward")
    for k in range(1, 41):
        assert same_partition(cut(merges, k), fcluster(theirs, k, criterion="maxclust")), k


@pytest.mark.parametrize("seed", range(4))
def test_a_weight_is_so_many_points_at_one_place(seed):
    rng = np.random.default_rng(seed)
    centroids, sizes = rng.normal(size=(15, 3)), rng.integers(1, 30, 15)
    owner = np.repeat(np.arange(15), sizes)
    theirs = linkage(centroids[owner], "ward")
    merges = ward(centroids, sizes)
    unweighted = ward(centroids, np.ones(15, int))
    differs = False
    for k in range(1, 16):
        assert same_partition(cut(merges, k)[owner], fcluster(theirs, k, criterion="maxclust")), k
        differs |= not same_partition(cut(merges, k), cut(unweighted, k))
    assert differs  # or the weights were not tested


def test_an_empty_cluster_joins_the_nearest_and_moves_nothing():
    centroids = np.array([[0.0], [10], [10.4], [30]])
    assert cut(ward(centroids, np.array([5, 5, 0, 5])), 3).tolist() == [0, 1, 1, 2]
    assert cut(ward(centroids, np.array([5, 5, 0, 5])), 2).tolist() == [0, 0, 0, 1]


def test_one_small_cluster_is_one_cluster():
    assert cut(ward(np.ones((1, 3)), np.array([4])), 1).tolist() == [0]


def long_and_round(n=600):
    """A long cluster beside two small round ones; k-means with k = 3 cuts the long one."""
    rng = np.random.default_rng(3)
    labels = rng.choice(3, size=n, p=[0.8, 0.1, 0.1])
    along = rng.uniform(-10, 10, n)
    points = np.where(
        (labels == 0)[:, None],
        np.stack([along, np.zeros(n)], 1),
        np.stack([np.where(labels == 1, -4, 4), np.full(n, 3)], 1),
    )
    return (points + 0.2 * rng.normal(size=(n, 2))).astype(np.float32), labels


def test_small_clusters_that_are_merged_assign_new_items_as_a_loop_does():
    vectors, _ = long_and_round()
    clusterer = make_clusterer("ward", small=24, normalize=False)
    (result,) = cluster_and_score(
        vectors, ks=[3], seed=0, unit_ids=np.arange(600), clip_ids=np.arange(600), clusterer=clusterer
    )
    clusters = result.clusters
    assert (clusters.k, len(clusters.centroids)) == (3, 24)
    new = np.random.default_rng(1).uniform(-8, 8, (50, 2)).astype(np.float32)
    found = clusters.assign(new)
    for i, x in enumerate(new.astype(float)):
        distances = [float(np.sqrt(((x - c) ** 2).sum())) for c in clusters.centroids.astype(float)]
        nearest = int(np.argmin(distances))
        own = clusters.cluster_of[nearest]
        others = min(d for d, c in zip(distances, clusters.cluster_of, strict=True) if c != own)
        assert found.clusters[i] == own
        assert found.distances[i] == pytest.approx(distances[nearest], rel=1e-4)
        assert found.confidences[i] == pytest.approx(1 - distances[nearest] / others, abs=1e-4)


def test_one_set_of_small_clusters_serves_every_k():
    vectors, _ = long_and_round()
    results = cluster_and_score(
        vectors,
        ks=[2, 6, 4],
        seed=0,
        unit_ids=np.arange(600),
        clip_ids=np.arange(600),
        clusterer=make_clusterer("ward"),
    )
    assert [r.k for r in results] == [2, 6, 4]
    for r in results:
        np.testing.assert_array_equal(r.clusters.centroids, results[0].clusters.centroids)
        assert len(np.unique(r.assignment.clusters)) == r.k
    fine, coarse = results[1].assignment.clusters, results[0].assignment.clusters
    assert all(len(np.unique(coarse[fine == c])) == 1 for c in range(6))  # merged, not fitted anew


def test_merged_clusters_of_one_cluster_are_certain():
    found = assign(np.eye(3, dtype=np.float32), np.eye(3)[:2], cluster_of=np.array([0, 0]))
    assert found.clusters.tolist() == [0, 0, 0]
    assert found.confidences.tolist() == [1, 1, 1]


@pytest.mark.parametrize("small", [3, 601])
def test_a_number_of_small_clusters_that_makes_no_sense(small):
    vectors, _ = long_and_round()
    with pytest.raises(SettingsError, match=f"--method-set small={small}: .* at least --k 4 and at most the 600"):
        cluster_and_score(
            vectors,
            ks=[2, 4],
            seed=0,
            unit_ids=np.arange(600),
            clip_ids=np.arange(600),
            clusterer=make_clusterer("ward", small=small),
        )
