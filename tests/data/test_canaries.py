"""Canaries in every place where a file can carry a name; none may be found in what ingest and its followers write."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from data.archives import dicom, save_dicom, write_png, write_video
from data.test_privacy import everything
from moving_fan import moving_fan
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.valuerep import VR

from sslecho.api.ingest import ingest_with_summary

pytestmark = pytest.mark.usefixtures("here")

CANARY = "CANARYX"
DATE, UID, NUMBER = "19130907", "1.2.840.99999.4242", 424242.0
FOUND = [CANARY, DATE, UID, "424242", "1913-09-07", "12131.4242"]

# One value for each VR of PS3.5 section 6.2 that can carry anything.
VALUES = {
    "AE": CANARY,
    "AS": "042Y",
    "AT": 0x00420042,
    "CS": CANARY,
    "DA": DATE,
    "DS": "424242",
    "DT": DATE + "121314",
    "FD": NUMBER,
    "FL": NUMBER,
    "IS": "424242",
    "LO": CANARY + " LO",
    "LT": CANARY + " LT",
    "OB": CANARY.encode() + b"\0",
    "OD": np.full(2, NUMBER).tobytes(),
    "OF": np.full(2, NUMBER, dtype=np.float32).tobytes(),
    "OL": CANARY.encode() + b"\0",
    "OV": CANARY.encode() + b"\0",
    "OW": CANARY.encode() + b"\0",
    "PN": CANARY + "^PN",
    "SH": CANARY,
    "SL": 424242,
    "SS": 4242,
    "ST": CANARY + " ST",
    "SV": 424242,
    "TM": "121314.4242",
    "UC": CANARY + " UC",
    "UI": UID + ".1",
    "UL": 424242,
    "UN": CANARY.encode() + b"\0",
    "UR": "http://" + CANARY,
    "US": 42,
    "UT": CANARY + " UT",
    "UV": 424242,
}
NAMED = {
    "PatientName": CANARY + "^A",
    "PatientBirthDate": DATE,
    "PatientBirthTime": "121314.4242",
    "OtherPatientIDs": CANARY,
    "PatientComments": CANARY,
    "PatientAddress": CANARY,
    "StudyDate": DATE,
    "SeriesDate": DATE,
    "ContentDate": DATE,
    "AcquisitionDateTime": DATE + "121314",
    "AccessionNumber": CANARY,
    "InstitutionName": CANARY,
    "InstitutionAddress": CANARY,
    "InstitutionalDepartmentName": CANARY,
    "StationName": CANARY,
    "Manufacturer": CANARY,
    "ManufacturerModelName": CANARY,
    "DeviceSerialNumber": CANARY,
    "OperatorsName": CANARY,
    "PerformingPhysicianName": CANARY,
    "ReferringPhysicianName": CANARY,
    "StudyDescription": CANARY,
    "SeriesDescription": CANARY + " apical 4 chamber",
    "StageName": CANARY + " REST",
    "ViewName": CANARY + " A4C",
    "ImageComments": CANARY,
    "StudyInstanceUID": UID + ".2",
    "SeriesInstanceUID": UID + ".3",
    "SOPInstanceUID": UID + ".4",
    "StudyID": CANARY,
    "ProtocolName": CANARY,
    "BurnedInAnnotation": "NO",
}


def test_every_vr_is_tried():
    raw = {vr.value for vr in VR if len(vr.value) == 2}
    assert raw - set(VALUES) == {"SQ"}


def identified(n_frames: int = 6) -> Dataset:
    """A cine with a canary in every element that names someone, in every VR, private, nested, in the file's head."""
    data = dicom(np.stack(moving_fan(n_frames)), patient=CANARY + "-ID", FrameTime=50, **NAMED)
    data.file_meta.MediaStorageSOPInstanceUID = UID + ".4"
    data.file_meta.SourceApplicationEntityTitle = CANARY
    data.file_meta.PrivateInformationCreatorUID = UID + ".5"
    data.file_meta.PrivateInformation = CANARY.encode() + b"\0"
    data.add_new(0x00110010, "LO", CANARY)
    for number, (vr, value) in enumerate(VALUES.items()):
        data.add(DataElement(0x00111000 + number, vr, value))
    inner = Dataset()
    inner.PatientName = CANARY + "^NESTED"
    inner.add_new(0x00110010, "LO", CANARY)
    inner.add_new(0x00111001, "UT", CANARY)
    middle = Dataset()
    middle.ReferencedPatientSequence = Sequence([inner])
    data.ReferencedStudySequence = Sequence([middle])
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = CANARY, "99" + CANARY, CANARY
    data.ViewCodeSequence = Sequence([code])
    return data


def bytes_of(data: Dataset) -> bytes:
    content = io.BytesIO()
    pydicom.dcmwrite(content, data, enforce_file_format=True)
    return content.getvalue()


def archive_of_canaries(folder: Path) -> Path:
    source = folder / f"{CANARY} archive"
    whole = bytes_of(identified())
    save_dicom(source / f"{CANARY}^A/{CANARY}.dcm", identified())
    (source / f"{CANARY}^A/{UID}").write_bytes(whole)
    # Damaged in the ways in which decoders like to quote what they read.
    (source / f"{CANARY}-cut.dcm").write_bytes(whole[: len(whole) // 2])
    (source / f"{CANARY}-meta.dcm").write_bytes(whole[:400])
    swapped = bytearray(whole)
    swapped[600:640] = CANARY.encode() * 5 + b"XXXXX"
    (source / f"{CANARY}-swap.dcm").write_bytes(bytes(swapped))
    broken = identified()
    broken.NumberOfFrames = 99
    save_dicom(source / f"{CANARY}-99.dcm", broken)
    mr = identified()
    mr.Modality = CANARY
    save_dicom(source / f"{CANARY}-modality.dcm", mr)
    unknown = identified()
    unknown.PhotometricInterpretation = CANARY
    save_dicom(source / f"{CANARY}-photometric.dcm", unknown)
    write_video(source / f"{CANARY}.mp4", moving_fan(6, 160, 200))
    write_png(source / f"{CANARY}.png", moving_fan(1)[0])
    for extension in ("png", "mp4", "gif", "tif", "nii", "mhd", "zip", "tar", "avi", "nii.gz"):
        (source / f"{CANARY}-rubbish.{extension}").write_bytes(CANARY.encode() * 60)
    with zipfile.ZipFile(source / f"{CANARY}.zip", "w") as file:
        file.comment = CANARY.encode()
        file.writestr(f"{CANARY}/{CANARY}-member.dcm", whole)
        file.writestr(f"{CANARY}/{CANARY}-notes.txt", CANARY)
        file.writestr(f"../{CANARY}-escape.dcm", whole)
    with tarfile.open(source / f"{CANARY}.tar.gz", "w:gz") as file:
        entry = tarfile.TarInfo(f"{CANARY}/{CANARY}-member.dcm")
        entry.size, entry.uname, entry.gname = len(whole), CANARY, CANARY
        file.addfile(entry, io.BytesIO(whole))
    return source


def assert_no_canary(found: bytes) -> None:
    assert [canary for canary in FOUND if canary.encode() in found] == []


def test_no_canary_leaves_ingest(tmp_path: Path, capfd: pytest.CaptureFixture):
    from sslecho.api.check import check
    from sslecho.api.split import split

    source = archive_of_canaries(tmp_path)
    out = tmp_path / "store"
    store, summary = ingest_with_summary(
        source,
        out,
        patient_from="regex:(.)",
        size=64,
        keep="view_name,stage_name,series_description,view_code",
        kinds="all",
        doubtful="keep",
    )
    assert store is not None
    assert summary["accepted"] >= 5  # both cines, the video, the members of the zip and the tar
    assert_no_canary(everything(out))
    reasons = json.dumps([item["reason"] for item in summary["quarantine"]])
    assert_no_canary(reasons.encode())
    # The words of the view survive, the canary beside them does not.
    assert "a4c" in {said for said in store.clips["view_name"].to_pylist() if said}
    assert set(store.clips["view_code"].to_pylist()) == {None}
    split(store, by="clip")
    check(store, tmp_path / "check.html")
    assert_no_canary((tmp_path / "check.html").read_bytes())
    assert_no_canary(everything(out))
    assert_no_canary("".join(capfd.readouterr()).encode())


def test_the_search_would_find_a_canary(tmp_path: Path):
    (tmp_path / "a").write_text(CANARY)
    with pytest.raises(AssertionError):
        assert_no_canary(everything(tmp_path))
