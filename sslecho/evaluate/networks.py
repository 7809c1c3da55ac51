"""Arms that learn end to end: a network from scratch, or one that begins with a pretrained encoder.

They have the lesson's labels alone, so nobody says when to stop: every cell takes as many steps, and the last weights
count. What a person with validation labels would gain costs labels that aren't counted here.
"""

import contextlib
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64

from sslecho.data.store import Store
from sslecho.evaluate.arms import Lesson
from sslecho.models.encoder import Encoder, check_size
from sslecho.models.heads import LinearHead
from sslecho.objectives.classify import ClassifySettings
from sslecho.tasks.finetune import Labeled, fine_tune
from sslecho.train.batches import UNKNOWN
from sslecho.train.checkpoint import Saving
from sslecho.train.device import make_fabric
from sslecho.train.log import TrainingLog
from sslecho.train.supervised import Running, Tuning, spread_over_clips
from sslecho.train.validation import frame_outputs, means
from sslecho.views.policies import Views, policy

BATCH = 32
WEIGHT_DECAY = 1e-4
NEVER = 1e9  # seconds between two checkpoints: a cell that is killed begins anew


@dataclass(frozen=True)
class NetworkLearner:
    """A network with a linear head, trained on the frames of the lesson's clips.

    Attributes:
        store: its folder.
        encoder: the run whose weights it begins with; None begins at random.
        architecture: backbone, picture size, mean and standard deviation of gray levels.
        policy: augmentations.
        steps: of each cell.
        lr: peak learning rate.
        balance: how uneven classes are evened out in the loss: "weights" or "none".
    """

    store: Path
    encoder: Path | None
    architecture: tuple[str, int | tuple[int, int], float, float]
    policy: str
    steps: int
    lr: float
    balance: str = "weights"

    def __call__(self, lesson: Lesson, asked: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, "m n_classes"]:
        store = Store.open(self.store)
        present, codes = np.unique(lesson.codes, return_inverse=True)
        with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as name:
            torch.manual_seed(lesson.seed)
            encoder, head = self._new(len(present))
            # Its bars would be drawn over those of the cells.
            with contextlib.redirect_stderr(io.StringIO()):
                encoder, head, _ = self._fit(store, lesson, codes, encoder, head, Path(name))
        place = np.full(store.clips.num_rows, -1, np.int64)
        place[asked] = np.arange(len(asked))
        rows = np.flatnonzero(place[store.clip_of_frame] >= 0).astype(np.int64)
        rows = rows[spread_over_clips(rows, store.clip_of_frame[rows])]
        of_frames = frame_outputs(store.read, rows, encoder, head, then=lambda o: o.softmax(1))
        probabilities = np.zeros((len(asked), lesson.n_classes))
        probabilities[:, present] = means(of_frames, place[store.clip_of_frame[rows]], len(asked))
        return probabilities

    def _new(self, n_classes: int) -> tuple[Encoder, LinearHead]:
        if self.encoder is not None:
            encoder = Encoder.load(self.encoder)
        else:
            backbone, size, mean, std = self.architecture
            encoder = Encoder(backbone, image_size=size, mean=mean, std=std)
            check_size(encoder)
        return encoder, LinearHead(encoder.dim, (n_classes,))

    def _fit(
        self,
        store: Store,
        lesson: Lesson,
        codes: Int64[np.ndarray, " n"],
        encoder: Encoder,
        head: LinearHead,
        folder: Path,
    ) -> tuple[Encoder, LinearHead, object]:
        of_clip = np.full(store.clips.num_rows, UNKNOWN, np.int64)
        of_clip[lesson.clips] = codes
        code_of_frame = of_clip[store.clip_of_frame]
        nobody = np.empty(0, np.int64)
        rows = np.flatnonzero(code_of_frame != UNKNOWN).astype(np.int64)
        labeled = Labeled(rows, code_of_frame, nobody, nobody, nobody, len(np.unique(codes)))
        tuning = Tuning(
            layer_decay=1.0,
            epochs=1,
            min_steps=self.steps,
            patience=1,
            batch_size=BATCH,
            optimizer="adamw",
            lr=self.lr,
            weight_decay=WEIGHT_DECAY,
            warmup_epochs=2.0,
            clip_grad=None,
            seed=lesson.seed,
        )
        fabric = make_fabric(device="cpu", devices=1, nodes=1, precision="32")
        running = Running(fabric, folder, TrainingLog(folder, active=False), Saving(NEVER, 1), None)
        size = encoder.image_size
        maker = Views(policy(self.policy, size=size), size=size, seed=lesson.seed)
        return fine_tune(
            store,
            labeled,
            encoder,
            head,
            [maker],
            tuning,
            running,
            loss=ClassifySettings(balance=self.balance),
            balanced=False,
        )
