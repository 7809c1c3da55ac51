"""Which items are alike: the nearest of one item, and how far each item's surroundings agree with its group.

Vectors are compared by their cosine, and an item's own patient is left out: a patient's pictures are alike for the
patient's sake. The nearest of one item are looked up exactly, in the memory-mapped embeddings. The surroundings of all
items are looked up once, among a sample of 2,048, so that every page can be sorted by them at once.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32, Int64

from sslecho.embed.index.flat import FlatIndex
from sslecho.review.items import ReviewItems
from sslecho.rundir import say

GALLERY = 2048
AROUND = 10
PIECE = 8192  # vectors compared at once: 16 MB at 512 numbers each


class Neighbors:
    """The items' vectors, ready to be compared.

    Attributes:
        around: for each item the rows of its nearest 10 in the sample; -1 where there are fewer.
    """

    def __init__(self, items: ReviewItems, around: Int32[np.ndarray, "n m"]):
        self._vectors, self._units, self._in_test = items.vectors, items.units, items.in_test
        self.around = around
        self._lengths = _lengths(items.vectors) if items.vectors is not None else np.zeros(0, np.float32)

    @classmethod
    def of(cls, items: ReviewItems, cache: Path) -> "Neighbors":
        """Look at all items once; what was found is kept in `cache`, which is rebuilt where it is of other items."""
        if items.vectors is None:
            return cls(items, np.zeros((len(items), 0), np.int32))
        try:
            kept = np.load(cache)
            if str(kept["identity"]) == items.identity and kept["around"].shape == (len(items), AROUND):
                return cls(items, kept["around"])
        except (OSError, ValueError, KeyError):
            pass
        if len(items) > 10 * GALLERY:
            say(f"looking at the surroundings of {len(items):,} items, once …")
        around = _around(items)
        np.savez(cache, around=around, identity=np.array(items.identity))
        return cls(items, around)

    def nearest(self, item: int, most: int) -> Int64[np.ndarray, " m"]:
        """The nearest items of other patients, the nearest first; those of test patients are not looked at."""
        if self._vectors is None:
            return np.zeros(0, np.int64)
        query = np.asarray(self._vectors[item], np.float32)
        alike = np.empty(len(self._vectors), np.float32)
        for start in range(0, len(alike), PIECE):
            alike[start : start + PIECE] = self._vectors[start : start + PIECE] @ query
        alike /= self._lengths
        alike[(self._units == self._units[item]) | self._in_test] = -np.inf
        most = min(most, int(np.isfinite(alike).sum()))
        if most == 0:
            return np.zeros(0, np.int64)
        found = np.argpartition(-alike, most - 1)[:most]
        return found[np.argsort(-alike[found], kind="stable")]

    def disagreement(
        self, group: Int32[np.ndarray, " n"], name_of_group: Int32[np.ndarray, " g"], rows: Int64[np.ndarray, " m"]
    ) -> Float32[np.ndarray, " m"]:
        """Of each of these items, the share of its surroundings whose groups have another name, or are another
        without one; 0 where nothing is around it.
        """
        numbers = np.arange(len(name_of_group), dtype=np.int32)
        key = np.where(name_of_group >= 0, name_of_group, -2 - numbers)[group]
        around = self.around[rows]
        there = around >= 0
        other = there & (key[np.where(there, around, 0)] != key[rows][:, None])
        return (other.sum(1) / np.maximum(1, there.sum(1))).astype(np.float32)


def _around(items: ReviewItems) -> Int32[np.ndarray, "n m"]:
    """The rows of the sample's nearest, for every item."""
    assert items.vectors is not None
    n = len(items)
    sample = np.sort(np.random.default_rng(0).choice(n, min(n, GALLERY), replace=False))
    index = FlatIndex.build(np.asarray(items.vectors[sample]))
    around = np.full((n, AROUND), -1, np.int32)
    for start in range(0, n, PIECE):
        _, found = index.search(
            np.asarray(items.vectors[start : start + PIECE]),
            min(AROUND, len(sample)),
            query_groups=items.units[start : start + PIECE],
            groups=items.units[sample],
        )
        around[start : start + PIECE, : found.shape[1]] = np.where(found >= 0, sample[np.maximum(found, 0)], -1)
    return around


def _lengths(vectors: np.ndarray) -> Float32[np.ndarray, " n"]:
    lengths = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), PIECE):
        lengths[start : start + PIECE] = np.linalg.norm(vectors[start : start + PIECE], axis=1)
    return np.maximum(lengths, np.finfo(np.float32).tiny)
