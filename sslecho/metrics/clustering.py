"""Scores of a clustering against labels, most of them functions of one contingency table.

Conventions: `table[class, cluster]` counts items; classes in sorted order, empty clusters have no column. Items
without a label are left out of every figure. Names of clusters never matter.

Purity is the published figure, but it rises with the number of clusters and with everything that follows a patient's
identity, so it stands beside its chance level with *whole clips* shuffled and beside `transfer_purity`, the headline.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int, Int64, Shaped
from scipy.optimize import linear_sum_assignment

from sslecho.errors import InputError
from sslecho.metrics.agreement import ami, ari, nmi
from sslecho.metrics.labels import MISSING, encode, encode_groups
from sslecho.metrics.transfer import transfer_purity

N_SHUFFLES = 100


def contingency(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any], clusters: Int[np.ndarray, "n"]
) -> Int64[np.ndarray, "c k"]:
    """Items by class and cluster; items without a label are left out."""
    codes, names = encode(labels)
    labeled = codes != MISSING
    used, clusters = np.unique(clusters[labeled], return_inverse=True)
    return _table(codes[labeled], clusters, len(names), len(used))


def purity(table: Int[np.ndarray, "c k"]) -> float:
    """Share of items that have their cluster's majority label.

    Manning, Raghavan & Schütze 2008, "Introduction to Information Retrieval", equation 16.1. K = 1 gives the largest
    class's share, K = n gives 1.
    """
    return float(table.max(0).sum() / table.sum())


def inverse_purity(table: Int[np.ndarray, "c k"]) -> float:
    """Share of items that lie in their class's largest cluster: falls where a class is cut up, as purity rises."""
    return float(table.max(1).sum() / table.sum())


def accuracy(table: Int[np.ndarray, "c k"]) -> float:
    """Share of items that are right under the best one-to-one match of clusters and classes.

    Kuhn 1955, "The Hungarian method". There may be more or fewer clusters than classes: an item in a cluster without
    a class is wrong, and so is an item of a class without a cluster.
    """
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / table.sum())


def purity_chance(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    clusters: Int[np.ndarray, "n"],
    *,
    clip_ids: Shaped[np.ndarray, "n"] | Sequence[Any],
    rng: np.random.Generator,
) -> float:
    """Mean of `purity_shuffled`: what clusters reach that know clips but no labels."""
    return float(purity_shuffled(labels, clusters, clip_ids=clip_ids, rng=rng).mean())


def purity_shuffled(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    clusters: Int[np.ndarray, "n"],
    *,
    clip_ids: Shaped[np.ndarray, "n"] | Sequence[Any],
    rng: np.random.Generator,
) -> Float64[np.ndarray, "shuffles"]:
    """Purity where the labels of whole clips were shuffled, for each of 100 shuffles.

    A clip gets the labels of another clip. Where the donor's frames have different labels, its sequence of labels is
    stretched to the receiver's length; with one label a clip this is a permutation of the clips' labels. Shuffling
    single frames instead would break the clips up, and noise that follows clips would look like a success.
    """
    codes, names = encode(labels)
    labeled = codes != MISSING
    clips = np.unique(encode_groups(clip_ids, what="clip_id")[labeled], return_inverse=True)[1]
    used, clusters = np.unique(clusters[labeled], return_inverse=True)
    order = np.argsort(clips, kind="stable")
    codes, clusters, clips = codes[labeled][order], clusters[order], clips[order]
    lengths = np.bincount(clips)
    starts = np.cumsum(lengths) - lengths
    within = np.arange(len(clips)) - starts[clips]
    purities = np.empty(N_SHUFFLES)
    for shuffle in range(N_SHUFFLES):
        donor = rng.permutation(len(lengths))[clips]
        shuffled = codes[starts[donor] + within * lengths[donor] // lengths[clips]]
        purities[shuffle] = purity(_table(shuffled, clusters, len(names), len(used)))
    return purities


def evaluate(
    labels: Shaped[np.ndarray, "n"] | Sequence[Any],
    clusters: Int[np.ndarray, "n"],
    *,
    k: int,
    unit_ids: Shaped[np.ndarray, "n"] | Sequence[Any],
    clip_ids: Shaped[np.ndarray, "n"] | Sequence[Any],
    split: str,
    unit: str = "patient",
    seed: int = 0,
) -> tuple[dict[str, Any], list[str]]:
    """All figures of one clustering.

    Args:
        labels: the truth; None or NaN where there is none.
        clusters: the cluster of each item.
        k: the number of clusters that was asked for.
        unit_ids: the resampling unit of each item: the patient, or the sweep or clip where there are none.
        clip_ids: the clip of each item.
        split: which items these are ("test", "all"), kept in the result.
        unit: what a unit is: "patient", "sweep", "clip", or "unknown" where clips stand for patients.

    Returns:
        The figures, ready for JSON: `n` counts the labeled items, `n_patients` their units, `clusters_used` the
        clusters that hold at least one of them; the transfer figures are None where there is one unit only. And
        warnings for the user: labels missing, too few units.

    Raises:
        InputError: no item has a label, or an item has no unit or clip.
    """
    check_labeled(labels, split=split)
    codes = encode(labels).codes
    labeled = codes != MISSING
    n, n_missing = int(labeled.sum()), int((~labeled).sum())
    table = contingency(labels, clusters)
    chance_rng, transfer_rng = np.random.default_rng(seed).spawn(2)
    noun = "clip" if unit == "unknown" else unit
    transfer = transfer_purity(labels, clusters, unit_ids=unit_ids, rng=transfer_rng, unit=noun)
    units = encode_groups(unit_ids, what="unit_id")[labeled]
    scores = {
        "k": k,
        "clusters_used": table.shape[1],
        "purity": purity(table),
        "purity_chance": purity_chance(labels, clusters, clip_ids=clip_ids, rng=chance_rng),
        "transfer_purity": transfer.value,
        "transfer_purity_low": transfer.low,
        "transfer_purity_high": transfer.high,
        "coverage": transfer.coverage,
        "inverse_purity": inverse_purity(table),
        "nmi": nmi(table),
        "ami": ami(table),
        "ari": ari(table),
        "accuracy": accuracy(table),
        "n": n,
        "n_patients": len(np.unique(units)),
        "split": split,
        "unit": unit,
    }
    warnings = [f"{n_missing} of {len(codes)} items have no label and were left out"] if n_missing else []
    return scores, warnings + ([transfer.warning] if transfer.warning else [])


def check_labeled(labels: Shaped[np.ndarray, "n"] | Sequence[Any], *, split: str) -> None:
    """Refuse items of which none can be scored.

    Raises:
        InputError: no item has a label.
    """
    if (encode(labels).codes == MISSING).all():
        raise InputError(
            f"none of the {len(labels)} items scored (split: {split}) has a label, and purity needs labels; "
            "give --labels CSV, or --label-column with the column that holds them"
        )


def _table(
    codes: Int64[np.ndarray, "n"], clusters: Int64[np.ndarray, "n"], n_classes: int, n_clusters: int
) -> Int64[np.ndarray, "c k"]:
    cells = np.bincount(codes * n_clusters + clusters, minlength=n_classes * n_clusters)
    return cells.reshape(n_classes, n_clusters)
