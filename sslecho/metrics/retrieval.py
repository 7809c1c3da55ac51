"""Are an item's nearest neighbors of its own class? Figures from neighbors that were found already.

Conventions: `neighbors[i]` holds positions in the gallery, nearest first, and -1 where fewer were found. Neighbors of
the same patient say little about a view: search with that patient left out (`query_groups` of the index). Items
without a label are left out as queries and don't count as neighbors; a query without a neighbor scores 0.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Int64, Shaped

from sslecho.errors import InputError
from sslecho.metrics.labels import MISSING, encode


def neighbor_purity(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    neighbors: Int[np.ndarray, "n k"],
    *,
    gallery_labels: Shaped[np.ndarray, "g"] | Sequence[Any] | None = None,
) -> float:
    """Mean over queries of the share of their neighbors with their own label.

    Args:
        labels: the queries' labels.
        neighbors: positions in the gallery, nearest first, -1 for none.
        gallery_labels: the gallery's labels; None where queries and gallery are the same items.

    Raises:
        InputError: no query has a label.
    """
    truth, near, valid, _ = _neighbor_codes(labels, neighbors, gallery_labels)
    same = ((near == truth[:, None]) & valid).sum(1)
    return float((same / np.maximum(valid.sum(1), 1)).mean())


def knn_accuracy(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    neighbors: Int[np.ndarray, "n k"],
    *,
    gallery_labels: Shaped[np.ndarray, "g"] | Sequence[Any] | None = None,
) -> float:
    """Share of queries whose neighbors' majority label is their own; of equally frequent labels the nearest wins.

    Arguments and errors as of `neighbor_purity`. `paired.balanced_accuracy` of `knn_right` weighs classes alike.
    """
    right = knn_right(labels, neighbors, gallery_labels=gallery_labels)
    return float(right[encode(labels).codes != MISSING].mean())


def knn_right(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    neighbors: Int[np.ndarray, "n k"],
    *,
    gallery_labels: Shaped[np.ndarray, "g"] | Sequence[Any] | None = None,
) -> Bool[np.ndarray, "n"]:
    """Which queries have their neighbors' majority label, as in `knn_accuracy`; those without a label don't.

    Arguments and errors as of `neighbor_purity`.
    """
    truth, near, valid, n_classes = _neighbor_codes(labels, neighbors, gallery_labels)
    n, k = near.shape
    row = np.broadcast_to(np.arange(n)[:, None], near.shape)
    votes = np.bincount(row[valid] * n_classes + near[valid], minlength=n * n_classes).reshape(n, n_classes)
    # Each neighbor's votes for its label; argmax takes the first, hence the nearest, of the most frequent.
    backing = np.where(valid, np.take_along_axis(votes, np.where(valid, near, 0), axis=1), -1)
    winner = near[np.arange(n), backing.argmax(1)] if k else np.full(n, MISSING)
    right = np.zeros(len(labels), dtype=bool)
    right[encode(labels).codes != MISSING] = winner == truth
    return right


def _neighbor_codes(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    neighbors: Int[np.ndarray, "n k"],
    gallery_labels: Shaped[np.ndarray, "g"] | Sequence[Any] | None,
) -> tuple[Int64[np.ndarray, "m"], Int64[np.ndarray, "m k"], Bool[np.ndarray, "m k"], int]:
    """Codes of the labeled queries and of their neighbors, which neighbors count, and the number of classes."""
    n = len(labels)
    gallery = [] if gallery_labels is None else list(gallery_labels)
    codes, names = encode([*labels, *gallery])
    if not (codes[:n] != MISSING).any():
        raise InputError(f"none of the {n} queries has a label, and neighbor figures need labels; give --labels CSV")
    labeled = codes[:n] != MISSING
    found = neighbors[labeled]
    near = np.where(found >= 0, (codes[:n] if gallery_labels is None else codes[n:])[found], MISSING)
    return codes[:n][labeled], near, near != MISSING, len(names)
