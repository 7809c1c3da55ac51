"""Train, val and test: whole patients, with each class's share of the clips near the target; or one site, or the
latest time, held out for testing.

Source: the greedy rule of iterative stratification (K. Sechidis, G. Tsoumakas, I. Vlahavas, "On the stratification
of multi-label data", ECML PKDD 2011), with a patient's clips in place of one example's labels.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sslecho.data.store import Store
from sslecho.errors import InputError
from sslecho.registry import did_you_mean

NAMES = ("train", "val", "test")
UNLABELLED = ""


BY = ("patient", "unit", "clip", "site", "time")


@dataclass(frozen=True)
class Division:
    """Who goes where.

    Attributes:
        names: each clip's split.
        facts: what the user should know of it, JSON-ready: `held_out`, `patients_at_two_sites` by site; `periods`,
            `late_clips_in_train` by time.
    """

    names: list[str]
    facts: dict[str, Any]


def split(
    store: Store,
    *,
    test: float = 0.2,
    val: float = 0.1,
    by: str = "patient",
    hold_out: str | None = None,
    seed: int = 0,
    stratify: bool = True,
) -> Store:
    """Divide a store as `divide` says; earlier splits are replaced, the shards untouched.

    Raises:
        InputError: as `divide`.
    """
    names = divide(store, test=test, val=val, by=by, hold_out=hold_out, seed=seed, stratify=stratify).names
    return with_split(store, names)


def with_split(store: Store, names: Sequence[str], *, notes: Mapping[str, Any] | None = None) -> Store:
    """The store with each clip's split, and notes for its manifest."""
    place = store.clips.column_names.index("split")
    clips = store.clips.set_column(place, "split", pa.array(list(names), pa.string()))
    return store.with_tables(clips=clips, notes=notes)


def divide(
    store: Store,
    *,
    test: float = 0.2,
    val: float = 0.1,
    by: str = "patient",
    hold_out: str | None = None,
    seed: int = 0,
    stratify: bool = True,
) -> Division:
    """Decide who goes where.

    Args:
        store: the store to divide.
        test, val: shares of the clips; 0 leaves that split out.
        by: what is never divided: "patient", "unit" (the store's unit_id: a sweep, say) or "clip". Or what the test
            split is made of, patients undivided: "site", those who were seen at one site; "time", those whose first
            study is latest, then val, then train.
        hold_out: the site, as the store's `site` column has it; None takes the one whose share of the clips is
            nearest `test`.
        seed: decides who goes where. The hashed ids don't: two stores of the same files are divided alike.
        stratify: give each class's clips its own share; by time there is no choice to make.

    Raises:
        InputError: patients are unknown and neither "unit" nor "clip" was said, sites or periods are unknown, there
            are too few units, or shares are wrong.
    """
    shares = _shares(test=test, val=val)
    if by not in BY:
        raise InputError(f"--by {by!r} must be patient, unit, clip, site or time")
    if hold_out is not None and by != "site":
        raise InputError(f"--hold-out {hold_out} names a site, so it needs --by site")
    groups = _groups(store, by)
    labels = store.column("label") if stratify else np.full(len(groups), None, dtype=object)
    classes, codes = np.unique([UNLABELLED if label is None else label for label in labels], return_inverse=True)
    units, unit_of_clip = _by_first_appearance(groups)
    if len(units) < len(shares):
        what = by if by in ("unit", "clip") else "patient"
        raise InputError(
            f"{store.path} has {len(units)} {what}{'s' if len(units) != 1 else ''}, too few for {' + '.join(shares)}; "
            "ingest more, or leave a split out with --val 0 or --test 0"
        )
    counts = np.zeros((len(units), len(classes)))
    np.add.at(counts, (unit_of_clip, codes), 1)
    facts: dict[str, Any] = {}
    if by == "site":
        split_of_unit, facts = _by_site(store, unit_of_clip, counts, shares, hold_out=hold_out, seed=seed)
    elif by == "time":
        split_of_unit, facts = _by_time(store, unit_of_clip, counts, shares, seed=seed)
    else:
        split_of_unit = np.array(list(shares))[assign(counts, list(shares.values()), seed=seed)]
    return Division(split_of_unit[unit_of_clip].tolist(), facts)


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
    patients = store.column("patient_id")
    n_unknown = sum(patient is None for patient in patients)
    if n_unknown:
        raise InputError(
            f"{store.path}: the patients of {n_unknown} of {len(patients)} clips are unknown, so a split could put one "
            "patient on both sides; ingest with --patient-from, or say --by clip and live with the leak"
        )
    return patients


def _by_site(
    store: Store,
    unit_of_clip: np.ndarray,
    counts: np.ndarray,
    shares: Mapping[str, float],
    *,
    hold_out: str | None,
    seed: int,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Test is whoever was seen at the held-out site, with all clips; the others are divided by patient."""
    sites = store.column("site")
    n_unknown = sum(site is None for site in sites)
    if n_unknown:
        raise InputError(
            f"{store.path}: the sites of {n_unknown} of {len(sites)} clips are unknown, so one that is held out could "
            "be in train too; ingest with a column `site` in --labels and --keep site, or split --by patient"
        )
    if "test" not in shares:
        raise InputError("--by site holds a site out for testing, so --test must not be 0")
    sizes: Counter[str] = Counter(sites.tolist())
    if len(sizes) < 2:
        raise InputError(f"{store.path} has clips of one site only, so none can be held out; split --by patient")
    if hold_out is None:
        hold_out = min(sizes, key=lambda site: abs(sizes[site] / len(sites) - shares["test"]))
    elif hold_out not in sizes:
        listed = ", ".join(f"{site} ({n} clips)" for site, n in sizes.most_common(10))
        raise InputError(
            f"--hold-out {hold_out!r} is no site of {store.path}{did_you_mean(hold_out, list(sizes))}; it has {listed}"
        )
    there = np.bincount(unit_of_clip, weights=sites == hold_out, minlength=len(counts)) > 0
    elsewhere = np.bincount(unit_of_clip, weights=sites != hold_out, minlength=len(counts)) > 0
    names = np.where(there, "test", "train").astype(object)
    left = np.flatnonzero(~there)
    others = [name for name in shares if name != "test"]
    if len(left) < len(others):
        raise InputError(
            f"all but {len(left)} patients were seen at the site {hold_out}, which leaves too few for "
            f"{' + '.join(others)}; hold another site out with --hold-out, or leave val out with --val 0"
        )
    if "val" in others:
        share = shares["val"] * counts.sum() / counts[left].sum()
        if share >= 1:
            raise InputError(f"--val {shares['val']} leaves nothing for train beside the site {hold_out}; say less")
        names[left] = np.array(["train", "val"])[assign(counts[left], [1 - share, share], seed=seed)]
    return names, {"held_out": hold_out, "patients_at_two_sites": int((there & elsewhere).sum())}


def _by_time(
    store: Store, unit_of_clip: np.ndarray, counts: np.ndarray, shares: Mapping[str, float], *, seed: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """Patients in order of their first study: train, then val, then test. Within a period chance decides."""
    periods = store.column("period") if "period" in store.clips.column_names else np.full(len(unit_of_clip), None)
    n_unknown = sum(period is None for period in periods)
    if n_unknown:
        raise InputError(
            f"{store.path}: {n_unknown} of {len(periods)} clips have no period, so nobody knows who came first; "
            "only files that say their study's date (DICOM) have one, in a store that this version made: "
            "ingest those alone, or split --by patient"
        )
    when = periods.astype(np.int64)
    first = np.full(len(counts), np.iinfo(np.int64).max)
    np.minimum.at(first, unit_of_clip, when)
    if first.min() == first.max():
        raise InputError(
            f"{store.path}: the first studies of all patients lie in one period, so that none came later; "
            "ingest studies of a longer time, or split --by patient"
        )
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(first[order], kind="stable")]
    sizes = counts.sum(axis=1)[order]
    names = np.full(len(counts), "train", dtype=object)
    end = len(order)
    for place, name in enumerate(reversed(list(shares))):
        if name == "train":
            break
        # From the latest on, so many that their clips come nearest to the share; one at least, for each split.
        taken = np.cumsum(sizes[:end][::-1])[: end - (len(shares) - place - 1)]
        n_units = int(np.argmin(np.abs(taken - shares[name] * sizes.sum()))) + 1
        names[order[end - n_units : end]] = name
        end -= n_units
    span = {name: [int(first[names == name].min()), int(first[names == name].max())] for name in shares}
    facts: dict[str, Any] = {"periods": span}
    if "test" in shares:
        # A patient of train who came again: undivided patients and a clean cut in time exclude each other.
        facts["late_clips_in_train"] = int(((names[unit_of_clip] == "train") & (when >= span["test"][0])).sum())
    return names, facts


def _by_first_appearance(groups: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The groups in the order in which the store first shows them, and each clip's."""
    number = {group: place for place, group in enumerate(dict.fromkeys(groups.tolist()))}
    return list(number), np.array([number[group] for group in groups.tolist()], dtype=np.int64)
