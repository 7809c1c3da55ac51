"""What stands beside FUSC and TURTLE in the result of `cluster`: other lambdas, neighbors' purity, a linear probe."""

from typing import Any

import numpy as np

from sslecho.api.settings import ClusterSettings
from sslecho.config import build, identity
from sslecho.embed.embeddings import Embeddings
from sslecho.embed.index.graph import neighbor_graph
from sslecho.errors import InputError
from sslecho.metrics.retrieval import neighbor_purity
from sslecho.tasks.clusterers.clusterer import Clusterer
from sslecho.tasks.linear_probe import linear_probe

SEMANTIC = ("fusc", "turtle")


def first_lambda(settings: ClusterSettings) -> dict[str, Any]:
    """What `--lam` says to the method: the first of the values; the others are swept."""
    return {"lam": settings.lam[0]} if settings.lam else {}


def swept(settings: ClusterSettings, clusterer: Clusterer) -> dict[str, Clusterer]:
    """The method with each further lambda, by the name of its rows."""
    own = identity(clusterer.settings)
    return {
        f"lam={lam:g}": type(clusterer)(build(type(clusterer.settings), {**own, "lam": lam}))
        for lam in settings.lam[1:]
    }


def trains_network(clusterer: Clusterer) -> bool:
    """Whether the encoder is to be trained too."""
    return getattr(clusterer.settings, "train", "head") == "network"


def check_semantic(settings: ClusterSettings, clusterer: Clusterer) -> None:
    """Refuse what can't be done, before any work.

    Raises:
        InputError: the whole network for several k or lambdas; several lambdas without labels to compare them by.
    """
    if len(settings.lam) > 1 and not settings.purity:
        raise InputError(
            f"--lam {','.join(f'{lam:g}' for lam in settings.lam)}: several are compared by labels; add --purity, "
            "or name one"
        )
    if trains_network(clusterer) and (len(settings.k) > 1 or len(settings.lam) > 1):
        raise InputError(
            f"--method-set train=network trains one encoder, and --k {','.join(map(str, settings.k))} with "
            f"{max(1, len(settings.lam))} lambdas asks for several; name one k and one lambda"
        )


def neighbor_report(
    items: Embeddings, clusterer: Clusterer, *, split: str, seed: int
) -> dict[str, float | int | str | None]:
    """How often the neighbors that FUSC learns from have the item's own label, for each choice of whom to leave out.

    Labels are used here only. Neighbors of the same clip or patient flatter: the figures say by how much.
    """
    labels, splits = items.column("label"), items.column("split")
    rows = np.flatnonzero(splits == "train") if split == "test" else np.arange(len(items))
    vectors, n_neighbors = np.asarray(items.vectors)[rows], clusterer.settings.neighbors
    report: dict[str, float | int | str | None] = {"k": n_neighbors, "split": "train" if split == "test" else "all"}
    for name, column in (("nothing", None), ("clip", "clip_id"), ("patient", "unit_id")):
        groups = None if column is None else items.column(column)[rows]
        graph = neighbor_graph(vectors, n_neighbors, groups=groups, seed=seed)
        known = any(label is not None for label in labels[rows]) and bool((graph.ids >= 0).any())
        report[name] = neighbor_purity(labels[rows], graph.ids) if known else None
    report["used"] = clusterer.settings.exclude
    return report


def beside_semantic(
    items: Embeddings, settings: ClusterSettings, clusterer: Clusterer, *, unit: str, split: str
) -> dict[str, Any]:
    """What stands beside fusc and turtle in the result: `probe` (the one figure that learns from labels), and for fusc
    `neighbor_purity`. Nothing for other methods."""
    if settings.method not in SEMANTIC or not clusterer.fits:
        return {}
    probe = linear_probe(
        np.asarray(items.vectors),
        items.column("label"),
        unit_ids=items.column("unit_id"),
        splits=items.column("split"),
        unit=unit,
        seed=settings.seed,
    )
    if settings.method != "fusc":
        return {"probe": probe}
    return {"probe": probe, "neighbor_purity": neighbor_report(items, clusterer, split=split, seed=settings.seed)}
