"""Raters: what two people say about a frame whose grade is known.

    rater = grade + b_r + e, rounded, within 1..10;   b_r ~ N(0, 0.5) per rater, e ~ N(0, 0.7)

60 % of e's variance is shared by the frames of a sweep: who has seen the frames before is biased by them. The spreads
are chosen; with them nobody who predicts a rater's grades errs by less than 0.49 + 1/12 (rounding) in the mean square.
What is no view is 0, and both say so.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from sslecho.phantom.factors import Factors

RATERS = 2
BIAS_SD, ERROR_SD = 0.5, 0.7
SHARED = 0.6  # of the error's variance, by a sweep
LOWEST, HIGHEST = 1, 10


@dataclass(frozen=True)
class Ratings:
    """Whole grades, a value per frame.

    Args:
        raters: of each.
        consensus: of both: the mean of what they think, before either rounds.
    """

    raters: Int64[np.ndarray, "raters frames"]
    consensus: Int64[np.ndarray, " frames"]

    def columns(self) -> dict[str, list[int]]:
        """As labels.csv has them."""
        return {
            "grade": self.consensus.tolist(),
            **{f"rater_{r}": values.tolist() for r, values in enumerate(self.raters, start=1)},
        }


def biases(factors: Factors) -> Float[np.ndarray, " raters"]:
    """How much each of an archive's raters adds to all grades."""
    return BIAS_SD * factors.stream("study", "raters").standard_normal(RATERS)


def rate(grades: Float[np.ndarray, " frames"], factors: Factors, *keys: int | str) -> Ratings:
    """What the raters say about one sweep.

    Args:
        grades: true ones, 1..10, or all 0 for what is no view.
        keys: which sweep.
    """
    count = len(grades)
    if not np.any(grades):
        return Ratings(np.zeros((RATERS, count), np.int64), np.zeros(count, np.int64))
    shared = factors.stream("clip", *keys, "raters").standard_normal((RATERS, 1))
    own = factors.stream("frame", *keys, "raters").standard_normal((RATERS, count))
    error = ERROR_SD * (np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own)
    thought = grades[None] + biases(factors)[:, None] + error

    def whole(values: np.ndarray) -> np.ndarray:
        return np.clip(np.rint(values), LOWEST, HIGHEST).astype(np.int64)

    return Ratings(whole(thought), whole(thought.mean(axis=0)))
