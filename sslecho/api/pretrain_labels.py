"""Which labels pretraining may know: those of the train split, never of the patients that results are scored on."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from sslecho.data.store import Store
from sslecho.errors import InputError
from sslecho.train.batches import UNKNOWN


@dataclass(frozen=True)
class KnownLabels:
    """The classes of the frames of a store's train split.

    Attributes:
        of_frame: the class of every frame of the store, -1 where none may be known.
        names: the classes.
    """

    of_frame: Int64[np.ndarray, " n_frames"]
    names: tuple[str, ...]

    @property
    def hash(self) -> str:
        """Tells labels apart: a run goes on with those that it began with."""
        return hashlib.sha256("\n".join(self.names).encode() + self.of_frame.tobytes()).hexdigest()

    def counts(self, rows: np.ndarray) -> dict[str, Any]:
        """For a result: how many of these frames are labeled, and how many classes there are."""
        return {"n_labeled_frames": int((self.of_frame[rows] >= 0).sum()), "n_classes": len(self.names)}


def known_labels(store: Store, method: str) -> KnownLabels:
    """The labels of the store's train split.

    Raises:
        InputError: there is no split, or not two classes in its train part.
    """
    split, label = store.column("split", level="frame"), store.column("label", level="frame")
    if all(word is None for word in split):
        raise InputError(
            f"--method {method} learns from labels of the train split, and {store.path} has no splits; "
            f"run `sslecho split {store.path}`"
        )
    known = np.array([a == "train" and b is not None for a, b in zip(split, label, strict=True)])
    names = sorted({str(word) for word in label[known]})
    if len(names) < 2:
        raise InputError(
            f"--method {method} learns from labels, and the train split of {store.path} has {len(names)} classes; "
            "it needs at least 2; give labels to `sslecho ingest --labels CSV`, or choose a method without labels"
        )
    of_frame = np.full(len(store), UNKNOWN, dtype=np.int64)
    of_frame[known] = np.searchsorted(np.array(names), label[known].astype(str))
    return KnownLabels(of_frame, tuple(names))
