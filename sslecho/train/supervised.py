"""Learning from labels by the loop that pretrains: how long, how fast, and until validation patients say stop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64
from torch import nn

from sslecho.errors import InputError
from sslecho.objectives.objective import Objective
from sslecho.train.batches import Frames
from sslecho.train.checkpoint import Saving
from sslecho.train.log import TrainingLog
from sslecho.train.loop import Plan, Trained, fit
from sslecho.train.watching import Watch
from sslecho.views.policies import Views

LOOKS = 30  # at validation patients in a run
FRAMES_PER_CLIP = 8  # of a validation clip: enough for its mean


@dataclass(frozen=True)
class Tuning:
    """How is learned; the settings of the same names of `finetune` and `grade`.

    Attributes:
        patience: looks without gain.
    """

    layer_decay: float
    epochs: int
    min_steps: int
    patience: int
    batch_size: int
    optimizer: str
    lr: float
    weight_decay: float
    warmup_epochs: float
    clip_grad: float | None
    seed: int
    schedule: str = "cosine"

    @classmethod
    def of(cls, settings: Any) -> "Tuning":
        """From settings that have these fields; all but the schedule must be there."""
        fields = cls.__dataclass_fields__
        return cls(
            **{name: getattr(settings, name) for name in fields if name != "schedule" or hasattr(settings, name)}
        )


@dataclass(frozen=True)
class Running:
    """Where a run happens: what several processes share, its folder and log, and how it is saved and compiled."""

    fabric: Any
    folder: Path
    log: TrainingLog
    saving: Saving
    backend: str | None


def learn(
    encoder: nn.Module,
    objective: Objective,
    frames: Frames,
    makers: Sequence[Views],
    tuning: Tuning,
    running: Running,
    *,
    watch: Watch | None,
    doing: str,
) -> Trained:
    """Learn, and end with the weights of the best look where there is a watch.

    Args:
        encoder: as of `fit`; weights that need no gradient (`train_last`) stay as they are.
        makers: of the view that is learned from.
        watch: its `every` is set here.
        doing: what the progress bar calls it.

    Raises:
        Interrupted, SslechoError: as `fit`.
    """
    world = running.fabric.world_size
    batch_size = min(tuning.batch_size, len(frames.rows)) // world * world
    if batch_size == 0:
        raise InputError(
            f"{len(frames.rows)} labeled frames in steps of {tuning.batch_size} are too few for {world} processes; "
            "label more, raise --batch-size, or take fewer processes"
        )
    per_epoch = len(frames.rows) // batch_size
    epochs = max(tuning.epochs, math.ceil(tuning.min_steps / per_epoch))
    every = max(1, math.ceil(epochs / LOOKS)) * per_epoch
    if watch is not None:
        watch.every = every
    return fit(
        encoder,
        objective,
        frames,
        makers,
        Plan(
            epochs=epochs,
            batch_size=batch_size,
            lr=tuning.lr,
            weight_decay=tuning.weight_decay,
            optimizer=tuning.optimizer,
            warmup_epochs=min(tuning.warmup_epochs, epochs / 4),
            seed=tuning.seed,
            clip_grad=tuning.clip_grad,
            layer_decay=tuning.layer_decay,
            schedule=tuning.schedule,
            patience=tuning.patience * every,
            take_best=True,
        ),
        fabric=running.fabric,
        folder=running.folder,
        log=running.log,
        watch=watch,
        saving=running.saving,
        backend=running.backend,
        doing=doing,
    )


def spread_over_clips(rows: Int64[np.ndarray, " n"], clip_of_row: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " m"]:
    """Places of at most `FRAMES_PER_CLIP` frames of each clip, evenly spread: neighbors in time show the same."""
    order = np.argsort(clip_of_row, kind="stable")
    _, starts, sizes = np.unique(clip_of_row[order], return_index=True, return_counts=True)
    rank = np.arange(len(rows)) - np.repeat(starts, sizes)
    size = np.repeat(sizes, sizes)
    wanted = np.minimum(size, FRAMES_PER_CLIP)
    # The j-th of w frames to keep is at floor((j + 1/2) s / w); for each frame the first j that is not before it.
    j = np.ceil(rank * wanted / size - 0.5)
    place = np.floor((j + 0.5) * size / wanted).astype(np.int64)
    return np.sort(order[(place == rank) & (j < wanted)])
