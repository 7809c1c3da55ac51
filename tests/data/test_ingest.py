"""Ingest from files to a store: what is accepted, what is left out, what is said of each clip."""

import json
from pathlib import Path

import numpy as np
import pytest
from data.archives import dicom, pattern, save_dicom, write_png, write_video

from sslecho.data.identity import key_folder, read_sources
from sslecho.data.ingest import ingest
from sslecho.data.store import Store
from sslecho.errors import InputError

pytestmark = pytest.mark.usefixtures("here")


def csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def run(source: Path, **settings) -> tuple[Store, dict]:
    store, summary = ingest([source], source.parent / "store", size=32, **{"patient_from": "unknown", **settings})
    assert store is not None
    return store, summary


def test_pictures_videos_and_dicom_side_by_side(tmp_path: Path):
    source = tmp_path / "archive"
    write_png(source / "b" / "still.png", pattern(32, 32))
    write_video(source / "a.mp4", [pattern(32, 32, seed) for seed in range(4)], rate=10)
    data = dicom(np.stack([pattern(32, 32, seed) for seed in range(3)]), StudyInstanceUID="1.2", FrameTime=50)
    save_dicom(source / "c", data)
    (source / "notes.txt").write_text("hello")
    (source / ".hidden").write_text("hello")
    (source / "broken.png").write_bytes(b"\x89PNG rubbish")
    store, summary = run(source, sector="off")
    assert {key: summary[key] for key in ("files", "accepted", "quarantined", "frames", "clips", "patients")} == {
        "files": 5, "accepted": 3, "quarantined": 2, "frames": 8, "clips": 3, "patients": None,
    }  # fmt: skip
    assert [(Path(item["path"]).name, item["reason"]) for item in summary["quarantine"]] == [
        ("broken.png", "it is no picture that can be opened, or its header is damaged"),
        ("notes.txt", "it is no picture, video or DICOM file that sslecho reads"),
    ]
    # In the order of the sorted paths.
    assert store.clips["n_frames"].to_pylist() == [4, 1, 3]
    assert store.clips["frame_time_source"].to_pylist() == ["pts", None, "FrameTime"]
    assert store.frames["time_s"].to_pylist() == pytest.approx([0, 0.1, 0.2, 0.3, None, 0, 0.05, 0.1])
    assert store.column("study_id")[2] is not None
    frames = store.read(np.arange(8))
    np.testing.assert_allclose(frames[2], pattern(32, 32, 2), atol=2)
    np.testing.assert_array_equal(frames[4], pattern(32, 32))
    np.testing.assert_array_equal(frames[7], pattern(32, 32, 2))
    assert json.loads(json.dumps(summary)) == summary


def test_labels_patients_splits_and_kept_columns(archive, tmp_path: Path):
    source = archive({"x/1.png": 1, "x/2.png": 2, "y/1.png": 3})
    labels = csv(
        tmp_path / "labels.csv",
        "path;label;grade;patient;split;device;secret",
        "x/1.png;A4C;1.5;P7;train;D1;Doe",
        "x/2.png;A2C;;P7;train;;",
        "y/1.png;;2;P8;test;D2;",
        "z/9.png;A4C;;P9;;;",
    )
    store, summary = run(source, labels=labels, patient_from=None, keep=["device"])
    assert store.unit == "patient"
    assert summary["patients"] == 2
    assert store.column("label").tolist() == ["A4C", "A2C", None]
    assert store.column("grade").tolist() == [1.5, None, 2.0]
    assert store.column("split").tolist() == ["train", "train", "test"]
    assert store.column("device").tolist() == ["D1", None, "D2"]
    first, second, third = store.column("patient_id")
    assert first == second != third
    assert store.column("unit_id").tolist() == [first, second, third]
    assert summary["warnings"] == [
        "1 of 4 rows of the labels match no file (lines 5)",
        "columns of the labels that were not kept: secret; name them with --keep",
    ]


def test_files_that_are_frames_of_a_clip(archive, tmp_path: Path):
    source = archive({"p1/a_0.png": 0, "p1/a_5.png": 5, "p1/a_10.png": 10, "p1/b.png": 3, "p2/a_0.png": 4})
    labels = csv(
        tmp_path / "labels.csv",
        "path,clip,frame,label,patient",
        "p1/a_10.png,a,10,A4C,1",
        "p1/a_0.png,a,0,A4C,1",
        "p1/a_5.png,a,5,A4C,1",
        "p1/b.png,,,A2C,1",
        "p2/a_0.png,a,0,A2C,2",
    )
    store, summary = run(source, labels=labels, patient_from=None, sector="off")
    assert summary["accepted"] == 5
    assert store.clips["n_frames"].to_pylist() == [3, 1, 1]  # the same clip name in another folder is another clip
    assert store.frames["frame_index"].to_pylist() == [0, 5, 10, 0, 0]
    assert store.column("label").tolist() == ["A4C", "A2C", "A2C"]
    np.testing.assert_array_equal(store.read(np.array([2]))[0][4:28], pattern(seed=10))
    # Every second frame of the file names, too.
    store, _ = run(source, labels=labels, patient_from=None, sector="off", every=2, overwrite=True)
    assert store.frames["frame_index"].to_pylist() == [0, 10, 0, 0]


def test_a_clip_may_be_one_file_that_holds_it_whole(archive, tmp_path: Path):
    source = archive({"b.png": 1})
    write_video(source / "a.mp4", [pattern(seed=seed) for seed in range(3)])
    labels = csv(tmp_path / "labels.csv", "path,clip,frame,label", "a.mp4,x,,A4C", "b.png,y,7,A2C")
    store, summary = run(source, labels=labels)
    assert summary["quarantine"] == []
    assert store.column("label").tolist() == ["A4C", "A2C"]
    assert store.frames["frame_index"].to_pylist() == [0, 1, 2, 7]


def test_frames_may_have_labels_of_their_own(archive, tmp_path: Path):
    source = archive({"a/0.png": 0, "a/1.png": 5})
    write_video(source / "v.mp4", [pattern(seed=seed) for seed in range(4)])
    labels = csv(
        tmp_path / "labels.csv",
        "path,clip,frame,label,grade",
        "a/0.png,c,0,systole,1",
        "a/1.png,c,1,diastole,2",
        "v.mp4,,,A4C,",
        "v.mp4,,2,systole,3",
    )
    store, _ = run(source, labels=labels)
    assert store.column("label").tolist() == [None, "A4C"]
    assert store.column("label", "frame").tolist() == ["systole", "diastole", "A4C", "A4C", "systole", "A4C"]
    assert store.column("grade", "frame").tolist() == [1, 2, None, None, 3, None]


def test_a_clip_with_one_bad_file_is_left_out_as_a_whole(archive, tmp_path: Path):
    source = archive({"a/0.png": 0, "a/1.png": 1, "b.png": 2})
    (source / "a/1.png").write_bytes(b"rubbish")
    labels = csv(tmp_path / "labels.csv", "path,clip,frame", "a/0.png,c,0", "a/1.png,c,1")
    store, summary = run(source, labels=labels)
    assert (summary["accepted"], summary["quarantined"]) == (1, 2)
    assert store.clips.num_rows == 1


def test_labels_and_patients_from_folders_and_patterns(archive):
    source = archive({"A4C/p1/1.png": 1, "A4C/p2/1.png": 2, "A2C/p1/1.png": 3, "loose.png": 4})
    store, summary = run(source, labels_from="folder", patient_from="folder")
    assert store.column("label").tolist() == ["A2C", "A4C", "A4C"]
    a, b, c = store.column("patient_id")
    assert a == b != c
    assert "in no folder" in summary["quarantine"][0]["reason"]
    store, summary = run(source, patient_from=r"regex:(p\d)/", overwrite=True)
    assert len(set(store.column("patient_id"))) == 2
    assert "does not match the pattern" in summary["quarantine"][0]["reason"]
    assert "p\\d" not in json.dumps(store.manifest)


def test_units(archive, tmp_path: Path):
    source = archive({"1.png": 1, "2.png": 2, "3.png": 3})
    labels = csv(tmp_path / "labels.csv", "path,unit", "1.png,s1", "2.png,s1", "3.png,")
    store, summary = run(source, labels=labels, patient_from=None, unit="sweep")
    assert store.unit == "sweep"
    assert len(set(store.column("unit_id"))) == 1
    assert summary["quarantine"][0]["reason"] == "the labels name no unit for it"
    store, _ = run(source, patient_from="clip", overwrite=True)
    assert store.unit == "clip"
    assert store.column("patient_id").tolist() == store.column("clip_id").tolist() == store.column("unit_id").tolist()
    store, _ = run(source, patient_from="unknown", overwrite=True)
    assert store.unit == "unknown"
    assert store.column("patient_id").tolist() == [None] * 3
    assert store.column("unit_id").tolist() == store.column("clip_id").tolist()
    with pytest.raises(InputError, match="--unit sweep needs --labels with a column `unit`"):
        run(source, unit="sweep", overwrite=True)


def test_dicom_needs_no_patient_from(tmp_path: Path):
    for number, patient in enumerate(["A", "A", "B", None]):
        save_dicom(tmp_path / "archive" / str(number), dicom(pattern(), patient=patient, Manufacturer="Maker"))
    store, summary = run(tmp_path / "archive", patient_from=None)
    a, again, b = store.column("patient_id")
    assert a == again != b
    assert len(set(store.column("device"))) == 1
    assert summary["quarantine"][0]["reason"].startswith("it has no PatientID")


def test_several_sources(archive, tmp_path: Path):
    one, two = archive({"a.png": 1, "b.png": 2}, "one"), archive({"a.png": 3}, "two")
    labels = csv(tmp_path / "labels.csv", "path,label", "b.png,x", "1/a.png,y")
    store, summary = ingest([one, two], tmp_path / "store", labels=labels, patient_from="unknown", size=32)
    assert store is not None
    assert summary["files"] == 3
    assert store.column("label").tolist() == [None, "x", "y"]
    assert len(set(store.column("clip_id"))) == 3
    csv(labels, "path,label", "a.png,x")
    with pytest.raises(InputError, match="line 2 of the labels: a.png lies in more than one .* 0/a.png or 1/a.png"):
        ingest([one, two], tmp_path / "other", labels=labels, patient_from="unknown")


def test_which_frames_are_kept(tmp_path: Path):
    write_video(tmp_path / "archive" / "v.mp4", [pattern(seed=seed) for seed in range(10)])
    kept = {
        (1, None): list(range(10)),
        (3, None): [0, 3, 6, 9],
        (1, 4): [0, 2, 5, 7],
        (3, 2): [0, 6],
        (1, 99): list(range(10)),
    }
    for (every, max_frames), expected in kept.items():
        store, _ = run(tmp_path / "archive", every=every, max_frames=max_frames, overwrite=True)
        assert store.frames["frame_index"].to_pylist() == expected


def test_the_sector_is_masked_cropped_and_said(tmp_path: Path):
    rng = np.random.default_rng(0)
    picture = np.full((200, 320), 2, np.uint8)
    picture[20:180, 40:200] = rng.integers(40, 255, (160, 160))
    picture[4:9, 230:310] = rng.integers(0, 2, (5, 80)) * 250
    write_png(tmp_path / "archive/1.png", picture)
    write_png(tmp_path / "archive/2.png", np.full((50, 50), 99, np.uint8))
    data = dicom(picture)
    save_dicom(tmp_path / "archive/3", data)
    store, summary = run(tmp_path / "archive")
    assert store.column("sector").tolist() == ["mask", "mask"]
    assert summary["sectors"] == {"mask": 2}
    # Without a sector a burned-in name could not be blanked.
    assert [item["reason"] for item in summary["quarantine"]] == [
        "no sector was found in it, so what is burned in around it can't be blanked; sign it off with --sign-off, "
        "or take it with --sector off if it shows no one's name"
    ]
    x0, y0, x1, y1 = (store.frames[f"crop_{name}"][0].as_py() for name in ("x0", "y0", "x1", "y1"))
    assert (x0, y0, x1, y1) == pytest.approx((40, 20, 200, 180), abs=4)
    assert store.frames["scale"][0].as_py() == pytest.approx(32 / max(x1 - x0, y1 - y0))
    off, _ = run(tmp_path / "archive", sector="off", overwrite=True)
    assert off.column("sector").tolist() == ["off"] * 3
    assert off.frames["crop_x1"].to_pylist() == [320, 50, 320]


def test_a_second_run_says_that_it_is_done(archive, tmp_path: Path):
    source = archive({"1.png": 1, "3.png": 3})
    (source / "4.txt").write_text("x")
    first, summary = run(source)
    again, same = run(source)
    assert not summary.pop("already")
    assert same.pop("already")
    assert summary == same
    assert first.manifest == again.manifest
    with pytest.raises(InputError, match=r"every was 1 and is now 2; repeat the earlier settings.*--overwrite"):
        run(source, every=2)
    write_png(source / "5.png")
    with pytest.raises(InputError, match="files was 3 and is now 4"):
        run(source)
    grown, _ = run(source, overwrite=True)
    assert grown.column("clip_id").tolist()[:1] == first.column("clip_id").tolist()[:1]  # the key stays


def test_a_dry_run_writes_nothing(archive, tmp_path: Path):
    source = archive({"1.png": 1, "2.png": 2})
    write_video(source / "v.mp4", [pattern()] * 3)
    (source / "x.txt").write_text("x")
    store, summary = ingest([source], tmp_path / "store", patient_from="unknown", dry_run=True)
    assert store is None
    assert (summary["files"], summary["accepted"], summary["clips"], summary["frames"]) == (4, 3, 3, 5)
    assert summary["kinds"] == {"b-mode": 3}
    assert 0 < summary["hours"] < 1
    assert summary["gigabytes"] == pytest.approx(5 * 256**2 / 1e9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive"]


def test_a_store_inside_the_source_is_not_read(archive):
    source = archive({"1.png": 1})
    for _ in range(2):
        _, summary = ingest([source], source / "store", patient_from="unknown", size=32)
    assert (summary["files"], summary["already"]) == (1, True)


def test_the_way_back_stands_beside_the_store(archive, tmp_path: Path):
    source = archive({"a/1.png": 1, "a/2.png": 2})
    (source / "x.txt").write_text("x")
    store, _ = run(source)
    rows = read_sources(store.path).to_pylist()
    assert [row["path"] for row in rows] == ["a/1.png", "a/2.png", "x.txt"]
    assert [row["clip_id"] for row in rows] == [*store.column("clip_id"), None]
    folder = key_folder(store.path)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()} == {
        "key": 0o600,
        "sources.parquet": 0o600,
    }
