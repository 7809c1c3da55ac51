"""The graph of neighbors against its definition: exactly, by cells, with groups, copies, holes and maps on disk."""

import sys
from pathlib import Path

import numpy as np
import pytest
from reference import neighbor_graph as oracle

from sslecho.embed.index import cells, exhaustive, graph, vectors
from sslecho.embed.index.graph import neighbor_graph
from sslecho.errors import InputError

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "speed"))
from mixture import mixture


@pytest.fixture
def by_cells(monkeypatch):
    """Search by cells, however few vectors there are."""
    monkeypatch.setattr(graph, "EXACT_UP_TO", 0)
    monkeypatch.setattr(graph, "WORTH_ITS_CELLS", np.inf)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 7, 200])
@pytest.mark.parametrize("grouped", [True, False])
def test_the_exact_graph_equals_its_definition(seed, k, grouped):
    points, _, patients = mixture(150, 12, n_classes=5, rank=6, per_patient=9, seed=seed)
    groups = [f"p{patient}" for patient in patients] if grouped else None
    found = neighbor_graph(points, k, groups=groups)
    ids, similarities = oracle.neighbor_graph(points, k, groups)
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_allclose(found.similarities, similarities, atol=2e-6)
    assert (found.kind, found.recall) == ("exact", 1)


def test_small_blocks_find_the_same(monkeypatch):
    points, _, patients = mixture(150, 12, n_classes=5, rank=6, per_patient=9, seed=3)
    whole = neighbor_graph(points, 20, groups=patients)
    monkeypatch.setattr(exhaustive, "COLUMNS_AT_ONCE", 13)
    monkeypatch.setattr(exhaustive, "SIMILARITIES_AT_ONCE", 50)
    monkeypatch.setattr(vectors, "ROWS_AT_ONCE", 11)
    blocks = neighbor_graph(points, 20, groups=patients)
    np.testing.assert_array_equal(blocks.ids, whole.ids)
    np.testing.assert_allclose(blocks.similarities, whole.similarities, atol=2e-6)


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize(("recall", "three_errors"), [(0.8, 0.03), (0.98, 0.01)])
def test_cells_reach_the_recall_that_was_asked_for(by_cells, recall, three_errors, grouped):
    points, _, patients = mixture(2000, 24, n_classes=20, rank=10, hardness=0.6, seed=1)
    groups = patients if grouped else None
    found = neighbor_graph(points, 10, groups=groups, recall=recall, seed=2)
    ids, _ = oracle.neighbor_graph(points, 10, groups)
    assert found.kind == "cells"
    true_recall = oracle.recall(found.ids, ids)
    assert recall <= true_recall < 1
    assert abs(found.recall - true_recall) < three_errors
    codes = np.arange(len(points)) if groups is None else groups
    assert (codes[found.ids] != codes[:, None]).all()
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    np.testing.assert_allclose(found.similarities, np.einsum("nd,nkd->nk", unit, unit[found.ids]), atol=2e-6)
    assert (np.diff(found.similarities, axis=1) <= 0).all()
    assert all(len(set(row)) == 10 for row in found.ids.tolist())


def test_all_cells_find_all_neighbors(by_cells, monkeypatch):
    monkeypatch.setattr(graph, "cells_to_search", lambda partition, *_, **__: len(partition.near))
    monkeypatch.setattr(cells, "SIMILARITIES_AT_ONCE", 1000)
    points, _, patients = mixture(400, 12, n_classes=5, rank=6, per_patient=9, seed=3)
    found = neighbor_graph(points, 12, groups=patients)
    np.testing.assert_array_equal(found.ids, oracle.neighbor_graph(points, 12, patients)[0])
    assert (found.kind, found.recall) == ("cells", 1)


def test_the_same_seed_gives_the_same_graph(by_cells):
    points, _, _ = mixture(1500, 16, n_classes=10, rank=8, hardness=0.6, seed=4)
    first, again, other = (neighbor_graph(points, 8, recall=0.7, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.ids, again.ids)
    assert (first.ids != other.ids).any()


def test_where_cells_save_little_the_search_is_exact(monkeypatch):
    """Without structure a vector's neighbors may be in any cell."""
    monkeypatch.setattr(graph, "EXACT_UP_TO", 0)
    points = np.random.default_rng(0).normal(size=(1200, 64)).astype(np.float32)
    assert neighbor_graph(points, 10).kind == "exact"


@pytest.mark.parametrize("small", [True, False])
def test_a_group_that_fills_whole_cells_still_has_its_neighbors(by_cells, monkeypatch, small):
    """800 of 1,000 vectors are one patient's, in a corner of their own: their neighbors are in no cell near them."""
    monkeypatch.setattr(graph, "cells_to_search", lambda *_, **__: 2)
    rng = np.random.default_rng(5)
    points = rng.normal(size=(1000, 8)).astype(np.float32)
    points[:800] = points[0] * 5 + points[:800] * np.float32(0.1)
    groups = np.where(np.arange(1000) < (800 if small else 990), 0, np.arange(1000))
    found = neighbor_graph(points, 12, groups=groups)
    ids, _ = oracle.neighbor_graph(points, 12, groups)
    in_group = groups == 0
    np.testing.assert_array_equal(found.ids[in_group], ids[in_group])
    assert (found.ids >= 0).sum(1).tolist() == (ids >= 0).sum(1).tolist()


@pytest.mark.parametrize("kind", ["exact", "cells"])
def test_copies_of_a_vector_are_neighbors_of_each_other(monkeypatch, kind):
    monkeypatch.setattr(graph, "EXACT_UP_TO", 0 if kind == "cells" else np.inf)
    monkeypatch.setattr(graph, "WORTH_ITS_CELLS", np.inf)
    points = np.random.default_rng(6).normal(size=(600, 8)).astype(np.float32)
    points[100:400] = points[99]
    found = neighbor_graph(points, 5)
    assert found.kind == kind
    copies = np.arange(99, 400)
    np.testing.assert_allclose(found.similarities[copies], 1, atol=2e-6)
    assert ((found.ids[copies] >= 99) & (found.ids[copies] < 400)).all()
    assert (found.ids != np.arange(600)[:, None]).all()
    assert found.recall >= 0.95


def test_all_vectors_equal(by_cells):
    found = neighbor_graph(np.ones((300, 4), np.float32), 3)
    np.testing.assert_allclose(found.similarities, 1, atol=1e-6)
    assert (found.ids != np.arange(300)[:, None]).all()


@pytest.mark.parametrize("kind", ["exact", "cells"])
def test_a_map_on_disk_is_as_good_as_memory(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(graph, "EXACT_UP_TO", 0 if kind == "cells" else np.inf)
    points, _, patients = mixture(1200, 12, n_classes=8, rank=6, hardness=0.5, seed=7)
    np.save(tmp_path / "vectors.npy", points)
    monkeypatch.setattr(vectors, "ROWS_AT_ONCE", 500)
    on_disk = neighbor_graph(np.load(tmp_path / "vectors.npy", mmap_mode="r"), 6, groups=patients)
    in_memory = neighbor_graph(points, 6, groups=patients)
    assert on_disk.kind == in_memory.kind == kind
    np.testing.assert_array_equal(on_disk.ids, in_memory.ids)


def test_few_vectors_are_filled():
    alone = neighbor_graph(np.ones((1, 3), np.float32), 2)
    assert alone.ids.tolist() == [[-1, -1]]
    assert np.isneginf(alone.similarities).all()
    of_one_patient = neighbor_graph(np.eye(3, dtype=np.float32), 1, groups=["a", "a", "a"])
    assert of_one_patient.ids.tolist() == [[-1], [-1], [-1]]
    assert of_one_patient.recall == 1


@pytest.mark.parametrize("kind", ["exact", "cells"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_refused(monkeypatch, kind, value):
    monkeypatch.setattr(graph, "EXACT_UP_TO", 0 if kind == "cells" else np.inf)
    points = np.random.default_rng(8).normal(size=(400, 6)).astype(np.float32)
    points[123, 4] = value
    with pytest.raises(InputError, match="embeddings are not finite"):
        neighbor_graph(points, 3)


def test_bad_input():
    points = np.ones((4, 2), np.float32)
    with pytest.raises(InputError, match="k = 0 neighbors"):
        neighbor_graph(points, 0)
    with pytest.raises(InputError, match=r"recall = 1.5 is no share"):
        neighbor_graph(points, 1, recall=1.5)
    with pytest.raises(InputError, match=r"recall = nan is no share"):
        neighbor_graph(points, 1, recall=float("nan"))
    with pytest.raises(InputError, match="no embeddings to index"):
        neighbor_graph(points[:0], 1)
    with pytest.raises(InputError, match="group is missing for 1 of 4"):
        neighbor_graph(points, 1, groups=["a", None, "b", "b"])
    with pytest.raises(ValueError, match="groups has 3 entries for 4"):
        neighbor_graph(points, 1, groups=["a", "b", "b"])
