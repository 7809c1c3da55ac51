"""TURTLE: the labeling of the items that linear classifiers of every encoder's embeddings learn best.

    min_theta  sum_r  CE(w_r z_r(x), tau(x))  -  lambda H(mean_x tau(x))
    where w_r = argmin_w  CE(w z_r(x), tau(x))      and      tau(x) = mean_r softmax(theta_r z_r(x))

with z_r(x) the embedding of item x by encoder r and CE the mean of - sum_c tau_c log softmax(w z)_c. Gadetsky, Jiang,
Brbic 2024, "Let Go of Your Labels with Unsupervised Transfer", ICML, section 3. Each step of theta is taken with the
classifiers of some steps of gradient descent that go on from those of the step before; how they depend on theta is left
out of its gradient (first order). The prior may take the entropy's place, as in `losses.py`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from sslecho.errors import InputError
from sslecho.progress import track
from sslecho.tasks.fusc.fit import nearest_center, warn_of_empty
from sslecho.tasks.fusc.losses import marginal_entropy, marginal_kl
from sslecho.tasks.fusc.model import Scale, SemanticModel, share_of_each
from sslecho.tasks.fusc.prior import estimate_prior
from sslecho.tasks.fusc.settings import TurtleSettings
from sslecho.tasks.kmeans import check_k

Linear = tuple[Tensor, Tensor]


def fit_turtle(
    vectors_per_encoder: Sequence[Float[np.ndarray, "_ _"]],
    *,
    k: int,
    settings: TurtleSettings | None = None,
    seed: int,
) -> SemanticModel:
    """Fit a labeling on the embeddings of one encoder or several; the same seed gives the same on the same machine.

    Args:
        vectors_per_encoder: embeddings of the same items, any length and dimension.

    Raises:
        InputError: k < 2 or more than the items, encoders with different items, or an embedding that is not finite.
    """
    settings = settings or TurtleSettings()
    counts = sorted({len(vectors) for vectors in vectors_per_encoder})
    if len(counts) != 1:
        raise InputError(f"the encoders' embeddings are of {counts} items; give each the same items, at least one")
    check_k(k, counts[0], split="train")
    if k < 2:
        raise InputError(f"--k {k}: one cluster has nothing to learn; ask for at least 2")
    generator = torch.Generator().manual_seed(seed)
    scales = [Scale.of(vectors) for vectors in vectors_per_encoder]
    spaces = [
        torch.from_numpy(scale.points(vectors)) for scale, vectors in zip(scales, vectors_per_encoder, strict=True)
    ]
    joint = torch.cat(spaces, dim=1).numpy()
    estimated = None if settings.prior == "uniform" else estimate_prior(joint, k=k, seed=seed)
    prior = None if estimated is None else torch.from_numpy(estimated.shares).float()
    start = [_linear(z.shape[1], k, generator) for z in spaces]
    if estimated is not None:
        # From a random start the rare classes of an uneven prior end in one cluster and the large one in two.
        ends = np.cumsum([z.shape[1] for z in spaces])[:-1]
        start = [_parameters(*nearest_center(part)) for part in np.split(estimated.centers, ends, axis=1)]
    labelers, classifiers = _train(start, spaces, k=k, prior=prior, settings=settings, generator=generator)
    with torch.no_grad():
        tau = labeling(labelers, spaces)
        loss = turtle_loss(tau, _log_classified(classifiers, spaces), lam=settings.lam, prior=prior)
    clusters = tau.argmax(-1).numpy()
    warn_of_empty(clusters, k, when="after TURTLE")
    return SemanticModel(
        torch.cat([weights.detach() for weights, _ in labelers]).numpy(),
        torch.stack([bias.detach() for _, bias in labelers]).numpy(),
        scales,
        share_of_each(np.full(k, 1 / k) if estimated is None else estimated.shares, clusters),
        np.array([float(loss)]),
    )


def labeling(labelers: Sequence[Linear], points: Sequence[Float[Tensor, "n _"]]) -> Float[Tensor, "n k"]:
    """tau above: the mean of the labelers' probabilities."""
    return torch.stack([_logits(one, z).softmax(-1) for one, z in zip(labelers, points, strict=True)]).mean(0)


def turtle_loss(
    tau: Float[Tensor, "n k"],
    log_classified: Sequence[Float[Tensor, "n k"]],
    *,
    lam: float,
    prior: Float[Tensor, " k"] | None = None,
) -> Float[Tensor, ""]:
    """The outer objective above.

    Args:
        tau: probabilities of the labeling.
        log_classified: log probabilities of each encoder's classifier.
        lam: lambda.
        prior: as of `fusc_loss`.
    """
    log_tau = tau.clamp(min=1e-12).log()
    spread = -marginal_entropy(log_tau) if prior is None else marginal_kl(log_tau, prior)
    return torch.stack([_cross_entropy(tau, log_q) for log_q in log_classified]).sum() + lam * spread


def _train(
    labelers: list[Linear],
    spaces: Sequence[Float[Tensor, "n _"]],
    *,
    k: int,
    prior: Float[Tensor, " k"] | None,
    settings: TurtleSettings,
    generator: torch.Generator,
) -> tuple[list[Linear], list[Linear]]:
    """The labelers, and the classifiers that they were taught by."""
    classifiers = [_linear(z.shape[1], k, generator) for z in spaces]
    outer = torch.optim.Adam([p for one in labelers for p in one], lr=settings.lr)
    inner = torch.optim.Adam([p for one in classifiers for p in one], lr=settings.lr)
    n = len(spaces[0])
    batch = min(settings.batch_size, n)
    with track(f"turtle, k = {k}", total=settings.steps, unit="steps") as bar:
        for _ in range(settings.steps):
            rows = torch.randint(n, (batch,), generator=generator)
            points = [z[rows] for z in spaces]
            tau = labeling(labelers, points)
            for _ in range(settings.inner_steps):
                told = [_cross_entropy(tau.detach(), p) for p in _log_classified(classifiers, points)]
                inner.zero_grad()
                torch.stack(told).sum().backward()
                inner.step()
            with torch.no_grad():
                log_classified = _log_classified(classifiers, points)
            loss = turtle_loss(tau, log_classified, lam=settings.lam, prior=prior)
            outer.zero_grad()
            loss.backward()
            outer.step()
            bar.advance(1, loss=f"{float(loss.detach()):.3f}")
    return labelers, classifiers


def _linear(dim: int, k: int, generator: torch.Generator) -> Linear:
    return _parameters(torch.randn(dim, k, generator=generator), torch.zeros(k))


def _parameters(weights: Float[Tensor, "d k"], bias: Float[Tensor, " k"]) -> Linear:
    return torch.nn.Parameter(weights), torch.nn.Parameter(bias)


def _logits(linear: Linear, points: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
    return F.linear(points, linear[0].T, linear[1])


def _log_classified(
    classifiers: Sequence[Linear], points: Sequence[Float[Tensor, "n _"]]
) -> list[Float[Tensor, "n k"]]:
    return [_logits(one, z).log_softmax(-1) for one, z in zip(classifiers, points, strict=True)]


def _cross_entropy(tau: Float[Tensor, "n k"], log_q: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    return -(tau * log_q).sum(-1).mean()
