"""Diffusion against the dense closed form, on asymmetric seeded graphs."""

import numpy as np
import pytest
from reference.propagation import dense_diffusion, dense_weights

from sslecho.embed.index.graph import neighbor_graph
from sslecho.errors import SslechoError
from sslecho.tasks import diffusion
from sslecho.tasks.diffusion import conjugate_gradients, diffuse, reached, spread_matrix


def made_graph(seed, n=60, d=5, k=4):
    """Neighbors with gaps: some ids are -1, some cosines are negative."""
    rng = np.random.default_rng(seed)
    graph = neighbor_graph(rng.normal(size=(n, d)) * rng.uniform(0.2, 3, size=d), k, recall=1.0)
    ids, similarities = graph.ids.copy(), graph.similarities.copy()
    gaps = rng.random(ids.shape) < 0.1
    ids[gaps], similarities[gaps] = -1, -np.inf
    similarities[rng.random(ids.shape) < 0.05] = -0.3
    return ids, similarities


def all_columns(spread, labels, n_classes, **how):
    labeled = np.flatnonzero(labels >= 0)
    found = np.zeros((len(labels), n_classes))
    for first, columns in diffuse(spread, labeled, labels[labeled], n_classes, **how):
        found[:, first : first + columns.shape[1]] = columns
    return found


@pytest.mark.parametrize("alpha", [0.2, 0.9, 0.99])
@pytest.mark.parametrize("seed", range(3))
def test_diffusion_is_the_closed_form(seed, alpha):
    ids, similarities = made_graph(seed)
    labels = np.full(60, -1)
    labels[[3, 7, 20, 21, 44]] = [2, 0, 1, 1, 2]
    found = all_columns(spread_matrix(ids, similarities), labels, 3, alpha=alpha, tolerance=1e-6)
    expected = dense_diffusion(dense_weights(ids, similarities), labels, 3, alpha)
    assert expected.max() > 0.5
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-5)


def test_the_matrix_is_symmetric_and_shrinks():
    ids, similarities = made_graph(5)
    spread = spread_matrix(ids, similarities).toarray()
    assert spread.dtype == np.float32
    np.testing.assert_allclose(spread, spread.T, atol=1e-7)
    assert np.abs(np.linalg.eigvalsh(spread.astype(float))).max() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_many_columns_are_solved_in_pieces(monkeypatch, n_jobs):
    ids, similarities = made_graph(1)
    spread = spread_matrix(ids, similarities)
    labels = np.arange(60) % 7
    whole = all_columns(spread, labels, 7, alpha=0.9, tolerance=1e-6)
    monkeypatch.setattr(diffusion, "COLUMNS_AT_ONCE", 2)
    np.testing.assert_allclose(
        all_columns(spread, labels, 7, alpha=0.9, tolerance=1e-6, n_jobs=n_jobs), whole, atol=1e-5
    )


def test_a_column_without_a_source_stays_empty():
    ids, similarities = made_graph(2)
    sources = np.zeros((60, 2), np.float32)
    sources[4, 1] = 1
    found = conjugate_gradients(spread_matrix(ids, similarities), sources, alpha=0.9, tolerance=1e-5)
    assert not found[:, 0].any()
    assert found[4, 1] >= 1


def test_what_does_not_settle_is_an_error(monkeypatch):
    ids, similarities = made_graph(2)
    monkeypatch.setattr(diffusion, "MOST_STEPS", 2)
    with pytest.raises(SslechoError, match=r"the labels did not settle: after 2 steps the residual is .*smaller alpha"):
        conjugate_gradients(
            spread_matrix(ids, similarities), np.eye(60, 1, dtype=np.float32), alpha=0.99, tolerance=1e-5
        )


def test_only_what_a_path_leads_to_is_reached():
    ids = np.array([[1], [0], [3], [2], [-1], [3]])
    spread = spread_matrix(ids, np.full((6, 1), 0.5, np.float32))
    assert reached(spread, np.array([2])).tolist() == [False, False, True, True, False, True]
    assert reached(spread, np.array([0, 4])).tolist() == [True, True, False, False, True, False]
