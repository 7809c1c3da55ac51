"""Classify: a class for each labeled frame, where classes are few and uneven.

With logits o of a frame of class y, C classes and n_c frames of class c among the N that are learned from:

    none      l = -log softmax(o)_y
    weights   l = w_y (-log softmax(o)_y),  w_c = N / (C n_c): all classes weigh the same over an epoch
    logit     l = -log softmax(o + t log(n / N))_y
    focal     any of these times (1 - softmax(.)_y)^gamma

"logit" is the logit-adjusted loss of Menon et al. 2021, "Long-tail learning via logit adjustment", equation 10; at
t = 1 it is balanced softmax (Ren et al. 2020, "Balanced meta-softmax", equation 4). The answers are those of o alone,
without the term. Focal: Lin et al. 2017, "Focal loss for dense object detection", equation 4. Label smoothing gives
e / C of the target to every class (Szegedy et al. 2016, section 7). Mixup (Zhang et al. 2018) shows
m x_i + (1 - m) x_j with the loss m l(y_i) + (1 - m) l(y_j), m ~ Beta(a, a) for each frame, and j another frame of the
batch.

The fourth way to balance, frames drawn so that classes come equally often, is a matter of batches: `data/balanced.py`.
It is no method of `pretrain`: what it makes are classes, and `finetune` is where they are chosen by, and scored on,
other patients.
"""

import copy
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from sslecho.config import option
from sslecho.models.ema import Ema
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective

BALANCES = ("none", "weights", "logit")


@dataclass(frozen=True)
class ClassifySettings(MethodSettings):
    """The defaults leave plain cross-entropy; t = 1 is Menon's, gamma = 2 is Lin's where focal loss is wanted."""

    balance: str = option("none", "How uneven classes are evened out in the loss.", choices=BALANCES)
    tau: float = option(1.0, "t, of logit.", minimum=0.0, maximum=5.0)
    gamma: float = option(0.0, "Of the focal loss; 0 is cross-entropy.", minimum=0.0, maximum=10.0)
    label_smoothing: float = option(0.0, "e.", minimum=0.0, maximum=0.9)
    mixup: float = option(0.0, "a of Beta(a, a); 0 mixes nothing.", minimum=0.0, maximum=10.0)
    ema: float = option(0.0, "Momentum of averaged weights, which are kept; 0: none.", minimum=0.0, maximum=0.99999)


def class_losses(
    logits: Float[Tensor, "n c"],
    labels: Int64[Tensor, "n"],
    counts: Float[Tensor, "c"],
    *,
    balance: str = "none",
    tau: float = 1.0,
    gamma: float = 0.0,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n"]:
    """The loss of each frame.

    Args:
        logits: o above.
        labels: the class of each, none of them unknown.
        counts: n above; a class without a frame has no weight, and no part in "logit".
        balance: one of `BALANCES`.
    """
    o = logits.float()
    has = counts > 0
    if balance == "logit":
        # Without a frame a class has no logarithm, and no part in the softmax or in what is smoothed.
        o, labels = (o + tau * (counts / counts.sum()).log())[:, has], (has.cumsum(0) - 1)[labels]
    smooth = F.cross_entropy(o, labels, reduction="none", label_smoothing=label_smoothing)
    if gamma > 0:
        smooth = smooth * (1 - o.softmax(1).gather(1, labels[:, None])[:, 0]) ** gamma
    if balance == "weights":
        weights = torch.where(has, counts.sum() / (has.sum() * counts.clamp(min=1)), 0.0)
        smooth = smooth * weights[labels]
    return smooth


@final
class Classify(Objective):
    """A linear head over one view of labeled frames.

    Args:
        encoder: that will be trained, or of which parts are: what needs no gradient stays as it is, its batch norms'
            statistics and dropout included.
        head: trained too; it belongs to this objective from now on.
        counts: frames of each class that are learned from.
    """

    settings_class = ClassifySettings
    labels = "all"
    n_views = 1

    def __init__(self, encoder: Encoder, settings: ClassifySettings, *, head: LinearHead, counts: Float[Tensor, "c"]):
        super().__init__()
        self.settings, self.head = settings, head
        self.counts: Tensor
        self.register_buffer("counts", counts.float())
        self.averaged = Ema(nn.ModuleList([encoder, head])) if settings.ema > 0 else None
        self._n_own = 0

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        hold_still(encoder)
        (view,) = batch.views
        self._n_own = len(view)
        share = torch.ones(len(view), device=view.device)
        if self.settings.mixup > 0:
            # torch's generator is seeded by the step and its frames: a resumed step mixes the same.
            a = torch.full((len(view),), self.settings.mixup)
            share = torch.distributions.Beta(a, a).sample().to(view.device, non_blocking=True)
            part = share[:, None, None, None]
            view = part * view + (1 - part) * view.flip(0)
        return self.head(encoder(view)), share

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        logits, share = outputs
        s = self.settings

        def losses(labels: Tensor) -> Tensor:
            return class_losses(
                logits,
                labels,
                self.counts,
                balance=s.balance,
                tau=s.tau,
                gamma=s.gamma,
                label_smoothing=s.label_smoothing,
            )

        if s.mixup == 0:
            return losses(known.labels).mean()
        # Each process mixed its own frames, which lie in turn in the joint batch.
        others = known.labels.view(self._n_own, -1).flip(0).flatten()
        return (share * losses(known.labels) + (1 - share) * losses(others)).mean()

    @torch.no_grad()
    def after_step(self, encoder: Encoder, now: Now) -> None:
        """Move the averaged weights on."""
        if self.averaged is not None:
            learned = nn.ModuleList([encoder, self.head])
            # Early weights are far off: the average follows the faster, the fewer steps it has seen.
            self.averaged.update(learned, min(self.settings.ema, (1 + now.step) / (10 + now.step)))
            for kept, buffer in zip(self.averaged.module.buffers(), learned.buffers(), strict=True):
                kept.copy_(buffer)

    def chance(self, n: int) -> None:
        """It depends on the classes' shares."""

    def fitted(self, encoder: Encoder) -> tuple[Encoder, LinearHead]:
        """What is to be kept: the averaged weights, where there are such."""
        if self.averaged is None:
            return encoder, self.head
        kept, head = self.averaged.module
        kept = copy.deepcopy(kept)
        return kept, copy.deepcopy(head)


def hold_still(encoder: nn.Module) -> None:
    """Put what is not trained into eval mode, whatever mode the network is in: a frozen part neither moves its batch
    norms' statistics nor drops anything."""
    for module in encoder.children():
        weights = list(module.parameters())
        if weights and not any(weight.requires_grad for weight in weights):
            module.eval()
        else:
            hold_still(module)
