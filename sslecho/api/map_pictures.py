"""The frames that a map shows on hover: of some points, small, and only those that show nothing but the sector."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int64

from sslecho.data.store import Store
from sslecho.report.thumbnails import jpeg

SIDE = 112  # pixels of a picture's longer side
QUALITY = 72
AT_ONCE = 256
SECTOR_ONLY = ("mask", "whole")  # blank outside the sector, or nothing is outside


def frame_rows(store: Store, rows: Int64[np.ndarray, " n"], *, level: str) -> Int64[np.ndarray, " n"]:
    """The frame that stands for each point: itself, or the middle one of its clip."""
    if level == "frame":
        return rows
    n_frames = store.clips["n_frames"].to_numpy().astype(np.int64)
    clips = store.clip_of_frame[rows]
    return (np.cumsum(n_frames) - n_frames)[clips] + n_frames[clips] // 2


def pictures(
    store: Store, rows: Int64[np.ndarray, " n"], *, level: str, most: int, seed: int
) -> tuple[dict[int, bytes], int]:
    """JPEGs by point, of at most so many points, drawn at random; and how many points may not be shown.

    A clip whose sector was not cut out, or that has what looks like text inside it, may hold a name and is not shown.
    """
    clips = store.clip_of_frame[rows]
    allowed = _allowed(store.column("sector")[clips].tolist(), store.column("text_inside")[clips].tolist())
    points = np.flatnonzero(allowed)
    if len(points) > most:
        points = np.sort(np.random.default_rng(seed).choice(points, most, replace=False))
    of_point = frame_rows(store, rows, level=level)
    found: dict[int, bytes] = {}
    for start in range(0, len(points), AT_ONCE):
        some = points[start : start + AT_ONCE]
        for point, frame in zip(some.tolist(), store.read(of_point[some]), strict=True):
            found[point] = jpeg(frame, side=SIDE, quality=QUALITY)
    return found, int((~allowed).sum())


def _allowed(sectors: Sequence[str | None], texts: Sequence[bool | None]) -> Bool[np.ndarray, " n"]:
    return np.array([s in SECTOR_ONLY and not t for s, t in zip(sectors, texts, strict=True)], dtype=bool)
