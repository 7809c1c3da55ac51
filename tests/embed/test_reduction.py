"""A first look in fewer dimensions: what it keeps, when it is not taken, and a graph that is found with it."""

import sys
from pathlib import Path

import numpy as np
import pytest
from reference import neighbor_graph as oracle

from sslecho.embed.index import graph, reduction
from sslecho.embed.index.graph import neighbor_graph
from sslecho.embed.index.recall import two_samples
from sslecho.embed.index.reduction import reduced
from sslecho.embed.index.vectors import unit_length

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "speed"))
from mixture import mixture


def shuffled(vectors):
    """The vectors in another order, as a partition has them."""
    order = np.random.default_rng(0).permutation(len(vectors))
    return unit_length(vectors[order]), order


def test_what_is_kept_is_among_the_nearest_in_fewer_dimensions(monkeypatch):
    monkeypatch.setattr(reduction, "WIDER", 1)
    vectors, _, patients = mixture(900, 80, n_classes=10, rank=20, hardness=0.6, seed=1)
    sample, _ = two_samples(vectors, 8, codes=patients, seed=2)
    given, order = shuffled(vectors)
    few, kept = reduced(given, sample, order=order, codes=patients[order], recall=0.5, seed=3)
    assert few.shape == (900, 32)
    np.testing.assert_allclose(np.linalg.norm(few, axis=1), 1, atol=1e-6)
    nearest, _ = oracle.neighbor_graph(few, 8, patients[order])
    place = np.argsort(order)
    expected = [
        [true in order[nearest[place[row]]] for true in ids] for row, ids in zip(sample.rows, sample.ids, strict=True)
    ]
    assert (np.array(expected) == kept).mean() > 0.999  # equally near ones on the edge may differ
    assert 0.875 <= kept.mean() < 1


def test_vectors_without_a_smaller_space_stay_as_they_are():
    vectors = np.random.default_rng(4).normal(size=(900, 80)).astype(np.float32)
    sample, _ = two_samples(vectors, 8, codes=np.arange(900), seed=2)
    given, order = shuffled(vectors)
    few, kept = reduced(given, sample, order=order, codes=order, recall=0.98, seed=3)
    assert few is given
    assert kept.all()


@pytest.mark.parametrize("grouped", [True, False])
def test_the_graph_is_compared_in_full(monkeypatch, grouped):
    monkeypatch.setattr(graph, "EXACT_UP_TO", 0)
    monkeypatch.setattr(graph, "WORTH_ITS_CELLS", np.inf)
    axes, search = [], graph.search_cells

    def noted(*given, few, **named):
        axes.append(few.shape[1])
        return search(*given, few=few, **named)

    monkeypatch.setattr(graph, "search_cells", noted)
    points, _, patients = mixture(1500, 80, n_classes=12, rank=12, hardness=0.6, seed=5)
    groups = patients if grouped else None
    found = neighbor_graph(points, 10, groups=groups, recall=0.95)
    assert (axes, found.kind) == ([32], "cells")
    true_recall = oracle.recall(found.ids, oracle.neighbor_graph(points, 10, groups)[0])
    assert true_recall >= 0.95
    assert abs(found.recall - true_recall) < 0.015
    unit = unit_length(points)
    np.testing.assert_allclose(found.similarities, np.einsum("nd,nkd->nk", unit, unit[found.ids]), atol=2e-6)
    codes = np.arange(1500) if groups is None else groups
    assert (codes[found.ids] != codes[:, None]).all()
    # A patient that holds nearly all: fewer others than candidates are looked for.
    lonely = neighbor_graph(points, 10, groups=np.maximum(np.arange(1500) - 1480, 0), recall=0.95)
    assert ((lonely.ids >= 0).sum(1) == 10).all()
