"""Arms for tests: importable, so that a worker finds them."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sslecho.evaluate.arms import Arm
from sslecho.evaluate.design import Design, Labeled


@dataclass(frozen=True)
class Noisy:
    """Random probabilities of the lesson's classes; a line in `log` for each lesson, and an end at line `stop_at`."""

    log: Path
    stop_at: int = 0

    def __call__(self, lesson, asked):
        with self.log.open("a") as file:
            file.write(f"{len(lesson.clips)} {lesson.run} {os.getpid()}\n")
        if len(self.log.read_text().splitlines()) == self.stop_at:
            raise KeyboardInterrupt
        rng = np.random.default_rng((lesson.seed, len(lesson.clips)))
        probabilities = np.zeros((len(asked), lesson.n_classes))
        known = np.unique(lesson.codes)
        probabilities[:, known] = rng.dirichlet(np.ones(len(known)), size=len(asked))
        return probabilities


def arm(name, learn, *, n_runs=1):
    return Arm(name, name, learn, n_runs, name)


def design(*, axis="patients", patients=11, tested=9, seed=5):
    """Patients with one to four clips of three classes, of which the third is rare; uneven in every way."""
    rng = np.random.default_rng(3)

    def part(n, first):
        units = np.repeat(np.arange(first, first + n), rng.integers(1, 5, size=n))
        codes = np.where(rng.random(len(units)) < 0.15, 2, rng.integers(0, 2, size=len(units)))
        codes[:3] = [0, 1, 2]
        return units, codes

    pool, test = part(patients, 0), part(tested, patients)
    rows = np.arange(len(pool[0]) + len(test[0]))
    return Design(
        Labeled(rows[: len(pool[0])], pool[1], pool[0]),
        Labeled(rows[len(pool[0]) :], test[1], test[0]),
        ["a", "b", "c"],
        axis,
        seed,
    )
