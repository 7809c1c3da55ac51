"""A figure beside what chance gives it, where patients and not clips are what chance deals out.

Goal: say whether answers know anything of the truth, when all clips of a patient may share both (a device, say).

Conventions: chance deals the answers of whole units (patients) to other units, the truth standing still. What is left
of the figure is `chance`; `p` is the share of the deals that reach the figure, itself counted among them (Phipson and
Smyth 2010, "Permutation p-values should never be zero"). The clips of a unit get those of the unit that is dealt to
them in random order, some twice or not at all where the two differ in number.

A unit's clips may be alike in smaller groups (repeats of one view), which the random order breaks up: then p is too
small. The interval, which draws whole units, is not fooled by that, but is too narrow for few units, where p is exact.
So a figure counts as above chance only if both say so.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int, Int64

from sslecho.metrics.intervals import Interval, bootstrap_mean
from sslecho.metrics.paired import paired_accuracy

ROUNDING = 1e-9  # two equal sums may differ by so much


class AgainstChance(NamedTuple):
    """A figure, its 95 % interval over `n_units` units, and what chance makes of it.

    `low` and `high` are None for a single unit. `least_p` is the p of answers without an error: where it is large,
    there are too few units to find anything.
    """

    value: float
    low: float | None
    high: float | None
    chance: float
    p: float
    least_p: float
    n: int
    n_units: int

    def is_above(self, alpha: float) -> bool:
        """Whether the interval lies above chance, and fewer than a share `alpha` of the deals reach the figure."""
        return self.low is not None and self.low > self.chance and self.p <= alpha


def naming_against_chance(
    truth: Int[np.ndarray, " n"],
    answers: Int[np.ndarray, " n"],
    *,
    units: Int[np.ndarray, " n"],
    rng: np.random.Generator,
    n_draws: int,
) -> AgainstChance:
    """Balanced accuracy of answers against those of other units.

    Args:
        truth: the class of each item, codes.
        answers: the class that it was given.
        units: the unit (patient) of each item.
        n_draws: deals.
    """
    found = paired_accuracy(truth, (answers == truth)[:, None], unit_ids=units, rng=rng).accuracy[0]
    _, classes, sizes = np.unique(truth, return_inverse=True, return_counts=True)
    by_chance, faultless = np.empty(n_draws), np.empty(n_draws)
    for draw, taken in enumerate(deals(units, rng=rng, n_deals=n_draws)):
        for of_draws, said in ((by_chance, answers), (faultless, truth)):
            hits = np.bincount(classes, weights=said[taken] == truth, minlength=len(sizes))
            of_draws[draw] = (hits / sizes).mean()
    return _beside(found, by_chance, least_p=_p(1.0, faultless), n=len(truth))


def kinship_against_chance(
    units: Int[np.ndarray, " n"],
    nearest: Int[np.ndarray, " n"],
    *,
    among: Int[np.ndarray, " n"],
    rng: np.random.Generator,
    n_draws: int,
) -> AgainstChance | None:
    """How often an item's nearest one is of the same unit (patient).

    Args:
        units: the unit of each item.
        nearest: the position of each item's nearest one, -1 where it has none; such items don't count.
        among: chance deals units to items only among those that are equal here (of one view, say), so that what the
            views alone bring together is no news.
        n_draws: deals.

    Returns:
        None where no item has a nearest one.
    """
    asked = np.flatnonzero(nearest >= 0)
    if not len(asked):
        return None
    near = nearest[asked]

    def share(owners: Int[np.ndarray, " n"]) -> Bool[np.ndarray, " m"]:
        return owners[asked] == owners[near]

    found = bootstrap_mean(share(units).astype(np.float64), units[asked], rng=rng)
    by_place = np.argsort(among, kind="stable")

    by_chance = np.empty(n_draws)
    for draw in range(n_draws):
        owners = np.empty_like(units)
        owners[by_place] = units[np.lexsort((rng.random(len(units)), among))]
        by_chance[draw] = share(owners).mean()
    return _beside(found, by_chance, least_p=_p(1.0, by_chance), n=len(asked))


def deals(units: Int[np.ndarray, " n"], *, rng: np.random.Generator, n_deals: int) -> Iterator[Int64[np.ndarray, " n"]]:
    """For each item the position of the one whose value it gets: of the unit that its own unit was dealt."""
    _, codes = np.unique(units, return_inverse=True)
    sizes = np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    place = np.empty(len(codes), np.int64)
    place[np.argsort(codes, kind="stable")] = np.arange(len(codes)) - np.repeat(starts, sizes)
    for _ in range(n_deals):
        shuffled = np.lexsort((rng.random(len(codes)), codes))  # units together, each in random order
        giver = rng.permutation(len(sizes))[codes]
        yield shuffled[starts[giver] + place % sizes[giver]]


def _beside(found: Interval, by_chance: Float64[np.ndarray, " draws"], *, least_p: float, n: int) -> AgainstChance:
    low, high = (None, None) if found.n_units < 2 else (found.low, found.high)
    chance, p = float(by_chance.mean()), _p(found.value, by_chance)
    return AgainstChance(found.value, low, high, chance, p, least_p, n, found.n_units)


def _p(value: float, by_chance: Float64[np.ndarray, " draws"]) -> float:
    return (1 + int((by_chance >= value - ROUNDING).sum())) / (1 + len(by_chance))
