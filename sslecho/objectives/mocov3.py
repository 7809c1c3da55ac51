"""MoCo v3: find the slow copy's key of the other view among the keys of all other clips.

    l(q_i) = -2 t log  exp(q_i . k_i / t) / ( exp(q_i . k_i / t) + sum_{j in N(i)} exp(q_i . k_j / t) )
    L = mean over frames of l(q_1 against keys of view 2) + l(q_2 against keys of view 1)

with q = predictor(projector(encoder(view))), k the same without predictor, from an exponential moving average
of encoder and projector that gets no gradient, both normalized to length 1, and N(i) the frames of the batch
that are not of i's clip. Chen, Xie, He 2021, "An Empirical Study of Training Self-Supervised Vision
Transformers", equation 1 and algorithm 1, which has the factor 2 t. It has no queue, unlike MoCo v1 and v2.
"""

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from sslecho.config import option
from sslecho.models.ema import Ema, rising_momentum
from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective, embed


def info_nce(
    queries: Float[Tensor, "n d"], keys: Float[Tensor, "n d"], clips: Int64[Tensor, "n"], *, temperature: float
) -> Float[Tensor, ""]:
    """l above, averaged over the queries.

    Args:
        queries, keys: of two views of n frames; any length, they are normalized here. Keys get no gradient.
        clips: which clip each frame is of; frames with equal numbers are not contrasted.
        temperature: t above, greater than 0.

    Returns:
        2 t ln(1 + number of negatives) when all similarities are equal.
    """
    q, k = F.normalize(queries.float(), dim=1), F.normalize(keys.detach().float(), dim=1)
    own = torch.arange(len(q), device=q.device)
    left_out = clips[:, None] == clips[None, :]
    left_out[own, own] = False
    logits = (q @ k.T / temperature).masked_fill(left_out, -math.inf)
    return 2 * temperature * F.cross_entropy(logits, own)


@dataclass(frozen=True)
class MoCoV3Settings(MethodSettings):
    """The paper's values for ViT; its recipe for ResNet-50 has t = 1 and a projector of two layers."""

    temperature: float = option(0.2, "t; the paper's is 0.2 for ViT, 1.0 for ResNet-50.", minimum=1e-3)
    momentum: float = option(0.99, "Of the slow copy; it rises to 1.", minimum=0.0, maximum=1.0)
    hidden_dim: int = option(4096, "Width of projector and predictor.", minimum=2)
    projection_dim: int = option(256, "Length of q and k.", minimum=2)


@OBJECTIVES.add("mocov3")
@final
class MoCoV3(Objective):
    """Projector and predictor, and the slow copies of encoder and projector.

    The paper freezes the patch projection of a ViT for stability; here it is trained.
    """

    settings_class = MoCoV3Settings
    negatives = True

    def __init__(self, encoder: Encoder, settings: MoCoV3Settings):
        super().__init__()
        mend_torchvision()
        from lightly.models.modules.heads import MoCoProjectionHead

        self.settings = settings
        hidden, dim = settings.hidden_dim, settings.projection_dim
        # "The projection head is a 3-layer MLP. The prediction head is a 2-layer MLP. […] all layers in both MLPs
        # have BN" (section 4.1). lightly's last BN has weights, that of the paper's code has none.
        self.projector = MoCoProjectionHead(encoder.dim, hidden, dim, num_layers=3, batch_norm=True)
        self.predictor = MoCoProjectionHead(dim, hidden, dim, num_layers=2, batch_norm=True)
        self.slow_encoder, self.slow_projector = Ema(encoder), Ema(self.projector)

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        queries = [self.predictor(self.projector(x)) for x in embed(encoder, batch.views)]
        keys = [self.slow_projector(x) for x in embed(self.slow_encoder, batch.views)]
        return *queries, *keys

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        first, second, first_keys, second_keys = outputs
        t = self.settings.temperature
        return info_nce(first, second_keys, known.clips, temperature=t) + info_nce(
            second, first_keys, known.clips, temperature=t
        )

    def after_step(self, encoder: Encoder, now: Now) -> None:
        momentum = rising_momentum(self.settings.momentum, now.step / now.steps)
        self.slow_encoder.update(encoder, momentum)
        self.slow_projector.update(self.projector, momentum)

    def chance(self, n: int) -> float:
        """All similarities equal, no two frames of one clip."""
        return 4 * self.settings.temperature * math.log(n)
