"""Which frames of a store `pretrain` learns from, and which of them show the same."""

import numpy as np

from sslecho.api.pretrain_labels import KnownLabels
from sslecho.data.store import Store
from sslecho.errors import InputError


def training_rows(store: Store, everything: bool) -> tuple[np.ndarray, str]:
    """Frames to learn from, and the splits they come from in words."""
    split = store.column("split", level="frame")
    if everything or all(word is None for word in split):
        return np.arange(len(store), dtype=np.int64), "all"
    rows = np.flatnonzero((split == "train") | (split == "val")).astype(np.int64)
    if not len(rows):
        raise InputError(f"{store.path} has no frame in train or val; run `sslecho split {store.path}`, or say --all")
    return rows, "train+val"


def partner_groups(store: Store, positives: str, labels: KnownLabels | None) -> np.ndarray | None:
    """The group that a frame's partner is drawn from; where labels are known, partners share the label."""
    if positives == "frame":
        return None
    groups = store.clip_of_frame
    if positives == "patient":
        unit = np.unique(store.column("unit_id").astype(str), return_inverse=True)[1]
        groups = unit.astype(np.int64)[groups]
    return groups if labels is None else groups * (len(labels.names) + 1) + labels.of_frame + 1
