"""Figures of spread: slow oracles, and what they must say of perfect, collapsed and random embeddings."""

import math

import numpy as np
import pytest
from reference import spreads as oracle

from sslecho.metrics import spread

ONE_SET = ("effective_rank", "rankme", "std_ratio", "uniformity")


def vectors(seed, n=17, d=6):
    """Neither centered nor of one length or scale."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)) * rng.uniform(0.2, 3, d) + rng.uniform(-1, 1, d)).astype(np.float32)


@pytest.mark.parametrize("name", ONE_SET)
@pytest.mark.parametrize(("n", "d"), [(17, 6), (5, 9)])
def test_equals_the_slow_oracle(name, n, d):
    x = vectors(3, n, d)
    # The oracle's square roots of eigenvalues keep half the digits of the one that centering makes 0.
    assert getattr(spread, name)(x) == pytest.approx(getattr(oracle, name)(x.tolist()), rel=1e-6)


def test_alignment_equals_the_slow_oracle():
    first, second = vectors(4), vectors(5)
    assert spread.alignment(first, second) == pytest.approx(oracle.alignment(first, second), rel=1e-12)


def test_random_directions_are_even_over_the_sphere():
    x = np.random.default_rng(0).standard_normal((2000, 64))
    assert spread.std_ratio(x) == pytest.approx(1, abs=0.02)
    assert spread.uniformity(x) == pytest.approx(-4, abs=0.2)
    assert spread.effective_rank(x) > 60
    assert spread.rankme(x) > 60
    assert spread.alignment(x[:1000], x[1000:]) == pytest.approx(2, abs=0.05)


def test_vectors_that_are_all_alike():
    x = np.tile(vectors(1)[:1], (40, 1))
    assert spread.effective_rank(x) == 1
    assert spread.rankme(x) == pytest.approx(1, abs=1e-4)
    assert spread.std_ratio(x) == pytest.approx(0, abs=1e-7)
    assert spread.uniformity(x) == pytest.approx(0, abs=1e-7)
    assert spread.alignment(x, x) == 0


def test_vectors_that_are_alike_but_for_rounding():
    """The centered rank sees only the rounding; the others see the collapse."""
    x = np.tile(vectors(1)[:1], (40, 1)) * (1 + 1e-7 * np.random.default_rng(0).standard_normal((40, 6)))
    assert spread.effective_rank(x) > 3
    assert spread.rankme(x) == pytest.approx(1, abs=1e-4)
    assert spread.std_ratio(x) < 1e-6


def test_vectors_on_one_line():
    x = np.outer(np.random.default_rng(0).standard_normal(60), vectors(1)[0])
    assert spread.effective_rank(x) == pytest.approx(1, abs=1e-6)
    assert spread.rankme(x) == pytest.approx(1, abs=1e-4)
    assert spread.std_ratio(x) > 0.5


def test_perfect_pairs_and_opposite_ones():
    x = vectors(2)
    assert spread.alignment(x, 5 * x) == pytest.approx(0, abs=1e-12)
    assert spread.alignment(x, -x) == pytest.approx(4)


@pytest.mark.parametrize("name", ONE_SET)
def test_a_zero_vector_and_one_row_are_numbers(name):
    assert math.isfinite(getattr(spread, name)(np.zeros((3, 4), np.float32)))
    assert math.isfinite(getattr(spread, name)(vectors(0, 1, 4)))


@pytest.mark.parametrize("name", ["std_ratio", "uniformity"])
def test_length_does_not_matter(name):
    x = vectors(6)
    scaled = x * np.random.default_rng(0).uniform(0.5, 9, (17, 1)).astype(np.float32)
    assert getattr(spread, name)(scaled) == pytest.approx(getattr(spread, name)(x), rel=1e-5)
