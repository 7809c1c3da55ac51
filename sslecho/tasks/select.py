"""Which clips to label next: a rule, a budget, and so many of a patient at most.

Labels that were picked this way say what to train on. They are no random sample, so nothing may be scored on them:
the clips that are handed in here are those outside the test set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64, Shaped

from sslecho.errors import InputError
from sslecho.metrics.labels import MISSING, encode, encode_groups
from sslecho.tasks.selection.coverage import probcover, purity_radius
from sslecho.tasks.selection.farthest import kcenter
from sslecho.tasks.selection.partition import partition
from sslecho.tasks.selection.pool import Pick, Pool, fair_cap
from sslecho.tasks.selection.typicality import n_clusters, typiclust
from sslecho.tasks.selection.uncertainty import MEASURES, quick_probe

CLASSES = 10  # expected where nothing is known of them
COVERS = ("probcover", *MEASURES)  # methods that have a radius


@dataclass(frozen=True)
class Selection:
    """Clips to label, the first one first.

    Attributes:
        picks: rows of what was handed in, each with its score and reason.
        clusters: the cluster of every row that was handed in.
        method: the rule that picked.
        per_unit: how many of a patient could be picked at most.
        radius: of the balls of methods that cover, else None.
        notes: what the user should know.
    """

    picks: list[Pick]
    clusters: Int64[np.ndarray, " n"]
    method: str
    per_unit: int
    radius: float | None
    notes: list[str]


def select_clips(
    vectors: Float32[np.ndarray, "n d"],
    *,
    budget: int,
    unit_ids: Shaped[np.ndarray, " n"] | Sequence[Any],
    labels: Shaped[np.ndarray, " n"] | Sequence[Any] | None = None,
    method: str = "auto",
    per_unit: int | None = None,
    n_classes: int | None = None,
    unit: str = "patient",
    seed: int = 0,
) -> Selection:
    """Pick `budget` clips to label among those without a label; none of the test set may be among them.

    Args:
        vectors: one embedding a clip, of length 1.
        unit_ids: the patient of each.
        labels: what is known already, None where nothing is: such clips count as covered and are not picked.
        method: "typiclust", "probcover", "kcenter", "random", "margin" or "entropy"; "auto" takes typiclust, and
            margin once two classes have labels.
        per_unit: picks of one patient at most; None takes twice an even share, and more where the budget needs it.
        n_classes: how many are expected, for the radius of what covers; None takes those of the labels, or 10.
        unit: what a unit is, for messages.

    Raises:
        InputError: a budget or cap that the clips don't allow, or a method that needs labels of two classes.
    """
    codes, names = encode(labels) if labels is not None else (np.full(len(vectors), MISSING), [])
    labeled = codes != MISSING
    units = encode_groups(unit_ids, what="unit_id")
    per_unit = check_selectable(
        units[~labeled], budget=budget, per_unit=per_unit, method=method, n_label_classes=len(names), unit=unit
    )
    if method == "auto":
        method = "margin" if len(names) > 1 else "typiclust"
    rng = np.random.default_rng(seed)
    pool = Pool(vectors, labeled=labeled, units=units, per_unit=per_unit)
    k = n_clusters(len(vectors), n_labeled=int(labeled.sum()), budget=budget)
    clusters, _ = partition(vectors, k, rng=rng)
    radius = None
    if method in COVERS:
        expected = n_classes or (len(names) if len(names) > 1 else CLASSES)
        pseudo_labels, _ = partition(vectors, min(expected, len(vectors)), rng=rng)
        radius = purity_radius(vectors, pseudo_labels, rng=rng)
    if method == "random":
        picks = at_random(pool, budget, rng=rng)
    elif method == "typiclust":
        picks = typiclust(pool, clusters, budget, rng=rng)
    elif method == "kcenter":
        picks = kcenter(pool, budget)
    else:
        weights = None
        if method in MEASURES:
            known = np.flatnonzero(labeled)
            probabilities = quick_probe(vectors, known, codes[known], rng=rng)(vectors)
            weights = MEASURES[method](probabilities)
        assert radius is not None
        picks = probcover(pool, budget, radius=radius, weights=weights, rng=rng)
    notes = []
    if len(picks) < budget and pool.open.any():  # only what covers ends early
        notes.append(f"after {len(picks)} picks nothing is left to cover; the others are those farthest from them")
        picks += kcenter(pool, budget - len(picks))
    if len(picks) < budget:
        notes.append(
            f"the last {budget - len(picks)} picks have the same embedding as clips before them; their labels will "
            "teach little"
        )
        pool.open_copies()
        while len(picks) < budget:
            # Taking one closes its copies, so they are opened again.
            row = int(rng.choice(np.flatnonzero(pool.open)))
            picks.append(Pick(row, None, "a copy: its embedding equals that of a clip before it"))
            pool.take(row)
            pool.open_copies()
    return Selection(picks, clusters, method, per_unit, radius, notes)


def check_selectable(
    units: Shaped[np.ndarray, " m"] | Sequence[Any],
    *,
    budget: int,
    per_unit: int | None,
    method: str,
    n_label_classes: int,
    unit: str = "patient",
) -> int:
    """Everything about `select_clips` that can be refused before any work; returns the cap that holds.

    Args:
        units: the patient of each clip that may be picked.
        n_label_classes: how many classes have a label.

    Raises:
        InputError: as `select_clips`.
    """
    if budget < 1:
        raise InputError(f"--budget {budget}: the number of clips to label must be at least 1")
    if not len(units):
        raise InputError("no clip is left to label: all outside the test set have a label, or there is none")
    if budget > len(units):
        raise InputError(
            f"--budget {budget} is more than the {len(units)} clips that may be picked (train split, no label yet); "
            f"ask for {len(units)} or less"
        )
    if method in MEASURES and n_label_classes < 2:
        raise InputError(
            f"--method {method} asks what a probe on the labels does not know, and they are of {n_label_classes} "
            f"class{'es' if n_label_classes != 1 else ''}; give --labels CSV with clips of at least 2, or begin with "
            "--method typiclust"
        )
    sizes = np.unique(units, return_counts=True)[1]
    if per_unit is None:
        return fair_cap(sizes, budget)
    allowed = int(np.minimum(sizes, per_unit).sum())
    if allowed < budget:
        needed = per_unit
        while np.minimum(sizes, needed).sum() < budget:
            needed += 1
        raise InputError(
            f"--per-patient {per_unit} allows {allowed} clips of {len(sizes)} {unit}{'s' if len(sizes) != 1 else ''}, "
            f"fewer than --budget {budget}; say --per-patient {needed} or more, or --budget {allowed} or less"
        )
    return per_unit


def at_random(pool: Pool, budget: int, *, rng: np.random.Generator) -> list[Pick]:
    """Up to `budget` picks, each any open clip with the same chance: what the others are measured against."""
    picks: list[Pick] = []
    for row in rng.permutation(len(pool)):
        if len(picks) == budget:
            break
        if pool.open[row]:
            picks.append(Pick(int(row), None, "at random"))
            pool.take(int(row))
    return picks
