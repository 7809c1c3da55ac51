"""VICReg: views agree, outputs vary over the batch, and no two outputs vary together.

    L = lambda s(z, z') + mu (v(z) + v(z')) / 2 + nu (c(z) + c(z'))

    s = mean over frames and outputs of (z - z')^2
    v = mean over outputs of max(0, 1 - sqrt(Var(z_j) + 1e-4))
    c = sum_{i != j} Cov(z)_ij^2 / d

Bardes, Ponce, LeCun 2022, "VICReg: Variance-Invariance-Covariance Regularization", equations 1 to 6, in the
form of the paper's code: the text sums s over outputs and does not halve v, but 25, 25, 1 were tuned with the
code. Constant outputs have a loss of 0.99 mu. Nothing is contrasted, so no frame has to be left out.
"""

from dataclasses import dataclass
from typing import final

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from sslecho.config import option
from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective, embed


def vicreg(
    first: Float[Tensor, "n d"],
    second: Float[Tensor, "n d"],
    *,
    invariance: float,
    variance: float,
    covariance: float,
) -> Float[Tensor, ""]:
    """L above. lightly's equals it, but picks by a mask what a GPU must be waited for.

    Args:
        first, second: outputs for two views of n frames.
        invariance, variance, covariance: lambda, mu, nu.
    """
    first, second = first.float(), second.float()
    vary = apart = first.new_zeros(())
    for z in (first, second):
        vary = vary + F.relu(1 - (z.var(0) + 1e-4).sqrt()).mean() / 2
        centered = z - z.mean(0)
        cov = centered.T @ centered / (len(z) - 1)
        apart = apart + (cov - cov.diagonal().diag()).square().sum() / z.shape[1]
    return invariance * F.mse_loss(first, second) + variance * vary + covariance * apart


@dataclass(frozen=True)
class VICRegSettings(MethodSettings):
    """The weights are the paper's (section 4.2); its projector is 8192 wide in all layers, made for ImageNet."""

    invariance: float = option(25.0, "lambda.", minimum=0.0)
    variance: float = option(25.0, "mu.", minimum=0.0)
    covariance: float = option(1.0, "nu.", minimum=0.0)
    hidden_dim: int = option(2048, "Width of the projector; the paper has 8192.", minimum=2)
    projection_dim: int = option(2048, "Number of outputs; the paper has 8192.", minimum=2)


@OBJECTIVES.add("vicreg")
@final
class VICReg(Objective):
    """A projector of three layers, and the loss between two views."""

    settings_class = VICRegSettings

    def __init__(self, encoder: Encoder, settings: VICRegSettings):
        super().__init__()
        mend_torchvision()
        from lightly.models.modules.heads import VICRegProjectionHead

        self.settings = settings
        self.head = VICRegProjectionHead(encoder.dim, settings.hidden_dim, settings.projection_dim)

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        return tuple(self.head(x) for x in embed(encoder, batch.views))

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        s = self.settings
        first, second = outputs
        return vicreg(first, second, invariance=s.invariance, variance=s.variance, covariance=s.covariance)

    def after_step(self, encoder: Encoder, now: Now) -> None:
        """Nothing follows."""

    def chance(self, n: int) -> float:
        """Constant outputs."""
        return 0.99 * self.settings.variance
