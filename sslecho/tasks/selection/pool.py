"""The clips that may be picked: no copies of what is labeled, and so many of a patient at most."""

import hashlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64


class Pick(NamedTuple):
    """One clip to label.

    Attributes:
        row: its row in the pool.
        score: what made it the next one, in the unit of its rule; None where the rule has no number for it.
        reason: the same in words.
    """

    row: int
    score: float | None
    reason: str


class Pool:
    """Embeddings of clips that have a label or may get one.

    Attributes:
        vectors: of length 1, float32 `[n, d]`.
        labeled: those that have a label.
        taken: those that were picked.
        open: those that may be picked next: neither labeled nor taken, not equal to one that is, and of a patient of
            whom fewer than `per_unit` were taken.
    """

    def __init__(
        self,
        vectors: Float32[np.ndarray, "n d"],
        *,
        labeled: Bool[np.ndarray, " n"],
        units: Int64[np.ndarray, " n"],
        per_unit: int,
    ):
        self.vectors = vectors
        self.labeled = labeled
        self.taken = np.zeros(len(vectors), bool)
        self._units = units
        self._left = np.full(int(units.max(initial=-1)) + 1, per_unit)
        self._first = first_of_copies(vectors)
        self.open = ~np.isin(self._first, self._first[labeled])

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def known(self) -> Int64[np.ndarray, " m"]:
        """Rows that have a label or will get one."""
        return np.flatnonzero(self.labeled | self.taken)

    def take(self, row: int) -> None:
        """Pick a clip: it, its copies and, once the patient has given enough, the patient's others are closed."""
        self.taken[row] = True
        self.open[self._first == self._first[row]] = False
        unit = self._units[row]
        self._left[unit] -= 1
        if self._left[unit] == 0:
            self.open[self._units == unit] = False

    def open_copies(self) -> None:
        """Let copies of picked and labeled clips be picked too: nothing else is left."""
        self.open = ~self.labeled & ~self.taken & (self._left[self._units] > 0)


def first_of_copies(vectors: Float32[np.ndarray, "n d"]) -> Int64[np.ndarray, " n"]:
    """For each vector the first row that equals it: a still that was saved twice, a clip that was sent twice."""
    seen: dict[bytes, int] = {}
    digests = (hashlib.blake2b(vector.tobytes(), digest_size=16).digest() for vector in vectors)
    return np.fromiter((seen.setdefault(digest, row) for row, digest in enumerate(digests)), np.int64, len(vectors))


def fair_cap(sizes: Int64[np.ndarray, " u"], budget: int) -> int:
    """Picks of one patient at most: twice an even share, and more where the budget needs it.

    Args:
        sizes: the clips of each patient that may be picked; together at least `budget`.
    """
    cap = -(-2 * budget // len(sizes))
    while np.minimum(sizes, cap).sum() < budget:
        cap += 1
    return cap
