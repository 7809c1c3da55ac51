"""What FUSC's loss does to classes of uneven size: linear heads on Gaussians that anything could tell apart.

One linear layer with its usual start, no self-labelling, three seeds: the published loss and nothing else. Equal
clusters cap purity at .903 on the sizes of FETAL_PLANES_DB, and lambda = 5 asks for equal clusters; k-means finds all
of these classes.
"""

import numpy as np
import pytest
import torch
from gaussians import BALANCED, FETAL_PLANES, SEVERE, gaussians, nearest

from sslecho.metrics.clustering import accuracy, contingency, purity
from sslecho.tasks.assignment import assign
from sslecho.tasks.fusc import fit
from sslecho.tasks.fusc.fit import fit_fusc
from sslecho.tasks.fusc.settings import FuscSettings
from sslecho.tasks.kmeans import fit_kmeans

SEEDS = range(3)
K = 5
SPREAD = 0.6


@pytest.fixture(autouse=True)
def linear_layer_start(monkeypatch):
    """Weights and biases of `nn.Linear`, as the paper's head has; ours are larger and collapse less."""

    def start(heads, d, k, generator):
        bound = d**-0.5
        return tuple(bound * (2 * torch.rand(heads, *shape, generator=generator) - 1) for shape in ((d, k), (k,)))

    monkeypatch.setattr(fit, "_random_start", start)


def fitted(sizes, *, lam, prior="uniform", heads=1):
    """Purity, accuracy and clusters in use of each seed."""
    settings = FuscSettings(lam=lam, prior=prior, heads=heads, steps=400, lr=0.015, self_label=False)
    found = []
    for seed in SEEDS:
        vectors, labels = gaussians(sizes, seed=seed, spread=SPREAD)
        clusters = fit_fusc(vectors, nearest(vectors), k=K, settings=settings, seed=seed).assign(vectors).clusters
        table = contingency(labels, clusters)
        found.append((purity(table), accuracy(table), len(np.unique(clusters))))
    return np.array(found).T


def equal_clusters_cap(sizes):
    """The purity of equal clusters at best: each class fills whole clusters first, then what is left is shared."""
    left, room = np.array(sizes, dtype=float), sum(sizes) / K
    pure = np.floor(left / room).sum() * room
    rest = np.sort(left % room)[::-1]
    return (pure + rest[: K - int(np.floor(left / room).sum())].sum()) / sum(sizes)


def test_the_cap_of_equal_clusters_is_that_of_the_paper():
    assert equal_clusters_cap((711, 3092, 1040, 1718, 1626)) == pytest.approx(0.903, abs=0.0005)
    assert equal_clusters_cap(FETAL_PLANES) == pytest.approx(0.903, abs=0.002)


@pytest.mark.parametrize("sizes", [BALANCED, FETAL_PLANES, SEVERE])
def test_without_the_entropy_clusters_collapse(sizes):
    pure, _, used = fitted(sizes, lam=0.0)
    assert (used < K).all()
    assert pure.max() < 0.95


@pytest.mark.parametrize("lam", [1.0, 5.0])
def test_equal_classes_are_found_with_any_lambda(lam):
    pure, right, used = fitted(BALANCED, lam=lam)
    assert pure.min() > 0.99
    assert right.min() > 0.99
    assert (used == K).all()


@pytest.mark.parametrize(("sizes", "published", "within"), [(FETAL_PLANES, 0.903, 0.03), (SEVERE, 0.880, 0.05)])
def test_lambda_5_caps_purity_on_uneven_sizes_and_k_means_does_not(sizes, published, within):
    pure, right, used = fitted(sizes, lam=5.0)
    assert pure == pytest.approx(published, abs=within)
    assert right.max() < 0.85
    assert (used == K).all()
    assert right.mean() < fitted(sizes, lam=1.0)[1].mean() - 0.1
    for seed in SEEDS:
        vectors, labels = gaussians(sizes, seed=seed, spread=SPREAD)
        clusters = assign(vectors, fit_kmeans(vectors, k=K, seed=seed), normalize=True).clusters
        assert purity(contingency(labels, clusters)) > 0.99


@pytest.mark.parametrize("sizes", [FETAL_PLANES, SEVERE])
def test_the_prior_removes_the_cap(sizes):
    pure, right, used = fitted(sizes, lam=5.0, prior="estimated")
    assert pure.min() > 0.98
    assert right.min() > 0.98
    assert (used == K).all()


def test_it_is_the_loss_that_decides_and_not_the_start(monkeypatch):
    """Both begin at the classes' own centers: the published loss leaves them, the prior's loss stays."""
    for seed in SEEDS:
        vectors, labels = gaussians(FETAL_PLANES, seed=seed, spread=SPREAD)
        points = fit.Scale.of(vectors).points(vectors)
        head = fit.nearest_center(np.stack([points[labels == c].mean(0) for c in range(K)]).astype(np.float32))
        begun = torch.from_numpy(points) @ head[0] + head[1]
        assert purity(contingency(labels, begun.argmax(1).numpy())) > 0.98
        monkeypatch.setattr(fit, "_random_start", lambda *_, head=head: tuple(part[None].clone() for part in head))
        monkeypatch.setattr(fit, "nearest_center", lambda _, head=head: head)
        for prior, low, high in (("uniform", 0.85, 0.95), ("estimated", 0.98, 1.0)):
            settings = FuscSettings(lam=5.0, prior=prior, heads=1, steps=400, lr=0.015, self_label=False)
            model = fit_fusc(vectors, nearest(vectors), k=K, settings=settings, seed=seed)
            assert low < purity(contingency(labels, model.assign(vectors).clusters)) <= high
        monkeypatch.undo()
