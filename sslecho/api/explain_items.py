"""What is explained: labeled clips or frames of a split, the windows that name each, and whom they are of."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from sslecho.api.embed import frame_rows
from sslecho.api.explain_settings import ExplainSettings
from sslecho.api.explain_subject import Loaded
from sslecho.api.origin import Origin
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError
from sslecho.evaluate.telling import some_units
from sslecho.metrics.labels import encode_groups


@dataclass(frozen=True, eq=False)
class Items:
    """Items in the store's order.

    Attributes:
        table: clip_id, frame_index, label, … of each, as predictions have them.
        labels: codes of classes.
        units: codes of patients.
        clips: of each its clip, as row of the store's clips.
        windows: frames of each window, as rows of the store; an item's windows are neighbors.
        item: of each window its item.
    """

    table: pa.Table
    labels: Int64[np.ndarray, " n"]
    units: Int64[np.ndarray, " n"]
    clips: Int64[np.ndarray, " n"]
    windows: Int64[np.ndarray, "m t"]
    item: Int64[np.ndarray, " m"]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_units(self) -> int:
        return len(np.unique(self.units))

    @property
    def middle(self) -> Int64[np.ndarray, " n"]:
        """Of each item its middle window."""
        first = np.searchsorted(self.item, np.arange(len(self)))
        return first + (np.bincount(self.item, minlength=len(self)) - 1) // 2

    def rows_of(self, item: int) -> Int64[np.ndarray, " k"]:
        """All frames that name an item, ascending."""
        return np.unique(self.windows[self.item == item])

    def some(self, chosen: Int64[np.ndarray, " k"]) -> "Items":
        """These items alone, in ascending order."""
        place = np.full(len(self), -1)
        place[chosen] = np.arange(len(chosen))
        kept = place[self.item] >= 0
        return Items(
            self.table.take(pa.array(chosen)),
            self.labels[chosen],
            self.units[chosen],
            self.clips[chosen],
            self.windows[kept],
            place[self.item[kept]],
        )


def items_of(store: Store, loaded: Loaded, settings: ExplainSettings) -> tuple[Items, list[str]]:
    """The items, and what the user should know of the choice.

    Raises:
        InputError: no split, or no item of it has a label that the classifier knows.
    """
    rows = frame_rows(store)
    frames = Embeddings(np.zeros((rows.num_rows, 0), np.float32), rows, {"unit": store.unit})
    origin = Origin(store, "", None, None, "")
    frames = origin.with_labels(frames, labels=settings.labels, column=settings.label_column)
    every = frames.per_clip() if settings.level == "clip" else frames
    splits, labels = every.column("split"), every.column("label")
    if settings.split != "all" and all(name is None for name in splits):
        raise InputError(
            "there is no split, and a classifier is explained on patients that it has not learned from; run `sslecho "
            "split STORE` first, or say --split all"
        )
    place = {name: code for code, name in enumerate(loaded.subject.classes)}
    codes = np.array([place.get(label, -1) for label in labels], np.int64)
    of_split = np.ones(len(codes), bool) if settings.split == "all" else splits == settings.split
    chosen = np.flatnonzero(of_split & (codes >= 0))
    if not len(chosen):
        raise InputError(
            f"no {settings.level} of split {settings.split} has a label that the classifier knows "
            f"({', '.join(loaded.subject.classes)}); label some, or name another --split"
        )
    units = encode_groups(every.column("unit_id"), what="unit_id")
    few = some_units(chosen, units, most=settings.clips, seed=settings.seed)
    notes = []
    if len(few) < len(chosen):
        notes.append(f"{len(few)} of {len(chosen)} {settings.level}s are explained, of patients at random (--clips)")
    if settings.split in ("train", "all"):
        notes.append("the classifier has learned from some of these clips: accuracies are too good for new patients")
    return _with_windows(store, every, few, codes[few], units[few], loaded, level=settings.level), notes


def _with_windows(
    store: Store,
    every: Embeddings,
    chosen: np.ndarray,
    labels: np.ndarray,
    units: np.ndarray,
    loaded: Loaded,
    *,
    level: str,
) -> Items:
    first = every.rows["row"].to_numpy()[chosen]
    clips = store.clip_of_frame[first]
    n_frames = store.clips["n_frames"].to_numpy()
    start = np.cumsum(n_frames) - n_frames
    windows = []
    for row, clip in zip(first.tolist(), clips.tolist(), strict=True):
        frames = np.arange(start[clip], start[clip] + n_frames[clip]) if level == "clip" else np.array([row])
        windows.append(loaded.windows_of(frames.astype(np.int64)))
    item = np.repeat(np.arange(len(chosen)), [len(part) for part in windows])
    return Items(every.rows.take(pa.array(chosen)), labels, units, clips, np.concatenate(windows), item)
