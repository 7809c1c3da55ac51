"""DINO: say of a small crop what a slow copy of the network says of the whole view; nothing repels.

    p_t = softmax((g_t - c) / t_t),   p_s = softmax(g_s / t_s)
    L   = mean over whole views v, and over all other views w, of  -sum_k p_t(v)_k log p_s(w)_k
    c  <- m c + (1 - m) mean over the batch of g_t

with g the K outputs of encoder and head, of the trained network (s) for all views and of its exponential moving
average (t) for whole views, without gradient. Caron et al. 2021, "Emerging Properties in Self-Supervised Vision
Transformers", equations 1, 3 and 4 and algorithm 1. The center c keeps one output from winning everywhere, the low
t_t keeps all from being equal. Outputs that are all equal have a loss of ln K, and those of a collapse at least that,
once the center has come to them.
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
from sslecho.models.ema import Ema, rising_momentum
from sslecho.models.encoder import Encoder
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, LocalViews, MethodSettings, Now, Objective, embed, held


def dino_loss(
    student: Sequence[Float[Tensor, "n k"]],
    teacher: Sequence[Float[Tensor, "n k"]],
    center: Float[Tensor, "k"],
    *,
    temperature: float,
    teacher_temperature: float,
) -> Float[Tensor, ""]:
    """L above. lightly's equals it, but moves its center while the loss is computed.

    Args:
        student: g_s of all views, the whole ones first.
        teacher: g_t of the whole views.
        center: c.
        temperature, teacher_temperature: t_s and t_t.
    """
    log_told = [F.log_softmax(g.float() / temperature, dim=1) for g in student]
    targets = [F.softmax((g.detach().float() - center) / teacher_temperature, dim=1) for g in teacher]
    terms = [-(p * log_q).sum(1).mean() for v, p in enumerate(targets) for w, log_q in enumerate(log_told) if v != w]
    return torch.stack(terms).mean()


@dataclass(frozen=True)
class DINOSettings(MethodSettings):
    """Temperatures, momenta, head and the held first epoch are the paper's (section 3 and its appendix).

    The number of outputs and the local views are ours: the paper has 65,536 outputs for ImageNet, and 8 local views
    of 0.05 to 0.25 of the picture beside whole ones of at least 0.25. Its code clips the gradient of each weight
    to a length of 3; `--clip-grad` clips that of all weights together, and is off by default.
    """

    temperature: float = option(0.1, "t_s.", minimum=1e-3)
    teacher_temperature: float = option(0.07, "t_t after its warm-up.", minimum=1e-3)
    warmup_teacher_temperature: float = option(0.04, "t_t at the start.", minimum=1e-3)
    warmup_epochs: float = option(30.0, "Epochs in which t_t rises.", minimum=0.0)
    center_momentum: float = option(0.9, "m.", minimum=0.0, maximum=1.0)
    momentum: float = option(0.996, "Of the slow copy; it rises to 1.", minimum=0.0, maximum=1.0)
    hold_epochs: float = option(1.0, "Epochs until the last layer is trained.", minimum=0.0)
    prototypes: int = option(4096, "K; the paper has 65536.", minimum=2)
    hidden_dim: int = option(2048, "Width of the head.", minimum=2)
    projection_dim: int = option(256, "Its bottleneck.", minimum=2)
    local_views: int = option(4, "Small crops a frame; the paper has 8.", minimum=0)
    local_size: float = option(0.43, "Their side; the paper has 96 of 224 pixels.", minimum=0.1, maximum=1.0)
    local_min_area: float = option(0.15, "Their least share of the picture; the paper has 0.05.", minimum=0.01)
    local_max_area: float = option(0.5, "Their largest share; the paper has 0.25.", minimum=0.01, maximum=1.0)

    def teacher_temperature_at(self, epoch: float) -> float:
        """Rises linearly over the warm-up."""
        low, high = self.warmup_teacher_temperature, self.teacher_temperature
        return high if epoch >= self.warmup_epochs else low + (high - low) * epoch / self.warmup_epochs


class DINOHead(nn.Module):
    """Three layers with GELU, then length 1, then the cosine to each of K vectors.

    lightly's has `nn.utils.weight_norm`, which torch deprecates and which can't be copied; its g stays 1 here,
    as in the paper's default.
    """

    def __init__(self, dim: int, hidden_dim: int, bottleneck_dim: int, n_outputs: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, bottleneck_dim),
        )
        self.last = nn.Parameter(torch.empty(n_outputs, bottleneck_dim))
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.trunc_normal_(weight, std=0.02)
            else:
                nn.init.zeros_(weight)

    def forward(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n b"]:
        """The bottleneck; `outputs` are made of it after gathering, which is shorter and in float32."""
        return F.normalize(self.layers(x).float(), dim=1)

    def outputs(self, x: Float[Tensor, "n b"], *, hold: bool = False) -> Float[Tensor, "n k"]:
        return x @ F.normalize(held(self.last, hold), dim=1).T


@OBJECTIVES.add("dino")
@final
class DINO(Objective):
    """The head, the slow copies of encoder and head, and the center."""

    settings_class = DINOSettings
    center: Tensor

    def __init__(self, encoder: Encoder, settings: DINOSettings):
        super().__init__()
        s = self.settings = settings
        self.local = LocalViews(s.local_views, s.local_size, s.local_min_area, s.local_max_area)
        self.head = DINOHead(encoder.dim, s.hidden_dim, s.projection_dim, s.prototypes)
        self.slow_encoder, self.slow_head = Ema(encoder), Ema(self.head)
        self.register_buffer("center", torch.zeros(s.prototypes))
        self._latest: Tensor | None = None

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        student = [self.head(x) for x in embed(encoder, batch.views)]
        teacher = [self.slow_head(x) for x in embed(self.slow_encoder, batch.views[: self.n_views])]
        return *teacher, *student

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        s, epoch = self.settings, known.now.epoch
        with torch.no_grad():
            teacher = [self.slow_head.module.outputs(x) for x in outputs[: self.n_views]]
        self._latest = torch.cat(teacher).mean(0)
        return dino_loss(
            [self.head.outputs(x, hold=epoch < s.hold_epochs) for x in outputs[self.n_views :]],
            teacher,
            self.center,
            temperature=s.temperature,
            teacher_temperature=s.teacher_temperature_at(epoch),
        )

    @torch.no_grad()
    def after_step(self, encoder: Encoder, now: Now) -> None:
        momentum = rising_momentum(self.settings.momentum, now.step / now.steps)
        self.slow_encoder.update(encoder, momentum)
        self.slow_head.update(self.head, momentum)
        if self._latest is not None:
            self.center.lerp_(self._latest, 1 - self.settings.center_momentum)

    def chance(self, n: int) -> float:
        """All outputs equal."""
        return math.log(self.settings.prototypes)
