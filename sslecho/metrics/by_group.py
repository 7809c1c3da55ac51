"""Scores of a clustering by class, device, site or patient: for whom do the clusters hold?

A group's transfer purity is the mean of `sslecho.metrics.transfer.held_out` over its items: clusters are named on one
half of *all* units and the group's items in the other half are scored, so the mean of the groups, weighted by their
items, is the transfer purity of all. Groups may cut through units (a patient seen on two devices).

Conventions: items without a label are left out; those without a group are a group of their own, None, which comes last.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, Shaped

from sslecho.metrics.intervals import drawn_ratios, percentiles, too_few
from sslecho.metrics.labels import MISSING, encode, encode_groups
from sslecho.metrics.transfer import HeldOut
from sslecho.metrics.unit_counts import majority_names, unit_counts

N_DRAWS = 1000


class GroupScore(NamedTuple):
    """One group's figures; None where one unit leaves nothing to name with or to resample.

    Attributes:
        n, n_units: its labeled items and their units.
        purity: share of its items that have the majority label of their cluster, over the items of all groups.
        transfer_purity, low, high: named on other units; the 95 % interval resamples the group's units.
        coverage: share of its items in a cluster that got a name from other units.
        warning: there are fewer than 24 units.
    """

    group: Any
    n: int
    n_units: int
    purity: float
    transfer_purity: float | None
    low: float | None
    high: float | None
    coverage: float | None
    warning: str | None


def by_group(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    clusters: Int[np.ndarray, "n"],
    groups: Shaped[np.ndarray, "n"] | Sequence[Any],
    *,
    scores: HeldOut,
    unit_ids: Shaped[np.ndarray, "n"] | Sequence[Any],
    rng: np.random.Generator,
    unit: str = "patient",
) -> list[GroupScore]:
    """The figures of each group, in the sorted order of their names.

    With the labels as groups, purity and transfer purity are the recall of each class.

    Args:
        labels, clusters, unit_ids: as in `sslecho.metrics.transfer.transfer_purity`.
        groups: the group of each item; None or NaN where it is not known.
        scores: `held_out` of the same items.
        unit: what a unit is, for the warning.
    """
    codes, names = encode(labels)
    labeled = np.flatnonzero(codes != MISSING)
    if not len(labeled):
        return []
    units = np.unique(encode_groups(unit_ids, what="unit_id")[labeled], return_inverse=True)[1]
    used = np.unique(clusters[labeled], return_inverse=True)[1]
    counts = unit_counts(units, used, codes[labeled], n_labels=len(names))
    pure = majority_names(counts)[used] == codes[labeled]
    of_item, known = encode(groups)
    of_item = of_item[labeled]
    found = []
    order = np.argsort(of_item, kind="stable")  # the items of a group side by side: there may be a group a patient
    for code in [*range(len(known)), MISSING]:
        start, stop = np.searchsorted(of_item, [code, code + 1], sorter=order)
        inside = order[start:stop]
        if not len(inside):
            continue
        inner = np.unique(units[inside], return_inverse=True)[1]
        n_units = int(inner.max()) + 1
        right, named = scores.right[labeled[inside]], scores.named[labeled[inside]]
        value = coverage = low = high = None
        if not np.isnan(right).any():
            value, coverage = float(right.mean()), float(named.mean())
            if n_units > 1:
                sums, sizes = np.bincount(inner, weights=right), np.bincount(inner).astype(np.float64)
                low, high = percentiles(drawn_ratios(sums, sizes, rng=rng, n_draws=N_DRAWS))
        name = None if code == MISSING else known[code]
        warning = too_few(n_units, unit=unit)
        found.append(
            GroupScore(name, len(inside), n_units, float(pure[inside].mean()), value, low, high, coverage, warning)
        )
    return found
