"""Which frames make a batch: a pure function of (seed, epoch), so that a resumed run goes on exactly."""

import numpy as np
from jaxtyping import Int64


def epoch_batches(
    rows: Int64[np.ndarray, "n"], *, batch_size: int, seed: int, epoch: int
) -> Int64[np.ndarray, "n_batches batch"]:
    """All frames once in random order, cut into full batches; the rest of an epoch waits for the next.

    Args:
        rows: frames to draw from, as rows of the store.
        batch_size: frames a batch, over all processes; never more than there are frames.
    """
    order = np.random.default_rng((seed, epoch)).permutation(rows)
    n_batches = len(order) // batch_size
    return order[: n_batches * batch_size].reshape(n_batches, batch_size)


def partners(
    rows: Int64[np.ndarray, "n"],
    groups: Int64[np.ndarray, "n_frames"],
    members: "Groups",
    *,
    seed: int,
    epoch: int,
) -> Int64[np.ndarray, "n"]:
    """A frame of the same group for each frame, at random among all of the group's, the frame itself included.

    Args:
        rows: frames as rows of the store.
        groups: the group (clip or patient) of every frame of the store.
        members: the frames that may be drawn, by group.
    """
    random = np.random.default_rng((seed, epoch, int(rows[0]))).random(len(rows))
    return members.pick(groups[rows], random)


class Groups:
    """The frames of each group, for drawing one in constant time.

    Args:
        rows: frames that may be drawn.
        groups: the group of every frame of the store, counted from 0.
    """

    def __init__(self, rows: Int64[np.ndarray, "n"], groups: Int64[np.ndarray, "n_frames"]):
        of_row = groups[rows]
        self._sorted = rows[np.argsort(of_row, kind="stable")]
        self._sizes = np.bincount(of_row, minlength=int(groups.max()) + 1)
        self._starts = np.cumsum(self._sizes) - self._sizes

    def pick(self, groups: Int64[np.ndarray, "n"], random: np.ndarray) -> Int64[np.ndarray, "n"]:
        """The frame at the random share (in [0, 1)) of each group."""
        return self._sorted[self._starts[groups] + (random * self._sizes[groups]).astype(np.int64)]
