"""Which k? The largest for which other patients give the same clusters.

Prediction strength (Tibshirani & Walther 2005, "Cluster validation by prediction strength", section 2): cluster two
halves A and B of the data. For each cluster of B, take the share of its pairs of items that A's centroids put into
one cluster too; the strength of k is the lowest share over B's clusters. It is 1 for k = 1, high as long as k asks for
no more than what is there, and falls where a true cluster must be cut, since A and B cut it differently. The paper
takes the largest k whose strength is at least 0.8.

Here the halves are halves of the *patients*, and pairs are of *different* patients. Clips of a patient lie together
whatever they show, so over items a cluster a patient would be as strong as a cluster a view: in a mixture without any
classes, 12 patients far apart with 30 clips each, k = 12 has a strength above 0.9 over items, and below 0.3 here.

What it does not say: that the clusters are the classes wanted. A machine or a gain setting that several patients share
is as strong as a view. And it is strict: one cluster of few items that the halves cut differently brings k down, so in
a very imbalanced archive the answer is a lower bound. For naming, take more clusters than that and read the cost.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Int64, Shaped

from sslecho.metrics.labels import encode_groups
from sslecho.progress import track
from sslecho.tasks.assignment import assign, gathered
from sslecho.tasks.kmeans import fit_kmeans

STRONG = 0.8  # Tibshirani & Walther 2005: "above 0.8 or 0.9"
N_HALVINGS = 5  # each is used in both directions
LEAST_UNITS = 8  # fewer make halves of less than four patients, which share little whatever k is
FEW_UNITS = 24
MOST_ITEMS = 6000  # an answer needs no more of them: a share of a cluster's pairs is known to a percent then


@dataclass(frozen=True)
class Strength:
    """How one k held.

    Attributes:
        strength: prediction strength over pairs of different patients, the mean over halvings and both directions.
        low, high: the lowest and highest of these.
        held: share of them that were at least 0.8.
        separation: mean of 1 - distance to the own centroid / distance to the next, of items of one half by the other
            half's centroids (a simplified silhouette, held out); a second opinion that knows no threshold.
    """

    k: int
    strength: float
    low: float
    high: float
    held: float
    separation: float


@dataclass(frozen=True)
class Choice:
    """An answer to "which k?".

    Attributes:
        k: the largest k that was tried and is strong; None where none is, or there are too few patients to tell.
        sure: "clear", "likely", "unsure" or "none"; `words` says why.
        words: the answer in a sentence or two.
        tried: a line for each k, rising; empty where nothing could be tried.
        n, n_units: items and patients that it was decided on.
    """

    k: int | None
    sure: str
    words: str
    tried: list[Strength]
    n: int
    n_units: int

    def to_json(self) -> dict[str, Any]:
        """All of it, for a result."""
        return asdict(self)


def choose_k(
    vectors: Float[np.ndarray, "n d"],
    *,
    ks: Sequence[int],
    unit_ids: Shaped[np.ndarray, " n"] | Sequence[Any],
    seed: int,
    rows: Int64[np.ndarray, " m"] | None = None,
    unit: str = "patient",
    normalize: bool = True,
) -> Choice:
    """Try each k on halves of the patients; no label is looked at.

    Args:
        vectors: one embedding an item; a memory map stays on disk.
        ks: the numbers of clusters to try, in any order; an answer can only be one of them. Those that half of the
            items don't allow are left out, with a word.
        unit_ids: the patient of each item, or what stands for one.
        rows: the items to decide on, such as those of the train split; by default all. Of more than 6,000 a random
            sample decides.
        unit: what a unit is, for the words.
        normalize: scale each embedding to length 1 first.

    Raises:
        InputError: an embedding is not finite.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(len(vectors)) if rows is None else rows
    if len(rows) > MOST_ITEMS:
        rows = np.sort(rng.choice(rows, MOST_ITEMS, replace=False))
    units = np.unique(encode_groups(np.asarray(unit_ids)[rows], what="unit_id"), return_inverse=True)[1]
    n_units = int(units.max()) + 1 if len(units) else 0
    if n_units < LEAST_UNITS:
        words = (
            f"which k can't be said: {n_units} {unit}s are too few to compare halves of them (at least {LEAST_UNITS})"
        )
        return Choice(None, "none", words, [], len(rows), n_units)
    points = gathered(vectors, rows, normalize=normalize)
    halves = [_half(units, n_units, rng) for _ in range(N_HALVINGS)]
    smallest = int(min(min(half.sum(), (~half).sum()) for half in halves))
    possible = [k for k in sorted(ks) if 1 <= k <= smallest]
    if not possible:
        words = f"which k can't be said: half of the {len(rows)} items are fewer than {min(ks)} clusters"
        return Choice(None, "none", words, [], len(rows), n_units)
    tried = []
    with track("which k", total=len(possible), unit="k") as bar:
        for k in possible:
            tried.append(_try(points, units, halves, k=k, seed=seed))
            bar.advance(1, k=str(k))
    return _decide(tried, n=len(rows), n_units=n_units, unit=unit, left_out=[k for k in sorted(ks) if k > smallest])


def prediction_strength(
    own: Int[np.ndarray, " n"], others: Int[np.ndarray, " n"], units: Int[np.ndarray, " n"]
) -> float:
    """The lowest share, over the clusters in `own`, of pairs of different units that are together in `others` too.

    A cluster of one unit has no such pair, and its share is 0: nobody else has what it holds.

    Args:
        own: the cluster of each item by its own half's centroids.
        others: its cluster by the other half's.
        units: its patient, as codes 0, 1, ….
    """
    lowest = 1.0
    for cluster in np.unique(own):
        inside = own == cluster
        theirs, patients = others[inside], units[inside]
        pairs = len(theirs) * (len(theirs) - 1) // 2 - _pairs(np.bincount(patients))
        both = np.unique(theirs * (int(units.max()) + 1) + patients, return_counts=True)[1]
        together = _pairs(np.bincount(theirs)) - _pairs(both)
        lowest = min(lowest, together / pairs if pairs else 0.0)
    return float(lowest)


def _pairs(counts: Int[np.ndarray, " c"]) -> int:
    return int((counts.astype(np.int64) * (counts.astype(np.int64) - 1)).sum() // 2)


def _half(units: Int[np.ndarray, " n"], n_units: int, rng: np.random.Generator) -> Bool[np.ndarray, " n"]:
    """The items of a random half of the units."""
    first = np.zeros(n_units, bool)
    first[rng.permutation(n_units)[: n_units // 2]] = True
    return first[units]


def _try(
    points: Float[np.ndarray, "n d"],
    units: Int[np.ndarray, " n"],
    halves: Sequence[Bool[np.ndarray, " n"]],
    *,
    k: int,
    seed: int,
) -> Strength:
    strengths, separations = [], []
    for number, half in enumerate(halves):
        centroids = {
            side: fit_kmeans(points[half == side], k=k, seed=seed + number, normalize=False) for side in (True, False)
        }
        for side in (True, False):
            here = points[half == side]
            own = assign(here, centroids[side], normalize=False)
            others = assign(here, centroids[not side], normalize=False)
            strengths.append(prediction_strength(own.clusters, others.clusters, units[half == side]))
            separations.append(float(others.confidences.mean()))
    return Strength(
        k=k,
        strength=float(np.mean(strengths)),
        low=min(strengths),
        high=max(strengths),
        held=float(np.mean(np.array(strengths) >= STRONG)),
        separation=float(np.mean(separations)),
    )


def _decide(tried: list[Strength], *, n: int, n_units: int, unit: str, left_out: list[int]) -> Choice:
    """The largest strong k, and how far the halvings and the second opinion agree with it."""
    strong = [one for one in tried if one.strength >= STRONG]
    few = f" There are {n_units} {unit}s; fewer than {FEW_UNITS} say little." if n_units < FEW_UNITS else ""
    if not strong:
        best = max(tried, key=lambda one: one.strength)
        words = (
            f"no k that was tried is repeated by other {unit}s: the strongest, {best.k}, reaches {best.strength:.2f}, "
            f"and {STRONG} is called strong. These embeddings don't say how many clusters there are; choose k by what "
            "naming costs, rather more than you expect classes."
        )
        return Choice(None, "none", words + few, tried, n, n_units)
    chosen = max(strong, key=lambda one: one.k)
    larger = [one for one in tried if one.k > chosen.k]
    separated = max(tried, key=lambda one: one.separation)
    doubts = []
    if not larger:
        doubts.append("it is the largest that was tried, so try larger ones")
    elif max(one.held for one in larger) > 0:
        other = max(larger, key=lambda one: one.held)
        doubts.append(f"k = {other.k} was strong in {other.held:.0%} of the halvings")
    if chosen.held < 1:
        doubts.append(f"it was strong in {chosen.held:.0%} of the halvings only")
    if separated.k != chosen.k:
        doubts.append(f"clusters are best separated at k = {separated.k}")
    if left_out:
        doubts.append(f"k = {left_out[0]} is more than half of the items and was not tried")
    if n_units < FEW_UNITS:
        doubts.append(f"{n_units} {unit}s are few")
    sure = ("clear", "likely", "unsure")[min(len(doubts), 2)]
    words = (
        f"k = {chosen.k} is the largest whose clusters other {unit}s repeat "
        f"(prediction strength {chosen.strength:.2f}, "
        f"{chosen.low:.2f}–{chosen.high:.2f} over halvings)"
    )
    words += f"; {sure}: " + "; ".join(doubts) + "." if doubts else f"; {sure}: every halving says so."
    return Choice(chosen.k, sure, words, tried, n, n_units)
