"""What nobody can do better at the two levels of `levels.py`: Bayes errors from what is drawn how.

Both classes are equally frequent, so that the error is half of what their densities share. For two normal laws with
means m1 < m2 and one SD that is Phi(-(m2 - m1) / (2 SD)).
"""

from functools import cache
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from sslecho.phantom import clock
from sslecho.phantom.factors import Factors
from sslecho.phantom.motion.levels import MITRAL, PAPILLARY, SPAN_S, Z0_MM, Z0_SD_MM, level_mm

RHYTHMS = 600  # drawn for the law of the contraction
FRAMES = 16
STEP_MM = 0.05


@cache
def _contractions() -> Float[np.ndarray, " n"]:
    """The contraction in frames of many rhythms, as quantiles of its law."""
    factors = Factors.from_seed(0)
    values = []
    for k in range(RHYTHMS):
        rhythm = clock.draw_rhythm(factors.stream("study", k, "bayes"))
        rng = factors.stream("clip", k, "bayes")
        values.append(clock.clip_courses(rng, rhythm, frames=FRAMES, frame_time_ms=1000 * SPAN_S / FRAMES)[0][:, 0])
    return np.quantile(np.concatenate(values), (np.arange(1000) + 0.5) / 1000)


def level_density(level: Float[np.ndarray, " n"], view: str) -> Float[np.ndarray, " n"]:
    """Of the level that a frame of a class shows, per mm, whatever its contraction.

    Args:
        level: mm from the base.
        view: `levels.MITRAL` or `levels.PAPILLARY`.
    """
    s = _contractions()
    mean = level_mm(Z0_MM[view], s)
    # The level is linear in z0 for a given contraction.
    sd = Z0_SD_MM * (level_mm(1.0, s) - level_mm(0.0, s))
    return norm.pdf(level[:, None], mean, sd).mean(axis=1)


def frame_bayes_error(shows: Literal["level", "level and contraction"] = "level") -> float:
    """Of the best guess from one frame.

    Args:
        shows: what the frame is taken to show: its level; or the contraction as well, which gives the plane's place
            `z0` away. The pictures lie in between.
    """
    if shows == "level and contraction":
        return clip_bayes_error()
    level = np.arange(-10.0, 75.0, STEP_MM)
    shared = np.minimum(level_density(level, MITRAL), level_density(level, PAPILLARY))
    return float(shared.sum() * STEP_MM / 2)


def clip_bayes_error() -> float:
    """Of the best guess by somebody who knows z0, as a clip with an end-diastole in it shows it."""
    return float(norm.cdf(-(Z0_MM[PAPILLARY] - Z0_MM[MITRAL]) / (2 * Z0_SD_MM)))
