"""Grade: a number for each graded frame, as a regression or through ordered thresholds; and its view beside it.

With grades y from `low` to `high` in K = high - low steps, s = (y - low) / K, and an output o of the head:

    mse       L = mean (o - s)^2;                              the grade said is low + K o
    ordinal   L = mean over i and k of BCE(sigmoid(a_i + b_k), t_ik),  t_ik = clip(y_i - low - k, 0, 1), k = 0..K-1;
              the grade said is low + sum_k sigmoid(a + b_k)
    corn      L = - sum over i and k of [t_ik log f_ik + (t_i,k-1 - t_ik) log(1 - f_ik)], over sum of t_i,k-1;
              t_i,-1 = 1, f_ik = sigmoid(o_ik); the grade said is low + sum_k f_i0 f_i1 ... f_ik

"ordinal" is CORAL (Cao, Mirjalili & Raschka 2020, "Rank consistent ordinal regression for neural networks", equation
4): one a for all thresholds, so that P(y > k) falls with k. Their t is 0 or 1; a consensus between two whole grades
passes its last threshold in part. "corn" is CORN (Shi, Cao & Raschka 2021, "Deep neural networks for rank-consistent
ordinal regression based on conditional probabilities"): f_k is P(y > k | y > k - 1), learned from the frames that have
passed k - 1 alone. So every threshold has weights of its own, and P(y > k), a product, still falls with k; who passed
in part counts in part. All begin at the training grades' mean where the embedding is 0, so that no step goes into
finding it. With `views` the loss of the frame's class is added,

    L + lam * cross-entropy,

over frames that have one (CACTUS, arXiv 2503.05604, its multi-task arm; lambda is not published, 1 is ours).
"""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from sslecho.config import option
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.objectives.classify import hold_still
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective

LOSSES = ("mse", "ordinal", "corn")


@dataclass(frozen=True)
class GradeSettings(MethodSettings):
    """lam is ours."""

    loss: str = option("mse", "Regression, ordered thresholds, or conditional ones.", choices=LOSSES)
    lam: float = option(1.0, "Of the views' cross-entropy, where they are learned too.", minimum=0.0)


@final
class GradeHead(nn.Module):
    """One grade of an embedding; its `grades` reads the outputs.

    Args:
        dim: length of an embedding.
        scale: the lowest and the highest grade.
        loss: one of `LOSSES`.
        mean: the training grades' mean, where the outputs begin.
    """

    def __init__(self, dim: int, scale: tuple[int, int], *, loss: str, mean: float):
        super().__init__()
        self.dim, self.scale, self.kind = dim, scale, loss
        low, high = scale
        self.line = nn.Linear(dim, high - low if loss == "corn" else 1, bias=False)
        share = (mean - low) / (high - low)
        if loss == "mse":
            self.offsets = nn.Parameter(torch.tensor([share]))
        else:
            # Thresholds about the mean: sigmoid's sum over them is the mean grade for some shift, found by bisection.
            spread = torch.linspace(3.0, -3.0, high - low)
            shift = _shift_to(spread, mean - low)
            passed = (spread + shift).sigmoid()
            # "corn": the chance to pass a threshold of those who have passed the one before.
            begin = (passed / torch.cat([torch.ones(1), passed[:-1]])).logit() if loss == "corn" else spread + shift
            self.offsets = nn.Parameter(begin)

    def forward(self, embedded: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """One output with "mse", else one a threshold."""
        return self.line(embedded) + self.offsets

    def grades(self, outputs: Float[Tensor, "n k"]) -> Float[Tensor, "n"]:
        """The grades that outputs say, inside the scale."""
        low, high = self.scale
        if self.kind == "mse":
            return (low + (high - low) * outputs[:, 0]).clamp(low, high)
        passed = outputs.sigmoid()
        return low + (passed.cumprod(1) if self.kind == "corn" else passed).sum(1)


def grade_losses(
    outputs: Float[Tensor, "n k"],
    grades: Float[Tensor, "n"],
    *,
    scale: tuple[int, int],
    loss: str,
    counted: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "n"]:
    """The loss of each frame; L above is their mean over those that count.

    Args:
        outputs: of a `GradeHead` of the same scale and loss.
        grades: y above.
        counted: frames that are graded; by default all.
    """
    low, high = scale
    if loss == "mse":
        return (outputs[:, 0].float() - (grades - low) / (high - low)) ** 2
    steps = torch.arange(high - low, device=outputs.device)
    targets = (grades[:, None] - low - steps).clamp(0, 1)
    if loss == "corn":
        o = outputs.float()
        before = torch.cat([torch.ones_like(targets[:, :1]), targets[:, :-1]], dim=1)
        each = -(targets * F.logsigmoid(o) + (before - targets) * F.logsigmoid(-o)).sum(1)
        n = torch.ones_like(grades) if counted is None else counted.to(grades.dtype)
        return (each * n.sum() / (n * before.sum(1)).sum().clamp(min=1)).to(o.dtype)
    return F.binary_cross_entropy_with_logits(outputs.float(), targets, reduction="none").mean(1)


@final
class Grade(Objective):
    """A grade head, and a view head where views are learned too, over one view of frames.

    Args:
        encoder: see `Classify`.
        head: belongs to this objective from now on.
        views: the head of the multi-task arm, or None.
    """

    settings_class = GradeSettings
    labels = "some"
    n_views = 1

    def __init__(self, encoder: Encoder, settings: GradeSettings, *, head: GradeHead, views: LinearHead | None = None):
        super().__init__()
        self.settings, self.head, self.views = settings, head, views

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        hold_still(encoder)
        embedded = encoder(batch.views[0])
        return (self.head(embedded), *(() if self.views is None else (self.views(embedded),)))

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        assert known.grades is not None
        graded = known.grades.isfinite()
        each = grade_losses(
            outputs[0],
            known.grades.nan_to_num(self.head.scale[0]),
            scale=self.head.scale,
            loss=self.settings.loss,
            counted=graded,
        )
        total = _mean_of(each, graded)
        if self.views is not None:
            named = known.labels >= 0
            of_views = F.cross_entropy(outputs[1].float(), known.labels.clamp(min=0), reduction="none")
            total = total + self.settings.lam * _mean_of(of_views, named)
        return total

    def after_step(self, encoder: Encoder, now: Now) -> None:
        """Nothing follows."""

    def chance(self, n: int) -> None:
        """It depends on the grades' spread."""


def _mean_of(losses: Float[Tensor, "n"], counted: Bool[Tensor, "n"]) -> Float[Tensor, ""]:
    """The mean over some frames, 0 without any."""
    return losses.where(counted, 0.0).sum() / counted.sum().clamp(min=1)


def _shift_to(spread: Tensor, wanted: float) -> float:
    """The shift at which the sigmoids of the offsets sum to the wanted number, within what one can express."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if float((spread + middle).sigmoid().sum()) < wanted else (low, middle)
    return (low + high) / 2
