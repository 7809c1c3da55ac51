"""Cut a group in two where its embeddings part: two means, and the smaller part is what is split off."""

import numpy as np
from jaxtyping import Int32, Int64

from sslecho.errors import InputError
from sslecho.review.items import ReviewItems

FITTED_ON = 2000  # more would tell nothing else of two centers, and the page would wait
ROUNDS = 20


def two_halves(items: ReviewItems, rows: Int64[np.ndarray, " m"]) -> Int32[np.ndarray, " h"]:
    """The smaller half of these items.

    Lloyd's two means of unit vectors, from the item farthest from the mean and the one farthest from that. The same
    items are cut the same way each time.

    Raises:
        InputError: the embeddings are gone, or the items are all alike.
    """
    if items.vectors is None:
        raise InputError("the embeddings are gone, so a cluster can only be split by hand: mark the items")
    if len(rows) < 2:
        raise InputError("a cluster of one item can't be split")
    some = rows
    if len(rows) > FITTED_ON:
        some = np.sort(np.random.default_rng(0).choice(rows, FITTED_ON, replace=False))
    points = _unit(np.asarray(items.vectors[some], np.float32))
    first = points[((points - points.mean(0)) ** 2).sum(1).argmax()]
    centers = np.stack([first, points[((points - first) ** 2).sum(1).argmax()]])
    for _ in range(ROUNDS):
        second = _nearer_to_second(points, centers)
        if second.all() or not second.any():
            break
        moved = np.stack([points[~second].mean(0), points[second].mean(0)])
        if np.allclose(moved, centers):
            break
        centers = moved
    second = np.concatenate(
        [
            _nearer_to_second(_unit(np.asarray(items.vectors[rows[start : start + 8192]], np.float32)), centers)
            for start in range(0, len(rows), 8192)
        ]
    )
    smaller = second if second.sum() * 2 <= len(rows) else ~second
    if not smaller.any():
        raise InputError("the items of this cluster are all alike; mark those to split off")
    return rows[smaller].astype(np.int32)


def _nearer_to_second(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    difference = centers[1] - centers[0]
    return points @ difference > (centers.mean(0) @ difference)


def _unit(points: np.ndarray) -> np.ndarray:
    return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), np.finfo(np.float32).tiny)
