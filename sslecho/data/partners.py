"""Which frame a frame's second view is made of: one of its group, near in time where times count.

    P(j | i) ~ max(0, 1 - |t_i - t_j| / g)    over the frames j of i's group, i itself included

with g the largest gap in seconds: the probability falls linearly with the distance in time and is 0 from g on. Without
g, and in a group with a frame of unknown time, all frames of the group are equally likely. The law is ours; that only
frames near in time show the same view follows from probes that move (0.5 s in a sweep).

The draw is exact and takes O(log n) for a group of n frames, whatever the times are: over frames in order of time,
sums of the weights are differences of two running sums, of ones and of times.
"""

import numpy as np
from jaxtyping import Float64, Int64

from sslecho.data.keyed import uniforms

PARTNER = 1 << 20  # the use that the numbers are for; no frame has so many views


class Partners:
    """Draws a partner for each frame: a pure function of (seed, epoch, frame), whatever else is in the batch.

    Args:
        rows: frames that may be drawn, as rows of the store.
        groups: the group (clip or patient) of every frame of the store.
        time_s: the time of every frame of the store within its group, in seconds, NaN where it is unknown.
        max_gap_s: g above, greater than 0; None takes the whole group, and no times.
    """

    def __init__(
        self,
        rows: Int64[np.ndarray, " n"],
        groups: Int64[np.ndarray, " n_frames"],
        *,
        time_s: Float64[np.ndarray, " n_frames"] | None = None,
        max_gap_s: float | None = None,
    ):
        group = np.unique(groups[rows], return_inverse=True)[1]
        time = np.zeros(len(rows)) if time_s is None or max_gap_s is None else time_s[rows] / max_gap_s
        # At one time, all frames of a group are equally likely.
        time = np.where((np.bincount(group, weights=np.isnan(time)) > 0)[group], 0.0, time)
        order = np.lexsort((time, group))
        group, time = group[order], time[order]
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        time = time - time[starts][group]
        self._rows, self._time = rows[order], time
        self._place = np.full(len(groups), -1, dtype=np.int64)
        self._place[self._rows] = np.arange(len(rows))
        # Groups one after the other on one axis, farther apart than a gap.
        ends = np.append(starts[1:], len(rows)) - 1
        length = time[ends] + 2.0
        axis = time + (np.cumsum(length) - length)[group]
        self._first = np.searchsorted(axis, axis - 1.0, side="right")
        self._last = np.searchsorted(axis, axis + 1.0, side="left") - 1
        self._sums = np.concatenate([[0.0], np.cumsum(time)])

    def draw(self, rows: Int64[np.ndarray, " n"], *, seed: int, epoch: int) -> Int64[np.ndarray, " n"]:
        """A partner of each frame.

        Args:
            rows: frames among those that may be drawn.
        """
        place = self._place[rows]
        low, high = self._first[place], self._last[place]
        wanted = uniforms(seed, epoch, rows, PARTNER, 1)[:, 0] * self._weight(place, high)
        # The first frame up to which the weights sum to more than what was drawn.
        while (low < high).any():
            middle = (low + high) // 2
            enough = self._weight(place, middle) > wanted
            low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
        return self._rows[low]

    def _weight(self, place: Int64[np.ndarray, " n"], end: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The sum of the weights from the window's first frame to `end`, as the frame at `place` sees them."""
        first, time, sums = self._first[place], self._time[place], self._sums
        before, after = np.minimum(end, place) + 1, np.maximum(end, place) + 1
        earlier = (before - first) * (1.0 - time) + sums[before] - sums[first]
        later = (after - 1 - place) * (1.0 + time) - (sums[after] - sums[place + 1])
        return earlier + later
