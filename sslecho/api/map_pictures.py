"""The frames that a map shows on hover: of some points, small, and only those that show nothing but the sector."""

import numpy as np
from jaxtyping import Int64

from sslecho.data.shown import may_be_shown, standing_for
from sslecho.data.store import Store
from sslecho.report.thumbnails import jpeg

SIDE = 112  # pixels of a picture's longer side
QUALITY = 72
AT_ONCE = 256


def pictures(
    store: Store, rows: Int64[np.ndarray, " n"], *, level: str, most: int, seed: int
) -> tuple[dict[int, bytes], int]:
    """JPEGs by point, of at most so many points, drawn at random; and how many points may not be shown.

    Clips that may hold a name are not shown (`may_be_shown`).
    """
    clips = store.clip_of_frame[rows]
    allowed = may_be_shown(store)[clips]
    points = np.flatnonzero(allowed)
    if len(points) > most:
        points = np.sort(np.random.default_rng(seed).choice(points, most, replace=False))
    of_point = standing_for(store, rows, level=level)
    found: dict[int, bytes] = {}
    for start in range(0, len(points), AT_ONCE):
        some = points[start : start + AT_ONCE]
        for point, frame in zip(some.tolist(), store.read(of_point[some]), strict=True):
            found[point] = jpeg(frame, side=SIDE, quality=QUALITY)
    return found, int((~allowed).sum())
