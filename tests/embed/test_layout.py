"""The map keeps neighbors together, is the same for the same seed, and copes with almost nothing."""

import numpy as np
import pytest

from sslecho.embed.layout import lay_out, umap_layout, weighted_mean
from sslecho.errors import InputError


def blobs(n: int = 90, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three groups around directions of their own, in 8 dimensions, of very different lengths."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % 3
    vectors = np.eye(8)[group] * 5 + rng.normal(0, 0.3, (n, 8))
    return (vectors * rng.uniform(0.1, 10, (n, 1))).astype(np.float32), group


def test_neighbors_stay_neighbors_and_the_seed_decides():
    vectors, group = blobs()
    points = umap_layout(vectors, neighbors=10, seed=1)
    assert points.shape == (90, 2)
    assert points.dtype == np.float32
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (group[apart.argmin(1)] == group).all()
    np.testing.assert_array_equal(points, umap_layout(vectors, neighbors=10, seed=1))
    assert not np.array_equal(points, umap_layout(vectors, neighbors=10, seed=2))


@pytest.mark.parametrize("n", [1, 2, 4, 5, 6, 14])
def test_fewer_vectors_than_neighbors(n):
    vectors, _ = blobs(n)
    points = umap_layout(vectors, neighbors=15, seed=0)
    assert points.shape == (n, 2)
    assert np.isfinite(points).all()


def test_equal_vectors_share_one_place():
    points = umap_layout(np.full((20, 4), 0.3, np.float32), neighbors=5, seed=0)
    assert not points.any()


def test_many_copies_of_few_vectors():
    vectors = np.repeat(blobs(6)[0], 10, axis=0)
    assert np.isfinite(umap_layout(vectors, neighbors=5, seed=0)).all()


def test_one_dimension():
    vectors = np.array([[1.0], [-2.0], [3.0], [-1.0], [5.0], [1.0]], np.float32)
    assert umap_layout(vectors, neighbors=3, seed=0).shape == (6, 2)


def test_bad_input():
    with pytest.raises(InputError, match="no embeddings to draw"):
        umap_layout(np.zeros((0, 3), np.float32), neighbors=5, seed=0)
    with pytest.raises(InputError, match="not finite"):
        umap_layout(np.full((6, 3), np.nan, np.float32), neighbors=5, seed=0)


def test_neighbors_are_those_of_a_slow_search():
    vectors, _ = blobs(60, seed=3)
    layout = lay_out(vectors, neighbors=6, seed=0)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    apart = 1 - unit @ unit.T
    np.fill_diagonal(apart, np.inf)
    np.testing.assert_allclose(layout.distances, np.sort(apart, 1)[:, :5], atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(apart, layout.ids, 1), layout.distances, atol=1e-5)
    assert layout.n_fitted == 60


def test_of_many_a_sample_is_fitted_and_the_others_lie_at_the_mean_of_their_neighbors():
    vectors, group = blobs(150, seed=5)
    layout = lay_out(vectors, neighbors=8, seed=2, most_fitted=90)
    assert layout.n_fitted == 90
    fitted = np.sort(np.random.default_rng(2).permutation(150)[:90])
    np.testing.assert_array_equal(layout.points[fitted], lay_out(vectors[fitted], neighbors=8, seed=2).points)
    others = np.setdiff1d(np.arange(150), fitted)
    for row in others:
        distances = 1 - (vectors[fitted] @ vectors[row]) / np.linalg.norm(vectors[fitted], axis=1) / np.linalg.norm(
            vectors[row]
        )
        near = np.argsort(distances)[:7]
        assert set(layout.ids[row]) == set(fitted[near])
        weights = [1 / float(distances[i]) ** 2 for i in near]
        mean = sum(w * layout.points[fitted[i]].astype(float) for w, i in zip(weights, near, strict=True))
        np.testing.assert_allclose(layout.points[row], mean / sum(weights), rtol=1e-3)
    apart = np.linalg.norm(layout.points[:, None] - layout.points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (group[apart.argmin(1)] == group).mean() > 0.98
    again = lay_out(vectors, neighbors=8, seed=2, most_fitted=90)
    np.testing.assert_array_equal(layout.points, again.points)


def test_beside_its_copy_a_vector_lies_on_the_copy():
    places = np.array([[[0, 0], [3, 1], [9, 9]]], np.float32)
    np.testing.assert_allclose(weighted_mean(places, np.array([[0.5, 0, 0.4]], np.float32)), [[3, 1]], atol=1e-6)
    np.testing.assert_allclose(weighted_mean(places, np.full((1, 3), 0.3, np.float32)), [[4, 10 / 3]], rtol=1e-6)
