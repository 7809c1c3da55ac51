"""Figures of a classifier, and their intervals that resample units (patients), all draws at once.

Goal: accuracy, balanced accuracy, macro F1, AUROC and ECE of items whose class is known, whole and by class.

Conventions: codes of classes 0, 1, …; `probabilities[i, c]` for every class that the classifier knows, and the class
with the highest one (the first of equals) is its answer. A mean over classes ("balanced", "macro") is over those that
occur in the truth; for F1 also those that occur in the answers. In a draw of units that lacks a class, the mean is over
the others. AUROC is that of each class against the rest, ties counted half; None where a class has no rest.

ECE is the mean over items of |share right - mean confidence| of their bin, 15 bins of equal width (Guo et al. 2017, "On
calibration of modern neural networks", equation 3). It is never negative, so chance alone lifts it, the more the fewer
items: compare it only among equal sets. A draw is lifted once more, so its draws are moved until their mean is the
figure (as NMI's are in `clustering_intervals.py`).

The draws weigh units as in `clustering_intervals.py`: tables of all draws are one sparse product. In the draws (not in
the figure itself) scores are ranked into some `2 STEPS` steps for AUROC, scores that many items share alone in theirs.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64
from scipy.sparse import csr_array
from scipy.stats import rankdata

from sslecho.errors import InputError
from sslecho.metrics.intervals import VALUES_AT_ONCE, percentiles, too_few

N_DRAWS = 1000
BINS = 15
STEPS = 512
WHOLE = ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "ece")
OF_CLASS = ("precision", "recall", "f1", "auroc")


class Figures(NamedTuple):
    """Of d draws: figures `[d]` of the whole, and `[c, d]` of each class; NaN where a draw has none."""

    whole: dict[str, Float64[np.ndarray, " d"]]
    of_class: dict[str, Float64[np.ndarray, "c d"]]


def classification_scores(
    truth: Int[np.ndarray, " n"],
    probabilities: Float[np.ndarray, "n c"],
    *,
    names: Sequence[str],
    units: Int[np.ndarray, " n"],
    rng: np.random.Generator,
    unit: str = "patient",
    n_draws: int = N_DRAWS,
) -> dict[str, Any]:
    """All figures with 95 % intervals over units.

    Args:
        truth: the class of each item.
        probabilities: of each class; rows need not sum to 1 for anything but ECE.
        names: of the classes.
        units: the resampling unit (the patient) of each item.
        unit: what a unit is, for the warning.

    Returns:
        `accuracy`, `balanced_accuracy`, `macro_f1`, `auroc` and `ece` with `_low` and `_high`; `per_class`, by name:
        `precision`, `recall`, `f1` and `auroc` likewise, `n` and `n_patients`; `n`, `n_patients`, `warning`. A figure
        that is not defined is None, and so are intervals of fewer than 2 units.

    Raises:
        InputError: no item, a probability that is no number, or a class that the classifier doesn't know.
    """
    _check(truth, probabilities, names)
    _, codes = np.unique(units, return_inverse=True)
    n_units = int(codes.max()) + 1
    cells = ItemsByUnit(truth, probabilities, codes, n_units)
    value = cells.figures(np.ones((n_units, 1)), exact=True)
    draws = [] if n_units < 2 else list(_drawn(cells, n_units, rng=rng, n_draws=n_draws))

    def said(name: str, value: float, drawn: list[np.ndarray]) -> dict[str, float | None]:
        of_draws = np.concatenate(drawn) if drawn else np.empty(0)
        low, high = percentiles(of_draws) if np.isfinite(of_draws).any() else (None, None)
        return {name: None if np.isnan(value) else value, f"{name}_low": low, f"{name}_high": high}

    scores: dict[str, Any] = {}
    for name in WHOLE:
        drawn = [d.whole[name] for d in draws]
        if name == "ece" and drawn:
            lift = np.concatenate(drawn).mean() - value.whole[name][0]
            drawn = [np.maximum(of_draws - lift, 0) for of_draws in drawn]
        scores |= said(name, float(value.whole[name][0]), drawn)
    scores["per_class"] = {}
    for c, class_name in enumerate(names):
        of_one: dict[str, Any] = {}
        for name in OF_CLASS:
            of_one |= said(name, float(value.of_class[name][c, 0]), [d.of_class[name][c] for d in draws])
        inside = truth == c
        scores["per_class"][class_name] = {
            **of_one,
            "n": int(inside.sum()),
            "n_patients": len(np.unique(codes[inside])),
        }
    return {**scores, "n": len(truth), "n_patients": n_units, "warning": too_few(n_units, unit=unit)}


def auroc(scores: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> float:
    """The share of pairs, one positive and one not, in which the positive one has the higher score; ties count half.

    NaN where one of the two is missing.
    """
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    above = rankdata(scores)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def _check(truth: Int[np.ndarray, " n"], probabilities: Float[np.ndarray, "n c"], names: Sequence[str]) -> None:
    if len(truth) == 0:
        raise InputError(
            "there is no item whose class is known, so nothing can be scored; give labels of the test split"
        )
    if len(names) != probabilities.shape[1]:
        raise ValueError(f"{len(names)} names for {probabilities.shape[1]} columns of probabilities")
    bad = int((~np.isfinite(probabilities)).any(1).sum())
    if bad:
        raise InputError(f"{bad} of {len(truth)} items have a probability that is no number; look for NaN in the model")
    if truth.min() < 0 or truth.max() >= len(names):
        raise InputError(
            f"the truth has codes from {truth.min()} to {truth.max()} and the classifier knows 0 to {len(names) - 1}; "
            "leave items of other classes out, or count them as an open set"
        )


def _drawn(cells: "ItemsByUnit", n_units: int, *, rng: np.random.Generator, n_draws: int) -> Any:
    at_once = max(1, VALUES_AT_ONCE // max(n_units, cells.widest))
    for start in range(0, n_draws, at_once):
        size = min(at_once, n_draws - start)
        weights = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=size).T.astype(np.float64)
        yield cells.figures(weights, exact=False)


class ItemsByUnit:
    """Items summed by unit: the confusion table, the calibration bins, and the steps of each class's scores.

    Args:
        truth, probabilities: as in `classification_scores`.
        units: the unit of each item, 0 to `n_units` - 1.
        steps: half of how many steps scores are ranked into for the AUROC of draws; fewer are faster.
    """

    def __init__(
        self,
        truth: Int[np.ndarray, " n"],
        probabilities: Float[np.ndarray, "n c"],
        units: Int64[np.ndarray, " n"],
        n_units: int,
        *,
        steps: int = STEPS,
    ) -> None:
        n, self.n_classes = probabilities.shape
        self._truth, self._probabilities = truth, probabilities
        answer, confidence = probabilities.argmax(1), probabilities.max(1)
        self._confusion = _by_unit(truth * self.n_classes + answer, units, np.ones(n), (self.n_classes**2, n_units))
        bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
        self._gaps = _by_unit(bins, units, (truth == answer) - confidence.astype(np.float64), (BINS, n_units))
        self._steps = [self._of_class(c, units, n_units, steps) for c in range(self.n_classes)]
        self.widest = max(self.n_classes**2, 2 * steps)

    def _of_class(
        self, c: int, units: Int64[np.ndarray, " n"], n_units: int, steps: int
    ) -> tuple[csr_array, csr_array]:
        """Positives and negatives by step of their score."""
        step = np.unique(self._probabilities[:, c], return_inverse=True)[1]
        if step.max() >= 2 * steps:
            edges = np.unique(np.quantile(step, np.linspace(0, 1, steps + 1)[1:-1], method="nearest"))
            step = np.searchsorted(edges, step, side="left") + np.searchsorted(edges, step, side="right")
        positive = self._truth == c
        shape = (2 * steps, n_units)
        return (
            _by_unit(step[positive], units[positive], np.ones(int(positive.sum())), shape),
            _by_unit(step[~positive], units[~positive], np.ones(int((~positive).sum())), shape),
        )

    def figures(self, weights: Float64[np.ndarray, "u d"], *, exact: bool) -> Figures:
        """Figures where units count so often.

        Args:
            exact: AUROC from the scores themselves; weights are then all 1.
        """
        table = (self._confusion @ weights).reshape(self.n_classes, self.n_classes, -1)
        of_truth, of_answer = table.sum(1), table.sum(0)
        right = np.diagonal(table).T
        n = of_truth.sum(0)
        f1 = _ratio(2 * right, of_truth + of_answer)
        recall, precision = _ratio(right, of_truth), _ratio(right, of_answer)
        area = self._areas(weights, exact=exact)
        return Figures(
            {
                "accuracy": right.sum(0) / n,
                "balanced_accuracy": _mean(recall),
                "macro_f1": _mean(f1),
                "auroc": _mean(area),
                "ece": np.abs(self._gaps @ weights).sum(0) / n,
            },
            {"precision": precision, "recall": recall, "f1": f1, "auroc": area},
        )

    def _areas(self, weights: Float64[np.ndarray, "u d"], *, exact: bool) -> Float64[np.ndarray, "c d"]:
        if exact:
            areas = [auroc(self._probabilities[:, c], self._truth == c) for c in range(self.n_classes)]
            return np.array(areas)[:, None]
        areas = np.empty((self.n_classes, weights.shape[1]))
        for c, (positive, negative) in enumerate(self._steps):
            up, down = positive @ weights, negative @ weights
            below = np.cumsum(down, axis=0) - down / 2
            areas[c] = _ratio((up * below).sum(0), up.sum(0) * down.sum(0))
        return areas


def _by_unit(
    cells: Int64[np.ndarray, " m"],
    units: Int64[np.ndarray, " m"],
    values: Float64[np.ndarray, " m"],
    shape: tuple[int, int],
) -> csr_array:
    return csr_array((values, (cells, units)), shape=shape)


def _ratio(above: Float64[np.ndarray, "*s"], below: Float64[np.ndarray, "*s"]) -> Float64[np.ndarray, "*s"]:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def _mean(of_class: Float64[np.ndarray, "c d"]) -> Float64[np.ndarray, " d"]:
    """The mean over the classes that have a figure; NaN where none has."""
    has = np.isfinite(of_class)
    return _ratio(np.where(has, of_class, 0).sum(0), has.sum(0).astype(np.float64))
