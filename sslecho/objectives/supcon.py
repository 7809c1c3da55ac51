"""SupCon: frames of one class attract, those of other classes repel.

    s_ij  = exp(z_i . z_j / t) / sum_{a in A(i)} exp(z_i . z_a / t)
    L_out = mean over i of  -(1 / |P(i)|) sum_{p in P(i)} log s_ip
    L_in  = mean over i of  -log( (1 / |P(i)|) sum_{p in P(i)} s_ip )

over all 2N views i of labeled frames. P(i) holds the views of i's class but i itself, so i's own other view at
least; A(i) holds P(i) and the views of other classes that are not of i's clip: frames of one clip are never
negatives, whatever their labels. Unlabeled frames are in neither. Khosla et al. 2020, "Supervised Contrastive
Learning", equations 2 (out, which they recommend) and 3 (in). L_in <= L_out by Jensen's inequality.

Chartsias et al. 2021, "Contrastive learning for view classification of echocardiograms", use L_in with t = 1000 on
the outputs of one linear layer of 128 with ReLU, which they don't say to normalize: `CHARTSIAS`. At that t
normalized outputs hardly get a gradient; not normalized, their lengths grow until they do.
"""

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from sslecho.config import option
from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective, embed

FORMS = ("out", "in")


def supcon(
    first: Float[Tensor, "n d"],
    second: Float[Tensor, "n d"],
    clips: Int64[Tensor, "n"],
    labels: Int64[Tensor, "n"],
    *,
    temperature: float,
    form: str = "out",
    normalize: bool = True,
    clip_positives: bool = True,
) -> Float[Tensor, ""]:
    """L_out or L_in.

    Args:
        first, second: projections of two views of n frames.
        clips: which clip each frame is of.
        labels: its class, -1 where unknown: such frames are left out.
        temperature: t above, greater than 0.
        form: one of `FORMS`.
        normalize: whether projections are scaled to length 1.
        clip_positives: whether other frames of the clip are positives where they share the label; else they
            are left out like those that don't.

    Returns:
        The mean over labeled views, 0 without any; ln |A(i)| when all similarities are equal.
    """
    n = len(first)
    z = torch.cat([first, second]).float()
    if normalize:
        z = F.normalize(z, dim=1)
    clip, label = torch.cat([clips, clips]), torch.cat([labels, labels])
    known = label >= 0
    itself = torch.eye(2 * n, dtype=torch.bool, device=z.device)
    own = itself.roll(n, dims=1)
    same_clip = clip[:, None] == clip[None, :]
    positive = (label[:, None] == label[None, :]) & ~itself & known
    if not clip_positives:
        positive &= ~same_clip | own
    candidate = known & ~itself & (positive | ~same_clip)
    # Rows of unlabeled views are dropped below; until then they need something finite.
    positive |= own & ~known[:, None]
    candidate |= positive
    logits = (z @ z.T / temperature).masked_fill(~candidate, -math.inf)
    log_share = logits - logits.logsumexp(1, keepdim=True)
    count = positive.sum(1)
    if form == "out":
        losses = -log_share.masked_fill(~positive, 0.0).sum(1) / count
    else:
        losses = count.log() - log_share.masked_fill(~positive, -math.inf).logsumexp(1)
    return losses.where(known, 0.0).sum() / known.sum().clamp(min=1)


@dataclass(frozen=True)
class SupConSettings(MethodSettings):
    """t = 0.1 and L_out are Khosla's (sections 3.2 and 4); the head is SimCLR's, like theirs a layer and an output."""

    temperature: float = option(0.1, "t.", minimum=1e-3)
    form: str = option("out", "Mean of logarithms (out) or logarithm of the mean (in).", choices=FORMS)
    normalize: bool = option(True, "Scale projections to length 1.")
    head: str = option("mlp", "Two layers, or one with ReLU.", choices=("mlp", "relu"))
    projection_dim: int = option(128, "Length of z.", minimum=2)
    clip_positives: bool = option(True, "Other frames of the clip with the same label are positives; else left out.")


CHARTSIAS = SupConSettings(temperature=1000.0, form="in", normalize=False, head="relu")


@OBJECTIVES.add("supcon")
@final
class SupCon(Objective):
    """A projection head, and SupCon over two views of labeled frames."""

    settings_class = SupConSettings
    labels = "all"
    negatives = True

    def __init__(self, encoder: Encoder, settings: SupConSettings):
        super().__init__()
        mend_torchvision()
        from lightly.models.modules.heads import SimCLRProjectionHead

        self.settings = settings
        if settings.head == "relu":
            self.head: nn.Module = nn.Sequential(nn.Linear(encoder.dim, settings.projection_dim), nn.ReLU())
        else:
            self.head = SimCLRProjectionHead(encoder.dim, encoder.dim, settings.projection_dim)

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        return tuple(self.head(x) for x in embed(encoder, batch.views))

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        s = self.settings
        first, second = outputs
        return supcon(
            first,
            second,
            known.clips,
            known.labels,
            temperature=s.temperature,
            form=s.form,
            normalize=s.normalize,
            clip_positives=s.clip_positives,
        )

    def after_step(self, encoder: Encoder, now: Now) -> None:
        """Nothing follows."""

    def chance(self, n: int) -> float:
        """All similarities equal, no two frames of one clip with different labels."""
        return math.log(2 * n - 1)
