"""Simulated hearts with names and dates beside the sector, and a mark there that follows one label and no other."""

import csv

import numpy as np
from PIL import Image

import sslecho
from sslecho.phantom.archive import write_archive
from sslecho.rundir import read_json


def test_a_burned_in_mark_is_found_for_the_label_that_it_follows_and_for_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr("sslecho.api.audit_rows.N_DRAWS", 199)
    write_archive(
        tmp_path / "archive", kind="echo", classes=("a4c", "plax"), patients=16, views_per_patient=2, clips_per_view=1,
        frames_per_clip=1, size=96, fan="same", seed=3,
    )  # fmt: skip
    labels = tmp_path / "archive" / "labels.csv"
    with labels.open(newline="") as file:
        clips = list(csv.DictReader(file))
    for number, clip in enumerate(clips):
        # Each patient has it once, in one view or the other.
        clip["finding"] = "yes" if number % 4 in (0, 3) else "no"
        if clip["finding"] == "yes":
            picture = np.array(Image.open(tmp_path / "archive" / clip["path"]))
            picture[22:30, 1:9] = 230
            Image.fromarray(picture).save(tmp_path / "archive" / clip["path"])
    with labels.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(clips[0]))
        writer.writeheader()
        writer.writerows(clips)
    store = sslecho.ingest(
        tmp_path / "archive", tmp_path / "store", labels=str(labels), patient_from="column:patient",
        keep=("device", "finding"), sector="off", size=96, workers=1,
    )  # fmt: skip
    sslecho.split(store, test=0.6, val=0.0, seed=1)
    sslecho.embed(store, tmp_path / "emb", encoder="pixels")

    def audited(column):
        out = tmp_path / column
        sslecho.audit(tmp_path / "emb", out, columns=("device",), label_column=column)
        return read_json(out / "result.json")

    marked, clean = audited("finding"), audited("label")
    assert marked["accused"] == ["outside the sector"]
    assert clean["accused"] == []
    assert not marked["leaks"]
    assert not clean["leaks"]
    told = next(row for row in marked["rows"] if row["source"] == "outside the sector")
    assert told["value"] > 0.9
    assert told["low"] > told["chance"]
