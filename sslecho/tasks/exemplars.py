"""Which items of a cluster to look at: the typical ones, those on its border, and those far out."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64

from sslecho.metrics.naming_cost import viewing_order

N_MEDOIDS, N_BORDERS, N_OUTLIERS = 5, 3, 3


class Exemplars(NamedTuple):
    """One cluster and the items to look at, the first the most telling; no item stands in two lists.

    Attributes:
        n, n_units: its items and their units (patients), all of them.
        medoids: the highest confidence.
        borders: the lowest confidence: between two clusters.
        outliers: the largest distance to the centroid; none where a method knows no distance.
    """

    cluster: int
    n: int
    n_units: int
    medoids: list[int]
    borders: list[int]
    outliers: list[int]


def pick_exemplars(
    clusters: Int64[np.ndarray, " n"],
    confidences: Float[np.ndarray, " n"],
    distances: Float[np.ndarray, " n"] | None,
    *,
    units: Int64[np.ndarray, " n"],
    may_show: Bool[np.ndarray, " n"],
) -> list[Exemplars]:
    """The items to look at of each cluster that is not empty, each of another unit where there are so many.

    Args:
        clusters, confidences, distances: of each item, as `sslecho.tasks.assignment.Assignment` has them.
        units: the unit of each item.
        may_show: the items that may be looked at; a cluster that has none shows what it has.
    """
    sizes = np.bincount(clusters)
    has_some = np.bincount(clusters, weights=may_show, minlength=len(sizes)) > 0
    rows = np.flatnonzero(may_show | ~has_some[clusters])
    most = N_MEDOIDS + N_BORDERS + N_OUTLIERS
    medoids = _first(rows, clusters, confidences, units, most)
    borders = _first(rows, clusters, -confidences, units, most)
    outliers = _first(rows, clusters, distances, units, most) if distances is not None else {}
    n_units = np.bincount(np.unique(clusters * (units.max(initial=0) + 1) + units) // (units.max(initial=0) + 1))
    found = []
    for cluster in np.flatnonzero(sizes).tolist():
        shown = medoids[cluster][:N_MEDOIDS]
        far = [item for item in outliers.get(cluster, []) if item not in shown][:N_OUTLIERS]
        near = [item for item in borders[cluster] if item not in shown and item not in far][:N_BORDERS]
        found.append(Exemplars(cluster, int(sizes[cluster]), int(n_units[cluster]), shown, near, far))
    return found


def _first(
    rows: Int64[np.ndarray, " m"],
    clusters: Int64[np.ndarray, " n"],
    telling: Float[np.ndarray, " n"],
    units: Int64[np.ndarray, " n"],
    most: int,
) -> dict[int, list[int]]:
    """Of each cluster the items to see first by a figure that is to be high."""
    order = rows[viewing_order(clusters[rows], telling[rows], units[rows])]
    cluster = clusters[order]
    starts = np.flatnonzero(np.diff(cluster, prepend=-1))
    return {int(cluster[start]): order[start : start + most][cluster[start : start + most] == cluster[start]].tolist()
            for start in starts}  # fmt: skip
