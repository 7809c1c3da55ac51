"""How well fans and rectangles explain the evidence, for many of them at once, and the climb to the best.

The score of a shape is the sum of a weight map inside it. A fan cuts each row in one interval, less what the near
arc takes out, so sums along the rows, made once, give it in a few operations per row.

A fan is a row of numbers: apex x, apex y, left angle, right angle, near radius, far radius (`outline.Outline`).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Fans = Float[np.ndarray, "fans 6"]
Boxes = Float[np.ndarray, "boxes 4"]
STEEPEST = 1.5  # radians from straight down that an edge may have
LEAST_GAIN = 1e-3
ROUNDS = 12  # of one step width; the climb mostly ends before


class Score:
    """Scores against one weight map.

    Args:
        weights: above 0 where ultrasound is, below 0 where none is.
        every: use every so manieth row only; for a first look.
    """

    def __init__(self, weights: Float[np.ndarray, "h w"], *, every: int = 1):
        first = every // 2
        rows = weights[first::every] * every
        self.width = weights.shape[1]
        self._y = np.arange(first, weights.shape[0], every, dtype=np.float64)
        sums = np.zeros((len(rows), self.width + 1))
        np.cumsum(rows, axis=1, out=sums[:, 1:])
        self._sums = sums.ravel()
        self._starts = np.arange(len(rows)) * (self.width + 1)
        self._every = every

    def fans(self, fans: Fans, clip: tuple[float, float, float, float] | None = None) -> Float[np.ndarray, " fans"]:
        """Scores of fans, all cut to one rectangle if one is given."""
        x, y, left, right, near, far = (fans[:, k, None] for k in range(6))
        down = self._y - y
        half_far = np.sqrt(np.maximum(far * far - down * down, 0))
        half_near = np.sqrt(np.maximum(near * near - down * down, 0))
        below = np.maximum(down, 0)
        start = np.maximum(below * np.tan(left), -half_far)
        stop = np.maximum(np.minimum(below * np.tan(right), half_far), start)
        hole_start = np.clip(-half_near, start, stop)
        hole_stop = np.clip(half_near, start, stop)
        parts = [x + start, x + hole_start, x + hole_stop, x + stop]
        if clip is not None:
            parts = [np.clip(part, clip[0], clip[2]) for part in parts]
        a, b, c, d = (self._until(part) for part in parts)
        rows = b - a + d - c
        return (rows if clip is None else rows * self._rows_in(clip[1], clip[3])).sum(axis=1)

    def boxes(self, boxes: Boxes) -> Float[np.ndarray, " boxes"]:
        """Scores of rectangles x0, y0, x1, y1."""
        x0, y0, x1, y1 = (boxes[:, k, None] for k in range(4))
        share = self._rows_in(y0, y1)
        return ((self._until(x1 + 0 * share) - self._until(x0 + 0 * share)) * share).sum(axis=1)

    def _rows_in(self, top, bottom) -> np.ndarray:
        half = self._every / 2
        return np.clip((np.minimum(self._y + half, bottom) - np.maximum(self._y - half, top)) / self._every, 0, 1)

    def _until(self, x: Float[np.ndarray, "n rows"]) -> Float[np.ndarray, "n rows"]:
        """Each row's sum from its left end to x, linear within a pixel."""
        edge = np.clip(x + 0.5, 0, self.width - 1e-6)
        whole = edge.astype(np.int32)
        at = self._starts + whole
        before = self._sums[at]
        return before + (edge - whole) * (self._sums[at + 1] - before)


def climb_fans(
    score: Score,
    fans: Fans,
    *,
    steps: Sequence[float],
    free: bool,
    clip: tuple[float, float, float, float] | None = None,
) -> tuple[Fans, Float[np.ndarray, " fans"]]:
    """Better each fan by moves of these widths in pixels, until none helps.

    Args:
        free: let the two edges turn on their own; else a fan stays symmetric.
        clip: cut all to this rectangle.
    """
    best = score.fans(fans, clip)
    for step in steps:
        for _ in range(ROUNDS):
            tried = _neighbors(fans, step, free=free)
            n, moves, _ = tried.shape
            scores = score.fans(tried.reshape(n * moves, 6), clip).reshape(n, moves)
            choice = scores.argmax(axis=1)
            reached = scores[np.arange(n), choice]
            better = reached > best + LEAST_GAIN
            if not better.any():
                break
            fans = np.where(better[:, None], tried[np.arange(n), choice], fans)
            best = np.where(better, reached, best)
    return fans, best


def climb_box(score: Score, box: Boxes, *, steps: Sequence[float]) -> tuple[Boxes, Float[np.ndarray, " boxes"]]:
    """Better one rectangle by moves of its sides."""
    best = score.boxes(box)
    for step in steps:
        for _ in range(ROUNDS):
            tried = np.concatenate([box + step * np.eye(4), box - step * np.eye(4)])
            scores = score.boxes(tried)
            choice = int(scores.argmax())
            if scores[choice] <= best[0] + LEAST_GAIN:
                break
            box, best = tried[choice : choice + 1], scores[choice : choice + 1]
    return box, best


# One step in: both angles, near radius, far radius, x, y; of a free fan also each angle. Angles: along the far arc.
_MOVES = np.array(
    [(0, 0, -1, 1, 0, 0), (0, 0, 0, 0, 1, 0), (0, 0, 0, 0, 0, 1), (1, 0, 0, 0, 0, 0), (0, 1, 0, 0, 0, 0)], dtype=float
)
_TURNS = np.array([(0, 0, 1, 0, 0, 0), (0, 0, 0, 1, 0, 0)], dtype=float)
# The apex lies far from all evidence and trades against the angles: it is moved with the far corners held, too.
_SHIFTS = np.array([(0, 1), (0, 4), (0, 16)], dtype=float)
_SIDEWAYS = np.array([(1, 0)], dtype=float)


def _neighbors(fans: Fans, step: float, *, free: bool) -> Float[np.ndarray, "fans moves 6"]:
    """Each fan with one thing moved by a step, forward and back."""
    moves = np.concatenate([_MOVES, _TURNS]) if free else _MOVES
    shifts = np.concatenate([_SHIFTS, _SIDEWAYS]) if free else _SHIFTS
    moves, shifts = step * np.concatenate([moves, -moves]), step * np.concatenate([shifts, -shifts])
    x, y, left, right, near, far = (fans[:, k, None] for k in range(6))
    tried = np.empty((len(fans), len(moves) + len(shifts), 6))
    simple, shifted = tried[:, : len(moves)], tried[:, len(moves) :]
    simple[:] = fans[:, None] + moves
    simple[..., 2:4] = fans[:, None, 2:4] + moves[:, 2:4] / far[..., None]
    dx, dy = shifts.T
    shifted[..., 0], shifted[..., 1] = x + dx, y + dy
    shifted[..., 2] = np.arctan2(far * np.sin(left) - dx, far * np.cos(left) - dy)
    shifted[..., 3] = np.arctan2(far * np.sin(right) - dx, far * np.cos(right) - dy)
    shifted[..., 4], shifted[..., 5] = near - dy, far - dy
    tried[..., 2:4] = np.clip(tried[..., 2:4], -STEEPEST, STEEPEST)
    tried[..., 4] = np.maximum(tried[..., 4], 0)
    tried[..., 5] = np.maximum(tried[..., 5], tried[..., 4] + 2)
    return tried
