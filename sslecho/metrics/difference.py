"""The mean of paired differences, over patients: its interval, and how often chance would reach it.

Conventions: each item has one number, such as right before less right after. The interval resamples patients. Under the
hypothesis that both ways are alike, a patient's sum has either sign with the same probability; `p` is the share of all
changes of signs whose sum is as far from 0, either way (Fisher's randomization test). A difference is **shown** where
both the interval lies on one side of 0 and p is at most 5 %: the interval alone is too narrow for few patients.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int

from sslecho.metrics.intervals import bootstrap_mean

LEVEL = 0.05
N_DRAWS = 9_999
AT_ONCE = 1 << 22  # signs held in memory


class Difference(NamedTuple):
    """A mean difference.

    Attributes:
        low, high: of the 95 % interval over units; both the value where there is one unit.
        p: of the randomization test.
    """

    value: float
    low: float
    high: float
    p: float
    n_units: int

    @property
    def is_above(self) -> bool:
        """Whether a difference above 0 is shown."""
        return self.n_units > 1 and self.low > 0 and self.p <= LEVEL

    @property
    def is_below(self) -> bool:
        """Whether a difference below 0 is shown."""
        return self.n_units > 1 and self.high < 0 and self.p <= LEVEL


def detectable(n_units: int) -> bool:
    """Whether so many units can show any difference at all: if each has one, 2 of 2^n signs are as far from 0."""
    return 2.0 ** (1 - n_units) <= LEVEL


def mean_difference(
    values: Float64[np.ndarray, " n"], units: Int[np.ndarray, " n"], *, rng: np.random.Generator
) -> Difference:
    """The mean of the items' differences; at least one item."""
    found = bootstrap_mean(values, units, rng=rng)
    _, codes = np.unique(units, return_inverse=True)
    sums = np.bincount(codes, weights=values)
    return Difference(found.value, found.low, found.high, _p(sums, rng=rng), found.n_units)


def _p(sums: Float64[np.ndarray, " u"], *, rng: np.random.Generator) -> float:
    sums = sums[sums != 0]  # either sign is the same
    n, wanted = len(sums), abs(sums.sum()) - 1e-9
    if 2.0**n <= N_DRAWS:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ sums) >= wanted).mean())
    reached, left = 0, N_DRAWS
    while left:
        some = min(left, max(1, AT_ONCE // n))
        signs = 1.0 - 2.0 * rng.integers(0, 2, (some, n))
        reached += int((np.abs(signs @ sums) >= wanted).sum())
        left -= some
    return (1 + reached) / (1 + N_DRAWS)
