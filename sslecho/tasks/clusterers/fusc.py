"""FUSC: clusters that items share with their nearest neighbors, of the sizes of a prior."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple, final

import numpy as np
from jaxtyping import Float, Int64, Shaped

from sslecho.embed.index.graph import neighbor_graph
from sslecho.rundir import say, warn
from sslecho.tasks.clusterers import CLUSTERERS
from sslecho.tasks.clusterers.clusterer import Clusterer, Items
from sslecho.tasks.fusc.fit import Held, fit_fusc
from sslecho.tasks.fusc.model import SemanticModel
from sslecho.tasks.fusc.settings import FuscSettings
from sslecho.tasks.kmeans import VALUES_TO_FIT_ON

VAL_NEIGHBORS = 5  # as published


@CLUSTERERS.add("fusc")
@final
class Fusc(Clusterer):
    """See `sslecho.tasks.fusc`."""

    settings_class: ClassVar[type] = FuscSettings
    clusters_class: ClassVar[type] = SemanticModel

    def fit(self, items: Items, *, ks: Sequence[int], seed: int) -> Iterator[SemanticModel]:
        """The best of several heads for each k; all of them from one graph of neighbors."""
        settings: FuscSettings = self.settings
        _, vectors, ids = mined(
            items, items.fitted, n_neighbors=settings.neighbors, exclude=settings.exclude, seed=seed
        )
        alone = int((ids < 0).all(1).sum())
        if alone:
            warn(f"fusc: {alone} of {len(ids)} items have no neighbor of another {settings.exclude}; each is its own")
        val: Held | None = None
        if len(items.held):
            held = mined(items, items.held, n_neighbors=VAL_NEIGHBORS, exclude=settings.exclude, seed=seed)
            val = held.vectors, held.ids
        if val is None or (val[1] < 0).all():
            say("fusc: no items in split val, or all of one patient; heads are chosen by the items they were fitted on")
            val = None
        for k in ks:
            yield fit_fusc(vectors, ids, k=k, settings=settings, seed=seed, val=val)


class Mined(NamedTuple):
    """Items with their neighbors.

    Attributes:
        rows: which items.
        vectors: their embeddings.
        ids: the places of each one's neighbors among them, -1 where there is none.
    """

    rows: Int64[np.ndarray, " p"]
    vectors: Float[np.ndarray, "p d"]
    ids: Int64[np.ndarray, "p j"]


def mined(items: Items, rows: Int64[np.ndarray, " m"], *, n_neighbors: int, exclude: str, seed: int) -> Mined:
    """These rows, at most 1 GiB of them, and their neighbors among themselves."""
    most = max(2, VALUES_TO_FIT_ON // max(1, items.vectors.shape[1]))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    vectors = np.asarray(items.vectors[rows])
    graph = neighbor_graph(vectors, n_neighbors, groups=_groups(items, rows, exclude), seed=seed)
    return Mined(rows, vectors, graph.ids)


def _groups(items: Items, rows: Int64[np.ndarray, " m"], exclude: str) -> Shaped[np.ndarray, " m"] | None:
    if exclude == "nothing":
        return None
    return (items.unit_ids if exclude == "patient" else items.clip_ids)[rows]
