"""k-means on embeddings: fit, assign, split, scores, bad input."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from sslecho.errors import InputError
from sslecho.tasks import assignment, kmeans
from sslecho.tasks.assignment import assign
from sslecho.tasks.cluster import cluster_and_score
from sslecho.tasks.clusterers.kmeans import KMeans as Clusterer
from sslecho.tasks.kmeans import fit_kmeans


def blobs(seed=0, n=300, n_classes=4, d=6, noise=0.5):
    """Classes of unequal size in directions of their own; lengths vary and say nothing."""
    rng = np.random.default_rng(seed)
    codes = np.minimum(rng.geometric(0.4, size=n) - 1, n_classes - 1)
    vectors = 3 * np.eye(n_classes, d)[codes] + noise * rng.normal(size=(n, d))
    return (vectors * rng.uniform(0.2, 5, size=(n, 1))).astype(np.float32), np.array(list("abcd"))[codes]


def options(n=300, clips_per_patient=5):
    clips = np.arange(n)
    return {"clip_ids": clips, "unit_ids": clips // clips_per_patient, "seed": 0}


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("at_once", [1 << 22, 40])
def test_assign_equals_a_loop_over_centroids(normalize, at_once, monkeypatch):
    monkeypatch.setattr(assignment, "DISTANCES_AT_ONCE", at_once)
    vectors, _ = blobs()
    centroids = np.random.default_rng(1).normal(size=(7, 6)).astype(np.float32)
    found = assign(vectors, centroids, normalize=normalize)
    for i, vector in enumerate(vectors.astype(float)):
        point = vector / np.sqrt((vector**2).sum()) if normalize else vector
        near = sorted((float(np.sqrt(((point - c) ** 2).sum())), j) for j, c in enumerate(centroids))
        assert found.clusters[i] == near[0][1]
        assert found.distances[i] == pytest.approx(near[0][0], rel=1e-5)
        assert found.confidences[i] == pytest.approx(1 - near[0][0] / near[1][0], abs=1e-4)


def test_distances_are_exact_far_from_the_origin():
    """Where lengths dwarf distances, |x|^2 - 2xc + |c|^2 would leave nothing of them in float32."""
    centroids = np.array([[5000, 5000], [5000, 5004]], np.float32)
    found = assign(centroids + np.float32(0.5), centroids, normalize=False)
    np.testing.assert_allclose(found.distances, np.sqrt(0.5), rtol=1e-6)


def test_confidence_is_1_at_a_centroid_0_on_the_border_and_1_with_one_cluster():
    centroids = np.array([[0, 0], [2, 0]], np.float32)
    points = np.array([[0, 0], [1, 5], [2, 0]], np.float32)
    assert assign(points, centroids, normalize=False).confidences.tolist() == [1, 0, 1]
    assert assign(points, centroids[:1], normalize=False).confidences.tolist() == [1, 1, 1]
    assert assign(points, centroids[[0, 0]], normalize=False).confidences.tolist() == [0, 0, 0]


def test_no_vectors_have_no_clusters():
    assert [len(column) for column in assign(np.empty((0, 2)), np.ones((3, 2)))] == [0, 0, 0]


def test_the_same_seed_gives_the_same_centroids_and_another_does_not():
    vectors, _ = blobs(noise=3)
    one, same, other = (fit_kmeans(vectors, k=9, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_the_global_generator_is_left_alone():
    vectors, _ = blobs()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fit_kmeans(vectors, k=3, seed=0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_length_is_ignored_when_normalizing():
    vectors, _ = blobs()
    scaled = vectors * np.random.default_rng(1).uniform(0.5, 2, size=(300, 1)).astype(np.float32)
    normalized, long = (
        [assign(v, fit_kmeans(v, k=4, seed=0, normalize=n), normalize=n).clusters for v in (vectors, scaled)]
        for n in (True, False)
    )
    np.testing.assert_array_equal(*normalized)
    assert (long[0] != long[1]).any()


def test_large_inputs_start_on_a_sample_and_lose_little(monkeypatch):
    vectors, _ = blobs(n=3000, noise=1)
    full = fit_kmeans(vectors, k=8, seed=0)
    monkeypatch.setattr(kmeans, "FULL_BATCH_ROWS", 2999)
    small = fit_kmeans(vectors, k=8, seed=0)
    assert np.abs(small - full).max() > 1e-6
    inertia = [float((assign(vectors, c).distances ** 2).sum()) for c in (full, small)]
    assert inertia[1] < 1.05 * inertia[0]
    np.testing.assert_array_equal(small, fit_kmeans(vectors, k=8, seed=0))


def test_inertia_is_no_worse_than_plain_scikit_learns():
    vectors, _ = blobs(noise=2)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    ours = float((assign(vectors, fit_kmeans(vectors, k=6, seed=3)).distances ** 2).sum())
    assert ours <= 1.001 * KMeans(6, n_init=1, random_state=3).fit(unit).inertia_


def test_clusters_are_fitted_on_train_and_scored_on_test():
    vectors, labels = blobs()
    splits = np.array(["train"] * 150 + ["val"] * 50 + ["test"] * 100, dtype=object)
    moved = vectors.copy()
    moved[150:] = moved[150:][::-1]  # what is not train must not move a centroid
    (one,) = cluster_and_score(vectors, ks=[4], splits=splits, labels=labels, **options())
    (other,) = cluster_and_score(moved, ks=[4], splits=splits, labels=labels, **options())
    np.testing.assert_array_equal(one.clusters.centroids, other.clusters.centroids)
    assert one.scores["split"] == "test"
    assert (one.scores["n"], one.scores["n_patients"]) == (100, 20)
    assert one.scores["purity"] > 0.95
    assert one.scores["transfer_purity"] > 0.9
    assert len(one.assignment.clusters) == 300
    assert other.scores["transfer_purity"] < 0.8  # the labels no longer fit the moved test items


def test_without_a_split_all_items_are_fitted_and_scored():
    vectors, labels = blobs()
    for splits in (None, [None] * 300):
        results = cluster_and_score(vectors, ks=[2, 4], splits=splits, labels=labels, **options())
        assert [(r.k, r.scores["k"], r.scores["split"], r.scores["n"]) for r in results] == [
            (2, 2, "all", 300),
            (4, 4, "all", 300),
        ]


def test_labels_never_reach_the_clusters():
    vectors, labels = blobs()
    shuffled = np.random.default_rng(0).permutation(labels)
    with_labels, with_others, without = (
        cluster_and_score(vectors, ks=[5], labels=given, **options())[0] for given in (labels, shuffled, None)
    )
    for other in (with_others, without):
        np.testing.assert_array_equal(with_labels.clusters.centroids, other.clusters.centroids)
        np.testing.assert_array_equal(with_labels.assignment.clusters, other.assignment.clusters)
    assert without.scores is None
    assert with_others.scores["transfer_purity"] < with_labels.scores["transfer_purity"]


def test_missing_labels_and_few_patients_are_told():
    vectors, labels = blobs()
    labels = labels.astype(object)
    labels[7] = None
    (result,) = cluster_and_score(vectors, ks=[3], labels=labels, **options(clips_per_patient=20))
    assert len(result.warnings) == 2
    assert "1 of 300 items have no label" in result.warnings[0]
    assert "only 15 patients" in result.warnings[1]


def test_duplicates_leave_clusters_empty_without_a_complaint():
    vectors = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)
    (result,) = cluster_and_score(vectors, ks=[5], labels=["a"] * 20 + ["b"] * 40, **options(60))
    assert result.scores["clusters_used"] == 3
    assert result.scores["purity"] == 1


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (None, r"--k 50: more clusters than the 40 embeddings to fit on \(split: all\); ask for --k 40 or less"),
        (["train"] * 30 + ["test"] * 10, r"--k 50: more clusters than the 30 embeddings to fit on \(split: train\)"),
    ],
)
def test_too_many_clusters_are_refused_before_any_work(splits, message, monkeypatch):
    monkeypatch.setattr(Clusterer, "fit", None)
    with pytest.raises(InputError, match=message):
        cluster_and_score(blobs(n=40)[0], ks=[5, 50], splits=splits, **options(40))


def test_no_label_to_score_is_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(Clusterer, "fit", None)
    splits, labels = ["train", "test"] * 20, ["a", None] * 20
    with pytest.raises(InputError, match=r"none of the 20 items scored \(split: test\) has a label"):
        cluster_and_score(blobs(n=40)[0], ks=[2], splits=splits, labels=labels, **options(40))


def test_bad_input():
    vectors, labels = blobs(n=40)
    with pytest.raises(InputError, match="--k 0: the number of clusters must be at least 1"):
        fit_kmeans(vectors, k=0, seed=0)
    with pytest.raises(InputError, match="--k 41: more clusters than the 40"):
        fit_kmeans(vectors, k=41, seed=0)
    with pytest.raises(InputError, match="6 dimensions and the centroids 5"):
        assign(vectors, np.ones((3, 5)))
    with pytest.raises(InputError, match=r"no embedding is in split 'test'.*splits here: train, val.*sslecho split"):
        cluster_and_score(vectors, ks=[2], splits=["train", "val"] * 20, **options(40))
    with pytest.raises(InputError, match="no embedding is in split 'train'"):
        cluster_and_score(vectors, ks=[2], splits=["test"] * 40, **options(40))
    vectors[5, 2] = np.nan
    with pytest.raises(InputError, match="1 embeddings are not finite"):
        cluster_and_score(vectors, ks=[2], labels=labels, **options(40))
