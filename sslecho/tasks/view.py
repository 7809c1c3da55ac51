"""View classification of clips: a network learns classes from windows; when to stop is decided on validation clips."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Float64, Int64

from sslecho.data.store import Store
from sslecho.data.window_sampler import Selecting, WindowSampler
from sslecho.data.windows import Windows
from sslecho.metrics.aggregation import aggregate
from sslecho.metrics.paired import balanced_accuracy
from sslecho.models.video.video_network import VideoNetwork
from sslecho.objectives.recognize import Bank, Recognize, RecognizeSettings
from sslecho.tasks.viewer import window_logits
from sslecho.train.batches import Frames
from sslecho.train.learner import Learner
from sslecho.train.loop import Trained
from sslecho.train.supervised import Running, Tuning, learn
from sslecho.train.validation import TIES
from sslecho.views.policies import Views
from sslecho.views.sector import Sectors


@dataclass(frozen=True)
class LabeledClips:
    """What is learned from and stopped by.

    Attributes:
        centers: labeled frames of train, which may be centers of windows, as rows of the store, ascending.
        code_of_frame: the class of every frame of the store, -1 where unknown.
        copies: of every clip of the store, how many windows of it an epoch has; None: every center is one.
        val_centers: centers of the windows of validation clips; may be none.
        val_clip: of each, its clip's place in `val_truth`.
        val_truth: the class of each validation clip.
        n_classes: that there are.
    """

    centers: Int64[np.ndarray, " n"]
    code_of_frame: Int64[np.ndarray, " n_frames"]
    copies: Int64[np.ndarray, " n_clips"] | None
    val_centers: Int64[np.ndarray, " m"]
    val_clip: Int64[np.ndarray, " m"]
    val_truth: Int64[np.ndarray, " c"]
    n_classes: int


@final
class DrawnWindows:
    """The windows of each epoch, chosen by what the bank says when it begins."""

    def __init__(self, sampler: WindowSampler, bank: Bank | None):
        self.learns = bank is not None
        self._sampler, self._bank = sampler, bank

    def draw(self, *, batch_size: int, seed: int, epoch: int) -> Int64[np.ndarray, "n_batches batch"]:
        """Of all processes; a resumed run that asks in the middle of an epoch gets the same as at its start."""
        if self._bank is None:
            return self._sampler.batches(batch_size=batch_size, seed=seed, epoch=epoch)
        self._bank.begin(epoch)
        confidence = self._bank.at_epoch.cpu().numpy()
        return self._sampler.batches(batch_size=batch_size, seed=seed, epoch=epoch, confidence=confidence)


@final
class ClipWatch:
    """The watch of a network of clips: balanced accuracy of validation clips, by the aggregate that will be used."""

    score = "val_score"

    def __init__(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        windows: Windows,
        labeled: LabeledClips,
        *,
        how: str,
    ):
        self.every = 1
        self._read, self._windows, self._labeled, self._how = read, windows, labeled, how

    def check(self, module: Learner, *, step: int, total: int) -> dict[str, float]:
        """`val_balanced_accuracy`, `val_loss` (the mean over classes of their clips' log loss), and `val_score`, the
        accuracy less a small part of the loss, as `train/validation.py` has it."""
        network, objective = module.encoder, module.objective
        assert isinstance(network, VideoNetwork)
        assert isinstance(objective, Recognize)
        truth = self._labeled.val_truth
        logits = window_logits(self._read, self._windows, self._labeled.val_centers, network)
        loss_of = objective.settings
        evidence = {"evidential": loss_of.evidential, "prior": loss_of.prior}
        said = aggregate(logits, self._labeled.val_clip, len(truth), how=self._how, **evidence)
        log_loss = -np.log(np.maximum(said.probabilities[np.arange(len(truth)), truth], 1e-12))
        loss = float(np.mean([log_loss[truth == c].mean() for c in np.unique(truth)]))
        accuracy = balanced_accuracy(truth, said.answer == truth)
        return {"val_balanced_accuracy": accuracy, "val_loss": loss, self.score: accuracy - TIES * loss}


def train_viewer(
    store: Store,
    labeled: LabeledClips,
    network: VideoNetwork,
    windows: Windows,
    makers: Sequence[Views],
    tuning: Tuning,
    running: Running,
    *,
    loss: RecognizeSettings,
    aggregate_by: str,
    balanced: bool = False,
    selecting: Selecting | None = None,
) -> tuple[Trained, Float64[np.ndarray, " s"] | None]:
    """Learn, with the weights of the best look at validation clips, where there are such.

    Args:
        network: trained in place, and left on the CPU, in eval mode.
        balanced: clips are drawn so that classes come equally often.
        selecting: STFM's selective sampling; None takes any window of a clip.

    Returns:
        What the run says of itself; and where segments were selected, the confidence of each at the end.

    Raises:
        Interrupted, SslechoError: as `fit`.
    """
    sampler = WindowSampler(
        labeled.centers,
        store.clip_of_frame,
        labeled.code_of_frame,
        copies=labeled.copies,
        balanced=balanced,
        selecting=selecting,
    )
    counts = np.bincount(labeled.code_of_frame[sampler.rows], minlength=labeled.n_classes)
    n_segments = sampler.n_segments if selecting is not None else 0
    objective = Recognize(network, loss, counts=torch.from_numpy(counts).float(), n_segments=n_segments)
    frames = Frames(
        store.read,
        sampler.rows,
        store.clip_of_frame,
        label_of_frame=labeled.code_of_frame,
        sectors=Sectors.of(store),
        draws=DrawnWindows(sampler, objective.bank),
        windows=windows,
        segment_of_frame=sampler.segment_of_frame if n_segments else None,
    )
    watch = None
    if len(labeled.val_centers):
        # A store's open files belong to one thread, and the next batch is read in another one meanwhile.
        watch = ClipWatch(copy.copy(store).read, windows, labeled, how=aggregate_by)
    trained = learn(network, objective, frames, makers, tuning, running, watch=watch, doing="view")
    network.to("cpu").eval().requires_grad_(True)
    return trained, None if objective.bank is None else objective.bank.confidence.double().cpu().numpy()
