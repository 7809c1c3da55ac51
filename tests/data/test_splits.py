"""Splits: no patient on two sides, each class near its share, the same for the same files."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sslecho.api.split import split_with_summary
from sslecho.data.splits import BY, Division, count_splits, divide, split
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
    with pytest.raises(InputError, match="must be patient, unit, clip, site or time"):
        split(make(tmp_path / "store", cohort(9)), by="frame")


def visits(path: Path, clips: list[tuple[str, str | None, int | None]]) -> Store:
    """A store of (patient, site, period) clips, with labels in turn."""
    store = make(path, [(patient, "AB"[number % 2]) for number, (patient, _, _) in enumerate(clips)])
    table = store.clips
    for name, values in (("site", [clip[1] for clip in clips]), ("period", [clip[2] for clip in clips])):
        column = pa.array(values, table.schema.field(name).type)
        table = table.set_column(table.column_names.index(name), name, column)
    return store.with_tables(clips=table)


def wandering(seed: int, n_patients: int = 40) -> list[tuple[str, str | None, int | None]]:
    """Patients of three sites, some of two, who come up to three times in ten periods; clips in no order."""
    rng = np.random.default_rng(seed)
    clips = []
    for patient in range(n_patients):
        home, first = rng.choice(["north", "east", "south"], p=[0.5, 0.3, 0.2]), int(rng.integers(0, 10))
        for _ in range(rng.integers(1, 9)):
            site = str(rng.choice(["north", "east", "south"])) if rng.random() < 0.05 else str(home)
            clips.append((f"p{patient}", site, min(9, first + int(rng.integers(0, 3)))))
    return [clips[place] for place in rng.permutation(len(clips))]


def sides(store: Store, division: Division) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for patient, name in zip(store.column("patient_id"), division.names, strict=True):
        found.setdefault(patient, set()).add(name)
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("by", [by for by in BY if by != "clip"])
def test_whatever_it_is_split_by_no_patient_is_in_two_splits(tmp_path: Path, by: str, seed: int):
    store = visits(tmp_path / "store", wandering(seed))
    division = divide(store, by=by, seed=seed)
    found = sides(store, division)
    assert all(len(names) == 1 for names in found.values())
    assert set.union(*found.values()) == {"train", "val", "test"}
    assert division.names == divide(store, by=by, seed=seed).names
    if by != "unit":
        assert abs(division.names.count("val") / len(division.names) - 0.1) < 0.08


@pytest.mark.parametrize("seed", range(4))
def test_a_held_out_site_is_in_test_whole_with_all_that_its_patients_have(tmp_path: Path, seed: int):
    clips = wandering(seed)
    store = visits(tmp_path / "store", clips)
    division = divide(store, by="site", hold_out="east", seed=seed)
    at = {patient: {site for other, site, _ in clips if other == patient} for patient, _, _ in clips}
    for (patient, _, _), name in zip(clips, division.names, strict=True):
        assert (name == "test") == ("east" in at[patient])
    assert division.facts == {
        "held_out": "east",
        "patients_at_two_sites": sum("east" in found and len(found) > 1 for found in at.values()),
    }


def test_the_site_whose_share_is_nearest_is_held_out(tmp_path: Path):
    clips = [(f"p{n}", site, None) for n, site in enumerate(["a"] * 60 + ["b"] * 25 + ["c"] * 15)]
    store = visits(tmp_path / "store", clips)
    for test, site in ((0.5, "a"), (0.24, "b"), (0.1, "c")):
        division = divide(store, by="site", test=test, val=0.1)
        assert division.facts["held_out"] == site
        assert {clip[1] for clip, name in zip(clips, division.names, strict=True) if name == "test"} == {site}
        assert division.names.count("val") == 10


def test_sites_that_cannot_be_held_out_are_refused(tmp_path: Path):
    clips = [("p1", "a", 0), ("p2", "b", 0), ("p3", "b", 0), ("p4", "c", 0)]
    store = visits(tmp_path / "1", clips)
    with pytest.raises(InputError, match=r"--hold-out 'cc' is no site of .*did you mean 'c'.*it has b \(2 clips\)"):
        divide(store, by="site", hold_out="cc")
    with pytest.raises(InputError, match="--hold-out a names a site, so it needs --by site"):
        divide(store, hold_out="a")
    with pytest.raises(InputError, match="--test must not be 0"):
        divide(store, by="site", test=0.0)
    with pytest.raises(InputError, match="sites of 1 of 5 clips are unknown.*--keep site"):
        divide(visits(tmp_path / "2", [*clips, ("p5", None, 0)]), by="site")
    with pytest.raises(InputError, match="of one site only"):
        divide(visits(tmp_path / "3", [(f"p{n}", "a", 0) for n in range(9)]), by="site")
    with pytest.raises(InputError, match=r"all but 1 patients were seen at the site a.*--val 0"):
        divide(visits(tmp_path / "4", [("p1", "a", 0), ("p2", "a", 0), ("p3", "b", 0)]), by="site", hold_out="a")


@pytest.mark.parametrize("seed", range(4))
def test_by_time_the_latest_patients_are_tested(tmp_path: Path, seed: int):
    clips = wandering(seed, n_patients=80)
    store = visits(tmp_path / "store", clips)
    division = divide(store, by="time", seed=seed)
    first: dict[str, int] = {}
    for patient, _, period in clips:
        assert period is not None
        first[patient] = min(period, first.get(patient, 9))
    of = {clip[0]: name for clip, name in zip(clips, division.names, strict=True)}
    when = {name: [first[patient] for patient in of if of[patient] == name] for name in ("train", "val", "test")}
    assert max(when["train"]) <= min(when["val"])
    assert max(when["val"]) <= min(when["test"])
    assert division.facts["periods"] == {name: [min(found), max(found)] for name, found in when.items()}
    late = [clip for clip, name in zip(clips, division.names, strict=True) if name == "train" and clip[2] is not None]
    assert division.facts["late_clips_in_train"] == sum(clip[2] >= min(when["test"]) for clip in late)
    for name, share in (("test", 0.2), ("val", 0.1)):
        assert division.names.count(name) / len(clips) == pytest.approx(share, abs=0.03)


def test_every_split_has_a_patient_by_time_too(tmp_path: Path):
    clips: list[tuple[str, str | None, int | None]] = [("early", None, 0), ("late", None, 5), *[("last", None, 9)] * 50]
    assert divide(visits(tmp_path / "1", clips), by="time").names == ["train", "val", *["test"] * 50]
    clips = [*[("early", None, 0)] * 50, ("late", None, 5), ("last", None, 9)]
    assert divide(visits(tmp_path / "2", clips), by="time", val=0.4).names == [*["train"] * 50, "val", "test"]
    assert divide(visits(tmp_path / "3", clips), by="time", test=0.0, val=0.3).names.count("test") == 0


def test_clips_without_a_period_are_refused(tmp_path: Path):
    clips: list[tuple[str, str | None, int | None]] = [("p1", None, 0), ("p2", None, 1), ("p3", None, None)]
    store = visits(tmp_path / "1", clips)
    with pytest.raises(InputError, match=r"1 of 3 clips have no period.*--by patient"):
        divide(store, by="time")
    with pytest.raises(InputError, match="3 of 3 clips have no period"):
        divide(store.with_tables(clips=store.clips.drop_columns(["period"])), by="time")
    with pytest.raises(InputError, match="lie in one period"):
        divide(visits(tmp_path / "2", [(f"p{n}", None, 4) for n in range(5)]), by="time")


@pytest.mark.parametrize("by", ["site", "time"])
def test_unknown_patients_are_never_split_by_site_or_time(tmp_path: Path, by: str):
    with pytest.raises(InputError, match="patients of 5 of 5 clips are unknown"):
        split(make(tmp_path / "store", [(None, "A")] * 5, unit="unknown"), by=by)


def test_the_command_says_what_was_held_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    clips = [*wandering(1), ("p0", "south", 0), ("p0", "north", 9)]
    store = visits(tmp_path / "store", clips)
    divided, said = split_with_summary(store, by="site", hold_out="south")
    assert said["held_out"] == "south"
    assert said["patients_at_two_sites"] >= 1
    assert set(said["splits"]) == {"train", "val", "test"}
    assert "seen at the held-out site and at another one" in capsys.readouterr().err
    assert split_with_summary(divided, by="site", hold_out="south")[1]["already"]
    with pytest.raises(InputError, match="hold_out was 'south' and is now 'north'"):
        split_with_summary(divided, by="site", hold_out="north")
    later = split_with_summary(divided, by="time", overwrite=True)[1]
    assert later["periods"]["train"][0] == 0
    assert "held_out" not in later


def test_a_split_from_before_sites_could_be_held_out_still_stands(tmp_path: Path):
    store, _ = split_with_summary(make(tmp_path / "store", cohort()))
    old = {key: value for key, value in store.manifest["split"].items() if key != "hold_out"}
    assert split_with_summary(store.with_tables(notes={"split": old}))[1]["already"]


def test_a_split_by_clip_says_which_patients_it_divides(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    store = make(tmp_path / "store", [(f"p{number % 3}", None) for number in range(18)])
    split_with_summary(store, by="clip")
    assert "of 3 known patients are in more than one split" in capsys.readouterr().err
    split_with_summary(store, by="patient", overwrite=True)
    assert "known patients" not in capsys.readouterr().err
