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
from torch import Tensor, nn
from torch.nn import functional as F

from sslecho.errors import SettingsError
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives import OBJECTIVES


def nt_xent(
    first: Float[Tensor, "n d"], second: Float[Tensor, "n d"], clips: Int64[Tensor, "n"], *, temperature: float
) -> Float[Tensor, ""]:
    """NT-Xent in which frames of one clip are never negatives of each other.

    Args:
        first, second: projections of two views of n frames; any length, they are normalized here.
        clips: which clip each frame is of; frames with equal numbers are not contrasted.
        temperature: t above, greater than 0.

    Returns:
        The mean over both views of all frames: ln(number of negatives + 1) when all similarities are equal.
    """
    n = len(first)
    z = F.normalize(torch.cat([first, second]).float(), dim=1)  # in bfloat16 near neighbors become equal
    logits = z @ z.T / temperature
    clip = torch.cat([clips, clips])
    positive = torch.arange(2 * n, device=z.device).roll(n)
    left_out = clip[:, None] == clip[None, :]
    left_out[torch.arange(2 * n, device=z.device), positive] = False
    # Cross-entropy subtracts the maximum: exp(1 / t) alone overflows at t = 0.011 in float32.
    return F.cross_entropy(logits.masked_fill(left_out, -math.inf), positive)


@dataclass(frozen=True)
class SimCLRSettings:
    """The paper's values where it has them: t from its table 5, the head from its section 4.2.

    Attributes:
        temperature: t; the paper's best with a 128-dimensional projection is 0.1.
        projection_dim: length of z.
    """

    temperature: float = 0.1
    projection_dim: int = 128

    def __post_init__(self) -> None:
        if not self.temperature > 0:  # `not >`, so that NaN is refused too
            raise SettingsError([f"temperature is {self.temperature}; it must be greater than 0, for example 0.1"])


@OBJECTIVES.add("simclr")
@final
class SimCLR(nn.Module):
    """Projection head and loss; the encoder is given at each step and belongs to the caller.

    Args:
        dim: length of an embedding.
        settings: temperature and size of the projection.
    """

    settings_class = SimCLRSettings

    def __init__(self, dim: int, settings: SimCLRSettings):
        super().__init__()
        mend_torchvision()
        from lightly.models.modules.heads import SimCLRProjectionHead

        self.settings = settings
        self.head = SimCLRProjectionHead(dim, dim, settings.projection_dim)

    def forward(
        self, first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]
    ) -> tuple[Float[Tensor, "n p"], Float[Tensor, "n p"]]:
        """Project the embeddings of both views, each on its own, as batch norm sees them in the paper's code."""
        return self.head(first), self.head(second)

    def loss(
        self, first: Float[Tensor, "n p"], second: Float[Tensor, "n p"], clips: Int64[Tensor, "n"]
    ) -> Float[Tensor, ""]:
        """The loss of a batch of projections (of all processes, where there are several)."""
        return nt_xent(first, second, clips, temperature=self.settings.temperature)
