"""A head on frozen embeddings learns from its own sure answers.

In rounds: all items are assigned, of each cluster the surest share is kept, and the head learns their clusters from
changed embeddings. The share grows, from a fifth to nine tenths. The third step of FUSC, where only items above a
fixed 0.99 are kept. The strong view of an embedding is the embedding with a fifth of its numbers left out.
"""

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional as F

from sslecho.tasks.fusc.losses import confident, self_label_loss

FIRST_SHARE, LAST_SHARE = 0.2, 0.9
ROUNDS = 10
DROPOUT = 0.2


def growing_share(done: float) -> float:
    """The share of each cluster that is kept, when this part of the training is done."""
    return FIRST_SHARE + (LAST_SHARE - FIRST_SHARE) * min(1.0, done)


def learn_from_itself(
    weights: Float[Tensor, "d k"],
    bias: Float[Tensor, " k"],
    points: Float32[np.ndarray, "n d"],
    *,
    shares: Float[Tensor, " k"] | None,
    steps: int,
    batch_size: int,
    lr: float,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "d k"], Float[Tensor, " k"], int]:
    """The head after `ROUNDS` rounds.

    Args:
        weights, bias: the head to begin with; it is left as it is.
        points: embeddings of the training items, as the head sees them.
        shares: as of `self_label_loss`.
        steps: in all rounds together, at least one a round.

    Returns:
        Weights, bias, and how many rounds had no sure item and were skipped.
    """
    x = torch.from_numpy(points)
    weights, bias = (torch.nn.Parameter(start.clone()) for start in (weights, bias))
    optimizer = torch.optim.Adam([weights, bias], lr=lr)
    skipped = 0
    for number in range(ROUNDS):
        with torch.no_grad():
            log_p = (x @ weights + bias).log_softmax(-1)
        kept = confident(log_p, share=growing_share(number / (ROUNDS - 1)))
        sure = torch.nonzero(kept).flatten()
        if not len(sure):
            skipped += 1
            continue
        clusters = log_p.argmax(-1)
        for _ in range(max(1, steps // ROUNDS)):
            rows = sure[torch.randint(len(sure), (batch_size,), generator=generator)]
            dropped = torch.rand(len(rows), x.shape[1], generator=generator) < DROPOUT
            strong = x[rows].masked_fill(dropped, 0) / (1 - DROPOUT)
            everyone = torch.ones(len(rows), dtype=torch.bool)
            loss = self_label_loss(F.linear(strong, weights.T, bias), clusters[rows], everyone, shares=shares)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return weights.detach(), bias.detach(), skipped
