"""Is the run healthy? Figures of a fixed sample of frames, now and then, and the alarm for a collapse.

    effective_rank, rankme, std_ratio, alignment, uniformity    how the embeddings spread: metrics/spread.py
    knn_accuracy                                                balanced accuracy of validation clips by their neighbors

Labels are only watched: nothing here reaches the loss, the weights or the order of frames.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, Shaped, UInt8
from torch import Tensor

from sslecho.errors import SslechoError
from sslecho.metrics.paired import balanced_accuracy
from sslecho.metrics.retrieval import knn_right
from sslecho.metrics.spread import alignment, effective_rank, rankme, std_ratio, uniformity
from sslecho.models.encoder import Encoder
from sslecho.objectives.objective import Now, Objective
from sslecho.train.batches import Frames
from sslecho.train.learner import Learner
from sslecho.train.pictures import load, show
from sslecho.views.policies import Views

NEIGHBORS = 5  # of benchmarks/quality too: few enough for a class that few patients have
MOST_SPREAD = 512  # frames that the figures of spread are made of
MOST_PAIRS = 128  # frames that are augmented twice, for the alignment
FRAMES_AT_ONCE = 256
# A frame is trained on with a pass forward and one backward, which costs twice as much, for each view; it is looked at
# with one pass forward. With 2 views a look at 1/8 of an epoch's frames costs 1/48 of the epoch.
LOOKED_AT = 1 / 16  # frames looked at for each view that is trained on
CHECKS = 2  # in a row, before a run is given up
# Measured on simulated hearts with small networks: the ten methods stayed above a rank of 7 and a ratio of 0.010, where
# MAE passes a low early on. A ViT that was pulled to one vector kept its rank and had a ratio of 0.0036 after 75 steps,
# 0.0024 after 150. Eight untrained architectures have ratios from 0.016 up, but `chartsias-192`, without batch norm and
# with 9,216 dimensions, has 0.0024: so the ratio must have fallen too.
LEAST_RANK, LEAST_STD, FALLEN = 2.0, 0.003, 1 / 5


class Collapsed(SslechoError):
    """The embeddings tell frames apart no longer; the message says what to try."""


@dataclass(frozen=True)
class Sample:
    """The frames that are looked at, the same at every look, and the clips that they are of.

    Attributes:
        rows: frames, as rows of the store.
        clip_of_row: position of each frame's clip in the arrays below.
        labels: of each clip; None where there is none, or none may be looked at.
        units: the patient of each clip.
        asked: clips of validation patients, which ask for their neighbors among the others.
    """

    rows: Int64[np.ndarray, " n"]
    clip_of_row: Int64[np.ndarray, " n"]
    labels: Shaped[np.ndarray, " c"]
    units: Shaped[np.ndarray, " c"]
    asked: Bool[np.ndarray, " c"]


class Watch:
    """Looks at a sample of frames through the encoder.

    Args:
        frames: where the sample is read.
        maker: of the views whose alignment is told.
        seed: decides nothing but which frames of the sample stand for all.
        every: steps between two looks.
        began: the encoder as the run begins.
        calm_steps: steps until a collapse is believed: embeddings crowd while the learning rate rises.
    """

    score = "knn_accuracy"

    def __init__(
        self, sample: Sample, frames: Frames, maker: Views, *, seed: int, every: int, calm_steps: int, began: Encoder
    ):
        self.sample, self.every = sample, every
        self._frames, self._maker, self._calm_steps = frames, maker, calm_steps
        chosen = np.random.default_rng(seed).permutation(len(sample.rows))
        self._spread, self._pairs = np.sort(chosen[:MOST_SPREAD]), np.sort(chosen[:MOST_PAIRS])
        self._bad = 0
        training = began.training
        device = next(began.parameters()).device
        embedded = embed_rows(frames.read, sample.rows[self._spread], began.eval().encode, device)
        began.train(training)
        self._least_std = min(LEAST_STD, FALLEN * std_ratio(embedded))

    def check(self, module: Learner, *, step: int, total: int) -> dict[str, float]:
        """The figures after `step` steps; `knn_accuracy` only where the sample has labels.

        Args:
            module: in eval mode.

        Raises:
            Collapsed: twice in a row, or the embeddings are not finite.
        """
        device = next(module.encoder.parameters()).device
        embedded = embed_rows(self._frames.read, self.sample.rows, module.encoder.encode, device)
        if not np.isfinite(embedded).all():
            raise Collapsed(f"after {step} steps the embeddings are not finite; {_cure(module.objective)}")
        seen = spread_of(embedded[self._spread])
        seen["alignment"] = alignment(*self._views(module, device))
        if self.sample.asked.any():
            right = neighbors_right(self.sample, embedded, device)
            seen["knn_accuracy"] = balanced_accuracy(self.sample.labels[self.sample.asked], right)
        problem = collapse_of(seen, least_std=self._least_std)
        self._bad = self._bad + 1 if problem and step > self._calm_steps else 0
        if self._bad >= CHECKS:
            raise Collapsed(
                f"the embeddings collapsed: after {step} of {total} steps {problem}; {_cure(module.objective)}"
            )
        return seen

    def _views(self, module: Learner, device: torch.device) -> list[np.ndarray]:
        """Embeddings of two views of some frames, the same views at every look."""
        rows = self.sample.rows[self._pairs]
        loaded = load(self._frames, (rows, rows))
        assert loaded is not None
        makers = (self._maker, self._maker)
        views = show(loaded, makers, Now(0, 1, 0.0), n_draws=0, seed=0, device=device).views
        return [module.encoder(view).float().cpu().numpy() for view in views]


def looks_every(
    n_looked_at: int, *, n_frames: int, batch_size: int, n_views: int, n_processes: int, epochs: int | None = None
) -> int:
    """Steps between two looks, so that they take about a fiftieth of the time.

    Args:
        n_looked_at: frames of the sample.
        n_frames: frames of an epoch.
        n_views: whole views of a frame that are trained on.
        n_processes: that wait while the first one looks.
        epochs: between two looks, where that is asked for.
    """
    steps_per_epoch = max(1, n_frames // batch_size)
    if epochs is None:
        epochs = max(1, math.ceil(n_looked_at * n_processes / (n_frames * n_views * LOOKED_AT)))
    return epochs * steps_per_epoch


def spread_of(embedded: Float[np.ndarray, "n d"]) -> dict[str, float]:
    """The figures of spread that need one set of vectors."""
    return {
        "effective_rank": effective_rank(embedded),
        "rankme": rankme(embedded),
        "std_ratio": std_ratio(embedded),
        "uniformity": uniformity(embedded),
    }


def collapse_of(seen: dict[str, float], *, least_std: float = LEAST_STD) -> str | None:
    """What tells of a collapse, in words; None where nothing does."""
    if seen["std_ratio"] < least_std:
        return f"all frames are embedded alike (std_ratio {seen['std_ratio']:.1e}, below {least_std:.1e})"
    if seen["effective_rank"] < LEAST_RANK:
        return f"they lie on one line (effective_rank {seen['effective_rank']:.2f}, below {LEAST_RANK})"
    return None


def embed_rows(
    read: Callable[[np.ndarray], np.ndarray],
    rows: Int64[np.ndarray, " n"],
    encode: Callable[[UInt8[Tensor, "m h w"]], Float[Tensor, "m d"]],
    device: torch.device,
) -> Float[np.ndarray, "n d"]:
    """Embeddings of frames."""
    starts = range(0, len(rows), FRAMES_AT_ONCE)
    parts = [torch.from_numpy(read(rows[start : start + FRAMES_AT_ONCE])).to(device) for start in starts]
    return torch.cat([encode(part).float() for part in parts]).cpu().numpy()


def neighbors_right(sample: Sample, embedded: Float[np.ndarray, "n d"], device: torch.device) -> Bool[np.ndarray, " q"]:
    """Which of the asked clips are named right by their nearest neighbors (cosine) of other patients.

    A clip is the mean of its frames. Neighbors are the clips that are not asked, but those of the clip's own patient.
    """
    clips = clip_means(embedded, sample.clip_of_row, len(sample.labels))
    vectors = torch.nn.functional.normalize(torch.from_numpy(clips).to(device), dim=1)
    asked, gallery = np.flatnonzero(sample.asked), np.flatnonzero(~sample.asked)
    near = vectors[torch.from_numpy(asked)] @ vectors[torch.from_numpy(gallery)].T
    own = torch.from_numpy(sample.units[asked][:, None] == sample.units[gallery][None, :]).to(device)
    near = near.masked_fill(own, -math.inf)
    # Stable, so that equal similarities (a collapse has only those) have one order on every machine.
    similarity, found = near.sort(dim=1, descending=True, stable=True)
    found = found.masked_fill(similarity == -math.inf, -1)[:, :NEIGHBORS].cpu().numpy()
    return knn_right(sample.labels[asked], found, gallery_labels=sample.labels[gallery])


def clip_means(
    embedded: Float[np.ndarray, "n d"], clip_of_row: Int64[np.ndarray, " n"], n_clips: int
) -> Float[np.ndarray, "c d"]:
    """The mean embedding of each clip's frames."""
    sums = np.zeros((n_clips, embedded.shape[1]))
    np.add.at(sums, clip_of_row, embedded)
    return (sums / np.bincount(clip_of_row, minlength=n_clips)[:, None]).astype(np.float32)


def _cure(objective: Objective) -> str:
    """What to try, for the method at hand."""
    temperature = getattr(getattr(objective, "settings", None), "temperature", None)
    tries = ["lower --lr", "raise --warmup-epochs or --batch-size"]
    if temperature is not None:
        tries.append(f"change --temperature (it is {temperature})")
    if not objective.negatives:
        tries.append("take a method with negatives, such as --method simclr")
    return f"{', '.join(tries[:-1])}, or {tries[-1]}, and start anew with --overwrite"
