"""Evidence: losses for a classifier that says how much it knows.

With logits o of an item of class y (one-hot), K classes and all sums over classes:

    e = softplus(o)                               evidence: 0 or more for each class
    alpha = e + l2,  S = sum alpha                of a Dirichlet distribution over class probabilities
    u = K l2 / S                                  uncertainty in (0, 1]: 1 where there is no evidence

    Re-EDL     L = sum_k (y_k - p_k)^2,  p_k = (e_k + l2) / (e_k + l1 (sum e - e_k) + l2 K)
    mse        L = sum_k (y_k - p_k)^2 + p_k (1 - p_k) / (S + 1) + t KL,  p = alpha / S
    log        L = sum_k y_k (log S - log alpha_k) + t KL
    digamma    L = sum_k y_k (psi(S) - psi(alpha_k)) + t KL

    KL = log Gamma(sum a) - log Gamma(K) - sum log Gamma(a_k) + sum (a_k - 1) (psi(a_k) - psi(sum a)),
         a = y + (1 - y) alpha                    from the uniform Dirichlet, of the evidence for wrong classes

The last three are Sensoy et al. 2018, "Evidential deep learning to quantify classification uncertainty", equations 5, 3
and 4, where l2 is 1, and t rises from 0 to 1 over 10 epochs; the published code of STFM has 50. Re-EDL is Chen et al.
2024, "Revisiting essential and nonessential settings of evidential deep learning": without the variance and KL; STFM
has l1 = 1, with which p = alpha / S, and l2 = 0.8. Where l1 is not 1 the p of all classes do not sum to 1.

It is no method of `pretrain`: these are losses of clip classifiers. What their windows make together, in NumPy, is
`metrics/aggregation.py`.
"""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from sslecho.errors import InputError

LAMBDA1, LAMBDA2 = 1.0, 0.8


def evidence(logits: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
    """e above, in float32 at least."""
    return F.softplus(logits.to(torch.promote_types(logits.dtype, torch.float32)))


def uncertainty(logits: Float[Tensor, "n c"], *, lambda2: float = LAMBDA2) -> Float[Tensor, "n"]:
    """u above; l2 is that of the loss that the network was trained with: 1 but for Re-EDL."""
    prior = lambda2 * logits.shape[1]
    return prior / (evidence(logits).sum(1) + prior)


def probabilities(
    logits: Float[Tensor, "n c"], *, lambda1: float = LAMBDA1, lambda2: float = LAMBDA2
) -> Float[Tensor, "n c"]:
    """p of Re-EDL; alpha / S at l1 = 1."""
    e = evidence(logits)
    others = e.sum(1, keepdim=True) - e
    return (e + lambda2) / (e + lambda1 * others + lambda2 * logits.shape[1])


def re_edl(
    logits: Float[Tensor, "n c"], labels: Int64[Tensor, "n"], *, lambda1: float = LAMBDA1, lambda2: float = LAMBDA2
) -> Float[Tensor, ""]:
    """The mean over items; between 0 and K.

    Args:
        labels: the class of each, none of them unknown.
        lambda1: weight of the evidence for other classes, 0 or more.
        lambda2: prior of each class, above 0.

    Raises:
        InputError: a weight or prior out of its range.
    """
    if not (lambda1 >= 0 and math.isfinite(lambda1)):
        raise InputError(f"lambda1 is {lambda1}; it must be 0 or more")
    if not (lambda2 > 0 and math.isfinite(lambda2)):
        raise InputError(f"lambda2 is {lambda2}; it must be above 0")
    p = probabilities(logits, lambda1=lambda1, lambda2=lambda2)
    return (one_hot(labels, p) - p).square().sum(1).mean()


def edl_mse(
    logits: Float[Tensor, "n c"], labels: Int64[Tensor, "n"], *, kl_weight: float | Tensor
) -> Float[Tensor, ""]:
    """The expected squared error under the Dirichlet, as a mean over items; `kl_weight` is t, see `annealed`."""
    alpha = evidence(logits) + 1
    total = alpha.sum(1, keepdim=True)
    p, y = alpha / total, one_hot(labels, alpha)
    losses = ((y - p).square() + p * (1 - p) / (total + 1)).sum(1)
    return (losses + kl_weight * wrong_evidence(alpha, y)).mean()


def edl_log(
    logits: Float[Tensor, "n c"], labels: Int64[Tensor, "n"], *, kl_weight: float | Tensor
) -> Float[Tensor, ""]:
    """The negative log of the expected probability, as a mean over items; `kl_weight` is t, see `annealed`."""
    alpha = evidence(logits) + 1
    y = one_hot(labels, alpha)
    losses = (y * (alpha.sum(1, keepdim=True).log() - alpha.log())).sum(1)
    return (losses + kl_weight * wrong_evidence(alpha, y)).mean()


def edl_digamma(
    logits: Float[Tensor, "n c"], labels: Int64[Tensor, "n"], *, kl_weight: float | Tensor
) -> Float[Tensor, ""]:
    """The expected cross-entropy, as a mean over items; `kl_weight` is t, see `annealed`."""
    alpha = evidence(logits) + 1
    y = one_hot(labels, alpha)
    losses = (y * (alpha.sum(1, keepdim=True).digamma() - alpha.digamma())).sum(1)
    return (losses + kl_weight * wrong_evidence(alpha, y)).mean()


def annealed(epoch: float, *, epochs: float = 50.0) -> float:
    """t above: from 0 to 1 over the first `epochs`, so that wrong evidence is not forbidden before there is any."""
    return min(1.0, epoch / epochs)


def wrong_evidence(alpha: Float[Tensor, "n c"], y: Float[Tensor, "n c"]) -> Float[Tensor, "n"]:
    """KL above."""
    a = y + (1 - y) * alpha
    total = a.sum(1)
    gammas = total.lgamma() - math.lgamma(alpha.shape[1]) - a.lgamma().sum(1)
    return gammas + ((a - 1) * (a.digamma() - total.digamma()[:, None])).sum(1)


def one_hot(labels: Int64[Tensor, "n"], like: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
    """y above, in the type of `like`."""
    return F.one_hot(labels, like.shape[1]).to(like.dtype)
