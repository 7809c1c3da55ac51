"""The map keeps neighbors together, is the same for the same seed, and copes with almost nothing."""

import numpy as np
import pytest

from sslecho.embed.layout import umap_layout
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
