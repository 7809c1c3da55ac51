"""What every objective is: what it needs of a batch, a forward pass, a loss, and what follows a step.

The training loop knows objectives by this alone. A step is: make the views that the objective needs, `forward`
(inside the network, so that processes exchange its gradients), gather what it returned over all processes,
`loss`, the optimizer's step, `after_step`. State that must survive an interruption is a parameter or a buffer.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from sslecho.config import check
from sslecho.errors import SettingsError


@dataclass(frozen=True)
class MethodSettings:
    """Base of every method's settings: whoever makes them, values that break a rule of their `option` are refused."""

    def __post_init__(self) -> None:
        check(type(self), vars(self))


@dataclass(frozen=True)
class LocalViews:
    """Small crops that are seen beside the whole views.

    Attributes:
        count: how many a frame.
        size: their side, as a share of the whole views' side.
        min_area, max_area: what they show, as a share of the picture.
    """

    count: int
    size: float
    min_area: float
    max_area: float

    def __post_init__(self) -> None:
        if not self.min_area <= self.max_area:
            raise SettingsError(
                [f"local_min_area is {self.min_area}; it must be at most local_max_area, which is {self.max_area}"]
            )


class Now(NamedTuple):
    """Where the run is: steps done and to do in all, and epochs done."""

    step: int
    steps: int
    epoch: float


class Batch(NamedTuple):
    """What an objective sees.

    Attributes:
        views: the whole views, `n_views` of them, then the local ones; each [n, 1, side, side]. Where windows are seen,
            the frames of one after those of another: [n T, 1, height, width].
        draws: `n_draws` uniform numbers a frame, a function of seed, epoch and frame; [n, n_draws].
        now: before this step.
    """

    views: tuple[Tensor, ...]
    draws: Tensor
    now: Now


class Known(NamedTuple):
    """What is known of the frames of all processes.

    Attributes:
        clips: which clip each frame is of; [n].
        labels: its class, or -1 where none is known; [n].
        now: before this step.
        grades: its grade, or NaN where none is known; [n]. None where none is asked for.
        segments: the number of the segment of a clip that it is in; [n]. None where none is asked for.
    """

    clips: Int64[Tensor, " n"]
    labels: Int64[Tensor, " n"]
    now: Now
    grades: Float[Tensor, " n"] | None = None
    segments: Int64[Tensor, " n"] | None = None


class Objective(nn.Module, ABC):
    """One method. Subclasses are final, and made from the encoder that will be trained and their settings.

    The encoder belongs to the caller and is handed in where it is needed; a teacher's copy of it is the objective's.
    It is an `Encoder`, or for the objective of `view` the network of clips in its place.

    Attributes:
        settings_class: the method's `MethodSettings`.
        labels: whether it learns from no label, from those that are there, or from labeled frames only.
        negatives: whether it contrasts clips, so that it needs at least two.
        n_views: whole views a frame.
        local: the local views, if any.
        n_draws: uniform numbers a frame, for masks.
    """

    settings_class: ClassVar[type]
    labels: ClassVar[Literal["none", "some", "all"]] = "none"
    negatives: ClassVar[bool] = False
    n_views: int = 2
    local: LocalViews | None = None
    n_draws: int = 0

    @abstractmethod
    def forward(self, encoder: Any, batch: Batch) -> tuple[Tensor, ...]:
        """What the loss is made of, as tensors whose first dimension is the frame: they are gathered."""

    @abstractmethod
    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        """The number to lower, from what `forward` returned for the frames of all processes."""

    @abstractmethod
    def after_step(self, encoder: Any, now: Now) -> None:
        """Move teachers, centers, queues and prototypes on; the optimizer has just changed the weights."""

    @abstractmethod
    def chance(self, n: int) -> float | None:
        """The loss of a batch of n frames while views tell nothing of each other, where theory has it."""


def embed(encoder: Any, views: Sequence[Tensor]) -> list[Tensor]:
    """Embed views, those of one size in one pass: a larger batch is faster, and batch norm sees all of them."""
    embedded: list[Tensor] = []
    for _, same in groupby(views, key=lambda view: view.shape):
        group = list(same)
        embedded += encoder(torch.cat(group)).chunk(len(group))
    return embedded


def held(weight: Tensor, hold: bool) -> Tensor:
    """The weight, with a gradient of zero while it is held: processes wait for some gradient of every parameter."""
    return weight.detach() + 0 * weight if hold else weight
