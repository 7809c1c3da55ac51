"""The losses of FUSC: an item and its neighbor share a cluster; clusters have the sizes of a prior; sure answers teach.

    L = - mean_i log <p_i, q_i>  -  lambda H(mean_i p_i),        H(p) = - sum_c p_c log p_c

with p_i the probabilities of item i and q_i those of one of its nearest neighbors. Van Gansbeke et al. 2020, "SCAN:
Learning to Classify Images without Labels", equation 2; FUSC (arXiv 2310.12600) has the same. The entropy asks for
clusters of equal size: it is log k - KL(mean p || uniform). On an archive with rare views they are then cut and mixed,
so a prior with other sizes may stand in the uniform one's place:

    L = - mean_i log <p_i, q_i>  +  lambda min_s KL(mean_i p_i || pi_s(1) ... pi_s(k))

over all orders s of the prior's sizes pi, since which cluster is the large one is for the items to say. The best order
is that of the clusters themselves (rearrangement inequality). That unequal sizes should be a prior is the idea of
PET-TURTLE (Salazar Cavazos 2026, IEEE Signal Processing Letters 33), whose prior is a power law.
"""

import math

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn import functional as F


def consistency(log_p: Float[Tensor, "*heads n k"], log_q: Float[Tensor, "*heads n k"]) -> Float[Tensor, "*heads"]:
    """- mean_i log <p_i, q_i>: 0 where both are sure of one cluster.

    Args:
        log_p, log_q: log probabilities of items and of one neighbor each.
    """
    return -torch.logsumexp(log_p + log_q, dim=-1).mean(-1)


def marginal_entropy(log_p: Float[Tensor, "*heads n k"]) -> Float[Tensor, "*heads"]:
    """H(mean_i p_i), in nats: log k where clusters are equally large."""
    log_mean = _log_mean(log_p)
    return -(log_mean.exp() * log_mean).sum(-1)


def marginal_kl(log_p: Float[Tensor, "*heads n k"], prior: Float[Tensor, " k"]) -> Float[Tensor, "*heads"]:
    """The least KL(mean_i p_i || prior) over all orders of the prior's shares: 0 where clusters have these sizes.

    Args:
        prior: the clusters' shares in any order, all above 0.
    """
    log_mean = _log_mean(log_p).sort(dim=-1, descending=True).values
    return (log_mean.exp() * (log_mean - prior.sort(descending=True).values.log())).sum(-1)


def fusc_loss(
    log_p: Float[Tensor, "*heads n k"],
    log_q: Float[Tensor, "*heads n k"],
    *,
    lam: float,
    prior: Float[Tensor, " k"] | None = None,
) -> Float[Tensor, "*heads"]:
    """L above.

    Args:
        log_p, log_q: as of `consistency`.
        lam: lambda.
        prior: as of `marginal_kl`; None for the entropy, as published.
    """
    spread = -marginal_entropy(log_p) if prior is None else marginal_kl(log_p, prior)
    return consistency(log_p, log_q) + lam * spread


def confident(log_p: Float[Tensor, "n k"], *, share: float) -> Bool[Tensor, " n"]:
    """The share of each cluster's items that is surest, rounded up; nobody whose cluster is not likelier than the rest.

    A share, since no fixed threshold fits: on one archive nobody is 99 % sure, on another all are.

    Args:
        log_p: log probabilities.
        share: 0 to 1.
    """
    sure, cluster = log_p.max(dim=-1)
    kept = torch.zeros_like(cluster, dtype=torch.bool)
    for number in range(log_p.shape[-1]):
        members = torch.nonzero(cluster == number).flatten()
        kept[members[sure[members].topk(math.ceil(share * len(members))).indices]] = True
    return kept & (sure > math.log(0.5))


def self_label_loss(
    logits: Float[Tensor, "n k"],
    clusters: Int64[Tensor, " n"],
    kept: Bool[Tensor, " n"],
    *,
    shares: Float[Tensor, " k"] | None = None,
) -> Float[Tensor, ""]:
    """Cross-entropy of the kept items' strong views with the clusters of their weak views, each cluster weighed.

        L = sum_i w_c(i) l_i / sum_i w_c(i),      w_c = shares_c / (cluster c's share of the kept)

    With equal shares this is the published class-balanced loss. Nothing kept is a loss of 0, with a gradient of 0.

    Args:
        logits: of the strong views.
        clusters: of the weak views.
        kept: whose weak view is sure.
        shares: what each cluster should weigh; None weighs all clusters that are there alike.
    """
    if not bool(kept.any()):
        return 0 * logits.sum()
    counts = torch.bincount(clusters[kept], minlength=logits.shape[-1])
    wanted = torch.ones_like(logits[0]) if shares is None else shares.to(logits.dtype)
    weights = torch.where(counts > 0, wanted / counts.clamp(min=1), 0)
    return F.cross_entropy(logits[kept], clusters[kept], weight=weights)


def _log_mean(log_p: Float[Tensor, "*heads n k"]) -> Float[Tensor, "*heads k"]:
    return torch.logsumexp(log_p, dim=-2) - math.log(log_p.shape[-2])
