"""Figures of a grader: errors, agreement and order, whole and by view, with intervals that resample units.

Conventions: grades and predictions in the raw units of the scale, prediction minus truth. `qwk` is Cohen's kappa with
quadratic weights (Cohen 1968) of whole grades: predictions are rounded to the nearest and clipped to the scale. From
its definition, with w_ij = (i - j)^2 and the expected table the product of the margins, it is

    1 - mean (a - b)^2 / (var a + var b + (mean a - mean b)^2)

so it is a figure of sums, and a grader that only knows which views are poor has a high one over all views together:
read it by view. `mse_constant` is the error of a grader that always says `constant` (the mean grade of train): a grader
above it knows nothing. `spearman` is the correlation of ranks, ties averaged.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int, Int64, Shaped
from scipy.stats import rankdata

from sslecho.errors import InputError
from sslecho.metrics.intervals import bootstrap, percentiles, too_few
from sslecho.metrics.labels import encode

N_DRAWS = 1000
ORDER_DRAWS = 500  # ranks are taken anew in each
SMALLEST = 1e-12


def grading_scores(
    truth: Float[np.ndarray, " n"],
    predicted: Float[np.ndarray, " n"],
    *,
    units: Int[np.ndarray, " n"],
    constant: float,
    scale: tuple[int, int],
    rng: np.random.Generator,
    constants: Mapping[str, float] | None = None,
    views: Shaped[np.ndarray, " n"] | Sequence[Any] | None = None,
    unit: str = "patient",
) -> dict[str, Any]:
    """All figures with 95 % intervals over units.

    Args:
        truth, predicted: grades; those of the truth need not be whole (a consensus is not).
        units: the resampling unit (the patient, the sweep) of each item.
        constant: what a grader without a picture would say, from the training items.
        constants: the same by view, for the figures by view: who only knows the view would say that. `constant` stands
            for views that it lacks.
        scale: the lowest and the highest grade.
        views: of each item, for figures by view; None where it is not known.

    Returns:
        `mse`, `mae`, `qwk`, `spearman` and `mse_constant` with `_low` and `_high`, `per_view` with the same by view and
        `n` and `n_patients`, `n`, `n_patients`, `warning`. What is not defined (no spread in the grades, fewer than two
        units for an interval) is None.

    Raises:
        InputError: no item, or a grade that is no number or outside the scale.
    """
    _check(truth, predicted, scale)
    scores = _scores(truth, predicted, units, constant=constant, scale=scale, rng=rng)
    per_view: dict[str, Any] = {}
    if views is not None:
        codes, names = encode(views)
        for code, name in enumerate(names):
            rows = np.flatnonzero(codes == code)
            per_view[str(name)] = _scores(
                truth[rows],
                predicted[rows],
                units[rows],
                constant=(constants or {}).get(str(name), constant),
                scale=scale,
                rng=rng,
            )
    return {**scores, "per_view": per_view, "warning": too_few(scores["n_patients"], unit=unit)}


def qwk(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """Quadratic weighted kappa of whole grades; NaN where neither varies and both are the same."""
    below = a.var() + b.var() + (a.mean() - b.mean()) ** 2
    return 1 - float(((a - b) ** 2).mean() / below) if below > SMALLEST else float("nan")


def spearman(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """The correlation of ranks; NaN where one of the two does not vary."""
    ranks = rankdata(a), rankdata(b)
    if min(rank.std() for rank in ranks) < SMALLEST:
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def rater_error(raters: Float[np.ndarray, "n r"]) -> dict[str, float | None]:
    """How far raters are from each other: `mse` and `mae` over all pairs of raters, None where no item has two.

    Args:
        raters: the grade of each rater, NaN where one gave none.
    """
    differences = []
    for first in range(raters.shape[1]):
        for second in range(first + 1, raters.shape[1]):
            both = raters[:, first] - raters[:, second]
            differences.append(both[np.isfinite(both)])
    d = np.concatenate(differences) if differences else np.empty(0)
    return {"mse": float((d**2).mean()), "mae": float(np.abs(d).mean())} if len(d) else {"mse": None, "mae": None}


def _check(truth: Float[np.ndarray, " n"], predicted: Float[np.ndarray, " n"], scale: tuple[int, int]) -> None:
    if len(truth) == 0:
        raise InputError("there is no graded item to score; give grades of the test split")
    for what, values in (("grades", truth), ("predictions", predicted)):
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise InputError(f"{bad} of {len(values)} {what} are no number (NaN); leave out what has no grade")
    low, high = scale
    if truth.min() < low or truth.max() > high:
        raise InputError(f"grades lie in [{truth.min():g}, {truth.max():g}] and the scale is {low} to {high}; widen it")


def _scores(
    truth: Float[np.ndarray, " n"],
    predicted: Float[np.ndarray, " n"],
    units: Int[np.ndarray, " n"],
    *,
    constant: float,
    scale: tuple[int, int],
    rng: np.random.Generator,
) -> dict[str, Any]:
    _, codes = np.unique(units, return_inverse=True)
    n_units = int(codes.max()) + 1
    whole = [np.clip(np.rint(values), *scale).astype(np.float64) for values in (truth, predicted)]
    error, flat = predicted - truth, constant - truth
    values = {
        "mse": float((error**2).mean()),
        "mae": float(np.abs(error).mean()),
        "qwk": qwk(*whole),
        "mse_constant": float((flat**2).mean()),
    }
    sums = np.stack([_sums(column, codes) for column in (np.ones(len(truth)), error**2, np.abs(error), flat**2)])
    moments = np.stack([_sums(column, codes) for column in (*whole, whole[0] ** 2, whole[1] ** 2, whole[0] * whole[1])])
    intervals: dict[str, tuple[float, float] | None] = dict.fromkeys((*values, "spearman"))
    if n_units > 1:
        weights = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=N_DRAWS).astype(np.float64)
        n, squared, absolute, constants = sums @ weights.T
        drawn = {"mse": squared / n, "mae": absolute / n, "mse_constant": constants / n}
        drawn["qwk"] = _qwk_of(moments @ weights.T / n)
        intervals |= {name: percentiles(draws) for name, draws in drawn.items() if np.isfinite(draws).any()}
    order = spearman(truth, predicted)
    if n_units > 1 and np.isfinite(order):
        found = bootstrap(lambda at: spearman(truth[at], predicted[at]), codes, rng=rng, n_draws=ORDER_DRAWS)
        intervals["spearman"] = (found.low, found.high)
    scores: dict[str, Any] = {}
    for name, value in {**values, "spearman": order}.items():
        scores[name] = value if np.isfinite(value) else None
        scores[f"{name}_low"], scores[f"{name}_high"] = intervals[name] or (None, None)
    return {**scores, "n": len(truth), "n_patients": n_units}


def _sums(values: Float64[np.ndarray, " n"], units: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " u"]:
    return np.bincount(units, weights=values)


def _qwk_of(means: Float64[np.ndarray, "5 d"]) -> Float64[np.ndarray, " d"]:
    """QWK from the means of a, b, a^2, b^2 and ab."""
    a, b, aa, bb, ab = means
    below = aa + bb - 2 * a * b
    return np.divide(2 * (ab - a * b), below, out=np.full_like(a, np.nan), where=below > SMALLEST)
