"""Traces along time: an M-mode's streaks and a spectrum's baseline, both over nearly the whole width.

An echo of b-mode changes its grain within a few columns. In M-mode a column is the same beam a moment later, so rows
go on across the picture; in a spectrum a baseline does, and the beats repeat.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

LIT = 14


@dataclass(frozen=True)
class Trace:
    """What speaks for a trace in the picture's lower part.

    Args:
        streaks: correlation of the rows' grain with itself a twelfth of the width further on.
        width: share of the picture's width that is lit in most of the lower part's rows, where both edges are upright.
        baseline: share of the width over which one row stands out from those above and below.
        beats: how well the columns' brightness repeats at its best period (correlation), 0 where it does not vary.
    """

    streaks: float
    width: float
    baseline: float
    beats: float


def measure_trace(gray: UInt8[np.ndarray, "h w"], lines: UInt8[np.ndarray, "h2 w"]) -> Trace:
    """Look at the lower 55 % of a picture.

    Args:
        gray: the picture, or some of its rows and columns.
        lines: the same with all rows: a baseline is one pixel thin.
    """
    height, width = gray.shape
    if height < 48 or width < 48:
        return Trace(0.0, 0.0, 0.0, 0.0)
    lower = gray[int(0.42 * height) : int(0.92 * height)].astype(np.float32)
    return Trace(_streaks(lower), _upright_width(lower), _baseline(lines), _beats(lower))


def _streaks(lower: np.ndarray) -> float:
    width = lower.shape[1]
    grain = lower - ndimage.gaussian_filter1d(lower, max(2.0, lower.shape[0] / 30), axis=0)
    grain = ndimage.gaussian_filter1d(grain, 1.0, axis=0)
    lag = width // 12
    columns = np.flatnonzero((lower > LIT).mean(axis=0) > 0.25)
    if len(columns) < width // 3:
        return 0.0
    inner = grain[:, columns[0] : columns[-1] + 1]
    if inner.shape[1] <= 2 * lag:
        return 0.0
    first, second = inner[:, :-lag], inner[:, lag:]
    power = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum() / power) if power > 0 else 0.0


def _upright_width(lower: np.ndarray) -> float:
    lit = ndimage.uniform_filter(lower, 5) > LIT
    rows = lit.sum(axis=1) > 0.3 * lit.shape[1]
    if rows.mean() < 0.5:
        return 0.0
    firsts = np.array([np.flatnonzero(row)[0] for row in lit[rows]])
    lasts = np.array([np.flatnonzero(row)[-1] for row in lit[rows]])
    slack = 0.03 * lit.shape[1]
    if (
        np.percentile(firsts, 85) - np.percentile(firsts, 15) > slack
        or np.percentile(lasts, 85) - np.percentile(lasts, 15) > slack
    ):
        return 0.0
    return float((np.median(lasts) - np.median(firsts)) / lit.shape[1])


def _baseline(gray: np.ndarray) -> float:
    values = gray.astype(np.int16)
    # A line one to three pixels thick: brighter than what lies three pixels above and below.
    stands = (values[3:-3] - np.maximum(values[:-6], values[6:])) > 20
    runs = stands[int(0.25 * len(gray)) : int(0.9 * len(gray))].mean(axis=1)
    return float(runs.max()) if len(runs) else 0.0


def _beats(lower: np.ndarray) -> float:
    profile = lower.mean(axis=0)
    width = len(profile)
    profile = ndimage.gaussian_filter1d(profile, width / 200)[int(0.05 * width) : int(0.85 * width)]
    profile = profile - profile.mean()
    n = len(profile)
    power = float((profile**2).mean())
    if power < 4:
        return 0.0
    best = 0.0
    for lag in range(n // 8, n // 2):
        first, second = profile[:-lag], profile[lag:]
        norm = float(np.sqrt((first**2).sum() * (second**2).sum()))
        best = max(best, float((first * second).sum()) / norm if norm > 0 else 0.0)
    return best
