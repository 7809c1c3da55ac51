"""SwAV: tell from one view which prototypes the other view was assigned to.

    p_v = softmax(z_v . c_k / t over the K prototypes c)
    q_v = rows of Q* = argmax_Q  Tr(Q^T C Z_v) + epsilon H(Q),   each prototype given to N / K frames
    L   = mean over whole views v, and over all other views w, of  -sum_k q_vk log p_wk

with z and c of length 1 and q without gradient, from three rounds of Sinkhorn-Knopp over the batch and, once it
is full, over a queue of earlier outputs. Caron et al. 2020, "Unsupervised Learning of Visual Features by
Contrasting Cluster Assignments", equations 2 to 5, sections 3.2 (multi-crop) and A.1. Frames are not contrasted with
each other, so none has to be left out; but frames of one clip share a prototype's quota like any others.

Outputs that are all alike are assigned evenly: their loss is at least ln K.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from sslecho.config import option
from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, LocalViews, MethodSettings, Now, Objective, embed, held


def swav_loss(
    whole: Sequence[Float[Tensor, "n k"]],
    local: Sequence[Float[Tensor, "n k"]],
    queued: Sequence[Float[Tensor, "m k"]] | None = None,
    *,
    temperature: float,
    epsilon: float,
) -> Float[Tensor, ""]:
    """L above.

    Args:
        whole, local: z . c of the whole and of the local views.
        queued: the same of earlier frames, for each whole view; they take part in the assignment alone.
        temperature: t.
        epsilon: how soft assignments are; below 0.03, exp(1 / epsilon) leaves float32.
    """
    mend_torchvision()
    from lightly.loss import SwaVLoss

    loss = SwaVLoss(temperature=temperature, sinkhorn_epsilon=epsilon)
    return loss(list(whole), list(local), None if queued is None else list(queued)).squeeze()


@dataclass(frozen=True)
class SwAVSettings(MethodSettings):
    """t, epsilon, head and the held first epoch are the paper's (section A.1).

    Prototypes, queue and local views are ours: the paper has 3,000 prototypes for 1,000 classes, a queue of 3,840
    frames from epoch 15 on for batches of 256, and 6 local views of 0.05 to 0.14 of the picture.
    """

    temperature: float = option(0.1, "t.", minimum=1e-3)
    epsilon: float = option(0.05, "Softness of assignments.", minimum=0.03)
    prototypes: int = option(128, "K; the paper has 3000.", minimum=2)
    hold_epochs: float = option(1.0, "Epochs until prototypes are trained.", minimum=0.0)
    queue: int = option(1024, "Earlier frames in the assignment; the paper has 3840.", minimum=0)
    queue_from_epoch: float = option(15.0, "When the queue joins in.", minimum=0.0)
    hidden_dim: int = option(2048, "Width of the head.", minimum=2)
    projection_dim: int = option(128, "Length of z.", minimum=2)
    local_views: int = option(4, "Small crops a frame; the paper has 6.", minimum=0)
    local_size: float = option(0.43, "Their side; the paper has 96 of 224 pixels.", minimum=0.1, maximum=1.0)
    local_min_area: float = option(0.15, "Their least share of the picture; the paper has 0.05.", minimum=0.01)
    local_max_area: float = option(0.5, "Their largest share; the paper has 0.14.", minimum=0.01, maximum=1.0)


@OBJECTIVES.add("swav")
@final
class SwAV(Objective):
    """A projection head, prototypes and a queue."""

    settings_class = SwAVSettings
    queue: Tensor

    def __init__(self, encoder: Encoder, settings: SwAVSettings):
        super().__init__()
        mend_torchvision()
        from lightly.models.modules.heads import SwaVProjectionHead

        s = self.settings = settings
        self.local = LocalViews(s.local_views, s.local_size, s.local_min_area, s.local_max_area)
        self.head = SwaVProjectionHead(encoder.dim, s.hidden_dim, s.projection_dim)
        # lightly's prototypes have a bias; the paper's are vectors of length 1.
        self.prototypes = nn.Parameter(F.normalize(torch.randn(s.prototypes, s.projection_dim), dim=1))
        self.register_buffer("queue", torch.zeros(self.n_views, s.queue, s.projection_dim))
        self._latest: Tensor | None = None

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        return tuple(F.normalize(self.head(x).float(), dim=1) for x in embed(encoder, batch.views))

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        s, whole = self.settings, outputs[: self.n_views]
        prototypes = held(self.prototypes, known.now.epoch < s.hold_epochs)
        scores = [z @ prototypes.T for z in outputs]
        self._latest = torch.stack(whole).detach()
        queued = None
        full = known.now.step * len(whole[0]) >= s.queue > 0
        if full and known.now.epoch >= s.queue_from_epoch:
            queued = [earlier @ prototypes.T for earlier in self.queue]
        return swav_loss(
            scores[: self.n_views],
            scores[self.n_views :],
            queued,
            temperature=s.temperature,
            epsilon=s.epsilon,
        )

    @torch.no_grad()
    def after_step(self, encoder: Encoder, now: Now) -> None:
        self.prototypes.copy_(F.normalize(self.prototypes, dim=1))
        if self._latest is not None and self.settings.queue:
            self.queue.copy_(torch.cat([self._latest, self.queue], dim=1)[:, : self.settings.queue])

    def chance(self, n: int) -> float:
        """Even assignments told evenly."""
        return math.log(self.settings.prototypes)
