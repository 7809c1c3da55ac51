"""Known data sets from their folder to a store: labels, grades, patients, units and splits of every clip."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from data.archives import contents, dicom, pattern, save_dicom
from data.layout_stand_ins import STAND_INS, write_text

import sslecho
from sslecho.data.ingest import ingest
from sslecho.data.store import Store
from sslecho.errors import InputError

pytestmark = pytest.mark.usefixtures("here")


@dataclass(frozen=True)
class Said:
    """What a store must say of a stand-in, clip by clip in the order of the paths.

    Attributes:
        unit: of the store.
        patients, units: which clips are of the same one: equal letters, equal ids. None: nobody knows.
    """

    unit: str
    labels: list[str | None]
    splits: list[str | None]
    patients: str | None
    units: str
    grades: list[float | None] | None = None
    frames: list[int] | None = None


WANTED = {
    "cactus": Said(
        unit="sweep",
        # A4C/3_V1, A4C/5_extra, A4C/7_V1, A4C/7_V2, PL/7_V2, PL/9_V1, Random, Random
        labels=["A4C"] * 4 + ["PL"] * 2 + ["Random"] * 2,
        grades=[3, 6, 7, 7, 7, 9, 0, None],
        splits=[None] * 8,
        patients=None,
        units="abacdeff",
    ),
    "camus": Said(
        unit="patient",
        labels=["2CH", "4CH"] * 3,
        grades=[2, 1, 0, 2, 1, 0],
        splits=["train"] * 2 + ["val"] * 2 + ["test"] * 2,
        patients="aabbcc",
        units="aabbcc",
        frames=[3] * 6,
    ),
    "csv": Said(unit="patient", labels=["A4C", "PLAX"], splits=[None] * 2, patients="ab", units="ab"),
    "echonet": Said(
        unit="patient",
        labels=[None] * 3,
        grades=[78.5, 59.1, 62.4],
        splits=["val", "train", "test"],
        patients="abc",
        units="abc",
        frames=[2] * 3,
    ),
    "ev9v": Said(
        unit="unknown",
        labels=["PLHLA", "PMASA", "PMVLSA"],
        splits=["train", "val", "test"],
        patients=None,
        units="abc",
        frames=[12] * 3,
    ),
    "fetal_planes": Said(
        unit="patient",
        labels=["Other", "Fetal brain", "Fetal brain", "Fetal abdomen"],
        splits=["train"] * 3 + ["test"],
        patients="abbc",
        units="abbc",
    ),
    "folder": Said(unit="unknown", labels=["A4C", "A4C", "PLAX"], splits=[None] * 3, patients=None, units="abc"),
    "mimic_echo": Said(
        unit="patient", labels=[None] * 6, splits=[None] * 6, patients="aaaabb", units="aaaabb", frames=[2] * 6
    ),
}


def run(root: Path, name: str = "store", **settings) -> tuple[Store, dict]:
    what = {"sector": "off", "size": 32, "kinds": ("all",), **settings}
    store, summary = ingest([root], root.parent / name, **what)
    assert store is not None
    return store, summary


def letters(ids: list[str]) -> str:
    """Equal ids as equal letters, in order of appearance."""
    known = list(dict.fromkeys(ids))
    return "".join("abcdefghij"[known.index(one)] for one in ids)


@pytest.mark.parametrize("name", STAND_INS)
def test_what_a_data_set_says_is_in_the_store(tmp_path: Path, name: str):
    wanted = WANTED[name]
    root = STAND_INS[name](tmp_path / "set")
    said_so = {"layout": "folder", "patient_from": "unknown"} if name == "folder" else {}
    store, summary = run(root, **said_so)
    assert (summary["layout"]["name"], summary["quarantined"]) == (name, 0)
    assert summary["layout"]["why"]
    assert store.unit == wanted.unit
    n_clips = len(wanted.labels)
    assert store.column("label").tolist() == wanted.labels
    assert store.column("grade").tolist() == (wanted.grades or [None] * n_clips)
    assert store.column("split").tolist() == wanted.splits
    assert store.column("n_frames").tolist() == (wanted.frames or [1] * n_clips)
    patients = store.column("patient_id").tolist()
    assert (patients == [None] * n_clips) if wanted.patients is None else (letters(patients) == wanted.patients)
    assert letters(store.column("unit_id").tolist()) == wanted.units
    assert summary["patients"] == (None if wanted.patients is None else len(set(wanted.patients)))
    # Nobody's name or number, and no path, is in the store.
    for file, content in contents(store.path).items():
        for word in (b"patient000", b"0X1", b"Patient0000", b"10002221", b"94106955", b"Images", str(root).encode()):
            assert word not in content, file


def test_frames_of_a_video_that_came_as_pictures_are_in_the_order_of_time(tmp_path: Path):
    """frame_10.jpg comes after frame_9.jpg."""
    root = STAND_INS["ev9v"](tmp_path / "set")
    store, _ = run(root)
    first = store.read(np.arange(12)).astype(int)
    # Each picture is the one before, moved on by a column: the columns of all lie on one line.
    moved = [np.roll(first[0], number, axis=1) for number in range(12)]
    inside = np.s_[:, 8:24, 14:30]
    assert np.abs(first - moved)[inside].mean() < 8
    assert store.frames["frame_index"].to_pylist()[:12] == list(range(12))


def test_dates_of_mimic_order_nobody(tmp_path: Path):
    root = STAND_INS["mimic_echo"](tmp_path / "set")
    for number, file in enumerate(sorted(root.rglob("*.dcm"))):
        subject, study = file.parts[-3][1:], file.parts[-2][1:]
        date = f"21{10 + 30 * (subject != '10002221')}0305" if study != "94106956" else "21100405"
        data = dicom(np.stack([pattern(seed=number)] * 2), patient=subject, StudyInstanceUID=f"1.{study}")
        data.StudyDate = date
        save_dicom(file, data)
    store, _ = run(root)
    assert store.column("day").tolist() == [0, 0, 31, 31, 0, 0]
    assert store.column("period").tolist() == [None] * 6
    with pytest.raises(InputError, match="have no period"):
        sslecho.split(store, by="time", val=0)


@pytest.mark.parametrize("name", ["camus", "echonet", "ev9v"])
def test_an_official_split_stands_until_it_is_replaced_on_purpose(tmp_path: Path, name: str):
    store, _ = run(STAND_INS[name](tmp_path / "set"))
    with pytest.raises(InputError, match="has a split that came with its labels; say --overwrite to replace it"):
        sslecho.split(store, by="clip")


def test_labels_win_over_what_a_data_set_says(tmp_path: Path):
    root = STAND_INS["echonet"](tmp_path / "set")
    labels = write_text(
        tmp_path / "labels.csv", "path,label,patient,split", "Videos/0X100009310A3BD7FC.avi,A4C,X,train"
    )
    store, summary = run(root, labels=labels)
    assert summary["layout"]["name"] == "none"
    assert store.column("label").tolist() == ["A4C"]
    assert (store.column("grade").tolist(), store.column("split").tolist()) == ([None], ["train"])
    assert {item["reason"] for item in summary["quarantine"]} >= {"the labels name no patient for it"}
    with pytest.raises(InputError, match="--layout echonet and --labels both say what the files are; leave one"):
        run(root, "other", labels=labels, layout="echonet")
    # A labels.csv inside the data set is the user's word, too, and the other is named.
    write_text(root / "labels.csv", "path,label,patient", "Videos/0X100009310A3BD7FC.avi,PLAX,X")
    store, summary = run(root, "inside")
    assert summary["layout"]["name"] == "csv"
    assert store.column("label").tolist() == ["PLAX"]
    assert any("looks like echonet too; its labels.csv was taken" in text for text in summary["warnings"])


def test_a_wrong_layout_is_refused_with_what_it_takes(tmp_path: Path):
    root = STAND_INS["camus"](tmp_path / "set")
    with pytest.raises(
        InputError,
        match=r"--layout echonet: .*set is not laid out that way; it holds Videos/ and a FileList.csv .*"
        r"Name the folder that does, another --layout, or --layout none",
    ):
        run(root, layout="echonet")
    with pytest.raises(InputError, match=r"layout is 'camuss' \(did you mean 'camus'\?\)"):
        sslecho.ingest(root, tmp_path / "store", layout="camuss")
    assert not (tmp_path / "store").exists()
    assert not (tmp_path / "store.key").exists()


def test_no_layout_takes_every_file_and_asks_for_patients(tmp_path: Path):
    root = STAND_INS["fetal_planes"](tmp_path / "set")
    with pytest.raises(InputError, match="--patient-from is missing"):
        run(root, layout="none")
    store, summary = run(root, layout="none", patient_from="unknown")
    assert (summary["accepted"], summary["layout"]["name"]) == (4, "none")
    assert store.column("label").tolist() == [None] * 4


def test_another_index_is_another_run(tmp_path: Path):
    root = STAND_INS["echonet"](tmp_path / "set")
    run(root)
    assert run(root)[1]["already"]
    index = root / "FileList.csv"
    index.write_text(index.read_text().replace("78.5", "18.5"))
    with pytest.raises(InputError, match="layout was .* and is now .*--overwrite to start anew"):
        run(root)
    store, _ = run(root, overwrite=True)
    assert store.column("grade").tolist() == [18.5, 59.1, 62.4]


def test_columns_of_a_data_set_are_kept_on_request(tmp_path: Path):
    root = STAND_INS["fetal_planes"](tmp_path / "set")
    store, _ = run(root, keep=("Operator", "device"), label_column="Brain_plane")
    assert store.column("Operator").tolist() == ["Other", "Op. 1", "Op. 1", "Op. 2"]
    assert store.column("device").tolist() == ["Other", "Voluson E6", "Voluson E6", "Aloka"]
    assert store.column("label").tolist()[1:3] == ["Trans-thalamic", "Trans-ventricular"]


def test_a_divided_patient_is_told_and_is_on_one_side_of_the_store(tmp_path: Path):
    root = STAND_INS["fetal_planes"](tmp_path / "set")
    index = root / "FETAL_PLANES_DB_data.csv"
    index.write_bytes(index.read_bytes().replace(b"Trans-ventricular;Op. 1;Voluson E6;1", b"Trans-ventricular;x;y;0"))
    store, summary = run(root)
    assert store.column("split").tolist() == ["train", None, "test", "test"]
    assert any("puts 1 of 3 patients in more than one split" in text for text in summary["warnings"])
    assert json.loads(json.dumps(summary)) == summary
