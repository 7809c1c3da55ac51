"""SimCLR: two views of a frame attract, all other frames of the batch repel.

    l_i = -log  exp(z_i . z_i' / t) / sum_{a in A(i)} exp(z_i . z_a / t)

with z normalized to length 1, i' the other view of i, and A(i) all 2N views but i itself and but the other
frames of i's clip, which show the same view of the same patient and are no negatives. The loss is the mean
of l_i over all 2N views. Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual
Representations", equation 1; without two frames of one clip it is NT-Xent to the letter.

Of a large batch the 2N x 2N matrix is never whole in memory: see `in_rows`.
"""

import math
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from sslecho.config import option
from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective, embed

WHOLE = 2**24  # similarities that are held at once: 64 MiB, and as much again for each of what is made of them


def nt_xent(
    first: Float[Tensor, "n d"],
    second: Float[Tensor, "n d"],
    clips: Int64[Tensor, "n"],
    *,
    temperature: float,
    labels: Int64[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    """NT-Xent in which frames of one clip are never negatives of each other.

    Args:
        first, second: projections of two views of n frames; any length, they are normalized here.
        clips: which clip each frame is of; frames with equal numbers are not contrasted.
        temperature: t above, greater than 0.
        labels: classes, -1 where unknown; frames known to be of one class are not contrasted either.

    Returns:
        The mean over both views of all frames: ln(number of negatives + 1) when all similarities are equal.
    """
    n = len(first)
    z = F.normalize(torch.cat([first, second]).float(), dim=1)  # in bfloat16 near neighbors become equal
    clip = torch.cat([clips, clips])
    label = None if labels is None else torch.cat([labels, labels])
    if (2 * n) ** 2 > WHOLE:
        return in_rows(z, clip, label, temperature=temperature, rows=max(1, WHOLE // (2 * n)))
    logits, positive = _logits(z, clip, label, slice(0, 2 * n), temperature)
    return F.cross_entropy(logits, positive)


def in_rows(
    z: Float[Tensor, "m d"],
    clip: Int64[Tensor, "m"],
    label: Int64[Tensor, "m"] | None,
    *,
    temperature: float,
    rows: int,
) -> Float[Tensor, ""]:
    """The same loss, a few rows of the matrix at a time: memory grows with m, not with its square.

    Args:
        z: both views' projections, of length 1, one view after the other.
        clip, label: of both views.
        rows: how many are held at once.
    """
    return _InRows.apply(z, clip, label, temperature, rows)  # pyright: ignore[reportReturnType]


class _InRows(torch.autograd.Function):
    """While a few rows are there, their part of the gradient is made too, so that none is computed twice.

    With S = z z^T / t and G = (softmax(S) - one at the positive) / m, the loss's gradient is (G z + G^T z) / t.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, clip: Tensor, label: Tensor | None, temperature: float, rows: int) -> Tensor:
        m = len(z)
        loss, gradient = z.new_zeros(()), torch.zeros_like(z)
        for start in range(0, m, rows):
            some = slice(start, min(start + rows, m))
            logits, positive = _logits(z, clip, label, some, temperature)
            loss += F.cross_entropy(logits, positive, reduction="sum") / m
            g = logits.softmax(1)
            g[torch.arange(len(g), device=z.device), positive] -= 1
            g /= m * temperature
            gradient[some] += g @ z
            gradient += g.T @ z[some]
        ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        return upstream[0] * gradient, None, None, None, None


def _logits(z: Tensor, clip: Tensor, label: Tensor | None, some: slice, temperature: float) -> tuple[Tensor, Tensor]:
    """Some rows of the matrix, with -inf where nothing is contrasted, and the column of each row's positive."""
    at = torch.arange(len(z), device=z.device)
    positive = at.roll(len(z) // 2)[some]
    left_out = clip[some, None] == clip[None, :]
    if label is not None:
        left_out |= (label[some, None] == label[None, :]) & (label[some, None] >= 0)
    left_out[at[: len(positive)], positive] = False
    # Cross-entropy subtracts the maximum: exp(1 / t) alone overflows at t = 0.011 in float32.
    return (z[some] @ z.T / temperature).masked_fill(left_out, -math.inf), positive


@dataclass(frozen=True)
class SimCLRSettings(MethodSettings):
    """The paper's values where it has them: t from its table 5, the head from its section 4.2."""

    temperature: float = option(0.1, "t; the paper's best with 128 dimensions is 0.1.", minimum=1e-3)
    projection_dim: int = option(128, "Length of z.", minimum=2)


@OBJECTIVES.add("simclr")
@final
class SimCLR(Objective):
    """A projection head, and NT-Xent between two views."""

    settings_class = SimCLRSettings
    negatives = True

    def __init__(self, encoder: Encoder, settings: SimCLRSettings):
        super().__init__()
        mend_torchvision()
        from lightly.models.modules.heads import SimCLRProjectionHead

        self.settings = settings
        self.head = SimCLRProjectionHead(encoder.dim, encoder.dim, settings.projection_dim)

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        # Each view is projected on its own, as batch norm sees them in the paper's code.
        return tuple(self.head(x) for x in embed(encoder, batch.views))

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        first, second = outputs
        return nt_xent(first, second, known.clips, temperature=self.settings.temperature)

    def after_step(self, encoder: Encoder, now: Now) -> None:
        """Nothing follows."""

    def chance(self, n: int) -> float:
        """All similarities equal, no two frames of one clip."""
        return math.log(2 * n - 1)
