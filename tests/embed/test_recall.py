"""How recall is counted, and when a target is surely reached."""

import numpy as np
import pytest
from reference import neighbor_graph as oracle

from sslecho.embed.index.recall import mean_recall, recalls, surely_reaches, two_samples

LEAST = -np.inf


def test_recall_is_counted_per_query():
    true = np.array([[0.9, 0.8, 0.7], [0.9, 0.8, LEAST], [LEAST] * 3, [0.5, 0.5, 0.5]], np.float32)
    found = np.array([[0.9, 0.7, 0.6], [0.9, LEAST, LEAST], [LEAST] * 3, [0.5, 0.5, 0.4]], np.float32)
    np.testing.assert_allclose(recalls(found, true), [2 / 3, 1 / 2, 2 / 3])
    assert mean_recall(recalls(found, true)) == pytest.approx((2 / 3 + 1 / 2 + 2 / 3) / 3)


def test_of_equal_neighbors_any_will_do():
    """Four vectors are equally far; three of them were asked for."""
    true = np.full((1, 3), 0.5, np.float32)
    assert recalls(true.copy(), true).tolist() == [1]
    assert recalls(np.array([[0.9, 0.5, 0.4]], np.float32), true).tolist() == [pytest.approx(2 / 3)]


def test_nothing_to_find_is_nothing_missed():
    nothing = np.full((2, 3), LEAST, np.float32)
    assert mean_recall(recalls(nothing, nothing)) == 1


def test_a_target_is_surely_reached_only_with_room_for_chance():
    shares = np.array([1.0] * 95 + [0.8] * 5)  # mean .99, standard error .0044
    assert surely_reaches(shares, 0.979)
    assert not surely_reaches(shares, 0.981)
    assert not surely_reaches(shares[-20:], 0.95)  # the mean of .95 itself
    assert surely_reaches(np.array([1.0]), 1.0)
    assert not surely_reaches(np.array([0.9]), 0.95)


def test_the_samples_are_disjoint_and_their_neighbors_true():
    rng = np.random.default_rng(0)
    vectors, codes = rng.normal(size=(300, 6)).astype(np.float32), rng.integers(40, size=300)
    first, second = two_samples(vectors, 5, codes=codes, seed=3)
    assert len(first.rows) == len(second.rows) == 150
    assert not set(first.rows) & set(second.rows)
    ids, similarities = oracle.neighbor_graph(vectors, 5, codes)
    for sample in (first, second):
        np.testing.assert_array_equal(sample.ids, ids[sample.rows])
        np.testing.assert_allclose(sample.similarities, similarities[sample.rows], atol=2e-6)
        np.testing.assert_array_equal(sample.codes, codes[sample.rows])
    other, _ = two_samples(vectors, 5, codes=codes, seed=4)
    assert (other.rows != first.rows).any()
