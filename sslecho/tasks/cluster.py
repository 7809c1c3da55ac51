"""Cluster embeddings: fit on the training split, assign everything, score the test split against labels.

Labels are used to score only; no cluster has seen one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64, Shaped

from sslecho.config import build
from sslecho.errors import InputError
from sslecho.metrics.clustering import check_labeled, evaluate
from sslecho.progress import track
from sslecho.tasks.assignment import Assignment
from sslecho.tasks.clusterers import CLUSTERERS
from sslecho.tasks.clusterers.clusterer import Clusterer, Clusters, Items
from sslecho.tasks.kmeans import check_k

Assigns = Callable[[Clusters, np.ndarray], Assignment]


@dataclass(frozen=True)
class Clustering:
    """One k: its clusters, the cluster of every item, and its figures.

    Attributes:
        clusters: what was fitted, and assigns new embeddings.
        scores: the figures of `sslecho.metrics.clustering.evaluate` on the scored split; None where no labels were
            given.
        warnings: what the user should know about the figures.
    """

    k: int
    clusters: Clusters
    assignment: Assignment
    scores: dict[str, Any] | None
    warnings: list[str]


def make_clusterer(method: str, **settings: Any) -> Clusterer:
    """A method by its name, with settings of its own.

    Raises:
        SettingsError: an unknown method, an unknown setting of it, or a value that breaks a rule.
    """
    clusterer_class = CLUSTERERS[method]
    return clusterer_class(build(clusterer_class.settings_class, settings))


def cluster_and_score(
    vectors: Float[np.ndarray, "n d"],
    *,
    ks: Sequence[int],
    seed: int,
    unit_ids: Shaped[np.ndarray, " n"] | Sequence[Any],
    clip_ids: Shaped[np.ndarray, " n"] | Sequence[Any],
    splits: Shaped[np.ndarray, " n"] | Sequence[Any] | None = None,
    labels: Shaped[np.ndarray, " n"] | Sequence[Any] | None = None,
    unit: str = "patient",
    clusterer: Clusterer | None = None,
    assign: Assigns | None = None,
) -> list[Clustering]:
    """Cluster for each k: fit on the items of split "train", assign all, score those of split "test".

    Args:
        vectors: one embedding an item (a clip, or a frame); a memory map stays on disk.
        ks: the numbers of clusters.
        unit_ids: the resampling unit (patient) of each item.
        clip_ids: the clip of each item.
        splits: "train", "val", "test" or None of each item; where all are None, all items are fitted on and scored,
            and the split is called "all".
        labels: used to score only; None for no scores, and None in it for an item without a label.
        unit: what a unit is: "patient", "sweep", "clip" or "unknown".
        clusterer: the method; by default k-means on directions.
        assign: how clusters assign all vectors, such as in several processes; by default here.

    Raises:
        InputError: a k that the training items don't allow, found before any work; a split that is missing; no label
            on any scored item; an embedding that is not finite.
    """
    clusterer = clusterer or make_clusterer("kmeans")
    check_clusterable(len(vectors), ks=ks, splits=splits, labels=labels, fits=clusterer.fits)
    fitted, scored, split = _rows_of(splits, len(vectors), fits=clusterer.fits)
    items = Items(vectors, fitted, _rows_in(splits, "val"), _array(unit_ids), _array(clip_ids))
    results = []
    with track("cluster", total=len(ks), unit="runs") as bar:
        for clusters in clusterer.fit(items, ks=ks, seed=seed):
            assignment = clusters.assign(vectors) if assign is None else assign(clusters, vectors)
            scores, notes = None, []
            if labels is not None:
                scores, notes = evaluate(
                    _take(labels, scored),
                    assignment.clusters[scored],
                    k=clusters.k,
                    unit_ids=_take(unit_ids, scored),
                    clip_ids=_take(clip_ids, scored),
                    split=split,
                    unit=unit,
                    seed=seed,
                )
            results.append(Clustering(clusters.k, clusters, assignment, scores, notes))
            bar.advance(1, k=str(clusters.k))
    return results


def check_clusterable(
    n: int,
    *,
    ks: Sequence[int],
    splits: Shaped[np.ndarray, " n"] | Sequence[Any] | None = None,
    labels: Shaped[np.ndarray, " n"] | Sequence[Any] | None = None,
    fits: bool = True,
) -> None:
    """Everything about `cluster_and_score` that can be refused before any work and before a folder is made.

    Raises:
        InputError: a k that the training items don't allow, a split that is missing, or no label on any scored item.
    """
    fitted, scored, split = _rows_of(splits, n, fits=fits)
    for k in ks if fits else ():
        check_k(k, len(fitted), split="train" if split == "test" else "all")
    if labels is not None:
        check_labeled(_take(labels, scored), split=split)


def _rows_of(
    splits: Shaped[np.ndarray, " n"] | Sequence[Any] | None, n: int, *, fits: bool
) -> tuple[Int64[np.ndarray, " a"], Int64[np.ndarray, " b"], str]:
    """Rows to fit on, rows to score, and the name of what is scored."""
    found = sorted({str(name) for name in splits if name is not None}) if splits is not None else []
    if not fits:
        tested = _rows_in(splits, "test")
        nothing = np.empty(0, np.int64)
        return (nothing, tested, "test") if len(tested) else (nothing, np.arange(n), "all")
    if not found:
        return np.arange(n), np.arange(n), "all"
    for wanted, use in (("train", "fit clusters on"), ("test", "score")):
        if wanted not in found:
            raise InputError(
                f"no embedding is in split {wanted!r}, so there is nothing to {use} (splits here: {', '.join(found)}); "
                "run `sslecho split STORE --test 0.2`, then embed again"
            )
    return _rows_in(splits, "train"), _rows_in(splits, "test"), "test"


def _rows_in(splits: Shaped[np.ndarray, " n"] | Sequence[Any] | None, name: str) -> Int64[np.ndarray, " m"]:
    return np.empty(0, np.int64) if splits is None else np.flatnonzero(_array(splits) == name)


def _array(values: Shaped[np.ndarray, " n"] | Sequence[Any]) -> Shaped[np.ndarray, " n"]:
    """One value an item; as objects, since strings, numbers and None may stand beside each other."""
    return values if isinstance(values, np.ndarray) else np.array([*values, None], dtype=object)[:-1]


def _take(values: Shaped[np.ndarray, " n"] | Sequence[Any], rows: Int64[np.ndarray, " m"]) -> list[Any]:
    return [values[row] for row in rows]
