"""Transfer purity: do clusters that were named on some patients hold the same thing in others?

Purity names each cluster and scores it on the same items, so clusters that follow a patient's identity look pure:
every patient brings its own labels. Here the clusters are named on one half of the units and scored on the other,
with the names fixed, and an item in a cluster without a name is an error.

Conventions: a cluster's name is the majority label of the naming half's items in it; of labels that are equally
frequent, the first in the sorted order of labels. Items without a label are left out before.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int, Shaped

from sslecho.metrics.intervals import drawn_ratios, percentiles, too_few
from sslecho.metrics.labels import MISSING, encode, encode_groups
from sslecho.metrics.unit_counts import halves, hits, majority_names, of_units, unit_counts

N_HALVINGS = 50  # each is used in both directions
DRAWS_PER_HALF = 20  # 2,000 bootstrap draws together


class TransferPurity(NamedTuple):
    """Transfer purity with its 95 % interval; None where it can't be had, and then `warning` has the reason."""

    value: float | None
    low: float | None
    high: float | None
    coverage: float | None
    warning: str | None


def transfer_purity(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    clusters: Int[np.ndarray, "n"],
    *,
    unit_ids: Shaped[np.ndarray, "n"] | Sequence[Any],
    rng: np.random.Generator,
    unit: str = "patient",
) -> TransferPurity:
    """Name clusters on one half of the units, score on the other; the mean over random halves in both directions.

    The interval resamples the units of each scored half with the names fixed, and pools the draws of all halves: it
    holds the spread from who was scored (half of the units, so it is wide rather than narrow: it held the expected
    figure in 97 to 99 % of simulated sets of 12 to 100 patients) and from who named. A bootstrap that names clusters
    anew in every draw would see its own items twice and exclude the point estimate.

    Args:
        labels: the truth; None or NaN where there is none, and such items are left out.
        clusters: the cluster of each item; any integers.
        unit_ids: the resampling unit (the patient) of each item.
        unit: what a unit is, for the warning.

    Returns:
        `value`: share of the scored items whose cluster's name is their label. `coverage`: share of the scored items
        whose cluster got a name at all. `warning`: there is one unit only (the figures are None), or fewer than 24.
    """
    codes, names = encode(labels)
    labeled = codes != MISSING
    units = np.unique(encode_groups(unit_ids, what="unit_id")[labeled], return_inverse=True)[1]
    n_units = int(units.max()) + 1 if len(units) else 0
    if n_units < 2:
        reason = f"transfer purity needs labeled items of at least 2 {unit}s, and there are {n_units}: one half names, "
        return TransferPurity(None, None, None, None, reason + "the other is scored")
    used = np.unique(clusters[labeled], return_inverse=True)[1]
    counts = unit_counts(units, used, codes[labeled], n_labels=len(names))
    values, coverages, draws = [], [], []
    for naming in halves(n_units, n_halvings=N_HALVINGS, rng=rng):
        right, named, size = hits(of_units(counts, ~naming), majority_names(of_units(counts, naming)))
        values.append(right.sum() / size.sum())
        coverages.append(named.sum() / size.sum())
        draws.append(drawn_ratios(right, size, rng=rng, n_draws=DRAWS_PER_HALF))
    low, high = percentiles(np.concatenate(draws))
    return TransferPurity(float(np.mean(values)), low, high, float(np.mean(coverages)), too_few(n_units, unit=unit))


class HeldOut(NamedTuple):
    """Of each item, the share of halvings in which the half without its unit named its cluster; NaN without a label.

    Attributes:
        right: gave it the item's label for a name.
        named: gave it any name.
    """

    right: Float64[np.ndarray, "n"]
    named: Float64[np.ndarray, "n"]


def held_out(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    clusters: Int[np.ndarray, "n"],
    *,
    unit_ids: Shaped[np.ndarray, "n"] | Sequence[Any],
    rng: np.random.Generator,
) -> HeldOut:
    """Transfer purity item by item, so that it can be looked at by class, device or patient.

    Args:
        labels, clusters, unit_ids: as in `transfer_purity`.

    Returns:
        All NaN where fewer than two units have a labeled item.
    """
    codes, names = encode(labels)
    labeled = codes != MISSING
    right, named = np.full(len(codes), np.nan), np.full(len(codes), np.nan)
    units = np.unique(encode_groups(unit_ids, what="unit_id")[labeled], return_inverse=True)[1]
    n_units = int(units.max(initial=-1)) + 1
    if n_units < 2:
        return HeldOut(right, named)
    used, own = np.unique(clusters[labeled], return_inverse=True)[1], codes[labeled]
    counts = unit_counts(units, used, own, n_labels=len(names))
    was_right, was_named = np.zeros(len(own)), np.zeros(len(own))
    for naming in halves(n_units, n_halvings=N_HALVINGS, rng=rng):
        given = majority_names(of_units(counts, naming))[used]
        scored = ~naming[units]
        was_right += scored & (given == own)
        was_named += scored & (given != MISSING)
    right[labeled], named[labeled] = was_right / N_HALVINGS, was_named / N_HALVINGS
    return HeldOut(right, named)
