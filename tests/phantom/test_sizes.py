"""Class sizes of published sets: counts to scale, splits by patient, nothing told by a name."""

from collections import Counter, defaultdict
from dataclasses import fields

import pytest

from sslecho.api.ingest import ingest
from sslecho.api.phantom import phantom
from sslecho.api.settings import PhantomSettings
from sslecho.errors import SettingsError
from sslecho.phantom.archive import write_archive
from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal.still import PLANE_IMAGES
from sslecho.phantom.kinds import KINDS
from sslecho.phantom.kinds.chartsias import TEST, TRAIN
from sslecho.phantom.sizes import CACTUS, FETAL_HAVING, SIZES, plans_of_sizes


def plans(name: str, patients: int, seed: int = 0):
    return plans_of_sizes(name, Factors.from_seed(seed), patients=patients)


def people(plans) -> dict[tuple[str, str], int]:
    held = defaultdict(set)
    for plan in plans:
        held[plan.split, plan.view].add(plan.patient)
    return {key: len(patients) for key, patients in held.items()}


def clips(plans) -> Counter:
    return Counter((plan.split, plan.view) for plan in plans)


@pytest.mark.parametrize(("name", "patients"), [("fetal_planes", 61), ("cactus", 40), ("chartsias", 60)])
def test_no_patient_is_in_two_splits_and_all_are_there(name, patients):
    found = plans(name, patients)
    splits = defaultdict(set)
    for plan in found:
        splits[plan.patient].add(plan.split)
        assert plan.clip.startswith(f"p{plan.patient:04d}-")
    assert all(len(split) == 1 for split in splits.values())
    assert {split for held in splits.values() for split in held} == {"train", "test"}
    assert sorted(splits) == list(range(len(splits)))
    assert len({plan.clip for plan in found}) == len(found)
    assert len(splits) == patients + (120 if name == "chartsias" else 0)


@pytest.mark.parametrize("patients", [13, 60, 300, 1538])
def test_chartsias_is_table_1_to_scale(patients):
    """Subjects and echocardiograms of every class within rounding; at full size the published numbers."""
    found = plans("chartsias", patients)
    scale = patients / 1538
    for name, (subjects, echos, _) in TRAIN.items():
        many = people(found)["train", name]
        assert many == max(1, round(subjects * scale))
        assert clips(found)["train", name] == pytest.approx(echos / subjects * many, abs=0.5)
        # The published 9, 5 and 6 test subjects carry no interval.
        assert people(found)["test", name] == max(40, round(TEST[name][0] * scale))
    assert len({plan.patient for plan in found if plan.split == "train"}) == patients


def test_at_full_size_the_published_numbers_return():
    found = plans("chartsias", 1538)
    assert {name: clips(found)["train", name] for name in TRAIN} == {name: row[1] for name, row in TRAIN.items()}
    assert len({plan.patient for plan in found if plan.split == "test"}) == 359
    found = plans("fetal_planes", 1792)
    assert Counter(plan.view for plan in found) == PLANE_IMAGES
    assert len(found) == 12_400


def test_all_numbers_of_chartsias_patients_work():
    for patients in (13, 14, 15, 17, 20, 23, 26, 31, 42, 77, 119):
        found = plans("chartsias", patients)
        assert len({plan.patient for plan in found if plan.split == "train"}) == patients


def test_patients_have_several_classes_where_the_numbers_demand_it():
    """4,700 subjects of a class among 1,538 people: three each; some have a class twice, at rest and under stress."""
    held = defaultdict(Counter)
    for plan in plans("chartsias", 300):
        if plan.split == "train":
            held[plan.patient][plan.view] += 1
    assert sum(map(len, held.values())) / len(held) == pytest.approx(4700 / 1538, rel=0.03)
    assert max(max(classes.values()) for classes in held.values()) == 2


@pytest.mark.parametrize("patients", [12, 61, 600])
def test_fetal_planes_are_halves_by_woman(patients):
    found = plans("fetal_planes", patients)
    for split, women in (("train", patients - patients // 2), ("test", patients // 2)):
        assert len({plan.patient for plan in found if plan.split == split}) == women
        for name, having in FETAL_HAVING.items():
            many = people(found)[split, name]
            assert many == max(1, round(having * women / 1792))
            assert clips(found)[split, name] == pytest.approx(PLANE_IMAGES[name] * patients / 1792 / 2, abs=1)


@pytest.mark.parametrize("patients", [14, 40, 142])
def test_cactus_sweeps_go_by_the_frames(patients):
    found = plans("cactus", patients)
    assert len(found) == patients == len({plan.patient for plan in found})
    for name, frames in CACTUS.items():
        assert sum(plan.view == name for plan in found) == pytest.approx(patients * frames / 37_736, abs=1)
        assert clips(found)["test", name] >= 1
        assert clips(found)["train", name] >= 1


def test_numbers_tell_neither_class_nor_split():
    """Within the first half of the patients' numbers each class is as frequent as in the second."""
    found = plans("chartsias", 300)
    middle = max(plan.patient for plan in found) / 2
    for name in TRAIN:
        early = [plan.patient < middle for plan in found if plan.view == name]
        assert 0.5 - 2.5 / len(early) ** 0.5 < sum(early) / len(early) < 0.5 + 2.5 / len(early) ** 0.5
    first = Counter(plan.view for plan in found if plan.clip.endswith("-000"))
    assert len(first) == len(TRAIN)


def test_sizes_name_known_kinds_and_classes():
    choices = next(field.metadata["choices"] for field in fields(PhantomSettings) if field.name == "sizes")
    assert choices == tuple(SIZES)
    for name, sizes in SIZES.items():
        if sizes.kind in KINDS:
            assert {plan.view for plan in plans(name, sizes.fewest)} == set(KINDS[sizes.kind].classes)


def test_another_kind_beside_the_sizes_is_refused(tmp_path):
    with pytest.raises(
        SettingsError, match="sizes 'chartsias' are of kind chartsias, but kind 'echo' .*leave the kind"
    ):
        phantom(tmp_path / "x", sizes="chartsias", kind="echo", patients=60)
    with pytest.raises(SettingsError, match="patients 3 are too few for sizes 'fetal_planes'.* at least 12 of the "):
        write_archive(tmp_path / "x", sizes="fetal_planes", patients=3)
    with pytest.raises(SettingsError, match="have all of their classes, but classes brain were asked for"):
        write_archive(tmp_path / "x", sizes="fetal_planes", patients=30, classes=["brain"])
    with pytest.raises(SettingsError, match="sizes 'madani' is not known; take one of fetal_planes"):
        write_archive(tmp_path / "x", sizes="madani")
    assert not (tmp_path / "x").exists()


def test_an_archive_of_named_sizes_is_written_and_read_with_its_splits(tmp_path):
    out = tmp_path / "archive"
    counts = phantom(out, sizes="fetal_planes", patients=12, size=64, workers=1, views_per_patient=3)
    found = plans("fetal_planes", 12)
    assert counts["n_patients"] == 12
    assert counts["classes"] == dict(Counter(plan.view for plan in found))
    store = ingest(
        out,
        tmp_path / "store",
        labels=str(out / "labels.csv"),
        patient_from="column:patient",
        size=64,
        sector="off",
        kinds=("all",),
        workers=1,
    )
    assert store is not None
    read = store.clips.to_pylist()
    assert Counter((clip["split"], clip["label"]) for clip in read) == clips(found)
    assert len({clip["patient_id"] for clip in read}) == 12
