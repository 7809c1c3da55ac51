"""Intervals over test patients and supports together.

Conventions: a curve has a figure for every number of labels x, the mean over supports and the runs in them. Its d draws
resample both at once: patients with replacement, as many as there are, each with all its clips; and S - 1 of the S
supports with replacement, each with all its runs. Every arm and every x sees the same draws, so a difference of curves
is that of the same patients and the same labels (paired).

Two ways crossed: Owen 2007, "The pigeonhole bootstrap", Ann. Appl. Stat. 1: a little wide, never narrow, where both
ways vary. S - 1 instead of S: Rao & Wu 1988, J. Am. Stat. Assoc. 83: with 5 supports S of S would give 4/5 of the
variance. And as the spread of five is hardly known, what supports add is stretched in each draw, so that it has
Student's distribution with S - 1 degrees of freedom; without that, 95 % were 88 % in simulations in which supports
differ more than patients. The runs of a support are not drawn again: their noise is in the support's mean already.

Not in an interval: other patients to label. Supports are drawn from one pool, and at x = all they are the same labels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from sslecho.evaluate.arms import Arm
from sslecho.evaluate.design import Design
from sslecho.metrics.classification import ItemsByUnit
from sslecho.metrics.intervals import LEVEL, percentiles

METRICS = ("macro_f1", "balanced_accuracy", "auroc")
N_DRAWS = 1000
DECIMALS = 12
STEPS = 64  # of AUROC in draws: steps hide differences of a few thousandths, and the middle of an interval is exact


@dataclass(frozen=True)
class Draws:
    """How often each patient counts in each draw, and how much each support.

    Attributes:
        units: whole numbers.
        supports: shares; they sum to 1 in a draw, and stretched ones may be negative.
    """

    units: Float64[np.ndarray, "u d"]
    supports: Float64[np.ndarray, "s d"]


@dataclass(frozen=True)
class Curve:
    """One metric of one arm.

    Attributes:
        values: at each number of labels.
        draws: the same, resampled.
        cells: of each support and run.
    """

    values: Float64[np.ndarray, " x"]
    draws: Float64[np.ndarray, "x d"]
    cells: Float64[np.ndarray, "x s r"]


def draw(
    n_units: int, n_supports: int, *, rng: np.random.Generator, n_draws: int = N_DRAWS, n_drawn: int | None = None
) -> Draws:
    """Draws of patients and supports.

    Args:
        n_drawn: patients a draw, where it is not as many as there are: for planning.
    """
    units = rng.multinomial(n_drawn or n_units, np.full(n_units, 1 / n_units), size=n_draws).T.astype(np.float64)
    if n_supports == 1:
        return Draws(units, np.ones((1, n_draws)))
    freedom = n_supports - 1
    even = 1 / n_supports
    shares = rng.multinomial(freedom, np.full(n_supports, even), size=n_draws).T / freedom
    stretch = np.sqrt(freedom / rng.chisquare(freedom, size=n_draws))
    return Draws(units, even + stretch * (shares - even))


def curves(
    design: Design,
    arm: Arm,
    numbers: Sequence[int],
    draws: Draws,
    *,
    read: Callable[[int, int, int], Float32[np.ndarray, "m c"]],
) -> dict[str, Curve]:
    """Every metric of an arm.

    Args:
        read: (x, support, run) -> probabilities of the test clips.
    """
    n_supports, n_draws = draws.supports.shape
    shape = (len(numbers), n_supports, arm.n_runs)
    cells = {metric: np.empty(shape) for metric in METRICS}
    drawn = {metric: np.zeros((len(numbers), n_draws)) for metric in METRICS}
    for place in np.ndindex(shape):
        x, support, run = place
        items = of_test(design, read(numbers[x], support, run))
        whole, resampled = (
            items.figures(np.ones((len(draws.units), 1)), exact=True),
            items.figures(draws.units, exact=False),
        )
        for metric in METRICS:
            cells[metric][place] = whole.whole[metric][0]
            drawn[metric][x] += draws.supports[support] * resampled.whole[metric] / arm.n_runs
    # Rounded, so that equal figures of arms with other numbers of runs differ by nothing.
    return {
        metric: Curve(cells[metric].mean((1, 2)).round(DECIMALS), drawn[metric].round(DECIMALS), cells[metric])
        for metric in METRICS
    }


def of_test(design: Design, probabilities: Float32[np.ndarray, "m c"]) -> ItemsByUnit:
    """A cell's answers, summed by patient."""
    _, units = np.unique(design.test.units, return_inverse=True)
    return ItemsByUnit(design.test.codes, probabilities, units.astype(np.int64), design.test.n_units, steps=STEPS)


def simultaneous(
    values: Float64[np.ndarray, " k"], draws: Float64[np.ndarray, "k d"]
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Bounds that hold for all k figures at once in 95 %: value ± c standard errors, c by the largest of all (max-t).

    Westfall & Young 1993, "Resampling-Based Multiple Testing". A figure that no draw changes gets no width.
    """
    draws = draws[:, np.isfinite(draws).all(0)]
    errors = draws.std(1, ddof=1)
    moved = errors > 0
    if not moved.any():
        return values.copy(), values.copy()
    largest = (np.abs(draws[moved] - values[moved, None]) / errors[moved, None]).max(0)
    width = np.quantile(largest, LEVEL) * errors
    return values - width, values + width


def labels_needed(numbers: Sequence[int], curve: Float64[np.ndarray, " x"], target: float) -> float:
    """How many labels bring a curve to a target, on straight lines between its points over log x; inf where none does.

    The first crossing counts, which noise makes earlier: it favors the curve.
    """
    reached = np.flatnonzero(curve >= target)
    if not len(reached):
        return float("inf")
    k = int(reached[0])
    if k == 0:
        return float(numbers[0])
    share = (target - curve[k - 1]) / (curve[k] - curve[k - 1])
    return float(np.exp((1 - share) * np.log(numbers[k - 1]) + share * np.log(numbers[k])))


def half_widths(
    design: Design,
    cells: Sequence[Sequence[Float32[np.ndarray, "m c"]]],
    against: Sequence[Sequence[Float32[np.ndarray, "m c"]]],
    metric: str,
    *,
    patients: Sequence[int],
    seed: int,
    n_draws: int = N_DRAWS,
) -> list[dict[str, float | int]]:
    """How wide the 95 % interval of a figure, and of a difference, would be with so many test patients.

    So many are drawn from those that there are: what those don't show (a rare kind of patient) is not foreseen.

    Args:
        cells, against: answers of two arms, those of the runs of each support.
    """
    own, other = ([[of_test(design, run) for run in support] for support in arm] for arm in (cells, against))
    rows: list[dict[str, float | int]] = []
    n_units = design.test.n_units
    supports = draw(n_units, len(cells), rng=np.random.default_rng(seed), n_draws=n_draws).supports
    for n in patients:
        rng = np.random.default_rng((seed, n))
        draws = Draws(draw(n_units, 1, rng=rng, n_draws=n_draws, n_drawn=n).units, supports)  # they differ by n alone
        figure, rival = _mean_of_draws(own, draws, metric), _mean_of_draws(other, draws, metric)
        rows.append({"n_patients": n, "half_width": _half(figure), "half_width_of_difference": _half(figure - rival)})
    return rows


def _mean_of_draws(supports: Sequence[Sequence[ItemsByUnit]], draws: Draws, metric: str) -> Float64[np.ndarray, " d"]:
    means = [
        np.mean([run.figures(draws.units, exact=False).whole[metric] for run in support], axis=0)
        for support in supports
    ]
    return (draws.supports * np.array(means)).sum(0)


def _half(draws: Float64[np.ndarray, " d"]) -> float:
    low, high = percentiles(draws)
    return (high - low) / 2
