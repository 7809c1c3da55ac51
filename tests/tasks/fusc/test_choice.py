"""FUSC and TURTLE on embeddings: what is chosen, saved and refused."""

import numpy as np
import pytest
import torch
from gaussians import gaussians, nearest

from sslecho.errors import InputError
from sslecho.metrics.clustering import accuracy, contingency
from sslecho.tasks.cluster import cluster_and_score, make_clusterer
from sslecho.tasks.cluster_model import ClusterModel
from sslecho.tasks.fusc.fit import criterion, fit_fusc
from sslecho.tasks.fusc.model import Scale, SemanticModel
from sslecho.tasks.fusc.prior import estimate_prior
from sslecho.tasks.fusc.self_label import learn_from_itself
from sslecho.tasks.fusc.settings import FuscSettings, TurtleSettings
from sslecho.tasks.fusc.turtle import fit_turtle

SIZES = (60, 150, 90)


def test_the_head_with_the_least_loss_on_validation_items_stays():
    vectors, _ = gaussians(SIZES, seed=1)
    val, _ = gaussians((50, 60, 70), seed=1)
    settings = FuscSettings(heads=6, steps=3, batch_size=64, self_label=False)
    model = fit_fusc(vectors, nearest(vectors), k=3, settings=settings, seed=0, val=(val, nearest(val, 5)))
    log_p = torch.from_numpy(np.log(model.probabilities(val)))
    prior = torch.from_numpy(estimate_prior(Scale.of(vectors).points(vectors), k=3, seed=0).shares).float()
    kept = criterion(log_p, nearest(val, 5), lam=5.0, prior=prior)
    assert len(model.criteria) == 6
    assert len(set(model.criteria.tolist())) == 6
    assert kept == pytest.approx(model.criteria.min(), rel=1e-4)
    on_train = fit_fusc(vectors, nearest(vectors), k=3, settings=settings, seed=0)
    assert np.abs(on_train.criteria - model.criteria).min() > 1e-6


def test_self_labelling_makes_answers_surer_and_leaves_them_right():
    vectors, labels = gaussians(SIZES, seed=1)
    points = Scale.of(vectors).points(vectors)
    weights = torch.from_numpy(np.stack([points[labels == c].mean(0) for c in range(3)], axis=1))
    bias = torch.zeros(3)
    generator = torch.Generator().manual_seed(0)
    *taught, skipped = learn_from_itself(
        weights, bias, points, shares=None, steps=50, batch_size=32, lr=0.02, generator=generator
    )
    before, after = ((torch.from_numpy(points) @ w + b).softmax(-1).max(-1) for w, b in ((weights, bias), taught))
    assert after.values.mean() > before.values.mean() + 0.1
    assert accuracy(contingency(labels, after.indices.numpy())) > 0.99
    assert skipped == 0


@pytest.mark.parametrize("prior", ["estimated", "uniform"])
def test_turtle_finds_classes_in_one_space_and_in_two(prior):
    sizes = SIZES if prior == "estimated" else (100, 100, 100)
    vectors, labels = gaussians(sizes, seed=1)
    other = np.random.default_rng(5).permutation(vectors.shape[1])
    settings = TurtleSettings(steps=60, inner_steps=5, batch_size=128, prior=prior)
    for spaces in ([vectors], [vectors, vectors[:, other][:, :20]]):
        model = fit_turtle(spaces, k=3, settings=settings, seed=0)
        found = model.assign(np.concatenate(spaces, axis=1))
        assert accuracy(contingency(labels, found.clusters)) > 0.97


def test_a_model_of_two_spaces_averages_their_probabilities():
    vectors, _ = gaussians(SIZES, seed=1)
    model = fit_turtle([vectors, vectors[:, :9]], k=3, settings=TurtleSettings(steps=2), seed=0)
    halves = []
    for number, these in enumerate((slice(0, 24), slice(24, 33))):
        part = SemanticModel(
            model.weights[these], model.biases[[number]], [model.scales[number]], model.prior, model.criteria
        )
        halves.append(part.probabilities(np.concatenate([vectors, vectors[:, :9]], axis=1)[:, these]))
    both = model.probabilities(np.concatenate([vectors, vectors[:, :9]], axis=1))
    np.testing.assert_allclose(both, (halves[0] + halves[1]) / 2, rtol=1e-5)


@pytest.mark.parametrize("method", ["fusc", "turtle"])
def test_clusters_are_chosen_without_test_items_and_saved(method, tmp_path):
    vectors, labels = gaussians(SIZES, seed=1)
    splits = np.array((["train"] * 6 + ["val"] * 2 + ["test"] * 2) * 30, dtype=object)
    own = {"heads": 2, "steps": 60} if method == "fusc" else {"steps": 60}
    about = {"ks": [3], "seed": 0, "unit_ids": np.arange(300) // 3, "clip_ids": np.arange(300), "splits": splits}
    (one,) = cluster_and_score(vectors, labels=labels, clusterer=make_clusterer(method, **own), **about)
    moved = vectors.copy()
    moved[splits == "test"] = np.random.default_rng(0).normal(size=(60, 24))
    (other,) = cluster_and_score(moved, clusterer=make_clusterer(method, **own), **about)
    np.testing.assert_array_equal(one.clusters.weights, other.clusters.weights)
    assert one.scores["accuracy"] > 0.95
    ClusterModel(method, [one.clusters], {}).save(tmp_path)
    loaded = ClusterModel.load(tmp_path).assign(vectors, k=3)
    np.testing.assert_array_equal(loaded.clusters, one.assignment.clusters)
    np.testing.assert_array_equal(loaded.confidences, one.assignment.confidences)


def test_bad_input():
    vectors, _ = gaussians(SIZES, seed=1)
    ids = nearest(vectors)
    with pytest.raises(InputError, match="--k 1: one cluster has nothing to learn; ask for at least 2"):
        fit_fusc(vectors, ids, k=1, seed=0)
    with pytest.raises(InputError, match="--k 301: more clusters than the 300"):
        fit_fusc(vectors, ids, k=301, seed=0)
    with pytest.raises(InputError, match="neighbor_ids has 299 rows for 300 items"):
        fit_fusc(vectors, ids[1:], k=3, seed=0)
    with pytest.raises(InputError, match=r"neighbor_ids lie in .*, 300\]; they must be rows of the 300 items"):
        fit_fusc(vectors, np.where(ids == ids.max(), 300, ids), k=3, seed=0)
    with pytest.raises(InputError, match=r"embeddings are of \[299, 300\] items"):
        fit_turtle([vectors, vectors[1:]], k=3, seed=0)
    model = fit_turtle([vectors], k=3, settings=TurtleSettings(steps=1), seed=0)
    with pytest.raises(InputError, match="have 5 dimensions and the clusters were fitted on 24"):
        model.assign(vectors[:, :5])
    vectors[3, 3] = np.inf
    with pytest.raises(InputError, match="1 embeddings are not finite"):
        fit_fusc(vectors, ids, k=3, seed=0)
