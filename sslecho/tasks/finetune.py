"""Fine-tuning: an encoder and a head learn classes from labeled frames; when to stop is decided on validation clips."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64

from sslecho.data.store import Store
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.objectives.classify import Classify, ClassifySettings
from sslecho.train.batches import UNKNOWN, Frames
from sslecho.train.loop import Trained
from sslecho.train.supervised import Running, Tuning, learn
from sslecho.train.validation import Validation
from sslecho.views.policies import Views
from sslecho.views.sector import Sectors


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


def fine_tune(
    store: Store,
    labeled: Labeled,
    encoder: Encoder,
    head: LinearHead,
    makers: Sequence[Views],
    tuning: Tuning,
    running: Running,
    *,
    loss: ClassifySettings,
    balanced: bool,
) -> tuple[Encoder, LinearHead, Trained]:
    """Learn, with the weights of the best look at validation clips, where there are such.

    Args:
        encoder, head: as `learn` and `Classify`.
        balanced: frames are drawn so that classes come equally often.

    Returns:
        The encoder and head to keep, on the CPU, in eval mode, all of whose weights may learn again.

    Raises:
        Interrupted, SslechoError: as `fit`.
    """
    counts = np.bincount(labeled.code_of_frame[labeled.rows], minlength=labeled.n_classes)
    objective = Classify(encoder, loss, head=head, counts=torch.from_numpy(counts).float())
    frames = Frames(
        store.read,
        labeled.rows,
        store.clip_of_frame,
        label_of_frame=labeled.code_of_frame,
        sectors=Sectors.of(store),
        batches="balanced" if balanced else "frames",
    )
    watch = None
    if len(labeled.val_rows):
        # A store's open files belong to one thread, and the next batch is read in another one meanwhile.
        read = copy.copy(store).read
        watch = Validation(read, labeled.val_rows, clip_of_row=labeled.val_clip_of_row, truth=labeled.val_truth)
    trained = learn(encoder, objective, frames, makers, tuning, running, watch=watch, doing="finetune")
    kept, kept_head = objective.fitted(encoder)
    for module in (kept, kept_head):
        module.to("cpu").eval().requires_grad_(True)
    return kept, kept_head, trained


def codes_of_frames(labels: np.ndarray, classes: Sequence[str]) -> Int64[np.ndarray, " n"]:
    """The class of each frame, -1 where it has no label or one that is not learned."""
    place = {name: code for code, name in enumerate(classes)}
    return np.array([UNKNOWN if label is None else place.get(str(label), UNKNOWN) for label in labels], np.int64)
