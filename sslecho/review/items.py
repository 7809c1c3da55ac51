"""What is reviewed: the items of a clustering or propagation, their groups, and what is known of them.

A group is a cluster; after propagation it is the items that got one label, or those that nearly did. None of this
changes while people work: what they do is kept in the log (`log.py`).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float32, Int32, Int64

from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings, rows_hash
from sslecho.errors import InputError, NounError
from sslecho.metrics.labels import encode_groups
from sslecho.tasks.predictions import Predictions

T = TypeVar("T")


@dataclass(frozen=True)
class Groups:
    """Where each item starts.

    Attributes:
        of_item: the group of each item.
        names: the name that each group comes with; None for those that a person is to name.
        titles: what each group is, in words.
    """

    of_item: Int32[np.ndarray, " n"]
    names: list[str | None]
    titles: list[str]


@dataclass(frozen=True)
class ReviewItems:
    """The items of a finished run; make it with `read`.

    Attributes:
        k: the number of clusters that is reviewed; 0 after propagation.
        level: what an item is: "clip" or "frame".
        unit: what `units` are: "patient", "sweep" or "clip".
        clip_ids, frames: which item is which.
        units: a number for each patient.
        in_test: the items of test patients, which are shown on request and get no label that nobody looked at.
        known: the label that is known of an item, or None.
        confidences: how sure the run is of an item's group.
        rows: the store's row of the frame that stands for an item.
        store, vectors: None where they are gone; `notes` says so.
        scores: the run's result.json.
    """

    path: Path
    task: str
    k: int
    level: str
    unit: str
    clip_ids: list[str]
    frames: list[int]
    units: Int64[np.ndarray, " n"]
    in_test: Bool[np.ndarray, " n"]
    known: list[str | None]
    groups: Groups
    confidences: Float32[np.ndarray, " n"]
    rows: Int64[np.ndarray, " n"]
    store: Store | None
    vectors: Float32[np.ndarray, "n d"] | None
    notes: list[str]
    scores: dict[str, Any]
    identity: str

    def __len__(self) -> int:
        return len(self.clip_ids)

    @classmethod
    def read(cls, folder: Path | str, *, k: int | None = None, known: bool = True) -> "ReviewItems":
        """Read the folder of `cluster` or `propagate`.

        Args:
            k: which of several clusterings; by default the one of most clusters, as several may share a name.
            known: False hides the labels that are known, for naming as if there were none.

        Raises:
            NounError: no finished run there, or one of another command.
            InputError: k was not clustered.
        """
        folder = Path(folder)
        predictions = Predictions.load(folder)
        table, meta = predictions.table, predictions.meta
        task = meta.get("task")
        if task not in ("cluster", "propagate"):
            raise NounError(
                f"{folder} is the result of `sslecho {task}`; name a folder of `sslecho cluster` or `sslecho propagate`"
            )
        if task == "propagate" and k is not None:
            raise InputError(f"--k {k}: {folder} holds propagated labels, which have no k; leave --k out")
        k = _chosen(k, meta["ks"]) if task == "cluster" else 0
        groups = _clusters(table, k) if task == "cluster" else _propagated(table)
        in_test = np.array([word == "test" for word in table["split"].to_pylist()], dtype=bool)
        notes: list[str] = []
        store = _if_there(folder, meta.get("store"), Store.open)
        if store is None or store.frames_hash != meta.get("frames_hash"):
            notes.append("The store is no longer where the run found it, so no frames are shown.")
            store = None
        vectors = _vectors(folder, meta, table)
        if vectors is None:
            notes.append("The embeddings are no longer where the run found them, so there are no neighbors.")
        confidence = f"confidence_{k}" if task == "cluster" else "confidence"
        return cls(
            path=folder,
            task=task,
            k=k,
            level=meta["level"],
            unit=meta.get("unit", "patient"),
            clip_ids=table["clip_id"].to_pylist(),
            frames=table["frame_index"].to_pylist(),
            units=encode_groups(table["unit_id"].to_pylist(), what="unit_id"),
            in_test=in_test,
            known=_known(table, in_test, task) if known else [None] * len(table),
            groups=groups,
            confidences=table[confidence].to_numpy().astype(np.float32),
            rows=_pictures(table["row"].to_numpy().astype(np.int64), store, meta["level"]),
            store=store,
            vectors=vectors,
            notes=notes,
            scores=predictions.scores,
            identity=hashlib.sha256(rows_hash(table).encode() + groups.of_item.tobytes()).hexdigest(),
        )


def _chosen(k: int | None, ks: list[int]) -> int:
    if k is None:
        return max(ks)
    if k not in ks:
        raise InputError(f"--k {k} was not clustered; choose one of: {', '.join(map(str, sorted(ks)))}")
    return k


def _clusters(table: pa.Table, k: int) -> Groups:
    of_item = table[f"cluster_{k}"].to_numpy().astype(np.int32)
    return Groups(of_item, [None] * k, [f"Cluster {cluster}" for cluster in range(k)])


def _propagated(table: pa.Table) -> Groups:
    """A group for each label that was given or spread, one beside it for the unsure, and one for what no label reaches.

    The unsure start without a name: propagation abstained, and a person decides.
    """
    words, states = table["prediction"].to_pylist(), table["state"].to_pylist()
    given = table["given"].to_pylist()
    keys = [
        (given_word or word, state == "unsure") if state != "unreached" else ("", True)
        for word, state, given_word in zip(words, states, given, strict=True)
    ]
    found = sorted({key for key in keys if key[0]}) + ([("", True)] if ("", True) in keys else [])
    place = {key: number for number, key in enumerate(found)}
    titles = [
        (f"Unsure: nearest to {word}" if unsure else f"Propagated: {word}") if word else "Reached by no label"
        for word, unsure in found
    ]
    names = [None if unsure else word for word, unsure in found]
    return Groups(np.array([place[key] for key in keys], np.int32), names, titles)


def _known(table: pa.Table, in_test: np.ndarray, task: str) -> list[str | None]:
    """Labels that people gave; after propagation those that it started from, and those of test patients."""
    labels = table["label"].to_pylist()
    if task == "cluster":
        return labels
    given = table["given"].to_pylist()
    return [label if test else own for label, own, test in zip(labels, given, in_test.tolist(), strict=True)]


def _pictures(rows: Int64[np.ndarray, " n"], store: Store | None, level: str) -> Int64[np.ndarray, " n"]:
    """The store's row that stands for each item: the frame itself, or the middle one of the clip."""
    if store is None or level == "frame":
        return rows
    clip = store.clip_of_frame[rows]
    first, n_frames = (store.clips[name].to_numpy() for name in ("first_frame", "n_frames"))
    return (first[clip] + n_frames[clip] // 2).astype(np.int64)


def _vectors(folder: Path, meta: dict[str, Any], table: pa.Table) -> Float32[np.ndarray, "n d"] | None:
    """The items' embeddings, memory-mapped where an item is a frame."""
    embeddings = _if_there(folder, meta.get("embeddings"), Embeddings.load)
    if embeddings is None:
        return None
    items = embeddings.per_clip() if meta["level"] == "clip" else embeddings
    same = ["clip_id", "frame_index"] if meta["level"] == "frame" else ["clip_id"]
    if any(items.rows[name].to_pylist() != table[name].to_pylist() for name in same):
        return None
    return items.vectors


def _if_there(folder: Path, recorded: str | None, opened: Callable[[Path], T]) -> T | None:
    """What the run recorded by a path relative to itself; None where it is gone."""
    if recorded is None:
        return None
    try:
        return opened(folder / recorded)
    except NounError:
        return None
