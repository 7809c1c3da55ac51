"""BYOL: predict what a slow copy of the network makes of the other view; nothing repels.

    l(q, z') = || q / |q| - z' / |z'| ||^2 = 2 - 2 cos(q, z')
    L = mean over frames of l(q_1, z'_2) + l(q_2, z'_1)

with q = predictor(projector(encoder(view))) and z' the same without predictor, from an exponential moving
average of encoder and projector that gets no gradient. Grill et al. 2020, "Bootstrap your own latent", equation 2.
Constant outputs have loss 0, the lowest there is: a collapse shows in the effective rank, never in the loss.
"""

from dataclasses import dataclass
from typing import final

from jaxtyping import Float
from torch import Tensor

from sslecho.config import option
from sslecho.models.ema import Ema, rising_momentum
from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective, embed


def byol_loss(predicted: Float[Tensor, "n d"], target: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """Mean squared distance of directions: 0 where they agree, 2 where they are unrelated, 4 where opposite.

    Args:
        predicted: q of one view.
        target: z' of the other; it gets no gradient.
    """
    mend_torchvision()
    from lightly.loss import NegativeCosineSimilarity

    return 2 + 2 * NegativeCosineSimilarity()(predicted.float(), target.detach().float())


@dataclass(frozen=True)
class BYOLSettings(MethodSettings):
    """The paper's values: its section 3.3."""

    momentum: float = option(0.996, "Of the slow copy; it rises to 1.", minimum=0.0, maximum=1.0)
    hidden_dim: int = option(4096, "Width of projector and predictor.", minimum=2)
    projection_dim: int = option(256, "Length of q and z'.", minimum=2)


@OBJECTIVES.add("byol")
@final
class BYOL(Objective):
    """Projector and predictor, and the slow copies of encoder and projector."""

    settings_class = BYOLSettings

    def __init__(self, encoder: Encoder, settings: BYOLSettings):
        super().__init__()
        mend_torchvision()
        from lightly.models.modules.heads import BYOLPredictionHead, BYOLProjectionHead

        self.settings = settings
        self.projector = BYOLProjectionHead(encoder.dim, settings.hidden_dim, settings.projection_dim)
        self.predictor = BYOLPredictionHead(settings.projection_dim, settings.hidden_dim, settings.projection_dim)
        self.slow_encoder, self.slow_projector = Ema(encoder), Ema(self.projector)

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        predicted = [self.predictor(self.projector(x)) for x in embed(encoder, batch.views)]
        target = [self.slow_projector(x) for x in embed(self.slow_encoder, batch.views)]
        return *predicted, *target

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        first, second, first_target, second_target = outputs
        return byol_loss(first, second_target) + byol_loss(second, first_target)

    def after_step(self, encoder: Encoder, now: Now) -> None:
        momentum = rising_momentum(self.settings.momentum, now.step / now.steps)
        self.slow_encoder.update(encoder, momentum)
        self.slow_projector.update(self.projector, momentum)

    def chance(self, n: int) -> float:
        """Predictions unrelated to their targets, in both directions."""
        return 4.0
