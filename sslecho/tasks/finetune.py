"""Fine-tuning: an encoder and a head learn from labeled frames, by the loop that pretrains.

Who is learned from and what of the network learns is decided here; when to stop is decided on validation patients.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64

from sslecho.data.store import Store
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.objectives.classify import Classify, ClassifySettings
from sslecho.train.batches import UNKNOWN, Frames
from sslecho.train.checkpoint import Saving
from sslecho.train.log import TrainingLog
from sslecho.train.loop import Plan, Trained, fit
from sslecho.train.validation import Validation
from sslecho.views.policies import Views
from sslecho.views.sector import Sectors

LOOKS = 30  # at validation patients in a run
FRAMES_PER_CLIP = 8  # of a validation clip: enough for its mean


@dataclass(frozen=True)
class Labeled:
    """What is learned from and stopped by.

    Attributes:
        rows: labeled frames of train, as rows of the store.
        code_of_frame: the class of every frame of the store, -1 where unknown.
        val_rows: frames of validation clips; may be none.
        val_clip_of_row: of each, its clip's place in `val_truth`.
        val_truth: the class of each validation clip.
        n_classes: that there are.
    """

    rows: Int64[np.ndarray, " n"]
    code_of_frame: Int64[np.ndarray, " n_frames"]
    val_rows: Int64[np.ndarray, " m"]
    val_clip_of_row: Int64[np.ndarray, " m"]
    val_truth: Int64[np.ndarray, " c"]
    n_classes: int


@dataclass(frozen=True)
class Tuning:
    """How is learned; `finetune`'s settings of the same names.

    Attributes:
        patience: looks without gain.
        balanced: frames are drawn so that classes come equally often.
    """

    loss: ClassifySettings
    layer_decay: float
    balanced: bool
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


def fine_tune(
    store: Store,
    labeled: Labeled,
    encoder: Encoder,
    head: LinearHead,
    makers: Sequence[Views],
    tuning: Tuning,
    *,
    fabric: Any,
    folder: Path,
    log: TrainingLog,
    saving: Saving = Saving(),  # noqa: B008 (frozen)
    backend: str | None = None,
) -> tuple[Encoder, LinearHead, Trained]:
    """Learn, with the weights of the best look at validation patients, where there are such.

    Args:
        encoder, head: trained in place, but for weights that need no gradient (`train_last`).
        makers: of the view that is learned from.
        folder: holds the checkpoints.

    Returns:
        The encoder and head to keep, on the CPU, in eval mode, all of whose weights may learn again.

    Raises:
        Interrupted: as `fit`.
        SslechoError: as `fit`.
    """
    counts = np.bincount(labeled.code_of_frame[labeled.rows], minlength=labeled.n_classes)
    objective = Classify(encoder, tuning.loss, head=head, counts=torch.from_numpy(counts).float())
    batch_size = min(tuning.batch_size, len(labeled.rows) // fabric.world_size * fabric.world_size)
    per_epoch = len(labeled.rows) // batch_size
    epochs = max(tuning.epochs, math.ceil(tuning.min_steps / per_epoch))
    every = max(1, math.ceil(epochs / LOOKS)) * per_epoch
    frames = Frames(
        store.read,
        labeled.rows,
        store.clip_of_frame,
        label_of_frame=labeled.code_of_frame,
        sectors=Sectors.of(store),
        batches="balanced" if tuning.balanced else "frames",
    )
    watch = None
    if len(labeled.val_rows):
        # A store's open files belong to one thread, and the next batch is read in another one meanwhile.
        read = copy.copy(store).read
        watch = Validation(
            read,
            labeled.val_rows,
            clip_of_row=labeled.val_clip_of_row,
            truth=labeled.val_truth,
            every=every,
        )
    trained = fit(
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
            patience=tuning.patience * every,
            take_best=True,
        ),
        fabric=fabric,
        folder=folder,
        log=log,
        watch=watch,
        saving=saving,
        backend=backend,
        doing="finetune",
    )
    kept, kept_head = objective.fitted(encoder)
    for module in (kept, kept_head):
        module.to("cpu").eval().requires_grad_(True)
    return kept, kept_head, trained


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


def codes_of_frames(labels: np.ndarray, classes: Sequence[str]) -> Int64[np.ndarray, " n"]:
    """The class of each frame, -1 where it has no label or one that is not learned."""
    place = {name: code for code, name in enumerate(classes)}
    return np.array([UNKNOWN if label is None else place.get(str(label), UNKNOWN) for label in labels], np.int64)
