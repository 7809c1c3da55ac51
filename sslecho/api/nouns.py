"""What every verb needs: nouns from what the user gave, and the words for whom a result counts."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from sslecho.data.store import Store


def as_store(store: Store | Path | str) -> Store:
    """The store itself, opened where a path was given."""
    return store if isinstance(store, Store) else Store.open(store)


def relative(target: Path, start: Path) -> str:
    """A path that is recorded in a result: relative to it, so that both can be moved together."""
    return os.path.relpath(target.resolve(), start.resolve())


def groups(unit: str) -> str:
    """What the figures' groups are: "patient", "sweep", or "clip" where no patient is known."""
    return "clip" if unit in ("clip", "unknown") else unit


def counts(store: Store, clips: np.ndarray) -> dict[str, Any]:
    """`n` clips and `n_patients` units among these rows of the clips' table, and the unit's name."""
    units = store.column("unit_id")[clips]
    return {"n": len(clips), "n_patients": len(set(units.tolist())), "unit": groups(store.unit)}


def workers_of(workers: int) -> int:
    """0 stands for one process a core that this process may use."""
    return workers or len(os.sched_getaffinity(0))
