"""NMI, AMI and ARI: slow oracles, scikit-learn, degenerate partitions, large n."""

import numpy as np
import pytest
from reference import clustering_scores as oracle
from sklearn import metrics as sklearn_metrics

from sslecho.metrics import agreement
from sslecho.metrics.clustering import contingency


def asymmetric(seed, n=70, n_classes=3, n_clusters=8):
    rng = np.random.default_rng(seed)
    labels = np.minimum(rng.geometric(0.5, size=n) - 1, n_classes - 1)
    return labels, np.where(rng.random(n) < 0.5, labels, rng.integers(n_clusters, size=n))


SCORES = {
    "nmi": (oracle.nmi, sklearn_metrics.normalized_mutual_info_score),
    "ami": (oracle.ami, sklearn_metrics.adjusted_mutual_info_score),
    "ari": (oracle.rand_adjusted, sklearn_metrics.adjusted_rand_score),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("score", SCORES)
def test_equals_the_slow_oracle(score, seed):
    labels, clusters = asymmetric(seed)
    expected = SCORES[score][0](labels.tolist(), clusters.tolist())
    assert getattr(agreement, score)(contingency(labels, clusters)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("n", "n_classes", "n_clusters"), [(70, 3, 8), (4000, 20, 1000), (200_000, 7, 12)])
def test_equals_scikit_learns(score, n, n_classes, n_clusters):
    labels, clusters = asymmetric(9, n, n_classes, n_clusters)
    expected = SCORES[score][1](labels, clusters)
    assert getattr(agreement, score)(contingency(labels, clusters)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("score", SCORES)
def test_a_class_and_a_cluster_that_must_overlap(score):
    """40 and 35 of 50 items: fewer than 25 in common is impossible, and the expectation must know it."""
    labels = np.repeat([0, 1, 2], [40, 7, 3])
    clusters = np.random.default_rng(0).permutation(np.repeat([5, 3, 1], [35, 9, 6]))
    expected = SCORES[score][0](labels.tolist(), clusters.tolist())
    assert getattr(agreement, score)(contingency(labels, clusters)) == pytest.approx(expected, abs=1e-12)


DEGENERATE = {
    "one class, one cluster": ([0] * 9, [4] * 9, 1.0),
    "one cluster": ([0, 0, 1, 1, 2], [3] * 5, 0.0),
    "one class": ([0] * 5, [0, 0, 1, 1, 2], 0.0),
    "all alone, classes not": ([0, 0, 1, 1, 2], [0, 1, 2, 3, 4], None),
    "all alone, classes too": ([4, 2, 3, 1, 0], [0, 1, 2, 3, 4], 1.0),
    "classes renamed": ([0, 0, 1, 1, 2], [7, 7, 0, 0, 5], 1.0),
    "one item": ([0], [0], 1.0),
}


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_partitions(score, case):
    labels, clusters, expected = DEGENERATE[case]
    value = getattr(agreement, score)(contingency(labels, np.array(clusters)))
    if expected is None:  # every item alone: no agreement beyond chance, but some plain mutual information
        expected = oracle.nmi(labels, clusters) if score == "nmi" else 0.0
    assert value == pytest.approx(expected, abs=1e-12)


def test_expected_mutual_information_in_pieces_is_the_same(monkeypatch):
    table = contingency(*asymmetric(2, 500, 5, 9))
    whole = agreement.expected_mutual_information(table)
    monkeypatch.setattr(agreement, "TERMS_AT_ONCE", 37)
    assert agreement.expected_mutual_information(table) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("score", ["ami", "ari"])
def test_chance_corrected_scores_are_near_0_on_random_clusters(score):
    rng = np.random.default_rng(4)
    table = contingency(rng.integers(5, size=20_000), rng.integers(500, size=20_000))
    assert abs(getattr(agreement, score)(table)) < 0.01
    assert agreement.nmi(table) > 0.01
