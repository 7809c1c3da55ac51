"""Who may be labeled, who is tested, and the nested draws of labels.

A support is one order in which the pool gets its labels: of patients, each with all labeled clips, or of the clips of
each class. With x labels the first x of that order are labeled, so the labels of x are among those of 2x. The order is
random and not stratified, as whoever labels x patients doesn't know their classes yet: where a class comes late, an arm
can't know it, and its test clips are errors.

Pool and test are given by the split. The labels of val are used by nobody: a figure "with 4 labeled patients" whose
settings were chosen on twenty others would not be one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

AXES = ("patients", "labels")


@dataclass(frozen=True)
class Labeled:
    """Clips whose class is known.

    Attributes:
        clips: rows of the store's table of clips.
        codes: the class of each.
        units: the patient of each, as a code.
    """

    clips: Int64[np.ndarray, " n"]
    codes: Int64[np.ndarray, " n"]
    units: Int64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def n_units(self) -> int:
        """How many patients there are."""
        return len(np.unique(self.units))

    def at(self, places: Int64[np.ndarray, " m"]) -> "Labeled":
        """Those at these places."""
        return Labeled(self.clips[places], self.codes[places], self.units[places])


@dataclass(frozen=True)
class Design:
    """What is asked of every arm.

    Attributes:
        pool: what may be labeled.
        test: what is scored, always all of it.
        classes: the names of the codes, of pool and test together.
        axis: what is counted: labeled "patients", or "labels" of each class.
        seed: decides the orders.
    """

    pool: Labeled
    test: Labeled
    classes: Sequence[str]
    axis: str
    seed: int

    @property
    def most(self) -> int:
        """The number with which all of the pool is labeled."""
        return self.pool.n_units if self.axis == "patients" else int(np.bincount(self.pool.codes).max())

    def doubling(self) -> list[int]:
        """1, 2, 4, … and all."""
        return [*(2**power for power in range(64) if 2**power < self.most), self.most]

    def labeled(self, x: int, *, support: int) -> Labeled:
        """The labels with x patients, or x labels of each class."""
        return self.pool.at(np.flatnonzero(self._ranks(support) < x))

    def _ranks(self, support: int) -> Int64[np.ndarray, " n"]:
        """When each item of the pool gets its label: it has it with x > rank."""
        rng = np.random.default_rng((self.seed, support))
        if self.axis == "patients":
            _, units = np.unique(self.pool.units, return_inverse=True)
            return rng.permutation(self.pool.n_units)[units].astype(np.int64)
        order = rng.permutation(len(self.pool))
        by_class = order[np.argsort(self.pool.codes[order], kind="stable")]
        sizes = np.bincount(self.pool.codes)
        ranks = np.empty(len(self.pool), np.int64)
        ranks[by_class] = np.arange(len(self.pool)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return ranks
