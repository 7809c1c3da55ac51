"""Real ultrasound and malformed files: each is accepted or quarantined with a reason."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sslecho.data.ingest import ingest
from sslecho.data.labels import read_labels
from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import open_recording

pytestmark = pytest.mark.usefixtures("here")


def pixels(path: Path) -> np.ndarray:
    return next(iter(open_recording(path).frames([0]))).pixels.astype(int)


def test_lung_videos_and_stills(real_data: Path, tmp_path: Path):
    """Every eighth file, at most four frames of each."""
    source = real_data / "pocus_lung"
    with (source / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))[::8]
    labels = tmp_path / "labels.csv"
    with labels.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "label", "patient"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "path": f"{number}/{Path(row['path']).name}"} for number, row in enumerate(rows))
    store, summary = ingest(
        [source / row["path"] for row in rows],
        tmp_path / "store",
        labels=labels,
        max_frames=4,
        size=64,
        doubtful="keep",  # dark pictures that were cropped before: nothing is left to find an edge by
    )
    assert store is not None
    assert summary["quarantine"] == []
    assert store.clips.num_rows == len(rows)
    # Clips in doubt come last.
    assert Counter(store.column("label").tolist()) == Counter(row["label"] for row in rows)
    assert summary["patients"] == len({row["patient"] for row in rows})
    frames = store.read(np.arange(len(store)))
    assert frames.std(axis=(1, 2)).min() > 5
    assert all(store.column("sector") != "off")


def test_echo_clips_that_come_as_frames(real_data: Path, tmp_path: Path):
    source = real_data / "echo_unlabelled"
    rows = [row for row in read_labels(source / "manifest.csv", keep=["video"]).rows if row.kept["video"] < "IM_0012"]
    labels = tmp_path / "labels.csv"
    lines = [f"{row.path},{row.kept['video']},{row.frame},{row.patient}" for row in rows]
    labels.write_text("\n".join(["path,clip,frame,patient", *lines]))
    for row in rows:
        link = tmp_path / "archive" / row.path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source / row.path)
    store, summary = ingest([tmp_path / "archive"], tmp_path / "store", labels=labels, size=64)
    assert store is not None
    # A still that was cropped into its fan may stay in doubt; nothing else is left out.
    assert all("is uncertain" in item["reason"] for item in summary["quarantine"])
    left_out = {Path(item["path"]).parent.name for item in summary["quarantine"]}
    assert len(left_out) <= 2
    frames_of = Counter(row.kept["video"] for row in rows if row.kept["video"] not in left_out)
    # Those that had a second turn come last.
    assert sorted(store.clips["n_frames"].to_pylist()) == sorted(frames_of.values())
    assert set(store.column("sector")) == {"mask"}


def test_real_dicom(real_data: Path, tmp_path: Path):
    source = real_data / "us_dicom" / "us"
    options = {"patient_from": "unknown", "size": 64, "max_frames": 2}
    store, summary = ingest([source], tmp_path / "store", **options, sector="off", kinds=["all"])
    assert store is not None
    assert (summary["files"], summary["quarantine"]) == (19, [])
    # Looked at by eye: power Doppler of a node and color flow (7 files, one picture in several encodings), two fans
    # side by side (2), and what an odd palette paints yellow (1).
    assert summary["kinds"] == {"b-mode": 9, "colour": 7, "dual": 2, "other": 1}
    # A probe in air under a name and a date: where its sector lies is a guess, so nothing of it may be kept.
    _, masked = ingest([source], tmp_path / "masked", **options)
    reasons = {Path(item["path"]).stem: item["reason"] for item in masked["quarantine"]}
    assert masked["left_out"] == {"colour": 7, "dual": 2, "other": 1}
    assert "sign it off" in reasons["pydicom-data__OBXXXX1A_2frame"]


@pytest.mark.parametrize(
    ("first", "second", "tolerance"),
    [
        ("pydicom-data__OBXXXX1A", "pydicom-data__OBXXXX1A_expb", 0),
        ("pydicom-data__OBXXXX1A", "pydicom-data__OBXXXX1A_rle", 0),
        ("pydicom-data__color-pl", "pydicom-data__color-px", 2),
        ("pydicom-data__US1_UNCR", "pydicom__examples_jpeg2k", 2),
        ("pydicom-data__US1_UNCI", "pydicom-data__US1_J2KI", 2),
    ],
)
def test_the_same_picture_in_another_encoding(real_data: Path, first: str, second: str, tolerance: int):
    folder = real_data / "us_dicom" / "us"
    difference = pixels(folder / f"{first}.dcm") - pixels(folder / f"{second}.dcm")
    assert np.abs(difference).max() <= tolerance


def test_malformed_files_end_in_quarantine_or_are_read(real_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture):
    source = real_data / "broken"
    store, summary = ingest([source], tmp_path / "store", patient_from="unknown", size=16, max_frames=2, sector="off")
    assert store is not None
    assert summary["files"] == sum(1 for file in source.rglob("*") if file.is_file())
    assert summary["accepted"] + summary["quarantined"] == summary["files"]
    for item in summary["quarantine"]:
        assert item["reason"].startswith("it")
        assert Path(item["path"]).stem not in item["reason"]
    unforeseen = [item for item in summary["quarantine"] if "reading it failed" in item["reason"]]
    assert unforeseen == []


def test_what_pillow_reads_is_read(real_data: Path):
    with (real_data / "broken" / "manifest_media.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["path"].endswith((".bmp", ".png", ".jpg", ".tif"))]
    for row in rows:
        try:
            pixels(real_data / "broken" / row["path"])
        except Unreadable:
            assert not row["reference"].startswith("OK"), row["path"]
