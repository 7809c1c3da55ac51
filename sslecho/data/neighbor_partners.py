"""The frame that a frame's second view is made of, where its neighbors are known: one of them."""

import numpy as np
from jaxtyping import Float, Int64

from sslecho.data.keyed import uniforms
from sslecho.data.partners import PARTNER


class NeighborPartners:
    """Draws a neighbor of each frame: a pure function of (seed, epoch, frame), whatever else is in the batch.

    Args:
        rows: the frames, as rows of the store.
        neighbor_ids: of each of them its neighbors' places in `rows`, -1 where there is none.
    """

    def __init__(self, rows: Int64[np.ndarray, " n"], neighbor_ids: Int64[np.ndarray, "n j"]):
        self._rows, self._neighbor_ids = rows, neighbor_ids
        self._order = np.argsort(rows)

    def draw(self, rows: Int64[np.ndarray, " b"], *, seed: int, epoch: int) -> Int64[np.ndarray, " b"]:
        """A neighbor of each frame, all of them equally likely; the frame itself where it has none.

        Args:
            rows: frames among those given before.
        """
        at = self._order[np.searchsorted(self._rows, rows, sorter=self._order)]
        return self._rows[one_of(self._neighbor_ids, at, uniforms(seed, epoch, rows, PARTNER, 1)[:, 0])]


def one_of(
    neighbor_ids: Int64[np.ndarray, "n j"], items: Int64[np.ndarray, " b"], u: Float[np.ndarray, " b"]
) -> Int64[np.ndarray, " b"]:
    """One neighbor of each item, all equally likely; the item itself where it has none.

    Args:
        neighbor_ids: the neighbors of every item, -1 where there is none.
        u: uniform numbers in [0, 1).
    """
    if not neighbor_ids.shape[1]:
        return items
    ids = neighbor_ids[items]
    # Those that are there first, whatever gaps a row has.
    ids = np.take_along_axis(ids, np.argsort(ids < 0, axis=1, kind="stable"), axis=1)
    n_there = (ids >= 0).sum(1)
    drawn = np.minimum((u * n_there).astype(np.int64), np.maximum(n_there - 1, 0))
    return np.where(n_there > 0, ids[np.arange(len(items)), drawn], items)
