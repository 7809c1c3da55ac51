"""Confidence intervals that resample units (patients), each with all its items.

Frames of a patient are alike, so an interval over frames or clips is far too narrow; the patient is what was drawn
from the population. Percentile bootstrap: Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int, Int64

LEVEL = 0.95
FEW_UNITS = 24  # below it a percentile interval over units covers visibly less than it says
VALUES_AT_ONCE = 1 << 22  # drawn positions held in memory: 32 MB


class Interval(NamedTuple):
    """A figure with its 95 % interval over `n_units` units."""

    value: float
    low: float
    high: float
    n_units: int


def bootstrap(
    statistic: Callable[[Int64[np.ndarray, "m"]], float],
    units: Int[np.ndarray, "n"],
    *,
    rng: np.random.Generator,
    n_draws: int = 1000,
) -> Interval:
    """Interval of any statistic of the items.

    Args:
        statistic: takes positions of items (with repeats) and returns the figure; NaN where a draw has none (a class
            left out, say), and such draws are left out.
        units: the unit of each item.
        n_draws: bootstrap draws; each takes as many units as there are, with replacement, with all their items.
    """
    _, codes = np.unique(units, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    values = np.empty(n_draws)
    for draw in range(n_draws):
        drawn = rng.integers(len(sizes), size=len(sizes))
        width = sizes[drawn]
        within = np.arange(width.sum()) - np.repeat(np.cumsum(width) - width, width)
        values[draw] = statistic(order[np.repeat(starts[drawn], width) + within])
    low, high = percentiles(values)
    return Interval(float(statistic(np.arange(len(codes)))), low, high, len(sizes))


def bootstrap_mean(
    values: Float64[np.ndarray, "n"], units: Int[np.ndarray, "n"], *, rng: np.random.Generator, n_draws: int = 2000
) -> Interval:
    """Interval of a mean over items (an accuracy: values 0 and 1); same draws as `bootstrap`, vectorized."""
    _, codes = np.unique(units, return_inverse=True)
    sums = np.bincount(codes, weights=values)
    sizes = np.bincount(codes).astype(np.float64)
    low, high = percentiles(drawn_ratios(sums, sizes, rng=rng, n_draws=n_draws))
    return Interval(float(values.mean()), low, high, len(sizes))


def drawn_ratios(
    sums: Float64[np.ndarray, "u"], sizes: Float64[np.ndarray, "u"], *, rng: np.random.Generator, n_draws: int
) -> Float64[np.ndarray, "n_draws"]:
    """Bootstrap draws of sum(sums) / sum(sizes), where units are drawn with replacement.

    Args:
        sums: of each unit, the sum of the figure over its items.
        sizes: of each unit, the number of its items.
    """
    ratios = []
    n_units = len(sums)
    at_once = max(1, VALUES_AT_ONCE // n_units)
    for start in range(0, n_draws, at_once):
        drawn = rng.integers(n_units, size=(min(at_once, n_draws - start), n_units))
        ratios.append(sums[drawn].sum(1) / sizes[drawn].sum(1))
    return np.concatenate(ratios)


def percentiles(values: Float64[np.ndarray, "n_draws"]) -> tuple[float, float]:
    """The middle 95 % of bootstrap draws; NaN draws are left out."""
    low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def too_few(n_units: int, *, unit: str) -> str | None:
    """A warning where there are too few units for an interval to be trusted, else None."""
    if n_units >= FEW_UNITS:
        return None
    return f"only {n_units} {unit}s: an interval over fewer than {FEW_UNITS} is too narrow to trust"
