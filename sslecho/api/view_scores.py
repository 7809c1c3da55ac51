"""What a classifier of clips says of itself: all its aggregates, its levels, its confusions, its abstentions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from sslecho.api.classifier_rows import Rows
from sslecho.api.classifier_scores import codes_of
from sslecho.metrics.aggregation import AGGREGATES, Windows, aggregate, of_windows
from sslecho.metrics.classification import auroc, classification_scores
from sslecho.metrics.coverage import coverage_curve
from sslecho.metrics.intervals import bootstrap_mean
from sslecho.tasks.viewer import Looking

WHOLE = ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "ece")


@dataclass(frozen=True)
class Judged:
    """Windows of all clips, and what they are scored by.

    Attributes:
        logits: of each window.
        clip: of each window its clip, as the row of the store's table.
        clip_labels: of every clip, None where unknown.
        window_labels: of every window, that of its center.
        units: of every clip, a number of its patient.
        rows: clips by use.
        classes: that are learned.
    """

    logits: Float64[np.ndarray, "m c"]
    clip: Int64[np.ndarray, " m"]
    clip_labels: np.ndarray
    window_labels: np.ndarray
    units: Int64[np.ndarray, " k"]
    rows: Rows
    classes: tuple[str, ...]

    @property
    def of_test(self) -> Int64[np.ndarray, " k"]:
        """The windows of test clips whose center has a class that is learned."""
        known = np.array([label in self.classes for label in self.window_labels], bool)
        return np.flatnonzero(np.isin(self.clip, self.rows.test) & known)


def aggregates(judged: Judged, looking: Looking, *, seed: int) -> list[dict[str, Any]]:
    """Each way to name the test clips by the same windows, uncalibrated; evidence where the network has it."""
    rows, lines = judged.rows.test, []
    truth = codes_of(judged.clip_labels[rows], judged.classes)
    for how in AGGREGATES:
        if how == "evidence" and not looking.evidential:
            continue
        said = aggregate(
            judged.logits,
            judged.clip,
            len(judged.units),
            how=how,
            evidential=looking.evidential,
            prior=looking.prior,
        )
        right = said.answer[rows] == truth
        scores = classification_scores(
            truth,
            said.probabilities[rows],
            names=judged.classes,
            units=judged.units[rows],
            rng=np.random.default_rng(seed),
        )
        figures = {key: scores[key] for name in WHOLE for key in (name, f"{name}_low", f"{name}_high")}
        # How well uncertainty tells wrong answers from right ones.
        tells = auroc(said.uncertainty[rows], ~right)
        lines.append({"aggregate": how, **figures, "uncertainty_auroc": None if np.isnan(tells) else tells})
    return lines


def levels(
    judged: Judged, looking: Looking, of_clips: dict[str, Any], answer: Int64[np.ndarray, " c"], *, seed: int
) -> dict[str, Any]:
    """The same test patients by window, by clip, and by patient.

    Args:
        of_clips: the figures of clips.
        answer: of every clip.
    """
    at, rows = judged.of_test, judged.rows.test
    of_windows_ = of_windows(judged.logits[at], evidential=looking.evidential, prior=looking.prior)
    return {
        "frame": figures_of_windows(judged, at, of_windows_, seed=seed),
        "clip": {key: of_clips[key] for name in WHOLE for key in (name, f"{name}_low", f"{name}_high")}
        | {"n": of_clips["n"], "n_patients": of_clips["n_patients"]},
        "patient": _of_patients(judged, looking, answer[rows], seed=seed),
    }


def figures_of_windows(judged: Judged, at: Int64[np.ndarray, " k"], windows: Windows, *, seed: int) -> dict[str, Any]:
    """Figures of single windows."""
    scores = classification_scores(
        codes_of(judged.window_labels[at], judged.classes),
        windows.probabilities,
        names=judged.classes,
        units=judged.units[judged.clip[at]],
        rng=np.random.default_rng(seed),
    )
    return {key: value for key, value in scores.items() if key not in ("per_class", "warning")}


def _of_patients(judged: Judged, looking: Looking, answer: Int64[np.ndarray, " k"], *, seed: int) -> dict[str, Any]:
    """Each patient counts once: the share of its clips that are right, and whether all are.

    Where every test patient has one class (a diagnosis, not a view), also how well all its windows together name it.
    """
    rows, rng = judged.rows.test, np.random.default_rng(seed)
    truth = codes_of(judged.clip_labels[rows], judged.classes)
    names, patient = np.unique(judged.units[rows], return_inverse=True)
    n = np.bincount(patient)
    share = np.bincount(patient, weights=answer == truth) / n
    said: dict[str, Any] = {}
    for name, values in (("accuracy", share), ("all_right", (share == 1).astype(np.float64))):
        found = bootstrap_mean(values, np.arange(len(names)), rng=rng)
        alone = len(names) < 2
        said |= {
            name: found.value,
            f"{name}_low": None if alone else found.low,
            f"{name}_high": None if alone else found.high,
        }
    said |= {"n": len(names), "n_patients": len(names), "pooled": None}
    of_patient = {(int(p), int(t)) for p, t in zip(patient, truth, strict=True)}
    if len(of_patient) == len(names):
        chosen = np.isin(judged.clip, rows)
        pooled = aggregate(
            judged.logits[chosen],
            np.searchsorted(names, judged.units[judged.clip[chosen]]),
            len(names),
            how=looking.aggregate,
            evidential=looking.evidential,
            prior=looking.prior,
        )
        classes = np.array([dict(of_patient)[p] for p in range(len(names))], np.int64)
        scores = classification_scores(
            classes, pooled.probabilities, names=judged.classes, units=np.arange(len(names)), rng=rng
        )
        said["pooled"] = {key: value for key, value in scores.items() if key not in ("per_class", "warning")}
    return said


def details(
    truth: Int64[np.ndarray, " n"],
    probabilities: Float64[np.ndarray, "n c"],
    uncertainty: Float64[np.ndarray, " n"],
    units: Int64[np.ndarray, " n"],
    *,
    classes: Sequence[str],
    families: dict[str, str],
    seed: int,
) -> dict[str, Any]:
    """Of scored items: second guesses, confidence of right and wrong answers, confusions, abstention by uncertainty."""
    rng = np.random.default_rng(seed)
    answer = probabilities.argmax(1)
    right = answer == truth
    order = np.argsort(-probabilities, axis=1, kind="stable")
    second = bootstrap_mean((order[:, :2] == truth[:, None]).any(1).astype(np.float64), units, rng=rng)
    alone = second.n_units < 2
    table = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(table, (truth, answer), 1)
    confidence = probabilities.max(1)
    return {
        "top2": second.value,
        "top2_low": None if alone else second.low,
        "top2_high": None if alone else second.high,
        "confidence_right": _quartiles(confidence[right]),
        "confidence_wrong": _quartiles(confidence[~right]),
        "confusion": {"classes": list(classes), "table": table.tolist()},
        "families": _by_family(table, classes, families),
        "abstention": coverage_curve(right, 1 - uncertainty, units=units, rng=rng),
    }


def _quartiles(values: Float64[np.ndarray, " n"]) -> dict[str, Any]:
    if not len(values):
        return {"median": None, "q1": None, "q3": None, "n": 0}
    q1, median, q3 = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return {"median": median, "q1": q1, "q3": q3, "n": len(values)}


def _by_family(
    table: Int64[np.ndarray, "c c"], classes: Sequence[str], families: dict[str, str]
) -> dict[str, Any] | None:
    """Confusion between families of classes; a class without one is a family of its own."""
    if not families:
        return None
    of_class = [families.get(name, name) for name in classes]
    names = sorted(set(of_class))
    place = np.array([names.index(family) for family in of_class])
    joined = np.zeros((len(names), len(names)), np.int64)
    np.add.at(joined, (place[:, None], place[None, :]), table)
    errors = int(table.sum() - np.trace(table))
    within = int(np.trace(joined) - np.trace(table))
    return {
        "families": names,
        "table": joined.tolist(),
        "accuracy": float(np.trace(joined) / max(1, table.sum())),
        "errors_within": within / errors if errors else None,
    }


def nothing_seen(values: Float64[np.ndarray, "n c"], blank: Bool[np.ndarray, " n"]) -> Float64[np.ndarray, "n c"]:
    """Probabilities in which items that show nothing have all classes alike."""
    return np.where(blank[:, None], 1 / values.shape[1], values)
