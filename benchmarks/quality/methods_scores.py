"""What embeddings of clips are worth on patients never seen: neighbors, a linear probe, and intervals over seeds.

Conventions: vectors are [clips, dim], labels codes from 0, patients names. Training and tested patients are disjoint,
so a clip's neighbors are never of its own patient.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sslecho.metrics.intervals import Interval, bootstrap

NEIGHBORS = 5  # fixed before any run: the few labels have five patients a class
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)  # C of the probe, chosen on validation patients


def neighbors_answers(train: np.ndarray, labels: np.ndarray, test: np.ndarray, *, k: int = NEIGHBORS) -> np.ndarray:
    """The label that most of the k nearest training clips (cosine) have; of equally frequent ones the nearest's."""
    a, b = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (train, test))
    nearest = labels[np.argsort(-(b @ a.T), axis=1, kind="stable")[:, :k]]
    votes = (nearest[:, :, None] == nearest[:, None, :]).sum(2)
    return nearest[np.arange(len(test)), votes.argmax(1)]


@dataclass(frozen=True)
class Probe:
    """The answers of a linear probe, and the C that was chosen."""

    answers: np.ndarray
    strength: float


def probe(train: tuple[np.ndarray, np.ndarray], val: tuple[np.ndarray, np.ndarray], test: np.ndarray) -> Probe:
    """Class-weighted logistic regression on standardized vectors; C by balanced accuracy on `val`, the least of equals.

    Args:
        train, val: vectors and labels.
        test: vectors.
    """
    scale = StandardScaler().fit(train[0])
    best: tuple[float, Probe] | None = None
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=5000)
        model.fit(scale.transform(train[0]), train[1])
        score = balanced_accuracy(val[1], np.asarray(model.predict(scale.transform(val[0]))))
        if best is None or score > best[0]:
            best = score, Probe(np.asarray(model.predict(scale.transform(test))), strength)
    assert best is not None
    return best[1]


def few(labels: np.ndarray, patients: np.ndarray, *, patients_per_class: int, rng: np.random.Generator) -> np.ndarray:
    """Positions of the clips of so many patients of each class, drawn anew for each class."""
    taken = []
    for label in np.unique(labels):
        of_class = labels == label
        known = np.unique(patients[of_class])
        drawn = rng.choice(known, min(patients_per_class, len(known)), replace=False)
        taken.append(np.flatnonzero(of_class & np.isin(patients, drawn)))
    return np.sort(np.concatenate(taken))


def balanced_accuracy(truth: np.ndarray, answers: np.ndarray) -> float:
    """Mean over the classes of the share of their clips that is named right."""
    return float(np.mean([(answers[truth == label] == label).mean() for label in np.unique(truth)]))


def with_interval(truth: np.ndarray, answers: np.ndarray, patients: np.ndarray) -> Interval:
    """Balanced accuracy and its 95 % interval over the tested patients; draws without some class are left out."""
    classes = len(np.unique(truth))

    def of(positions: np.ndarray) -> float:
        drawn = truth[positions]
        return balanced_accuracy(drawn, answers[positions]) if len(np.unique(drawn)) == classes else np.nan

    return bootstrap(of, np.unique(patients, return_inverse=True)[1], rng=np.random.default_rng(0))


@dataclass(frozen=True)
class Scored:
    """The tested clips of one seed, and which of them each arm named right.

    Args:
        truth: [clips].
        patients: [clips]; a patient who is tested under several seeds has one name.
        right: [clips, arms].
    """

    truth: np.ndarray
    patients: np.ndarray
    right: np.ndarray

    def recalls(self, weights: np.ndarray) -> np.ndarray:
        """Balanced accuracies where clips count so often, NaN where a class is left out.

        Args:
            weights: [draws, clips].

        Returns:
            [draws, arms].
        """
        parts = []
        for label in np.unique(self.truth):
            of_class = self.truth == label
            total = weights[:, of_class].sum(1, keepdims=True)
            hits = weights[:, of_class] @ self.right[of_class].astype(float)
            parts.append(np.divide(hits, total, out=np.full_like(hits, np.nan), where=total > 0))
        return np.mean(parts, axis=0)


def values(seeds: Sequence[Scored]) -> np.ndarray:
    """Balanced accuracies; [seeds, arms]."""
    return np.concatenate([seed.recalls(np.ones((1, len(seed.truth)))) for seed in seeds])


def draws(seeds: Sequence[Scored], *, n_draws: int = 2000, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap draws of the mean over seeds, seeds and patients drawn with replacement; [draws, arms].

    All arms see the same draws, so that differences between columns are paired. A patient is drawn with all clips,
    under whichever seeds they are tested.
    """
    names, codes = np.unique(np.concatenate([seed.patients for seed in seeds]), return_inverse=True)
    drawn = rng.integers(len(names), size=(n_draws, len(names)))
    counts = np.stack([np.bincount(row, minlength=len(names)) for row in drawn]).astype(float)
    ends = np.cumsum([len(seed.patients) for seed in seeds])
    parts = [seed.recalls(counts[:, code]) for seed, code in zip(seeds, np.split(codes, ends[:-1]), strict=True)]
    chosen = rng.integers(len(seeds), size=(n_draws, len(seeds)))
    return np.stack(parts, axis=1)[np.arange(n_draws)[:, None], chosen].mean(1)
