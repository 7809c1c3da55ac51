"""`--keep view_name,…`: what DICOM files say of their view, as the known words in it; never a label, never a name."""

from pathlib import Path

import numpy as np
import pytest
from data.archives import contents, dicom, pattern, save_dicom, write_png
from pydicom.dataset import Dataset

from sslecho.data.ingest import ingest
from sslecho.data.schema import HINTS
from sslecho.data.store import Store
from sslecho.errors import InputError

pytestmark = pytest.mark.usefixtures("here")

NAMES = (b"DOE", b"Doe", b"doe", b"JANE", b"Jane", b"jane", b"19570304", b"4711017")


def code(scheme: str, value: str) -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator, item.CodeValue, item.CodeMeaning = scheme, value, "DOE JANE"
    return item


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    said = [
        {
            "SeriesDescription": "DOE Jane TTE apical 19570304",
            "StageName": "Rest",
            "ViewName": "A4C DOE^JANE",
            "ViewCodeSequence": [code("SRT", "G-A19C")],
        },
        {"SeriesDescription": "4711017", "ViewName": "PLAX", "ViewCodeSequence": [code("99LOCAL", "4711017")]},
        {},
    ]
    for number, elements in enumerate(said):
        save_dicom(folder / f"{number}.dcm", dicom(pattern(seed=number), patient=f"P-{number}", **elements))
    return folder


def run(source: Path, **settings) -> tuple[Store, dict]:
    what = {"sector": "off", "size": 32, "overwrite": True, **settings}
    store, summary = ingest([source], source.parent / "store", **what)
    assert store is not None
    return store, summary


def test_nothing_is_kept_unless_it_is_asked_for(source: Path):
    store, _ = run(source)
    assert not set(HINTS) & set(store.clips.column_names)
    for content in contents(store.path).values():
        # Not "a4c": it is hexadecimal, and a random id may well hold it.
        assert not any(word in content for word in (*NAMES, b"apical", b"plax"))


def test_what_files_say_of_their_view_is_kept_as_known_words(source: Path):
    store, summary = run(source, keep=HINTS)
    assert store.column("series_description").tolist() == ["tte apical", None, None]
    assert store.column("stage_name").tolist() == ["rest", None, None]
    assert store.column("view_name").tolist() == ["a4c", "plax", None]
    assert store.column("view_code").tolist() == ["SCT:399214001", None, None]
    # It is no truth: the labels stay empty.
    assert store.column("label").tolist() == [None] * 3
    assert summary["warnings"] == []
    for content in contents(store.path).values():
        assert not any(word in content for word in NAMES)


def test_only_those_that_were_asked_for(source: Path):
    store, _ = run(source, keep=["view_name"])
    assert set(HINTS) & set(store.clips.column_names) == {"view_name"}


def test_a_column_of_the_labels_wins(source: Path, tmp_path: Path):
    labels = tmp_path / "labels.csv"
    labels.write_text("path,view_name,room\n0.dcm,Subcostal of Room 7,r1\n1.dcm,,r2\n")
    store, _ = run(source, labels=labels, patient_from="dicom", keep=["view_name", "stage_name", "room"])
    # All of it, also where a cell is empty; other hints still come from the files.
    assert store.column("view_name").tolist() == ["Subcostal of Room 7", None, None]
    assert store.column("stage_name").tolist() == ["rest", None, None]
    assert store.column("room").tolist() == ["r1", "r2", None]


def test_files_that_say_nothing_of_a_view(tmp_path: Path):
    write_png(tmp_path / "archive/a.png", pattern())
    store, _ = run(tmp_path / "archive", keep=["view_name"], patient_from="unknown")
    assert store.column("view_name").tolist() == [None]


def test_frames_in_files_of_their_own_have_the_view_of_the_first(source: Path, tmp_path: Path):
    labels = tmp_path / "labels.csv"
    labels.write_text("path,clip,frame\n0.dcm,c,1\n1.dcm,c,0\n")
    for number in (0, 1):
        save_dicom(
            source / f"{number}.dcm", dicom(pattern(seed=number), patient="P", ViewName=["A4C DOE", "PLAX"][number])
        )
    store, _ = run(source, labels=labels, patient_from="dicom", keep=["view_name"])
    assert store.column("view_name").tolist()[:1] == ["plax"]
    assert store.clips["n_frames"].to_pylist() == [2, 1]


def test_another_column_still_needs_labels(source: Path):
    with pytest.raises(InputError, match="--keep room names columns of the labels, so it needs --labels"):
        run(source, keep=["view_name", "room"])
    labels = source.parent / "labels.csv"
    labels.write_text("path,day\n0.dcm,x\n")
    with pytest.raises(InputError, match="--keep day: that column has a meaning of its own"):
        run(source, labels=labels, patient_from="dicom", keep=["day"])


def test_a_hint_can_be_read_back_with_the_frames(source: Path):
    store, _ = run(source, keep=["view_name"])
    again = Store.open(store.path)
    assert again.column("view_name", "frame").tolist() == ["a4c", "plax", None]
    assert again.read(np.array([0])).shape == (1, 32, 32)


def test_a_column_of_a_labels_file_in_the_source_wins_too(source: Path):
    """It is found without being named: `--layout auto` takes a labels.csv that lies there."""
    (source / "labels.csv").write_text("path,patient,view_name\n0.dcm,a,Subcostal\n1.dcm,b,\n2.dcm,c,Apical\n")
    store, summary = run(source, keep=["view_name", "stage_name"])
    assert summary["layout"]["name"] == "csv"
    assert store.column("view_name").tolist() == ["Subcostal", None, "Apical"]
    assert store.column("stage_name").tolist() == ["rest", None, None]
    assert summary["warnings"] == []
