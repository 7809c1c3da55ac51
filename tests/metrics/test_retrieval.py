"""Neighbor figures: slow oracle with missing labels and missing neighbors, closed forms."""

import numpy as np
import pytest
from reference import neighbors as oracle

from sslecho.errors import InputError
from sslecho.metrics.retrieval import knn_accuracy, knn_right, neighbor_purity

SCORES = {"purity": (neighbor_purity, oracle.neighbor_purity), "accuracy": (knn_accuracy, oracle.knn_accuracy)}


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("own_gallery", [True, False])
def test_equals_the_slow_oracle(score, seed, own_gallery):
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array(["a", "a", "b", "c", None], dtype=object), size=40)
    gallery = None if own_gallery else rng.choice(np.array(["c", "b", "d", None], dtype=object), size=23)
    neighbors = rng.integers(-1, 40 if own_gallery else 23, size=(40, 6))
    fast, slow = SCORES[score]
    expected = slow(labels.tolist(), neighbors.tolist(), (labels if own_gallery else gallery).tolist())
    assert fast(labels, neighbors, gallery_labels=gallery) == pytest.approx(expected, abs=1e-12)


def test_of_equally_frequent_labels_the_nearest_wins():
    gallery = ["b", "a", "a", "b", "c"]
    neighbors = np.array([[4, 1, 0, 3, 2], [4, 0, 1, 2, 3]])
    assert knn_accuracy(["a", "b"], neighbors, gallery_labels=gallery) == 1


def test_a_query_without_neighbors_scores_0():
    neighbors = np.array([[1, -1], [-1, -1]])
    assert neighbor_purity(["a", "a"], neighbors) == 0.5
    assert knn_accuracy(["a", "a"], neighbors) == 0.5


@pytest.mark.parametrize("score", [neighbor_purity, knn_accuracy])
def test_no_labels_at_all(score):
    with pytest.raises(InputError, match="none of the 2 queries has a label"):
        score([None, None], np.array([[1], [0]]))


def test_which_queries_are_right():
    labels = np.array(["a", None, "b", "a"], dtype=object)
    right = knn_right(labels, np.array([[0, 1], [0, 1], [0, 1], [2, -1]]), gallery_labels=["a", "a", "b"])
    assert right.tolist() == [True, False, False, False]
