"""Where the climb to the best fan starts: the tightest symmetric fans around all echoes, for many apexes."""

import numpy as np
from jaxtyping import Bool, Float

from sslecho.data.sector.score import STEEPEST, Boxes, Fans, Score

# Heights of the apex above the highest echo, in heights of the echoes; the last ones are linear probes with a bow.
HEIGHTS = np.array([0, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.75, 1, 1.4, 2, 3, 5, 10, 30])
COLUMNS = 17
APART = 0.1  # of the height: starts that are closer climb to the same fan


def starts(
    pieces: Bool[np.ndarray, "h w"], hull: Float[np.ndarray, "corners 2"], score: Score, *, n: int = 5
) -> tuple[Fans, Boxes]:
    """The best and most different fans, and the rectangle around all echoes, of which `hull` is the hull."""
    (x0, y0), (x1, y1) = hull.min(axis=0), hull.max(axis=0)
    height, width = max(y1 - y0, 1.0), max(x1 - x0, 1.0)
    x, y = np.meshgrid(np.linspace(x0 + 0.2 * width, x1 - 0.2 * width, COLUMNS), y0 + 2 - height * HEIGHTS)
    x, y = x.ravel(), y.ravel()
    across, down = hull[None, :, 0] - x[:, None], hull[None, :, 1] - y[:, None]
    half_angle = np.arctan2(np.abs(across), np.maximum(down, -3)).max(axis=1)
    far = np.sqrt((across**2 + down**2).max(axis=1))
    fans = np.stack([x, y, -half_angle, half_angle, _near(pieces, x, y), far], axis=1)
    fans = fans[half_angle < STEEPEST]
    scores = score.fans(fans) if len(fans) else np.zeros(0)
    chosen: list[int] = []
    for k in np.argsort(-scores, kind="stable")[:60].tolist():
        # An apex high above the echoes may be moved far without much change.
        offset = (fans[chosen, :2] - fans[k, :2]) / [1.0, 1 + (y0 - fans[k, 1]) / height]
        if (np.hypot(*offset.T) > APART * height).all():
            chosen.append(k)
        if len(chosen) == n:
            break
    return fans[chosen], np.array([[x0 - 0.5, y0 - 0.5, x1 + 0.5, y1 + 0.5]])


def _near(
    pieces: Bool[np.ndarray, "h w"], x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """The near radius: the third-nearest of the columns' first echoes, so that two stray ones do no harm."""
    columns = np.flatnonzero(pieces.any(axis=0))
    tops = pieces[:, columns].argmax(axis=0)
    squares = (columns[None] - x[:, None]) ** 2 + (tops[None] - y[:, None]) ** 2
    return np.sqrt(np.partition(squares, min(2, len(columns) - 1), axis=1)[:, min(2, len(columns) - 1)])
