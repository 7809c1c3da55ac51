"""Windows: the frames of a clip that a network of clips sees at once, and which windows say what a clip is.

Frame j of the T frames of a window about center c is c + (j - T // 2) s for a stride of s frames; with a stride in
seconds it is the frame whose time is nearest to that. What lies beyond the clip's ends is its first or last frame, so
that a clip of one frame has a window too.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64

from sslecho.data.store import Store
from sslecho.errors import InputError
from sslecho.rundir import warn

SEGMENT_FRAMES = 20  # STFM's selective sampling cuts a video into segments of this many
UNEVEN = 1.5  # frame intervals of clips that differ by more than this factor are told; ours


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of a store's clips.

    Attributes:
        n_frames: T.
        stride: in frames; what counts where `time_s` is None.
        stride_s: in seconds.
        clip_of_frame: the clip of every frame of the store; a clip's frames are neighbors.
        time_s: the time of every frame in its clip, ascending, all known; None counts frames.
    """

    n_frames: int
    clip_of_frame: Int64[np.ndarray, " n_frames"]
    stride: int = 1
    stride_s: float | None = None
    time_s: Float64[np.ndarray, " n_frames"] | None = None

    @classmethod
    def of(cls, store: Store, n_frames: int, *, stride: int, stride_s: float | None) -> "Windows":
        """Those of a store; what is odd about its frame times is told.

        A clip whose times are unknown is taken to have the median frame interval of the others.

        Raises:
            InputError: a stride in seconds, and no clip of several frames has times.
        """
        clip_of_frame = store.clip_of_frame
        if n_frames == 1:
            return cls(1, clip_of_frame)
        times = np.array(store.frames["time_s"].to_pylist(), dtype=np.float64)  # None becomes NaN
        intervals = clip_intervals(times, clip_of_frame, store.clips.num_rows)
        sizes = store.clips["n_frames"].to_numpy()
        known, unknown = np.isfinite(intervals), ~np.isfinite(intervals) & (sizes > 1)
        if stride_s is None:
            if known.any() and (ratio := intervals[known].max() / intervals[known].min()) > UNEVEN:
                low, high = (1000 * of(intervals[known]) for of in (np.min, np.max))
                warn(
                    f"frames are {low:.0f} to {high:.0f} ms apart, so that a stride of {stride} frames lasts up to "
                    f"{ratio:.1f} times as long in one clip as in another; --stride-s takes the same time in all"
                )
            return cls(n_frames, clip_of_frame, stride)
        if not known.any():
            raise InputError(
                f"--stride-s {stride_s:g} needs frame times, and no clip of the store has them; say --stride in frames"
            )
        typical = float(np.median(intervals[known]))
        if unknown.any():
            warn(
                f"{int(unknown.sum())} of {len(sizes)} clips have no frame times: their frames are taken to be "
                f"{1000 * typical:.0f} ms apart, as in the median of the others"
            )
        place = np.arange(len(times)) - np.searchsorted(clip_of_frame, clip_of_frame)
        filled = np.where(known[clip_of_frame], times, place * typical)
        return cls(n_frames, clip_of_frame, stride, stride_s, filled)

    def rows(self, centers: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, "n t"]:
        """The frames of each window, as rows of the store in order of time."""
        away = np.arange(self.n_frames) - self.n_frames // 2
        clip = self.clip_of_frame[centers]
        first = np.searchsorted(self.clip_of_frame, clip)[:, None]
        last = np.searchsorted(self.clip_of_frame, clip, side="right")[:, None] - 1
        if self.time_s is None:
            return np.clip(centers[:, None] + away * self.stride, first, last)
        line = self._line
        wanted = line[centers][:, None] + away * (self.stride_s or 0.0)
        after = np.clip(np.searchsorted(line, wanted), first, last)
        before = np.clip(after - 1, first, last)
        return np.where(wanted - line[before] <= line[after] - wanted, before, after)

    @cached_property
    def _line(self) -> Float64[np.ndarray, " n_frames"]:
        """All clips' times on one ascending line, on which clips lie further apart than any window reaches."""
        assert self.time_s is not None
        apart = np.ptp(self.time_s) + self.n_frames * (self.stride_s or 0.0) + 1.0
        return self.time_s + apart * self.clip_of_frame


def clip_intervals(
    time_s: Float64[np.ndarray, " n"], clip_of_frame: Int64[np.ndarray, " n"], n_clips: int
) -> Float64[np.ndarray, " c"]:
    """The mean frame interval of each clip in seconds; NaN where it has one frame, or where its times are not all
    known and ascending."""
    steps = np.diff(time_s)
    inside = np.diff(clip_of_frame) == 0
    clip = clip_of_frame[1:][inside]
    bad = np.bincount(clip, weights=~(steps[inside] > 0), minlength=n_clips) > 0  # NaN is not > 0
    sums = np.bincount(clip, weights=np.where(steps[inside] > 0, steps[inside], 0.0), minlength=n_clips)
    counts = np.bincount(clip, minlength=n_clips)
    return np.where(bad | (counts == 0), np.nan, sums / np.maximum(counts, 1))


def key_centers(
    rows: Int64[np.ndarray, " n"], clip_of_frame: Int64[np.ndarray, " n_frames"], *, n_windows: int, most_frames: int
) -> Int64[np.ndarray, " m"]:
    """Centers of the windows by which a clip is named: evenly from the first to the last of its first frames.

    STFM's inference (10 windows over the first 300 frames). A clip of fewer frames has as many windows as frames: a
    window that was counted twice would be evidence out of nothing.

    Args:
        rows: frames that may be centers, ascending; those of all clips that are wanted.
        most_frames: of a clip, what comes later is not looked at.
    """
    clip = clip_of_frame[rows]
    starts = np.flatnonzero(np.r_[True, np.diff(clip) > 0]) if len(rows) else np.empty(0, np.int64)
    sizes = np.diff(np.r_[starts, len(rows)])
    parts = [
        start + np.unique(np.linspace(0, min(size, most_frames) - 1, n_windows).round().astype(np.int64))
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)
    ]
    return rows[np.concatenate(parts)] if parts else rows


def segments(
    rows: Int64[np.ndarray, " n"], clip_of_frame: Int64[np.ndarray, " n_frames"], *, length: int = SEGMENT_FRAMES
) -> Int64[np.ndarray, " n_frames"]:
    """The segment of every frame of the store, numbered through; -1 for frames that are not among `rows`.

    A clip's frames are cut every `length` of them. The last segment may be shorter, and none is empty.

    Args:
        rows: frames that may be centers, ascending.
    """
    clip = clip_of_frame[rows]
    place = np.arange(len(rows)) - np.searchsorted(clip, clip)
    begins = place % length == 0
    number = np.full(len(clip_of_frame), -1, np.int64)
    number[rows] = np.cumsum(begins) - 1
    return number
