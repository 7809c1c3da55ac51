"""What `clustering.py` compares: ways to cluster on features, and what one of them is worth on patients never seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int, Int64
from scipy.optimize import linear_sum_assignment

from sslecho.embed.embeddings import Embeddings
from sslecho.metrics.clustering import contingency, evaluate
from sslecho.metrics.transfer import held_out
from sslecho.tasks.cluster import make_clusterer
from sslecho.tasks.clusterers.clusterer import Items
from sslecho.tasks.linear_probe import linear_probe

TIMES = (1, 3)  # clusters a class; one is the endpoint
# Classes that are left out, by the name of what is left.
VARIANTS: dict[str, tuple[str, ...]] = {
    "all": (),
    "without other": ("other",),
    "without cervix": ("cervix",),
    "without either": ("other", "cervix"),
}


@dataclass(frozen=True)
class Arm:
    """One line of the comparison.

    Args:
        kind: "ours", "published", "plain", "nothing learned", "chance" or "labels".
        features: of `clustering_data.FEATURES`.
        method: of `sslecho cluster`; none for what doesn't cluster.
        settings: of the method.
    """

    kind: str
    features: str
    method: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


# As published: lambda = 5 and the entropy, one head, neighbors of whatever patient.
PUBLISHED = {"lam": 5.0, "prior": "uniform", "heads": 1, "exclude": "nothing"}
ARMS: dict[str, Arm] = {
    "fusc": Arm("ours", "simclr", "fusc"),
    "fusc, as published": Arm("published", "simclr", "fusc", PUBLISHED),
    "turtle": Arm("ours", "simclr", "turtle"),
    "kmeans": Arm("plain", "simclr", "kmeans"),
    "spherical": Arm("plain", "simclr", "spherical"),
    "ward": Arm("plain", "simclr", "ward"),
    "untrained, fusc": Arm("nothing learned", "untrained", "fusc"),
    "untrained, kmeans": Arm("nothing learned", "untrained", "kmeans"),
    "pixels, kmeans": Arm("nothing learned", "pixels", "kmeans"),
    "chance": Arm("chance", "simclr", "kmeans"),
    "linear probe": Arm("labels", "simclr"),
}


def scored(features: Path, *, arm: Arm, leave_out: tuple[str, ...], seed: int) -> dict[str, Any]:
    """One arm on one set of embeddings: clusters fitted on train patients, chosen on val, scored on test.

    Args:
        features: the folder with the embeddings of each kind of features.
        leave_out: classes whose items are neither fitted on nor scored. Pretraining has seen them.

    Returns:
        `results`, a row for each of TIMES, with the figures and, as `right`, the items of the test split that each
        counts as right; `patients` of these items; `n`, `n_patients`, `classes`.
    """
    clips = Embeddings.load(features / arm.features).per_clip()
    label, split, unit, clip = (clips.column(name) for name in ("label", "split", "unit_id", "clip_id"))
    kept = np.flatnonzero(~np.isin(label.astype(str), leave_out))
    known = kept[np.array([label[row] is not None for row in kept])]
    test = known[split[known] == "test"]
    train, val = (kept[split[kept] == name] for name in ("train", "val"))
    assert not set(unit[test]) & (set(unit[train]) | set(unit[val]))
    vectors, classes = np.asarray(clips.vectors, np.float32), sorted(set(label[known]))
    about = {
        "patients": unit[test].astype(str).tolist(),
        "n": len(test),
        "n_fitted": len(train),
        "n_patients": len(set(unit[test])),
        "classes": len(classes),
        "largest_class": max((label[test] == name).mean() for name in classes),
    }
    if not arm.method:
        return {**about, "results": [probed(vectors, label, unit, split, kept=known)]}
    truth = label[test]
    if arm.kind == "chance":  # labels of whole clips change places, as in purity_chance
        truth = np.random.default_rng(seed).permutation(truth)
    ks = tuple(len(classes) * times for times in TIMES)
    items = Items(vectors, train, val, unit, clip)
    results = []
    for clusters in make_clusterer(arm.method, **arm.settings).fit(items, ks=ks, seed=seed):
        found = clusters.assign(vectors[test]).clusters
        how = {"unit_ids": unit[test], "clip_ids": clip[test]}
        figures, _ = evaluate(truth, found, k=clusters.k, split="test", seed=seed, **how)
        rng = np.random.default_rng(seed)
        transfer = held_out(truth, found, unit_ids=unit[test], rng=rng).right
        right = {"transfer": transfer, **named_right(np.unique(truth, return_inverse=True)[1], found)}
        results.append({**figures, "right": {name: values.round(4).tolist() for name, values in right.items()}})
    return {**about, "results": results}


def named_right(
    truth: Int64[np.ndarray, " n"], clusters: Int[np.ndarray, " n"]
) -> dict[str, Float64[np.ndarray, " n"]]:
    """Which items purity and Hungarian accuracy count: of their cluster's majority, of their cluster's match.

    Args:
        truth: codes from 0 on, all of which occur.
    """
    table = contingency(truth, clusters)
    column = np.unique(clusters, return_inverse=True)[1]
    matched = np.zeros(table.shape, dtype=bool)
    matched[linear_sum_assignment(table, maximize=True)] = True
    return {
        "purity": (table.argmax(0)[column] == truth).astype(np.float64),
        "accuracy": matched[truth, column].astype(np.float64),
    }


def probed(vectors: np.ndarray, label: np.ndarray, unit: np.ndarray, split: np.ndarray, *, kept: np.ndarray) -> Any:
    """The linear probe's accuracy, which learns from all labels of the training patients."""
    found = linear_probe(vectors[kept], label[kept], unit_ids=unit[kept], splits=split[kept])
    assert found is not None
    return {name: found[name] for name in ("accuracy", "accuracy_low", "accuracy_high", "balanced_accuracy")}
