"""Figures of labels of which some are left out: precision against coverage.

Goal: what a method that may abstain says of the items it dares to label, and how many those are (El-Yaniv & Wiener
2010, "On the foundations of noise-free selective classification").

Conventions: codes of classes, truth before prediction; an item that got no label has the prediction -1. `precision` is
the share of given labels that are right, over all classes together. `macro_f1` is the mean F1 of the classes that
occur in truth or prediction of the items that got a label; `macro_f1_all` counts an item without a label as a miss of
its class. Intervals resample units (patients).
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sslecho.metrics.intervals import bootstrap, bootstrap_mean, too_few
from sslecho.metrics.labels import MISSING

LEVELS = 20  # points of the curve
N_DRAWS = 500


def precision_and_coverage(
    truth: Int[np.ndarray, "n"],
    predicted: Int[np.ndarray, "n"],
    *,
    units: Int[np.ndarray, "n"],
    rng: np.random.Generator,
    unit: str = "patient",
) -> dict[str, Any]:
    """Precision, macro F1 and coverage of the scored items, with 95 % intervals.

    Args:
        truth: the class of each item, never -1.
        predicted: the class that it got, or -1.
        units: the resampling unit (the patient) of each item.

    Returns:
        `precision`, `macro_f1`, `macro_f1_all` and `scored_coverage` with `_low` and `_high`; `n`, `n_patients`,
        `warning`. Figures are None where no scored item got a label, and so are intervals of fewer than 2 units.
    """
    labeled = predicted != MISSING
    n_units = len(np.unique(units))
    scores: dict[str, Any] = {}

    def add(name: str, value: float | None, interval: tuple[float, float] | None) -> None:
        scores[name] = value
        scores[f"{name}_low"], scores[f"{name}_high"] = interval if interval and n_units > 1 else (None, None)

    if labeled.any():
        right = (truth == predicted)[labeled].astype(np.float64)
        found = bootstrap_mean(right, units[labeled], rng=rng)
        add("precision", found.value, (found.low, found.high))
        for name, rows in (("macro_f1", np.flatnonzero(labeled)), ("macro_f1_all", np.arange(len(truth)))):
            of, said = truth[rows], predicted[rows]
            f1 = bootstrap(
                lambda at, of=of, said=said: macro_f1(of[at], said[at]), units[rows], rng=rng, n_draws=N_DRAWS
            )
            add(name, f1.value, (f1.low, f1.high))
    else:
        for name in ("precision", "macro_f1", "macro_f1_all"):
            add(name, None, None)
    if len(truth):
        covered = bootstrap_mean(labeled.astype(np.float64), units, rng=rng)
        add("scored_coverage", covered.value, (covered.low, covered.high))
    else:
        add("scored_coverage", None, None)
    return {**scores, "n": len(truth), "n_patients": n_units, "warning": too_few(n_units, unit=unit)}


def macro_f1(truth: Int[np.ndarray, "n"], predicted: Int[np.ndarray, "n"]) -> float:
    """The mean over classes of 2 TP / (2 TP + FP + FN); -1 in `predicted` is a miss and no class."""
    n_classes = int(max(truth.max(), predicted.max())) + 1
    right = np.bincount(truth[truth == predicted], minlength=n_classes)
    of_truth = np.bincount(truth, minlength=n_classes)
    of_predicted = np.bincount(predicted[predicted != MISSING], minlength=n_classes)
    occurs = of_truth + of_predicted > 0
    return float((2 * right[occurs] / (of_truth + of_predicted)[occurs]).mean())


def coverage_curve(
    right: Bool[np.ndarray, "n"],
    confidences: Float[np.ndarray, "n"],
    *,
    units: Int[np.ndarray, "n"],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Precision of the most confident items at rising coverage.

    Args:
        right: whether the most probable class of each item is its own.
        confidences: minus infinity for items of which nothing can be said.

    Returns:
        For each level `coverage`, `threshold` (the least confidence that is labeled), `precision`, `precision_low`,
        `precision_high` and `n`. Items of equal confidence stand or fall together.
    """
    n = len(right)
    ranked = np.sort(confidences[np.isfinite(confidences)])[::-1]
    if not len(ranked):
        return []
    ends = np.unique(np.ceil(np.linspace(0, len(ranked), LEVELS + 1)[1:]).astype(int)) - 1
    points = []
    for threshold in dict.fromkeys(ranked[ends].tolist()):
        taken = confidences >= threshold
        found = bootstrap_mean(right[taken].astype(np.float64), units[taken], rng=rng, n_draws=N_DRAWS)
        points.append(
            {
                "coverage": float(taken.sum() / n),
                "threshold": threshold,
                "precision": found.value,
                "precision_low": found.low,
                "precision_high": found.high,
                "n": int(taken.sum()),
            }
        )
    return points
