"""Which windows an epoch has: its clips in random order, and of each a place in it; a pure function of what is given.

Selective sampling is STFM's (EV9V): a clip is cut into segments, each with the confidence c that the network had there.
With probability epsilon any segment of the clip is taken, else the one with the largest c; then any frame of it is the
window's center. All of an epoch is drawn at its start, in the main process, from the confidences of that moment, so
that a resumed run draws the same.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from sslecho.data.balanced import balanced_batches
from sslecho.data.sampler import epoch_batches
from sslecho.data.windows import segments


@dataclass(frozen=True)
class Selecting:
    """How segments are selected.

    Attributes:
        epsilon: share of draws that take any segment; 1 selects nothing (the ablation).
        random_epochs: epochs at the start in which epsilon is 1.
    """

    epsilon: float
    random_epochs: int = 5


class WindowSampler:
    """Draws the centers of an epoch's windows.

    Args:
        centers: frames that may be centers, as rows of the store, ascending.
        clip_of_frame: the clip of every frame of the store.
        label_of_frame: its class; needed where `balanced`.
        copies: of every clip of the store, how many windows of it an epoch has; copies share their segments. None makes
            every center one: nothing is left to chance then but the order.
        balanced: clips are drawn so that classes come equally often, as many as there are copies in all.
        selecting: None takes any frame of a clip, all alike.

    Attributes:
        rows: a frame a window that an epoch has, which stand for their clips.
        segment_of_frame: of every frame of the store, -1 where it is no center.
    """

    def __init__(
        self,
        centers: Int64[np.ndarray, " n"],
        clip_of_frame: Int64[np.ndarray, " n_frames"],
        label_of_frame: Int64[np.ndarray, " n_frames"],
        *,
        copies: Int64[np.ndarray, " n_clips"] | None,
        balanced: bool = False,
        selecting: Selecting | None = None,
    ):
        self._centers, self._clip_of_frame, self._label_of_frame = centers, clip_of_frame, label_of_frame
        self._balanced, self._selecting = balanced, selecting
        self.segment_of_frame = segments(centers, clip_of_frame)
        clip = clip_of_frame[centers]
        # Of each clip (a row of the store's table) where its centers begin, and how many there are; so its segments.
        every = np.arange(int(clip_of_frame.max(initial=-1)) + 1)
        self._first = np.searchsorted(clip, every)
        self._size = np.searchsorted(clip, every, side="right") - self._first
        of_segment = self.segment_of_frame[centers]
        self._segment_first = np.searchsorted(of_segment, np.arange(self.n_segments))
        self._segment_size = np.searchsorted(of_segment, np.arange(self.n_segments), side="right") - self._segment_first
        clip_of_segment = clip[self._segment_first]
        self._clip_segment = np.searchsorted(clip_of_segment, every)
        self._clip_segments = np.searchsorted(clip_of_segment, every, side="right") - self._clip_segment
        self._clip_of_segment = clip_of_segment
        used = np.flatnonzero(self._size > 0)
        self._each = copies is None
        self.rows = centers if copies is None else np.repeat(centers[self._first[used]], copies[used])

    @property
    def n_segments(self) -> int:
        """Of all clips together."""
        return int(self.segment_of_frame.max(initial=-1)) + 1

    def batches(
        self, *, batch_size: int, seed: int, epoch: int, confidence: Float32[np.ndarray, " s"] | None = None
    ) -> Int64[np.ndarray, "n_batches batch"]:
        """Centers of an epoch's windows, in full batches.

        Args:
            confidence: c of every segment at the epoch's start, where they are selected.
        """
        if self._balanced:
            chosen = balanced_batches(
                self.rows, self._clip_of_frame, self._label_of_frame, batch_size=batch_size, seed=seed, epoch=epoch
            )
        else:
            chosen = epoch_batches(self.rows, batch_size=batch_size, seed=seed, epoch=epoch)
        if self._each:
            return chosen
        clip = self._clip_of_frame[chosen]
        rng = np.random.default_rng((seed, epoch, 1))
        if self._selecting is None:
            return self._centers[self._first[clip] + rng.integers(self._size[clip])]
        if confidence is None:
            raise ValueError("segments are selected by their confidence, and none was given")
        epsilon = 1.0 if epoch < self._selecting.random_epochs else self._selecting.epsilon
        any_one = self._clip_segment[clip] + rng.integers(self._clip_segments[clip])
        best = best_segments(confidence, self._clip_of_segment, len(self._first))[clip]
        segment = np.where(rng.random(clip.shape) < epsilon, any_one, best)
        return self._centers[self._segment_first[segment] + rng.integers(self._segment_size[segment])]


def best_segments(
    confidence: Float32[np.ndarray, " s"], clip_of_segment: Int64[np.ndarray, " s"], n_clips: int
) -> Int64[np.ndarray, " n_clips"]:
    """Of each clip the segment with the largest confidence, the first of equals; 0 for a clip without segments."""
    order = np.lexsort((np.arange(len(confidence)), -confidence, clip_of_segment))
    best = np.zeros(n_clips, np.int64)
    clips, first = np.unique(clip_of_segment[order], return_index=True)
    best[clips] = order[first]
    return best
