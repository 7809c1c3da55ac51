"""The sheet and CSV of a clustering, and the CSV read back: names become labels, wrong files are refused."""

import csv
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from drawn_store import draw_store
from PIL import Image
from typer.testing import CliRunner

import sslecho
from sslecho.api.cluster_names import name_clusters
from sslecho.cli.app import app
from sslecho.data.relabel import labels_of_clips
from sslecho.embed.index import choose
from sslecho.errors import InputError, NounError
from sslecho.rundir import read_json


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Clusterings of clips and of frames by raw pixels; made once, not to be changed."""
    folder = tmp_path_factory.mktemp("names")
    store = draw_store(folder / "store", patients=8)
    sslecho.embed(store, folder / "emb", encoder="pixels")
    sslecho.cluster(folder / "emb", folder / "clips", k=(3, 5))
    sslecho.cluster(folder / "emb", folder / "frames", k=(3,), level="frame")
    return folder


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def filled_in(path, out, names):
    rows = rows_of(path)
    for row, name in zip(rows, names, strict=False):
        row["name"] = name
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return out


def test_names_that_were_filled_in_outlast_an_overwrite(work, tmp_path):
    sslecho.cluster(work / "emb", tmp_path / "c", k=(3,))
    form = filled_in(*2 * (tmp_path / "c" / "naming" / "clusters_3.csv",), ["apical"])
    with pytest.raises(InputError, match="clusters_3.csv, which was filled in"):
        sslecho.cluster(work / "emb", tmp_path / "c", k=(4,), overwrite=True)
    assert rows_of(form)[0]["name"] == "apical"


def test_an_approximate_index_says_what_it_finds(tmp_path, monkeypatch):
    monkeypatch.setattr(choose, "EXACT_UP_TO", 0)
    sslecho.embed(draw_store(tmp_path / "store", patients=50), tmp_path / "emb", encoder="pixels")
    words = ["cluster", str(tmp_path / "emb"), "-o", str(tmp_path / "c"), "--k", "3", "--purity", "--level", "frame"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    index = read_json(tmp_path / "c" / "result.json")["index"]
    assert index["kind"] == "ivf"
    assert 0.98 <= index["recall"] <= 1
    assert f"index.faiss: ivf, recall {index['recall']:.3f}, measured on a sample" in done.output


@pytest.mark.parametrize(("run", "k"), [("clips", 3), ("clips", 5), ("frames", 3)])
def test_the_csv_counts_items_and_patients_and_names_medoids(work, run, k):
    table = sslecho.Predictions.load(work / run).table.to_pylist()
    rows = rows_of(work / run / "naming" / f"clusters_{k}.csv")
    assert list(rows[0]) == ["cluster", "k", "n_items", "n_patients", "medoids", "name"]
    for row in rows:
        inside = [item for item in table if item[f"cluster_{k}"] == int(row["cluster"])]
        assert (int(row["n_items"]), row["k"], row["name"]) == (len(inside), str(k), "")
        assert int(row["n_patients"]) == len({item["patient_id"] for item in inside})
        shown = [item for item in inside if item["split"] != "test"] or inside
        best = max(shown, key=lambda item: item[f"confidence_{k}"])
        name = best["clip_id"] if run == "clips" else f"{best['clip_id']}#{best['frame_index']}"
        assert row["medoids"].split()[0] == name
        named = {medoid.split("#")[0] for medoid in row["medoids"].split()}
        assert named <= {item["clip_id"] for item in shown}


def test_the_sheet_shows_the_frames_of_the_csv(work):
    sheet = np.asarray(Image.open(work / "clips" / "naming" / "sheet_3.png"))
    store = sslecho.Store.open(work / "store")
    row = rows_of(work / "clips" / "naming" / "clusters_3.csv")[0]
    clip = store.column("clip_id").tolist().index(row["medoids"].split()[0])
    frame = store.read(np.array([store.clips["first_frame"].to_pylist()[clip] + 1]))[0]  # the middle one of two
    assert any(
        (sheet[top : top + 32, left : left + 32] == frame).all()
        for top in range(sheet.shape[0] - 31)
        for left in range(sheet.shape[1] - 31)
        if sheet[top, left] == frame[0, 0] and sheet[top + 31, left + 31] == frame[31, 31]
    )


def test_names_become_labels_that_every_command_reads(work, tmp_path):
    file = filled_in(work / "clips" / "naming" / "clusters_3.csv", tmp_path / "n.csv", ["disk", "", " disk "])
    shutil.copytree(work / "clips", tmp_path / "run")
    labels = name_clusters(tmp_path / "run", file)
    of_clips, of_frames = labels_of_clips(labels)
    table = sslecho.Predictions.load(work / "clips").table.to_pylist()
    assert of_clips == {item["clip_id"]: "disk" for item in table if item["cluster_3"] != 1}
    assert not of_frames
    said = read_json(tmp_path / "run" / "named" / "result.json")
    assert said["n_named"] == len(of_clips)
    assert said["coverage"] == len(of_clips) / 24
    assert (said["k"], said["n"], said["n_patients"], said["clusters_named"]) == (3, 24, 8, 2)
    assert said["labels"] == {"disk": len(of_clips)}


def test_names_of_frames_are_labels_of_frames(work, tmp_path):
    shutil.copytree(work / "frames", tmp_path / "run")
    file = filled_in(work / "frames" / "naming" / "clusters_3.csv", tmp_path / "n.csv", ["x", "y", ""])
    of_clips, of_frames = labels_of_clips(name_clusters(tmp_path / "run", file))
    table = sslecho.Predictions.load(work / "frames").table.to_pylist()
    assert not of_clips
    assert of_frames == {
        (item["clip_id"], item["frame_index"]): "xy"[item["cluster_3"]] for item in table if item["cluster_3"] < 2
    }


def test_nothing_identifying_is_written(work):
    """Only ids of clips, which are keyed hashes in a store of real files: no patient, path or label."""
    text = (work / "clips" / "naming" / "clusters_5.csv").read_text(encoding="utf-8")
    table = sslecho.Predictions.load(work / "clips").table
    assert not any(word in text for word in {*table["patient_id"].to_pylist(), *table["label"].to_pylist(), "/"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("cluster,name\n0,a\n", "lacks the column k"),
        ("cluster,k,name\n0,3,\n1,3, \n", "names no cluster"),
        ("cluster,k,name\n0,4,a\n", r"line 2: k = 4 was not clustered \(here: 3, 5\)"),
        ("cluster,k,name\n3,3,a\n", "line 2: cluster 3 of k = 3; they are numbered from 0 to 2"),
        ("cluster,k,name\n0,3,a\n0,3,b\n", "line 3: cluster 0 stands in the file twice"),
        ("cluster,k,name\nx,3,a\n", "line 2: k '3' and cluster 'x' must be whole numbers"),
        ("cluster;k;name\n0;3;a\n1;5;b\n", "its rows are of k = 3, 5"),
        ("cluster,k,name,medoids\n0,3,a,nobody\n", "was filled in for another clustering"),
    ],
)
def test_wrong_files_are_refused(work, tmp_path, content, said):
    file = tmp_path / "n.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        name_clusters(work / "clips", file)
    assert not (work / "clips" / "named").exists()


def test_no_clustering_there(work, tmp_path):
    with pytest.raises(NounError, match="holds no finished predictions"):
        name_clusters(tmp_path, work / "clips" / "naming" / "clusters_3.csv")


def test_the_command_reads_names_when_all_is_done(work, tmp_path):
    file = filled_in(work / "clips" / "naming" / "clusters_3.csv", tmp_path / "n.csv", ["a", "b", "c"])
    shutil.copytree(work / "clips", tmp_path / "run")
    before = (tmp_path / "run" / "result.json").read_bytes()
    sslecho.cluster(work / "emb", tmp_path / "run", k=(3, 5), names=str(file))
    assert (tmp_path / "run" / "result.json").read_bytes() == before
    assert len(rows_of(tmp_path / "run" / "named" / "labels.csv")) == 24


def test_the_command_says_what_names_cost_and_what_they_brought(work, tmp_path):
    command = ["cluster", str(work / "emb"), "-o", str(tmp_path / "run"), "--k", "3", "--purity", "--device", "cpu"]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    assert "labeling cost: name 3 images per cluster (" in first.output
    assert "raw pixels: " in first.output
    assert "are labeled" not in first.output
    rows = pq.read_table(tmp_path / "run" / "scores.parquet").to_pylist()
    named = {row["source"] for row in rows if row["metric"] == "naming_precision" and row["by"] is None}
    assert named == {"encoder", "pixels", "random"}
    assert {row["by"] for row in rows} == {None, "label", "patient", "images, agreement"}
    row = read_json(tmp_path / "run" / "result.json")["results"][0]
    assert row["purity_low"] <= row["purity"] <= row["purity_high"]
    file = filled_in(tmp_path / "run" / "naming" / "clusters_3.csv", tmp_path / "n.csv", ["a", "", "c"])
    again = CliRunner().invoke(app, [*command, "--names", str(file)])
    assert again.exit_code == 0, again.output
    assert "2 of 3 clusters have names" in again.output
