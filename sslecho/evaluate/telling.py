"""What features tell of names: a linear probe, fitted on train, chosen on val, scored on test, beside chance.

The one question that the audit asks again and again: a device from embeddings, a label from a device, a label from an
outline. Names that are to be learned need two patients in train: what one patient has can't be told from the patient.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Int64, Shaped

from sslecho.metrics.against_chance import AgainstChance, deals, naming_against_chance
from sslecho.metrics.labels import MISSING, encode
from sslecho.tasks.assignment import gathered
from sslecho.tasks.probe import LinearProbe

MOST = 20_000  # items of a split; more take minutes and change little
FEWEST_UNITS = 2


class Told(NamedTuple):
    """What was found, or the reason why nothing can be.

    Attributes:
        figure: None where there is none.
        reason: why there is none.
        names: how many were learned.
        left_out: test items with a name that was not learned.
    """

    figure: AgainstChance | None
    reason: str | None
    names: int = 0
    left_out: int = 0


def told(
    features: Float[np.ndarray, "n d"],
    names: Shaped[np.ndarray, " n"] | Sequence[Any],
    *,
    units: Int[np.ndarray, " n"],
    splits: Shaped[np.ndarray, " n"],
    unit: str,
    seed: int,
    n_draws: int,
) -> Told:
    """How well the names of test items can be told from their features, against chance.

    Args:
        features: also memory-mapped.
        names: None where there is none.
        units: the patient of each item, codes.
        splits: "train", "val", "test" or None of each item.
        unit: what a unit is, for the reason.
        n_draws: deals that chance is made of.
    """
    codes, all_names = encode(names)
    train, val, test = (
        some_units(np.flatnonzero((splits == split) & (codes != MISSING)), units, most=MOST, seed=seed)
        for split in ("train", "val", "test")
    )
    learned = _names_of_several(codes[train], units[train], n_names=len(all_names))
    if learned.sum() < 2:
        return Told(
            None, f"split train has {learned.sum()} values with {FEWEST_UNITS} {unit}s or more, and 2 are needed"
        )
    train, val, scored = (rows[learned[codes[rows]]] for rows in (train, val, test))
    found, n_units = len(np.unique(codes[scored])), len(np.unique(units[scored]))
    if found < 2 or n_units < 2:
        return Told(
            None,
            f"split test has {found} of these values in {n_units} {unit}s, and 2 values and 2 {unit}s are needed",
            names=int(learned.sum()),
        )
    probe = LinearProbe(random_state=seed)
    held = (gathered(features, val, normalize=True), codes[val]) if len(val) else None
    probe.fit(gathered(features, train, normalize=True), codes[train], groups=units[train], val=held)
    answers = probe.predict(gathered(features, scored, normalize=True)).astype(np.int64)
    figure = naming_against_chance(
        codes[scored], answers, units=units[scored], rng=np.random.default_rng(seed), n_draws=n_draws
    )
    return Told(figure, None, int(learned.sum()), len(test) - len(scored))


def dealt_names(
    names: Shaped[np.ndarray, " n"], *, units: Int[np.ndarray, " n"], seed: int
) -> Shaped[np.ndarray, " n"]:
    """Names as if each patient were another one: of those items that have one, over all splits at once.

    A patient that stands in two splits keeps its new names in both. So where patients are known again across splits,
    shuffled names are told better than chance.
    """
    dealt = names.copy()
    known = np.flatnonzero(encode(names).codes != MISSING)
    if len(known):
        taken = next(deals(units[known], rng=np.random.default_rng(seed), n_deals=1))
        dealt[known] = names[known[taken]]
    return dealt


def one_hot(values: Shaped[np.ndarray, " n"] | Sequence[Any]) -> Float[np.ndarray, "n v"]:
    """An attribute as features: a column a value, zeros where it is missing."""
    codes, names = encode(values)
    return (codes[:, None] == np.arange(len(names))).astype(np.float32)


def some_units(
    rows: Int64[np.ndarray, " m"], units: Int[np.ndarray, " n"], *, most: int, seed: int
) -> Int64[np.ndarray, " k"]:
    """All rows, or those of as many patients at random as stay within `most`; at least one patient's."""
    if len(rows) <= most:
        return rows
    _, codes = np.unique(units[rows], return_inverse=True)
    order = np.random.default_rng(seed).permutation(int(codes.max()) + 1)
    within = np.cumsum(np.bincount(codes)[order]) <= most
    within[0] = True
    return rows[np.isin(codes, order[within])]


def _names_of_several(
    codes: Int[np.ndarray, " m"], units: Int[np.ndarray, " m"], *, n_names: int
) -> Bool[np.ndarray, " names"]:
    """Which names enough patients have."""
    pairs = np.unique(np.stack([codes, units]), axis=1)
    return np.bincount(pairs[0], minlength=n_names) >= FEWEST_UNITS
