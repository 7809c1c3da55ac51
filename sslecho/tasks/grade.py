"""Grading: an encoder and a grade head learn from graded frames; when to stop is decided on validation frames."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from sslecho.data.store import Store
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.objectives.grade import Grade, GradeHead, GradeSettings
from sslecho.train.batches import Frames
from sslecho.train.learner import Learner
from sslecho.train.loop import Trained
from sslecho.train.supervised import Running, Tuning, learn
from sslecho.train.validation import frame_outputs
from sslecho.views.policies import Views
from sslecho.views.sector import Sectors


@dataclass(frozen=True)
class Graded:
    """What is learned from and stopped by.

    Attributes:
        rows: frames of train that have a grade (or, where views are learned, a view), as rows of the store.
        grade_of_frame: of every frame of the store, NaN where unknown.
        view_of_frame: its class, -1 where unknown or not learned.
        val_rows: graded frames of val; may be none.
    """

    rows: Int64[np.ndarray, " n"]
    grade_of_frame: Float64[np.ndarray, " n_frames"]
    view_of_frame: Int64[np.ndarray, " n_frames"]
    val_rows: Int64[np.ndarray, " m"]


class Errors:
    """The watch of a grader: the mean squared error of validation frames, in grades."""

    score = "val_score"

    def __init__(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        rows: Int64[np.ndarray, " n"],
        truth: Float64[np.ndarray, " n"],
    ):
        self.every = 1
        self._read, self._rows, self._truth = read, rows, truth

    def check(self, module: Learner, *, step: int, total: int) -> dict[str, float]:
        """`val_mse`, and `val_score`, which is higher where that is lower."""
        objective = module.objective
        assert isinstance(objective, Grade)
        said = grades_of(self._read, self._rows, module.encoder, objective.head)
        mse = float(((said - self._truth) ** 2).mean())
        return {"val_mse": mse, self.score: -mse}


def train_grader(
    store: Store,
    graded: Graded,
    encoder: Encoder,
    head: GradeHead,
    views: LinearHead | None,
    makers: Sequence[Views],
    tuning: Tuning,
    running: Running,
    *,
    loss: GradeSettings,
) -> Trained:
    """Learn, with the weights of the best look at validation frames, where there are such.

    Args:
        encoder, head, views: trained in place, and left on the CPU, in eval mode.

    Raises:
        Interrupted, SslechoError: as `fit`.
    """
    frames = Frames(
        store.read,
        graded.rows,
        store.clip_of_frame,
        label_of_frame=graded.view_of_frame,
        sectors=Sectors.of(store),
        grade_of_frame=graded.grade_of_frame,
    )
    watch = None
    if len(graded.val_rows):
        # A store's open files belong to one thread, and the next batch is read in another one meanwhile.
        watch = Errors(copy.copy(store).read, graded.val_rows, graded.grade_of_frame[graded.val_rows])
    objective = Grade(encoder, loss, head=head, views=views)
    trained = learn(encoder, objective, frames, makers, tuning, running, watch=watch, doing="grade")
    for module in (encoder, head, views):
        if module is not None:
            module.to("cpu").eval().requires_grad_(True)
    return trained


def grades_of(
    read: Callable[[np.ndarray], np.ndarray], rows: Int64[np.ndarray, " n"], encoder: Encoder, head: GradeHead
) -> Float64[np.ndarray, " n"]:
    """The grade of each frame.

    Args:
        read: rows -> uint8 frames [n, h, w].
    """
    return frame_outputs(read, rows, encoder, head, then=lambda o: head.grades(o)[:, None])[:, 0]
