"""The test set, drawn of patients at random before any clip is picked."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sslecho.api.settings import SplitSettings
from sslecho.config import identity
from sslecho.data.splits import with_split
from sslecho.data.store import Store
from sslecho.errors import InputError

AT_RANDOM = "at random"


@dataclass(frozen=True)
class Draw:
    """Who is tested on.

    Attributes:
        names: "test" or "train" for each clip of the store.
        facts: what the store's manifest says of it.
    """

    store: Store
    names: list[str]
    facts: dict[str, Any]

    def record(self) -> Store:
        """Write it into the store, where every other verb finds it."""
        return with_split(self.store, self.names, notes={"split": self.facts, "split_facts": {}})


def draw_test(store: Store, share: float, *, seed: int) -> Draw:
    """Draw patients for the test split; all others are in train.

    Each patient has the same chance, whatever the clips: `sslecho split` evens out sizes and labels.

    Args:
        share: of the clips, about; at least one patient is drawn, and one is left.
        seed: decides who is drawn. The hashed ids don't: two stores of the same files are divided alike.

    Raises:
        InputError: the store has a split already, patients are unknown, or there are fewer than 2.
    """
    cure = f"run `sslecho split {store.path} --test {share:g}"
    if any(name is not None for name in store.column("split")):
        raise InputError(
            f"--test {share:g}: {store.path} has a split, and no clip of it is in test; {cure} --overwrite` instead"
        )
    if store.unit == "unknown":
        raise InputError(
            f"--test {share:g} draws patients, and those of {store.path} are unknown; {cure} --by clip` if clips may "
            "stand for them"
        )
    units = store.column("unit_id")
    number = {unit: place for place, unit in enumerate(dict.fromkeys(units))}
    if len(number) < 2:
        raise InputError(
            f"--test {share:g}: {store.path} has {len(number)} {store.unit}, and who is tested on must be another one "
            "than who is learned from; ingest more"
        )
    codes = np.array([number[unit] for unit in units])
    order = np.random.default_rng(seed).permutation(len(number))
    shares = np.cumsum(np.bincount(codes)[order])[:-1] / len(codes)  # of the first, the first two, …; one is left
    n_tested = int(np.abs(shares - share).argmin()) + 1
    names = np.where(np.isin(codes, order[:n_tested]), "test", "train").tolist()
    settings = identity(SplitSettings(test=share, val=0.0, stratify=False, seed=seed))
    # Another word than patient: `sslecho split` with these settings divides otherwise, and has to see that.
    return Draw(store, names, {**settings, "by": f"{store.unit} {AT_RANDOM}"})


def was_drawn(store: Store | None) -> bool:
    """Whether the test split is one that `draw_test` drew; False where the store is gone or was split otherwise."""
    return store is not None and str(store.manifest.get("split", {}).get("by", "")).endswith(AT_RANDOM)
