"""Arms: the ways to learn from few labels that are compared.

An arm is a name and a `Learner`: a function from some labeled clips to probabilities of others. It sees the labels of
its lesson and nothing else, and chooses whatever it has to choose within them. Worker processes get it pickled, so it
holds paths, not arrays.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float64, Int64

from sslecho.tasks.probe import LinearProbe


@dataclass(frozen=True)
class Lesson:
    """What an arm learns from in one cell; there are two classes or more.

    Attributes:
        clips: rows of the store's table of clips.
        codes: the class of each.
        units: the patient of each, for the folds that a choice is made over.
        n_classes: of the whole design; codes are below it, and some may not occur here.
        run: 0, 1, … below the arm's `n_runs`.
        seed: of everything random; it differs between supports and runs, and is the same for all arms.
    """

    clips: Int64[np.ndarray, " n"]
    codes: Int64[np.ndarray, " n"]
    units: Int64[np.ndarray, " n"]
    n_classes: int
    run: int
    seed: int


@runtime_checkable
class Learner(Protocol):
    """Learns from a lesson and names other clips."""

    def __call__(self, lesson: Lesson, asked: Int64[np.ndarray, " m"]) -> Float[np.ndarray, "m n_classes"]:
        """Probabilities of every class, 0 of those that the lesson has not.

        Args:
            asked: rows of the store's table of clips.
        """
        ...


@dataclass(frozen=True)
class Arm:
    """One of the ways that are compared.

    Attributes:
        name: of letters, digits, "_" and "-": in tables, and in the paths of its cells.
        words: what a sentence calls it ("the untrained encoder").
        learn: how it learns.
        n_runs: how often it learns from the same labels: as often as there is something new to draw (weights), once
            where there is nothing. Folds are no reason: each support draws its own.
        hash: of what it is made of; another one is another benchmark.
    """

    name: str
    words: str
    learn: Learner
    n_runs: int
    hash: str


@dataclass(frozen=True)
class ProbeLearner:
    """A linear probe on frozen embeddings of clips; the penalty is chosen over folds of the labeled patients.

    Attributes:
        vectors: a .npy of float32 [n, d] for each run.
        clips: a .npy of int64 [n]: the rows of the store's clips that they are of, ascending.
    """

    vectors: tuple[Path, ...]
    clips: Path

    def __call__(self, lesson: Lesson, asked: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, "m n_classes"]:
        vectors, clips = np.load(self.vectors[lesson.run], mmap_mode="r"), np.load(self.clips)
        probe = LinearProbe(random_state=lesson.seed)
        probe.fit(vectors[np.searchsorted(clips, lesson.clips)], lesson.codes, groups=lesson.units)
        probabilities = np.zeros((len(asked), lesson.n_classes))
        probabilities[:, probe.classes_] = probe.predict_proba(vectors[np.searchsorted(clips, asked)])
        return probabilities
