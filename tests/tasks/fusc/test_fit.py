"""FUSC on embeddings: what is assigned, skipped and said."""

import numpy as np
import pytest
import torch
from gaussians import gaussians, nearest

from sslecho.data.neighbor_partners import one_of
from sslecho.metrics.clustering import accuracy, contingency
from sslecho.tasks.assignment import assign
from sslecho.tasks.fusc.fit import _train_heads, criterion, fit_fusc
from sslecho.tasks.fusc.model import Scale, share_of_each
from sslecho.tasks.fusc.prior import estimate_prior
from sslecho.tasks.fusc.self_label import learn_from_itself
from sslecho.tasks.fusc.settings import FuscSettings
from sslecho.tasks.kmeans import fit_kmeans

SIZES = (60, 150, 90)
QUICK = FuscSettings(heads=2, steps=60, batch_size=64)


def fitted(*, k=3, seed=0, settings=QUICK, **more):
    vectors, labels = gaussians(SIZES, seed=1)
    return fit_fusc(vectors, nearest(vectors), k=k, settings=settings, seed=seed, **more), vectors, labels


def test_new_items_are_assigned_with_the_probability_as_confidence():
    model, vectors, labels = fitted()
    found = model.assign(vectors)
    assert accuracy(contingency(labels, found.clusters)) > 0.98
    probabilities = model.probabilities(vectors)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(found.confidences, probabilities.max(1))
    assert found.distances is None
    between = model.assign((vectors[labels == 0][:1] + vectors[labels == 1][:1]) / 2)
    assert between.confidences[0] < found.confidences.mean()
    assert len(model.assign(vectors[:0]).clusters) == 0


def test_the_same_seed_gives_the_same_model_and_lengths_do_not_count():
    (one, vectors, _), (other, _, _) = fitted(), fitted(seed=5)
    lengths = np.random.default_rng(3).uniform(0.5, 2, size=(len(vectors), 1)).astype(np.float32)
    again = fit_fusc(vectors * lengths, nearest(vectors), k=3, settings=QUICK, seed=0)
    np.testing.assert_allclose(one.weights, again.weights, atol=0.05)
    same = fit_fusc(vectors, nearest(vectors), k=3, settings=QUICK, seed=0)
    np.testing.assert_array_equal(one.weights, same.weights)
    assert np.abs(one.weights - other.weights).max() > 0.1


def test_the_global_generator_is_left_alone():
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    fitted()
    assert torch.equal(torch.rand(1), expected)


def test_the_criterion_is_a_loop_over_pairs_that_are_there():
    p = np.random.default_rng(0).dirichlet(np.ones(3), size=5)
    ids = np.array([[1, -1], [4, 0], [-1, -1], [-1, 2], [3, 1]])
    pairs = [(i, j) for i, row in enumerate(ids) for j in row if j >= 0]
    expected = -np.mean([np.log((p[i] * p[j]).sum()) for i, j in pairs])
    expected += 2 * (p.mean(0) * np.log(p.mean(0))).sum()
    assert criterion(torch.from_numpy(p).log(), ids, lam=2.0, prior=None) == pytest.approx(expected)


def test_items_without_a_neighbor_are_their_own():
    vectors, labels = gaussians(SIZES, seed=1)
    ids = nearest(vectors)
    ids[::3] = -1
    ids[1::3, ::2] = -1
    model = fit_fusc(vectors, ids, k=3, settings=QUICK, seed=0)
    assert accuracy(contingency(labels, model.assign(vectors).clusters)) > 0.95
    nobody = np.empty((len(vectors), 0), np.int64)
    assert fit_fusc(vectors, nobody, k=3, settings=QUICK, seed=0).k == 3


@pytest.mark.parametrize("k", [2, 4, 9])
def test_any_number_of_clusters_works(k):
    model, vectors, _ = fitted(k=k)
    assert model.probabilities(vectors).shape == (300, k)
    assert model.prior.sum() == pytest.approx(1)


def test_clusters_that_vanish_are_named(capsys):
    fitted(settings=FuscSettings(heads=1, steps=150, lam=0.0, prior="uniform"), k=8)
    said = capsys.readouterr().err
    assert "of 8 clusters hold no training item after clustering (" in said


def test_self_labelling_skips_rounds_without_a_sure_item(capsys):
    weights, bias = torch.zeros(24, 4), torch.zeros(4)
    points = gaussians(SIZES, seed=1)[0]
    generator = torch.Generator().manual_seed(0)
    *taught, skipped = learn_from_itself(
        weights, bias, points, shares=None, steps=50, batch_size=32, lr=0.1, generator=generator
    )
    assert skipped == 10
    assert torch.equal(taught[0], weights)


def test_the_prior_has_the_sizes_of_the_classes_and_their_centers():
    vectors, labels = gaussians(SIZES, seed=1)
    prior = estimate_prior(vectors, k=3, seed=0)
    np.testing.assert_allclose(prior.shares, 0.98 * np.array([0.5, 0.3, 0.2]) + 0.02 / 3)
    means = [vectors[labels == label].mean(0) for label in (1, 2, 0)]  # the largest first
    np.testing.assert_allclose(prior.centers, means, atol=1e-4)


def test_no_cluster_of_the_prior_is_empty():
    few = np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    shares = estimate_prior(few, k=5, seed=0).shares
    assert shares.min() > 0
    assert shares.sum() == pytest.approx(1)


def test_the_prior_keeps_the_sizes_of_uneven_classes_that_overlap():
    """k-means with as many clusters as classes would cut the largest of these up."""
    sizes = (600, 283, 134, 63, 30)
    vectors, _ = gaussians(sizes, seed=0, spread=1.5)
    points = Scale.of(vectors).points(vectors)
    off = np.abs(estimate_prior(points, k=5, seed=0).shares - np.array(sizes) / sum(sizes)).sum()
    k_means = np.bincount(assign(points, fit_kmeans(points, k=5, seed=0), normalize=False).clusters) / sum(sizes)
    assert off < 0.1
    assert np.abs(np.sort(k_means)[::-1] - np.array(sizes) / sum(sizes)).sum() > 0.3


def test_the_largest_cluster_has_the_largest_share():
    clusters = np.array([2, 2, 2, 0, 1, 1])
    assert share_of_each(np.array([0.2, 0.5, 0.3]), clusters).tolist() == [0.2, 0.3, 0.5]


@pytest.mark.parametrize("batch_size", [8, 64])  # fewer pairs than half of the items, and more
def test_every_head_is_trained_as_if_it_were_alone(batch_size):
    rng = np.random.default_rng(3)
    points = rng.normal(size=(30, 5)).astype(np.float32)
    ids = rng.integers(0, 30, (30, 4))
    settings = FuscSettings(lam=2.0, steps=5, batch_size=batch_size, lr=0.1)
    starts = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(1)), torch.zeros(3, 4)
    own = torch.Generator().manual_seed(7)
    found, _ = _train_heads(
        tuple(start.clone() for start in starts), points, ids, prior=None, settings=settings, generator=own
    )
    for head in range(3):
        generator = torch.Generator().manual_seed(7)
        weight, bias = (torch.nn.Parameter(start[head].clone()) for start in starts)
        optimizer = torch.optim.Adam([weight, bias], lr=0.1)
        batch = min(batch_size, 30)
        for _ in range(5):
            rows = torch.randint(30, (batch,), generator=generator).numpy()
            near = one_of(ids, rows, torch.rand(batch, generator=generator, dtype=torch.float64).numpy())
            p, q = ((torch.from_numpy(points[at]) @ weight + bias).softmax(1) for at in (rows, near))
            mean = p.mean(0)
            loss = -(p * q).sum(1).log().mean() + 2.0 * (mean * mean.log()).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        torch.testing.assert_close(found[head], weight.detach(), atol=1e-4, rtol=0)
