"""Balanced accuracy of several ways to name the same items, and whether one is better than another.

Conventions: `right[i, j]` says whether way j named item i right. Balanced accuracy is the mean over the classes of the
share of their items that are right (macro recall), so a rare class counts as much as a frequent one. Intervals
resample patients, and a draw counts for all ways alike: a difference is that of the same patients (paired). A class
that no patient of a draw has is left out of that draw's mean.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from sslecho.errors import InputError
from sslecho.metrics.intervals import Interval, percentiles
from sslecho.metrics.labels import MISSING, encode, encode_groups

N_DRAWS = 2000


class Paired(NamedTuple):
    """Balanced accuracy of each way, and how far the first one is above each: its own difference is 0."""

    accuracy: list[Interval]
    difference: list[Interval]


def balanced_accuracy(labels: Shaped[np.ndarray, "n"] | Sequence[Any], right: Bool[np.ndarray, "n"]) -> float:
    """Mean over the classes of the share of their items that are right.

    Args:
        labels: the truth; None or NaN where there is none, and such items are left out.

    Raises:
        InputError: no item has a label.
    """
    codes = encode(labels).codes
    labeled = codes != MISSING
    if not labeled.any():
        raise InputError(f"none of the {len(codes)} items has a label, and an accuracy needs labels; give --labels CSV")
    hits = np.bincount(codes[labeled], weights=right[labeled])
    return float((hits / np.bincount(codes[labeled])).mean())


def paired_accuracy(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    right: Bool[np.ndarray, "n ways"],
    *,
    unit_ids: Shaped[np.ndarray, "n"] | Sequence[Any],
    rng: np.random.Generator,
) -> Paired:
    """Balanced accuracies and the first way's lead, with 95 % intervals over units.

    Args:
        labels: the truth, of every item.
        unit_ids: the patient of each item.
    """
    codes, names = encode(labels)
    units = encode_groups(unit_ids, what="unit_id")
    n_units, n_classes = int(units.max()) + 1, len(names)
    size, hits = _by_unit(codes, units, right, n_units, n_classes)
    whole = _recalls(np.ones((1, n_units)), size, hits)[0]
    drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=N_DRAWS).astype(np.float64)
    draws = _recalls(drawn, size, hits)
    lead, leads = whole[:1] - whole, draws[:, :1] - draws
    return Paired(
        [Interval(float(value), *percentiles(draws[:, way]), n_units) for way, value in enumerate(whole)],
        [Interval(float(value), *percentiles(leads[:, way]), n_units) for way, value in enumerate(lead)],
    )


def _by_unit(
    codes: Int64[np.ndarray, "n"],
    units: Int64[np.ndarray, "n"],
    right: Bool[np.ndarray, "n ways"],
    n_units: int,
    n_classes: int,
) -> tuple[Float64[np.ndarray, "u c"], Float64[np.ndarray, "u c ways"]]:
    """Of each unit: items by class, and how many of them each way names right."""
    cell = units * n_classes + codes
    n_cells = n_units * n_classes
    size = np.bincount(cell, minlength=n_cells).astype(np.float64)
    hits = [np.bincount(cell, weights=way, minlength=n_cells) for way in right.T]
    return size.reshape(n_units, n_classes), np.stack(hits, axis=-1).reshape(n_units, n_classes, -1)


def _recalls(
    weights: Float64[np.ndarray, "draws u"], size: Float64[np.ndarray, "u c"], hits: Float64[np.ndarray, "u c ways"]
) -> Float64[np.ndarray, "draws ways"]:
    """Balanced accuracies where units count so often."""
    total = (weights @ size)[:, :, None]
    found = np.tensordot(weights, hits, axes=1)
    return np.nanmean(np.divide(found, total, out=np.full_like(found, np.nan), where=total > 0), axis=1)
