"""Train, val and test: whole patients, with each class's share of the clips near the target.

Source: the greedy rule of iterative stratification (K. Sechidis, G. Tsoumakas, I. Vlahavas, "On the stratification
of multi-label data", ECML PKDD 2011), with a patient's clips in place of one example's labels.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from sslecho.data.store import Store
from sslecho.errors import InputError

NAMES = ("train", "val", "test")
UNLABELLED = ""


def split(
    store: Store, *, test: float = 0.2, val: float = 0.1, by: str = "patient", seed: int = 0, stratify: bool = True
) -> Store:
    """Divide a store; earlier splits are replaced, the shards untouched.

    Args:
        store: the store to divide.
        test, val: shares of the clips; 0 leaves that split out.
        by: what is never divided: "patient", "unit" (the store's unit_id: a sweep, say) or "clip".
        seed: decides who goes where. The hashed ids don't: two stores of the same files are divided alike.
        stratify: give each class's clips its own share.

    Raises:
        InputError: patients are unknown and `by` is "patient", there are too few units, or shares are wrong.
    """
    shares = _shares(test=test, val=val)
    groups = _groups(store, by)
    labels = store.column("label") if stratify else np.full(len(groups), None, dtype=object)
    classes, codes = np.unique([UNLABELLED if label is None else label for label in labels], return_inverse=True)
    units, unit_of_clip = _by_first_appearance(groups)
    if len(units) < len(shares):
        raise InputError(
            f"{store.path} has {len(units)} {by}{'s' if len(units) != 1 else ''}, too few for {' + '.join(shares)}; "
            "ingest more, or leave a split out with --val 0 or --test 0"
        )
    counts = np.zeros((len(units), len(classes)))
    np.add.at(counts, (unit_of_clip, codes), 1)
    split_of_unit = assign(counts, list(shares.values()), seed=seed)
    names = np.array(list(shares))[split_of_unit]
    values = pa.array(names[unit_of_clip].tolist(), pa.string())
    place = store.clips.column_names.index("split")
    return store.with_tables(clips=store.clips.set_column(place, "split", values))


def count_splits(store: Store) -> Mapping[str, Mapping[str, object]]:
    """For each split its clips, units, patients and clips of each label; "none" holds the clips without a split."""
    splits = [name or "none" for name in store.column("split")]
    labels, units, patients = store.column("label"), store.column("unit_id"), store.column("patient_id")
    counts = {}
    for name in [known for known in (*NAMES, "none") if known in splits]:
        rows = [row for row, found in enumerate(splits) if found == name]
        counts[name] = {
            "clips": len(rows),
            "units": len({units[row] for row in rows}),
            "patients": len({patients[row] for row in rows if patients[row] is not None}),
            "labels": dict(sorted(Counter(labels[row] for row in rows if labels[row] is not None).items())),
        }
    return counts


def assign(counts: np.ndarray, shares: Sequence[float], *, seed: int) -> np.ndarray:
    """The split of each unit.

    Units are taken largest first, equal ones in random order, and each goes where it is missed most: where it
    brings the clips of its classes nearest to their target. Each split gets at least one unit.

    Args:
        counts: clips of each class in each unit, [n_units, n_classes].
        shares: each split's share; they add up to 1.

    Returns:
        The number of each unit's split, [n_units].
    """
    rng = np.random.default_rng(seed)
    n_units = len(counts)
    # All clips count as one more class: rare classes alone would let the sizes drift.
    counts = np.column_stack([counts, counts.sum(axis=1)])
    target = np.array(shares)[:, None] * counts.sum(axis=0)[None, :]
    have = np.zeros_like(target)
    # A class weighs by its rarity, so that a rare one is shared out as carefully as a common one.
    weight = 1.0 / np.maximum(counts.sum(axis=0), 1)
    order = rng.permutation(n_units)
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    chosen = np.zeros(n_units, dtype=np.int64)
    members = np.zeros(len(shares), dtype=np.int64)
    for place, unit in enumerate(order):
        # How much nearer (squared, in shares of a class) each split comes to its target with this unit.
        before = (((have - target) ** 2) * weight**2).sum(axis=1)
        after = (((have + counts[unit] - target) ** 2) * weight**2).sum(axis=1)
        gain = before - after
        empty = members == 0
        if n_units - place <= empty.sum():
            gain = np.where(empty, gain, -np.inf)
        best = int(np.argmax(gain))
        chosen[unit] = best
        members[best] += 1
        have[best] += counts[unit]
    return chosen


def _shares(*, test: float, val: float) -> dict[str, float]:
    if not (test >= 0 and val >= 0 and 0 < test + val < 1):
        raise InputError(f"--test {test} and --val {val} must not be negative and must leave something for train")
    shares = {"train": 1 - test - val, "val": val, "test": test}
    return {name: share for name, share in shares.items() if share > 0}


def _groups(store: Store, by: str) -> np.ndarray:
    if by == "clip":
        return store.column("clip_id")
    if by == "unit":
        return store.column("unit_id")
    if by != "patient":
        raise InputError(f"--by {by!r} must be patient, unit or clip")
    patients = store.column("patient_id")
    n_unknown = sum(patient is None for patient in patients)
    if n_unknown:
        raise InputError(
            f"{store.path}: the patients of {n_unknown} of {len(patients)} clips are unknown, so a split could put one "
            "patient on both sides; ingest with --patient-from, or say --by clip and live with the leak"
        )
    return patients


def _by_first_appearance(groups: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The groups in the order in which the store first shows them, and each clip's."""
    number = {group: place for place, group in enumerate(dict.fromkeys(groups.tolist()))}
    return list(number), np.array([number[group] for group in groups.tolist()], dtype=np.int64)
