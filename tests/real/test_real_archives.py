"""The main job on real ultrasound: lung videos with labels and patients, echo frames without labels."""

import csv
from pathlib import Path

import pytest

import sslecho
from sslecho.rundir import read_json

QUICK = {"backbone": "resnet10t", "epochs": 1, "batch_size": 32, "image_size": 32, "device": "cpu", "precision": "32"}


@pytest.fixture(scope="module")
def lung(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of every third lung clip, split by patient."""
    folder = tmp_path_factory.mktemp("lung")
    source = real_data / "pocus_lung"
    with (source / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::3]
    (folder / "archive").mkdir()
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "patient"])
        for row in rows:
            target = folder / "archive" / row["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source / row["path"])
            writer.writerow([row["path"], row["label"], row["patient"]])
    # Pictures that their publisher cropped: where a sector ends is often uncertain, and no name is left in them.
    store = sslecho.ingest(
        folder / "archive",
        folder / "store",
        labels=str(folder / "labels.csv"),
        size=64,
        max_frames=4,
        doubtful="keep",
    )
    assert store is not None
    assert store.clips.num_rows >= 0.9 * len(rows)
    sslecho.split(store, test=0.4, val=0.0)
    return folder


def test_lung_videos_become_scored_clusters(lung: Path):
    sslecho.pretrain(lung / "store", lung / "run", policy="lung", positives="clip", **QUICK)
    sslecho.embed(lung / "store", lung / "embeddings", encoder=lung / "run")
    result = sslecho.cluster(lung / "embeddings", lung / "clusters", k=(4, 8), purity=True).scores
    for rows in (result["results"], result["baselines"]["pixels"], result["baselines"]["random"]):
        for row in rows:
            assert 0 <= row["transfer_purity_low"] <= row["transfer_purity"] <= row["transfer_purity_high"] <= 1
            assert row["unit"] == "patient"
            assert row["split"] == "test"
    page = sslecho.report(lung / "clusters", lung / "report.html")
    assert page.stat().st_size > 50_000


def test_no_patient_is_in_two_splits(lung: Path):
    store = sslecho.Store.open(lung / "store")
    of_patient: dict[str, set[str]] = {}
    for patient, split in zip(store.column("patient_id"), store.column("split"), strict=True):
        of_patient.setdefault(patient, set()).add(split)
    assert {len(splits) for splits in of_patient.values()} == {1}
    assert {"train", "test"} == set().union(*of_patient.values())


def test_echo_frames_without_labels_become_clusters_and_a_sheet(real_data: Path, tmp_path: Path):
    """Clips that come as files of frames, found by the labels' `clip` column."""
    source = real_data / "echo_unlabelled"
    with (source / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    videos = sorted({row["video"] for row in rows})[::4]
    (tmp_path / "archive").mkdir()
    lines = ["path,clip,frame,patient"]
    for row in rows:
        if row["video"] in videos:
            target = tmp_path / "archive" / row["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source / row["path"])
            lines.append(f"{row['path']},{row['video']},{row['frame']},{row['patient']}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    store = sslecho.ingest(
        tmp_path / "archive", tmp_path / "store", labels=str(tmp_path / "labels.csv"), size=64, doubtful="keep"
    )
    assert store is not None
    assert store.clips.num_rows == len(videos)
    sslecho.pretrain(store, tmp_path / "run", **QUICK)
    sslecho.embed(store, tmp_path / "embeddings", encoder=tmp_path / "run")
    predictions = sslecho.cluster(tmp_path / "embeddings", tmp_path / "clusters", k=(5,))
    assert predictions.table.num_rows == len(videos)
    assert "purity" not in read_json(tmp_path / "clusters" / "result.json")["results"][0]
    page = sslecho.report(tmp_path / "clusters", tmp_path / "report.html")
    assert "IM_00" not in page.read_text(encoding="utf-8")
