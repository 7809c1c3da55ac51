"""Barlow Twins: what the two views' outputs have in common is the identity matrix.

    C_ij = sum_b z_bi z'_bj / N,   each column of z and z' standardized over the batch
    L = sum_i (1 - C_ii)^2 + lambda sum_i sum_{j != i} C_ij^2

Zbontar et al. 2021, "Barlow Twins: Self-Supervised Learning via Redundancy Reduction", equations 1 and 2.
Standardizing adds 1e-5 to the variance, as batch norm in the paper's code: constant outputs have C = 0, hence a
loss of d, the number of outputs. Nothing is contrasted, so no frame has to be left out.
"""

from dataclasses import dataclass
from typing import final

from jaxtyping import Float
from torch import Tensor

from sslecho.config import option
from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective, embed


def barlow_twins(
    first: Float[Tensor, "n d"], second: Float[Tensor, "n d"], *, off_diagonal: float
) -> Float[Tensor, ""]:
    """L above.

    Args:
        first, second: outputs for two views of n frames.
        off_diagonal: lambda.
    """
    mend_torchvision()
    from lightly.loss import BarlowTwinsLoss

    return BarlowTwinsLoss(lambda_param=off_diagonal)(first.float(), second.float())


@dataclass(frozen=True)
class BarlowTwinsSettings(MethodSettings):
    """lambda is the paper's (section 3.1); its projector is 8192 wide in all layers, which is made for ImageNet."""

    off_diagonal: float = option(5e-3, "lambda.", minimum=0.0)
    hidden_dim: int = option(2048, "Width of the projector; the paper has 8192.", minimum=2)
    projection_dim: int = option(2048, "Number of outputs; the paper has 8192.", minimum=2)


@OBJECTIVES.add("barlowtwins")
@final
class BarlowTwins(Objective):
    """A projector of three layers, and the loss between two views."""

    settings_class = BarlowTwinsSettings

    def __init__(self, encoder: Encoder, settings: BarlowTwinsSettings):
        super().__init__()
        mend_torchvision()
        from lightly.models.modules.heads import BarlowTwinsProjectionHead

        self.settings = settings
        self.head = BarlowTwinsProjectionHead(encoder.dim, settings.hidden_dim, settings.projection_dim)

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        return tuple(self.head(x) for x in embed(encoder, batch.views))

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        first, second = outputs
        return barlow_twins(first, second, off_diagonal=self.settings.off_diagonal)

    def after_step(self, encoder: Encoder, now: Now) -> None:
        """Nothing follows."""

    def chance(self, n: int) -> float:
        """Views that have nothing in common (C = 0), which is also what constant outputs have."""
        return float(self.settings.projection_dim)
