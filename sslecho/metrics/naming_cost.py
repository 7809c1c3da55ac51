"""Labeling cost: look at m images of each cluster, name it by what they show, and so much of an archive is named.

    a person looks at the m most typical items of each cluster, of one half of the units (patients);
    the cluster gets the label that most of them have, if at least the share `agreement` of them has it, else no name;
    every item of the *other* half takes its cluster's name.

coverage = items of the other half that got a name / all of them; precision = right names / names. Both are pooled over
random halvings, each used in both directions. The interval resamples the units of the other half with the names fixed,
as that of transfer purity does.

Open set: labels such as "other" are no class but what is left over. They stay in the archive. Where there are some,
two ways of counting stand side by side:

- "other" is a name like any other (coverage, precision): the archive is sorted into classes and the rest;
- "other" is no name (class_coverage, class_precision): a cluster that shows it stays unnamed; coverage is over the
  items of classes, and every "other" item that got a class's name is an error.

Leaving these items out of the archive before, as published figures do, is a third; give None for their labels.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int, Int64, Shaped

from sslecho.metrics.intervals import percentiles, too_few
from sslecho.metrics.labels import MISSING, encode, encode_groups
from sslecho.metrics.unit_counts import UnitCounts, halves, hits, of_labels, of_units, unit_counts

N_HALVINGS = 50  # each is used in both directions
DRAWS_PER_HALF = 20  # 2,000 bootstrap draws together
MS = (1, 2, 3, 5, 10)
AGREEMENT = 2 / 3  # two of three; of two both
ROUNDING = 1e-9


class NamingPoint(NamedTuple):
    """One m and one agreement; None where a figure can't be had (precision where nothing was named).

    Attributes:
        m: images of a cluster that are looked at, where it has so many.
        n_images: images looked at in all clusters together, the mean over halves.
        n_named: clusters that got a name, the mean over halves.
        class_coverage, class_precision: with "other" counted as no name; None where there is no such label.
    """

    m: int
    agreement: float
    n_images: float
    n_named: float
    coverage: float | None
    coverage_low: float | None
    coverage_high: float | None
    precision: float | None
    precision_low: float | None
    precision_high: float | None
    class_coverage: float | None
    class_coverage_low: float | None
    class_coverage_high: float | None
    class_precision: float | None
    class_precision_low: float | None
    class_precision_high: float | None


class NamingCost(NamedTuple):
    """A point for each m and agreement; none where one unit can't both name and be scored, and `warning` says so."""

    points: list[NamingPoint]
    n: int
    n_units: int
    warning: str | None


def naming_cost(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    clusters: Int[np.ndarray, "n"],
    confidences: Float[np.ndarray, "n"],
    *,
    unit_ids: Shaped[np.ndarray, "n"] | Sequence[Any],
    rng: np.random.Generator,
    ms: Sequence[int] = MS,
    agreements: Sequence[float] = (AGREEMENT,),
    others: Collection[Any] = (),
    unit: str = "patient",
) -> NamingCost:
    """What naming clusters by a few images is worth on other units.

    Args:
        labels: what a person sees in each item; None or NaN where it is not known, and such items are left out.
        clusters: the cluster of each item; any integers.
        confidences: how typical each item is of its cluster: the highest are looked at first.
        unit_ids: the resampling unit (the patient) of each item.
        ms: how many images of a cluster are looked at.
        agreements: the least share of them that must have the same label; 0 names every cluster that has an image,
            by the first in sorted order of equally frequent labels.
        others: labels that are no class.
        unit: what a unit is, for the warning.
    """
    codes, names = encode(labels)
    labeled = codes != MISSING
    codes, typical = codes[labeled], confidences[labeled]
    units = np.unique(encode_groups(unit_ids, what="unit_id")[labeled], return_inverse=True)[1]
    used = np.unique(clusters[labeled], return_inverse=True)[1]
    counts = unit_counts(units, used, codes, n_labels=len(names))
    if counts.n_units < 2:
        reason = f"labeling cost needs labeled items of at least 2 {unit}s, and there are {counts.n_units}: one half "
        return NamingCost([], len(codes), counts.n_units, reason + "is looked at, the other is scored")
    is_class = np.array([name not in others for name in names], dtype=bool)
    tallies = {(m, agreement): _Tally() for m in ms for agreement in agreements}
    order = viewing_order(used, typical, units)
    for naming in halves(counts.n_units, n_halvings=N_HALVINGS, rng=rng):
        scored = of_units(counts, ~naming)
        scored_classes = of_labels(scored, is_class)
        drawn = rng.multinomial(scored.n_units, np.full(scored.n_units, 1 / scored.n_units), size=DRAWS_PER_HALF)
        for m, votes in _looked_at(order[naming[units[order]]], used, codes, counts, ms):
            for agreement in agreements:
                given = _agreed(votes, agreement)
                rows = [*hits(scored, given)]
                if not is_class.all():
                    of_class = np.where((given != MISSING) & is_class[given], given, MISSING)
                    rows += [*hits(scored, of_class)[:2], *hits(scored_classes, of_class)[1:]]
                tallies[m, agreement].add(votes.sum(), (given != MISSING).sum(), np.stack(rows), drawn)
    points = [tally.point(m, agreement) for (m, agreement), tally in tallies.items()]
    return NamingCost(points, len(codes), counts.n_units, too_few(counts.n_units, unit=unit))


def viewing_order(
    clusters: Int[np.ndarray, "n"], confidences: Float[np.ndarray, "n"], units: Int[np.ndarray, "n"]
) -> Int64[np.ndarray, "n"]:
    """Items in the order in which a person is to see them: cluster by cluster, the most typical first.

    Every unit's most typical item comes before any unit's second: images of one patient say the same thing twice. Of
    equally confident items the first comes first. It holds for any subset of the units, too.
    """
    by_unit = np.lexsort((-confidences, units, clusters))
    new = np.ones(len(clusters), bool)
    new[1:] = (np.diff(clusters[by_unit]) != 0) | (np.diff(units[by_unit]) != 0)
    start = np.flatnonzero(new)
    turn = np.empty(len(clusters), np.int64)
    turn[by_unit] = np.arange(len(clusters)) - np.repeat(start, np.diff(np.append(start, len(clusters))))
    return np.lexsort((-confidences, turn, clusters))


def _looked_at(
    order: Int64[np.ndarray, "s"],
    clusters: Int64[np.ndarray, "n"],
    codes: Int64[np.ndarray, "n"],
    counts: UnitCounts,
    ms: Sequence[int],
) -> Iterator[tuple[int, Int64[np.ndarray, "k c"]]]:
    """For each m the labels of the first m items of each cluster: `votes[cluster, label]`."""
    cluster = clusters[order]
    rank = np.arange(len(order)) - np.searchsorted(cluster, cluster)
    for m in ms:
        seen = order[rank < m]
        cells = np.bincount(
            clusters[seen] * counts.n_labels + codes[seen], minlength=counts.n_clusters * counts.n_labels
        )
        yield m, cells.reshape(counts.n_clusters, counts.n_labels)


def _agreed(votes: Int64[np.ndarray, "k c"], agreement: float) -> Int64[np.ndarray, "k"]:
    seen = votes.sum(1)
    agrees = (seen > 0) & (votes.max(1) >= agreement * seen - ROUNDING)
    return np.where(agrees, votes.argmax(1), MISSING)


class _Tally:
    """Sums over halves of: right, named, all items; then for classes alone right, named, named of classes, classes."""

    def __init__(self) -> None:
        self.n_images: list[int] = []
        self.n_named: list[int] = []
        self.sums: list[Float64[np.ndarray, "s"]] = []
        self.draws: list[Float64[np.ndarray, "s d"]] = []

    def add(
        self,
        n_images: np.integer,
        n_named: np.integer,
        by_unit: Float64[np.ndarray, "s u"],
        drawn: Int64[np.ndarray, "d u"],
    ) -> None:
        self.n_images.append(int(n_images))
        self.n_named.append(int(n_named))
        self.sums.append(by_unit.sum(1))
        self.draws.append(by_unit @ drawn.T.astype(np.float64))

    def point(self, m: int, agreement: float) -> NamingPoint:
        sums, draws = np.sum(self.sums, axis=0), np.concatenate(self.draws, axis=1)
        pairs = [(1, 2), (0, 1), (5, 6), (3, 4)]  # coverage and precision, then of classes alone
        figures = [_ratio(sums, draws, *pair) if max(pair) < len(sums) else (None, None, None) for pair in pairs]
        plain = [value for figure in figures for value in figure]
        return NamingPoint(m, agreement, float(np.mean(self.n_images)), float(np.mean(self.n_named)), *plain)


def _ratio(
    sums: Float64[np.ndarray, "s"], draws: Float64[np.ndarray, "s d"], above: int, below: int
) -> tuple[float | None, float | None, float | None]:
    """A ratio of two sums and its interval; draws without anything below are left out."""
    if not sums[below] > 0:
        return None, None, None
    some = draws[below] > 0
    low, high = percentiles(draws[above][some] / draws[below][some])
    return float(sums[above] / sums[below]), low, high
