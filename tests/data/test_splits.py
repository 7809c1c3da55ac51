"""Splits: no patient on two sides, each class near its share, the same for the same files."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sslecho.data.splits import count_splits, split
from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter
from sslecho.errors import InputError


def make(path: Path, clips: list[tuple[str | None, str | None]], *, unit: str = "patient", salt: str = "") -> Store:
    """A store of (patient, label) clips."""
    with StoreWriter(path, (2, 2), unit=unit) as writer:
        for number, (patient, label) in enumerate(clips):
            row = {"clip_id": f"{salt}{number}", "patient_id": patient and salt + patient, "label": label}
            writer.add_clip(np.zeros((1, 2, 2), np.uint8), row)
        return writer.commit()


def cohort(n_patients: int = 60, seed: int = 0) -> list[tuple[str | None, str | None]]:
    """Patients of 1 to 9 clips, two common labels and a rare one."""
    rng = np.random.default_rng(seed)
    clips = []
    for patient in range(n_patients):
        favorite = rng.choice(["A", "B", "C"], p=[0.55, 0.35, 0.1])
        for _ in range(rng.integers(1, 10)):
            clips.append((f"p{patient}", favorite if rng.random() < 0.7 else rng.choice(["A", "B"])))
    return clips


@pytest.mark.parametrize("seed", range(5))
def test_no_patient_is_in_two_splits_and_classes_keep_their_share(tmp_path: Path, seed: int):
    clips = cohort(seed=seed)
    store = split(make(tmp_path / "store", clips), test=0.2, val=0.1, seed=seed)
    sides: dict[str, set[str]] = {}
    for patient, name in zip(store.column("patient_id"), store.column("split"), strict=True):
        sides.setdefault(patient, set()).add(name)
    assert all(len(names) == 1 for names in sides.values())
    totals = Counter(label for _, label in clips)
    for name, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
        counts = count_splits(store)[name]["labels"]
        for label, total in totals.items():
            assert counts.get(label, 0) / total == pytest.approx(share, abs=0.06 + 2 / total)


def test_seed_decides_and_hashed_ids_do_not(tmp_path: Path):
    clips = cohort()
    first = split(make(tmp_path / "1", clips, salt="x"), seed=3)
    again = split(make(tmp_path / "2", clips, salt="another key"), seed=3)
    other = split(make(tmp_path / "3", clips), seed=4)
    assert first.column("split").tolist() == again.column("split").tolist() != other.column("split").tolist()


def test_a_split_can_be_left_out_and_replaced(tmp_path: Path):
    store = make(tmp_path / "store", cohort())
    before = store.frames_hash
    assert set(split(store, test=0.5, val=0.0).column("split")) == {"train", "test"}
    again = split(Store.open(store.path), test=0.2, val=0.2)
    assert set(again.column("split")) == {"train", "val", "test"}
    assert again.frames_hash == before
    counts = count_splits(again)
    assert sum(found["clips"] for found in counts.values()) == len(cohort())
    assert sum(found["patients"] for found in counts.values()) == 60


def test_every_split_has_a_patient_however_few_there_are(tmp_path: Path):
    clips = [("big", "A")] * 50 + [("b", "A"), ("c", "B")]
    for seed in range(5):
        store = split(make(tmp_path / str(seed), clips), seed=seed)
        assert set(store.column("split")) == {"train", "val", "test"}


def test_too_few_patients_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"has 1 patient, too few for train \+ val \+ test; .*--val 0"):
        split(make(tmp_path / "1", [("p", "A")] * 9))
    two = make(tmp_path / "2", [("p", "A"), ("q", "A")])
    with pytest.raises(InputError, match="has 2 patients, too few"):
        split(two)
    assert set(split(two, val=0.0).column("split")) == {"train", "test"}


def test_unknown_patients_are_refused_unless_clip_is_said(tmp_path: Path):
    store = make(tmp_path / "store", [(None, "A")] * 5 + [("p", "B")] * 5, unit="unknown")
    with pytest.raises(InputError, match=r"patients of 5 of 10 clips are unknown.*--by clip"):
        split(store)
    assert set(split(store, by="clip").column("split")) == {"train", "val", "test"}


def test_labels_may_be_missing_and_units_may_be_sweeps(tmp_path: Path):
    with StoreWriter(tmp_path / "store", (2, 2), unit="sweep") as writer:
        for number in range(20):
            row = {"clip_id": str(number), "unit_id": f"sweep{number // 4}"}
            writer.add_clip(np.zeros((1, 2, 2), np.uint8), row)
        store = split(writer.commit(), by="unit")
    names = store.column("split")
    assert all(len(set(names[start : start + 4])) == 1 for start in range(0, 20, 4))


@pytest.mark.parametrize(("test", "val"), [(-0.1, 0.1), (0.7, 0.3), (0.0, 0.0), (float("nan"), 0.1)])
def test_wrong_shares_are_refused(tmp_path: Path, test: float, val: float):
    with pytest.raises(InputError, match="must leave something for train"):
        split(make(tmp_path / "store", cohort(9)), test=test, val=val)


def test_another_by_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="must be patient, unit or clip"):
        split(make(tmp_path / "store", cohort(9)), by="frame")
