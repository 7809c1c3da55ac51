"""Recognize: a class for each window of a clip, by cross-entropy or by evidence; and how sure the network was where.

    ce       as `classify.py`, with its weights, adjusted logits and label smoothing; u = 1 - max_c softmax(o)_c
    re-edl   as `evidence.py`: o are evidence after a softplus; u = K lambda2 / sum_c alpha_c
    edl-mse, edl-log, edl-digamma   likewise, with a prior of 1 and a KL term that rises over the first 50 epochs

The bank has a confidence c of every segment of every clip that is learned from (STFM's selective sampling, EV9V):

    c = -.1 at first;   after a visit with uncertainty u   c <- 1 - u  the first time,   c <- .7 c + .3 (1 - u)  later.

Windows of one segment in the same batch are one visit, with the mean of their u: no order among them could be told.
"""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sslecho.config import option
from sslecho.models.video.video_network import VideoNetwork
from sslecho.objectives.classify import BALANCES, class_losses, hold_still
from sslecho.objectives.evidence import annealed, edl_digamma, edl_log, edl_mse, re_edl, uncertainty
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective

SENSOY = {"edl-mse": edl_mse, "edl-log": edl_log, "edl-digamma": edl_digamma}
LOSSES = ("ce", "re-edl", *SENSOY)
UNSEEN, KEPT = -0.1, 0.7


@dataclass(frozen=True)
class RecognizeSettings(MethodSettings):
    """The defaults leave plain cross-entropy; lambda1 and lambda2 are STFM's."""

    loss: str = option("ce", "What is lowered.", choices=LOSSES)
    balance: str = option("none", "With ce: how uneven classes are evened out in the loss.", choices=BALANCES)
    tau: float = option(1.0, "With ce: t, of logit.", minimum=0.0, maximum=5.0)
    label_smoothing: float = option(0.0, "With ce: e.", minimum=0.0, maximum=0.9)
    lambda1: float = option(1.0, "With re-edl: weight of the other classes' evidence.", minimum=0.0)
    lambda2: float = option(0.8, "With re-edl: prior of each class.", minimum=1e-3)

    @property
    def evidential(self) -> bool:
        """Whether the network's outputs are evidence."""
        return self.loss != "ce"

    @property
    def prior(self) -> float:
        """Of each class, where outputs are evidence."""
        return 1.0 if self.loss in SENSOY else self.lambda2


class Bank(nn.Module):
    """The confidence of every segment, now and when the epoch began: in every checkpoint, so that a resumed run draws
    and learns the same."""

    confidence: Tensor
    at_epoch: Tensor
    epoch: Tensor

    def __init__(self, n_segments: int):
        super().__init__()
        self.register_buffer("confidence", torch.full((n_segments,), UNSEEN))
        self.register_buffer("at_epoch", torch.full((n_segments,), UNSEEN))
        self.register_buffer("epoch", torch.tensor(-1))

    def begin(self, epoch: int) -> None:
        """What stands now is what this epoch's windows are drawn by; nothing changes where it has begun already."""
        if int(self.epoch) != epoch:
            self.at_epoch.copy_(self.confidence)
            self.epoch.fill_(epoch)

    def visit(self, segments: Int64[Tensor, " n"], u: Float[Tensor, " n"]) -> None:
        """Note how uncertain windows of some segments were."""
        known = torch.zeros_like(self.confidence).index_add_(0, segments, 1 - u.to(self.confidence.dtype))
        visits = torch.zeros_like(self.confidence).index_add_(0, segments, torch.ones_like(u, dtype=known.dtype))
        mean = known / visits.clamp(min=1)
        later = torch.where(self.confidence < 0, mean, KEPT * self.confidence + (1 - KEPT) * mean)
        self.confidence.copy_(torch.where(visits > 0, later, self.confidence))


@final
class Recognize(Objective):
    """A network of clips over one view of labeled windows.

    Args:
        network: that will be trained, or of which parts are: what needs no gradient stays as it is.
        counts: windows of each class that an epoch has.
        n_segments: that the bank keeps; 0 where none are selected.
    """

    settings_class = RecognizeSettings
    labels = "all"
    n_views = 1

    def __init__(
        self, network: VideoNetwork, settings: RecognizeSettings, *, counts: Float[Tensor, "c"], n_segments: int = 0
    ):
        super().__init__()
        self.settings, self._n_frames = settings, network.n_frames
        self.counts: Tensor
        self.register_buffer("counts", counts.float())
        self.bank = Bank(n_segments) if n_segments else None
        self._seen: tuple[Tensor, Tensor] | None = None

    def forward(self, encoder: VideoNetwork, batch: Batch) -> tuple[Tensor, ...]:
        hold_still(encoder)
        (view,) = batch.views
        return (encoder(view.unflatten(0, (-1, self._n_frames))),)

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        (logits,) = outputs
        if self.bank is not None and known.segments is not None:
            self._seen = known.segments, self.uncertainty(logits.detach().float())
        s = self.settings
        if s.loss == "re-edl":
            return re_edl(logits.float(), known.labels, lambda1=s.lambda1, lambda2=s.lambda2)
        if s.loss in SENSOY:
            return SENSOY[s.loss](logits.float(), known.labels, kl_weight=annealed(known.now.epoch))
        how = {"balance": s.balance, "tau": s.tau, "label_smoothing": s.label_smoothing}
        return class_losses(logits, known.labels, self.counts, **how).mean()

    def uncertainty(self, logits: Float[Tensor, "n c"]) -> Float[Tensor, " n"]:
        """u of each window, in (0, 1]."""
        if self.settings.evidential:
            return uncertainty(logits, lambda2=self.settings.prior)
        return 1 - logits.softmax(1).amax(1)

    @torch.no_grad()
    def after_step(self, encoder: VideoNetwork, now: Now) -> None:
        """Note how sure the network was."""
        if self.bank is not None and self._seen is not None:
            self.bank.visit(*self._seen)
            self._seen = None

    def chance(self, n: int) -> None:
        """It depends on the classes' shares."""
