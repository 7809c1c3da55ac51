"""SimCLR: two views of a frame attract, all other frames of the batch repel.

    l_i = -log  exp(z_i . z_i' / t) / sum_{a in A(i)} exp(z_i . z_a / t)

with z normalized to length 1, i' the other view of i, and A(i) all 2N views but i itself and but the other
frames of i's clip, which show the same view of the same patient and are no negatives. The loss is the mean
of l_i over all 2N views. Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual
Representations", equation 1; without two frames of one clip it is NT-Xent to the letter.
"""

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from sslecho.config import option
from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective, embed


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
    logits = z @ z.T / temperature
    clip = torch.cat([clips, clips])
    positive = torch.arange(2 * n, device=z.device).roll(n)
    left_out = clip[:, None] == clip[None, :]
    if labels is not None:
        label = torch.cat([labels, labels])
        left_out |= (label[:, None] == label[None, :]) & (label >= 0)
    left_out[torch.arange(2 * n, device=z.device), positive] = False
    # Cross-entropy subtracts the maximum: exp(1 / t) alone overflows at t = 0.011 in float32.
    return F.cross_entropy(logits.masked_fill(left_out, -math.inf), positive)


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
