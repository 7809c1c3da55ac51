"""`split`: Store -> the same store with train, val and test."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sslecho.api.nouns import as_store, groups
from sslecho.api.settings import SplitSettings
from sslecho.config import build, identity
from sslecho.data import splits as layer
from sslecho.data.store import Store
from sslecho.errors import InputError
from sslecho.rundir import warn


def split(store: Store | Path | str, *, overwrite: bool = False, **options: Any) -> Store:
    """Divide a store into train, val and test, a patient never in two of them.

    Args:
        overwrite: replace a split that stands there, made with other settings or given by labels.
        options: the fields of `SplitSettings` (`test=0.2`, `val=0.1`, `by="patient"`, `hold_out=None`, `seed=0`, …).

    Returns:
        The store with its new tables; the frames are untouched.

    Raises:
        InputError: another split stands there, patients are unknown and `by="clip"` was not said, sites or periods
            are, there are too few, or shares are wrong.
    """
    return split_with_summary(store, overwrite=overwrite, **options)[0]


def split_with_summary(
    store: Store | Path | str, *, overwrite: bool = False, **options: Any
) -> tuple[Store, dict[str, Any]]:
    """As `split`, with the counts that the command prints."""
    settings = build(SplitSettings, options)
    store = as_store(store)
    already = _stands(store, identity(settings), overwrite=overwrite)
    divided = store if already else _divide(store, settings)
    counts = layer.count_splits(divided)
    facts = divided.manifest.get("split_facts", {})
    for warning in [*_warnings(facts), *_divided_patients(divided)]:
        warn(warning)
    return divided, {
        "out": str(divided.path),
        "splits": {name: dict(figures) for name, figures in counts.items()},
        "n": divided.clips.num_rows,
        "n_patients": len(set(divided.column("unit_id").tolist())),
        "split": "+".join(counts),
        "unit": groups(divided.unit),
        "already": already,
        **facts,
    }


def _divided_patients(store: Store) -> list[str]:
    """What to say where a patient is on both sides."""
    splits: dict[str, set[str]] = {}
    for patient, name in zip(store.column("patient_id"), store.column("split"), strict=True):
        if patient is not None and name is not None:
            splits.setdefault(patient, set()).add(name)
    n_divided = sum(len(names) > 1 for names in splits.values())
    if not n_divided:
        return []
    return [
        f"{n_divided} of {len(splits)} known patients are in more than one split: what is learned of a patient in "
        "train will flatter the test figures; --by patient divides none"
    ]


def _stands(store: Store, wanted: dict[str, Any], *, overwrite: bool) -> bool:
    """Whether the same split stands there already.

    Raises:
        InputError: another one does: replacing it would move patients that were kept for testing.
    """
    if overwrite or all(word is None for word in store.column("split")):
        return False
    found = store.manifest.get("split")
    if found is not None:
        found = {"hold_out": None} | found  # a store that was divided before there was such a choice
    if found == wanted:
        return True
    cure = "say --overwrite to replace it, and pretrain anew: who was kept for testing changes"
    if found is None:
        raise InputError(f"{store.path} has a split that came with its labels; {cure}")
    both = "; ".join(f"{k} was {found.get(k)!r} and is now {wanted[k]!r}" for k in wanted if found.get(k) != wanted[k])
    raise InputError(f"{store.path} was split with other settings: {both}; {cure}")


def _divide(store: Store, settings: SplitSettings) -> Store:
    division = layer.divide(
        store,
        test=settings.test,
        val=settings.val,
        by="unit" if settings.by == "sweep" else settings.by,
        hold_out=settings.hold_out,
        seed=settings.seed,
        stratify=settings.stratify,
    )
    notes = {"split": identity(settings), "split_facts": division.facts}
    return layer.with_split(store, division.names, notes=notes)


def _warnings(facts: Mapping[str, Any]) -> list[str]:
    said = []
    if facts.get("patients_at_two_sites"):
        said.append(
            f"{facts['patients_at_two_sites']} patients were seen at the held-out site and at another one; "
            "all of their clips are in test"
        )
    if facts.get("late_clips_in_train"):
        said.append(
            f"{facts['late_clips_in_train']} clips in train are as late as the test split: their patients came again, "
            "and patients are never divided"
        )
    return said
