"""k-means and spherical k-means against Lloyd's algorithm in loops."""

import numpy as np
import pytest
from reference.lloyd import inertia
from reference.lloyd import lloyd as slow_lloyd

from sslecho.embed.index.kmeans import lloyd
from sslecho.errors import InputError
from sslecho.tasks import kmeans
from sslecho.tasks.assignment import assign, gathered
from sslecho.tasks.kmeans import fit_kmeans, fit_spherical_kmeans, points_to_fit_on


def blobs(seed=0, n=240, k=5, d=4, noise=0.35):
    """Unequal clusters in directions that are not orthogonal; lengths vary and say nothing."""
    rng = np.random.default_rng(seed)
    codes = np.minimum(rng.geometric(0.35, size=n) - 1, k - 1)
    centers = rng.normal(size=(k, d))
    vectors = centers[codes] + noise * rng.normal(size=(n, d))
    return (vectors * rng.uniform(0.5, 3, size=(n, 1))).astype(np.float32)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("spherical", [False, True])
def test_faiss_ends_where_lloyds_algorithm_in_loops_does(spherical):
    points = unit(blobs())
    start = points[[3, 50, 90, 140, 200]]
    expected, clusters = slow_lloyd(points, start, spherical=spherical)
    found = lloyd(points, start, spherical=spherical, tolerance=0.0, most_iterations=500)
    np.testing.assert_allclose(found.centroids, expected, atol=1e-5)
    np.testing.assert_array_equal(assign(points, found.centroids).clusters, clusters)
    cosines = sum(float(points[i] @ expected[clusters[i]]) for i in range(len(points)))
    objective = -cosines if spherical else inertia(points, expected)
    assert found.objective == pytest.approx(objective, rel=1e-5)


def test_iterations_end_when_they_gain_too_little():
    points, start = unit(blobs(noise=2)), unit(blobs(noise=2))[:6]
    ends = [
        lloyd(points, start, tolerance=tolerance, most_iterations=most).objective
        for tolerance, most in ((0.0, 500), (0.5, 500), (0.0, 10), (0.0, 5))
    ]
    # What five iterations gained is known after ten.
    assert ends[0] < ends[1] == ends[2] < ends[3]


@pytest.mark.parametrize("normalize", [True, False])
def test_inertia_is_no_worse_than_the_best_of_the_slow_ones(normalize, monkeypatch):
    """On all items, and on a sample first."""
    vectors = blobs(noise=0.6)
    points = unit(vectors) if normalize else vectors
    rng = np.random.default_rng(5)
    best = np.inf
    for _ in range(6):
        try:
            best = min(best, inertia(points, slow_lloyd(points, points[rng.choice(240, 5, replace=False)])[0]))
        except AssertionError:
            continue
    full = fit_kmeans(vectors, k=5, seed=0, normalize=normalize)
    assert inertia(points, full) <= 1.002 * best
    monkeypatch.setattr(kmeans, "FULL_BATCH_ROWS", 0)
    monkeypatch.setattr(kmeans, "SAMPLE_AT_LEAST", 100)
    monkeypatch.setattr(kmeans, "SAMPLE_PER_CLUSTER", 1)
    sampled = fit_kmeans(vectors, k=5, seed=0, normalize=normalize)
    assert np.abs(np.sort(full, axis=0) - np.sort(sampled, axis=0)).max() > 0
    assert inertia(points, sampled) <= 1.01 * best
    np.testing.assert_array_equal(sampled, fit_kmeans(vectors, k=5, seed=0, normalize=normalize))


def test_spherical_centroids_have_length_1_and_more_cosine_than_means_have():
    vectors = blobs(noise=1.0)
    centroids = fit_spherical_kmeans(vectors, k=6, seed=1)
    np.testing.assert_allclose(np.linalg.norm(centroids, axis=1), 1, rtol=1e-5)
    points = unit(vectors)
    means = unit(fit_kmeans(vectors, k=6, seed=1))
    ours, theirs = ((points @ c.T).max(1).sum() for c in (centroids, means))
    assert ours >= 0.995 * theirs
    np.testing.assert_array_equal(centroids, fit_spherical_kmeans(vectors, k=6, seed=1))
    assert np.abs(centroids - fit_spherical_kmeans(vectors, k=6, seed=2)).max() > 1e-3


def test_a_spherical_cluster_is_a_direction_whatever_the_lengths():
    vectors = blobs()
    longer = vectors * np.random.default_rng(1).uniform(0.1, 9, size=(240, 1)).astype(np.float32)
    one, other = (fit_spherical_kmeans(v, k=5, seed=0) for v in (vectors, longer))
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("fit", [fit_kmeans, fit_spherical_kmeans])
def test_one_cluster_and_as_many_clusters_as_items(fit):
    vectors = blobs(n=12)
    one = fit(vectors, k=1, seed=0)
    mean = unit(vectors).mean(0, keepdims=True)
    np.testing.assert_allclose(unit(one), unit(mean), atol=1e-5)
    assert sorted(assign(vectors, fit(vectors, k=12, seed=0)).clusters.tolist()) == list(range(12))


@pytest.mark.parametrize("fit", [fit_kmeans, fit_spherical_kmeans])
def test_bad_input(fit):
    vectors = blobs(n=12)
    with pytest.raises(InputError, match="--k 13: more clusters than the 12 embeddings"):
        fit(vectors, k=13, seed=0)
    vectors[3, 1] = np.inf
    with pytest.raises(InputError, match="1 embeddings are not finite"):
        fit(vectors, k=2, seed=0)


def test_what_is_fitted_on_is_bounded_and_a_memory_map_stays_on_disk(tmp_path, monkeypatch):
    vectors = blobs()
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    rows = np.arange(10, 230)
    np.testing.assert_array_equal(
        points_to_fit_on(mapped, rows, seed=0, normalize=True), gathered(vectors, rows, normalize=True)
    )
    monkeypatch.setattr(kmeans, "VALUES_TO_FIT_ON", 4 * 50)
    some = points_to_fit_on(mapped, rows, seed=0, normalize=False)
    assert some.shape == (50, 4)
    assert {tuple(row) for row in some.tolist()} <= {tuple(row) for row in vectors[rows].tolist()}
    np.testing.assert_array_equal(some, points_to_fit_on(mapped, rows, seed=0, normalize=False))
    assert (some != points_to_fit_on(mapped, rows, seed=1, normalize=False)).any()
