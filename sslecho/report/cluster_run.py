"""What a folder of `sslecho cluster` holds, read for a page; what is gone since is noted, not fatal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from jaxtyping import Bool

from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import NounError, SslechoError
from sslecho.report.run_folder import Run
from sslecho.tasks.predictions import Predictions

T = TypeVar("T")


@dataclass(frozen=True)
class ClusterRun:
    """A finished clustering; make it with `read`.

    Attributes:
        path: the run's folder.
        run: identity and provenance of run.json.
        settings: settings.toml, its section.
        result: result.json.
        items: one row a clip or frame with its clusters; see `sslecho.tasks.predictions`.
        meta: predictions/meta.json.
        store: the frames; None where they are gone.
        embeddings: the same.
        training: the run that made the encoder; None for a baseline encoder or where it is gone.
        notes: what is gone, in words.
    """

    path: Path
    run: dict[str, Any]
    settings: dict[str, Any]
    result: dict[str, Any]
    items: pa.Table
    meta: dict[str, Any]
    store: Store | None
    embeddings: Embeddings | None
    training: Run | None
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path | str) -> "ClusterRun":
        """Read a finished run.

        Raises:
            NounError: no clustering there, one that is not finished, or a damaged file.
        """
        run = Run.read(folder)
        path = run.path
        predictions = Predictions.load(path)
        meta = predictions.meta
        notes: list[str] = []
        store = _if_there(path, meta.get("store"), Store.open)
        if store is None:
            notes.append("The store is no longer where the clustering found it, so no frames are shown.")
        elif meta.get("frames_hash") not in (None, store.frames_hash):
            notes.append("The store holds other frames than those that were clustered, so no frames are shown.")
            store = None
        embeddings = _if_there(path, meta.get("embeddings"), Embeddings.load)
        if embeddings is None:
            notes.append("The embeddings are no longer where the clustering found them, so there is no map.")
        training = _if_there(path, meta.get("encoder"), _trained)
        if training is None and meta.get("encoder"):
            notes.append("The encoder’s run is no longer where it was, so its training is not shown.")
        return cls(
            path=path,
            run={"identity": run.identity, "provenance": run.provenance},
            settings=dict(run.settings),
            result=predictions.scores,
            items=predictions.table,
            meta=meta,
            store=store,
            embeddings=embeddings,
            training=training,
            notes=notes,
        )

    @property
    def ks(self) -> list[int]:
        """The numbers of clusters, rising."""
        return sorted(int(k) for k in self.meta["ks"])

    @property
    def level(self) -> str:
        """What an item is: "clip" or "frame"."""
        return self.result.get("level") or "clip"

    @property
    def unit(self) -> str:
        """What intervals resample: "patient", "sweep", or "clip" where no patient is known."""
        return self.result.get("unit") or "patient"

    @property
    def stamp(self) -> str | None:
        """The warning that every figure carries where no patient is known."""
        if self.unit == "patient":
            return None
        return f"groups = {self.unit}s, not patients: figures and intervals may look better than they are"

    @property
    def scored(self) -> bool:
        """Whether there are figures against labels."""
        return any(entry.get("purity") is not None for entry in self.result.get("results", []))

    @property
    def split(self) -> str:
        """Which split was scored: "test", or "all" where there are none."""
        return self.result.get("split") or "all"

    @cached_property
    def labels(self) -> list[str | None]:
        """The truth of each item."""
        return self.column("label")

    @property
    def classes(self) -> list[str]:
        """All labels, sorted: a label's place decides its color."""
        return sorted({label for label in self.labels if label is not None})

    @cached_property
    def in_split(self) -> Bool[np.ndarray, " n"]:
        """The items of the scored split."""
        if self.split == "all":
            return np.ones(self.items.num_rows, dtype=bool)
        return np.array([split == self.split for split in self.column("split")], dtype=bool)

    @property
    def most_frequent(self) -> float | None:
        """Share of the most frequent label among the scored items: right without looking."""
        labels = [
            label for label, scored in zip(self.labels, self.in_split, strict=True) if scored and label is not None
        ]
        return max(map(labels.count, set(labels))) / len(labels) if labels else None

    @property
    def chosen_k(self) -> int:
        """The k that the page speaks of, chosen without looking at its score."""
        return nearest_k(self.ks, len(self.classes))

    def column(self, name: str) -> list[Any]:
        """A column of the items; Nones where there is no such column."""
        return self.items[name].to_pylist() if name in self.items.column_names else [None] * self.items.num_rows


def nearest_k(ks: Sequence[int], n_classes: int) -> int:
    """The k nearest to the number of classes, the larger of two equally near; without labels the middle one."""
    ks = sorted(ks)
    return min(ks, key=lambda k: (abs(k - n_classes), -k)) if n_classes else ks[len(ks) // 2]


def _if_there(run: Path, recorded: str | None, read: Callable[[Path], T]) -> T | None:
    """What a path leads to that was recorded relative to the run's folder; None where it is gone."""
    if recorded is None:
        return None
    try:
        return read(run / recorded)
    except SslechoError:
        return None


def _trained(folder: Path) -> Run:
    run = Run.read(folder)
    if not run.done:
        raise NounError(f"{folder} holds no finished `sslecho pretrain`")
    return run
