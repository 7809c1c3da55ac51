"""Nothing that names a person, a place or a file enters a store."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from data.archives import dicom, pattern, save_dicom, write_png, write_video
from pydicom.dataset import Dataset

from sslecho.data.identity import Identity, key_folder
from sslecho.data.ingest import ingest

pytestmark = pytest.mark.usefixtures("here")

CANARIES = [
    "DOEXJANE",
    "MRN4711",
    "19570304",
    "WARDX",
    "ACC0815",
    "1.2.826.0.1.4711",
    "DRXWHO",
    "FOLDERX",
    "FILEX",
    "NOTEX",
]


def identified() -> Dataset:
    data = dicom(
        np.stack([pattern(seed=seed) for seed in range(3)]),
        patient="MRN4711",
        PatientName="DOEXJANE^A",
        PatientBirthDate="19570304",
        StudyDate="19570304",
        AccessionNumber="ACC0815",
        InstitutionName="WARDX",
        InstitutionAddress="WARDX street",
        StationName="WARDX-1",
        Manufacturer="WARDX made",
        ManufacturerModelName="DOEXJANE 9",
        StudyInstanceUID="1.2.826.0.1.4711.1",
        SeriesInstanceUID="1.2.826.0.1.4711.2",
        ReferringPhysicianName="DRXWHO",
        SeriesDescription="DOEXJANE A4C",
        ImageComments="NOTEX",
    )
    nested = Dataset()
    nested.PatientName = "DOEXJANE^B"
    data.ReferencedPatientSequence = [nested]
    data.add_new(0x00110010, "LO", "DRXWHO private")
    data.add_new(0x00111001, "LT", "NOTEX DOEXJANE")
    return data


def everything(path: Path) -> bytes:
    """All bytes and names below a folder, tables in plain text, too."""
    said = []
    for file in sorted(path.rglob("*")):
        said.append(str(file.relative_to(path)).encode())
        if file.is_file():
            said.append(file.read_bytes())
        if file.suffix == ".parquet":
            table = pq.read_table(file)
            said.append((json.dumps(table.to_pylist()) + str(table.schema)).encode())
    return b"\n".join(said)


def test_no_canary_enters_the_store(tmp_path: Path, capfd: pytest.CaptureFixture):
    source = tmp_path / "FOLDERX archive"
    save_dicom(source / "DOEXJANE/FILEX.dcm", identified())
    broken = identified()
    broken.NumberOfFrames = 50
    save_dicom(source / "DOEXJANE/FILEX2.dcm", broken)
    write_png(source / "MRN4711/FILEX.png")
    write_video(source / "MRN4711/FILEX.mp4", [pattern()] * 2)
    (source / "FILEX.png").write_bytes(b"DOEXJANE")
    (source / "FILEX.mp4").write_bytes(b"DOEXJANE" * 50)
    (source / "FILEX.dcm").write_bytes(bytes(128) + b"DICM" + b"DOEXJANE" * 50)
    (source / "DOEXJANE.txt").write_text("NOTEX")
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "path,patient,label,unit,DRXWHO\n"
        "DOEXJANE/FILEX.dcm,MRN4711,A4C,DOEXJANE,NOTEX\n"
        "MRN4711/FILEX.png,DOEXJANE,A4C,DOEXJANE,NOTEX\n"
        "MRN4711/FILEX.mp4,DOEXJANE,A4C,DOEXJANE,NOTEX\n"
    )
    for patient_from in ("column:patient", "folder", "regex:(MRN4711|DOEXJANE)", "dicom", "unknown"):
        store, summary = ingest(
            [source], tmp_path / "store", labels=labels, patient_from=patient_from, size=32, overwrite=True
        )
        assert store is not None
        assert summary["accepted"] >= 1
        found = everything(tmp_path / "store")
        assert [canary for canary in CANARIES if canary.encode() in found] == []
        reasons = " ".join(item["reason"] for item in summary["quarantine"])
        assert [canary for canary in CANARIES if canary in reasons] == []
    said = "".join(capfd.readouterr())
    assert [canary for canary in CANARIES if canary in said] == []
    # The search works: beside the store, for its owner alone, the paths do stand.
    assert b"FILEX" in everything(key_folder(tmp_path / "store"))


def test_the_parts_of_an_unfinished_run_name_nobody_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from sslecho.data import ingest as module

    save_dicom(tmp_path / "archive/DOEXJANE", identified())
    monkeypatch.setattr(module, "remove_part", lambda task: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(module.Interrupted):
        ingest([tmp_path / "archive"], tmp_path / "store", size=32)
    found = everything(tmp_path / "store")
    assert b"crop_x0" in found
    assert [canary for canary in CANARIES if canary.encode() in found] == []


def test_ids_need_the_key(tmp_path: Path):
    one, two = Identity.of_store(tmp_path / "one"), Identity.of_store(tmp_path / "two")
    assert one.id("patient", "7") == Identity.of_store(tmp_path / "one").id("patient", "7") != two.id("patient", "7")
    assert one.id("patient", "7") != one.id("study", "7")
    assert one.maybe("patient", None) is None
    assert len(one.id("patient", "7")) == 16


def test_an_id_is_hmac_sha256():
    # HMAC-SHA256(key = 32 x 0x01, "patient\0P7"), computed with `openssl dgst -sha256 -mac HMAC`.
    assert Identity(b"\x01" * 32).id("patient", "P7") == "42a70387f2af48da"
