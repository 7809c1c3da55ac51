"""`sslecho review` as a command and a function: labels.csv is read back, and what is wrong is said."""

import csv
import json
import re

import pytest
from reviewed import CLASSES, desk_of, make_clusters
from typer.testing import CliRunner

import sslecho
from sslecho.api.audit_sample import read_checked
from sslecho.cli.app import app
from sslecho.data.labels import read_labels
from sslecho.data.relabel import labels_of_clips, relabel
from sslecho.data.store import Store
from sslecho.errors import InputError, NounError
from sslecho.rundir import read_json


@pytest.fixture
def run(tmp_path):
    return make_clusters(tmp_path)


def cells(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_labels_are_read_back_by_whoever_reads_labels(run, tmp_path):
    with desk_of(run) as desk:
        for group in range(3):
            desk.board.name(group, CLASSES[group])
        desk.do({"do": "label", "items": [4], "name": "=cmd()"})
        desk.audit.draw()
        desk.audit.answer(0, False)
    path = sslecho.review(run, serve=False)
    assert path == run / "review" / "labels.csv"
    of_clips, of_frames = labels_of_clips(path)
    assert not of_frames
    rows = cells(path)
    assert {row["clip_id"]: row["label"] for row in rows} == of_clips
    truth = dict(zip(*(Store.open(tmp_path / "store").column(name) for name in ("clip_id", "label")), strict=True))
    named = [row for row in rows if row["source"] in ("named", "known")]
    assert len(named) > 15
    assert all(truth[row["clip_id"]] == row["label"] for row in named)
    assert [row["label"] for row in rows if row["source"] == "labeled"] == ["'=cmd()"]
    assert read_labels(path).dropped == ["source", "cluster", "confidence"]
    store = relabel(Store.open(tmp_path / "store"), path)
    assert set(of_clips.values()) <= set(store.column("label"))
    (answer,) = [answer for answer in read_checked(run / "review" / "audit.csv") if answer.right is not None]
    assert answer.right is False


def test_frames_are_named_as_frames(tmp_path):
    run = make_clusters(tmp_path, level="frame")
    with desk_of(run) as desk:
        desk.board.name(1, "disk")
        desk.export()
        _, of_frames = labels_of_clips(run / "review" / "labels.csv")
        named = desk.board.merely_named
    assert sum(label == "disk" for label in of_frames.values()) >= named.sum() > 0


def test_the_command_prints_what_the_naming_bought(run):
    with desk_of(run, k=2) as desk:
        desk.board.name(0, "across")
    done = CliRunner().invoke(app, ["review", str(run), "--k", "2", "--no-serve", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said == read_json(run / "review" / "result.json")
    assert {
        "out",
        "labels_csv",
        "n",
        "n_patients",
        "split",
        "unit",
        "coverage",
        "names",
        "audit",
        "said",
    } <= said.keys()
    assert said["k"] == 2
    assert said["names"] == 1
    assert 0 < said["coverage"] < 1
    assert done.stderr.splitlines()[-1].startswith(f"wrote {run}/review/labels.csv; next: sslecho probe")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--k", "7"], r"--k 7 was not clustered; choose one of: 2, 4"),
        (["--host", "0.0.0.0"], r"say with --allow-host"),
        (["--port", "70000"], r"port is 70000; it must be at most 65535"),
    ],
)
def test_wrong_input_is_exit_2(run, words, message):
    done = CliRunner().invoke(app, ["review", str(run), *words])
    assert done.exit_code == 2
    assert re.search(message, done.output)
    assert "Traceback" not in done.output
    assert not (run / "review").exists()


def test_another_runs_review_is_not_gone_on_with(run, tmp_path):
    other = make_clusters(tmp_path / "other", patients=6)
    sslecho.review(run, tmp_path / "kept", serve=False)
    with pytest.raises(InputError, match="review of another clustering"):
        sslecho.review(other, tmp_path / "kept", serve=False)
    with pytest.raises(NounError, match="no finished predictions"):
        sslecho.review(tmp_path, serve=False)


def test_what_is_gone_is_noted_and_the_rest_can_be_reviewed(run, tmp_path):
    (tmp_path / "store").rename(tmp_path / "moved")
    (tmp_path / "emb").rename(tmp_path / "moved_too")
    with desk_of(run) as desk:
        assert len(desk.items.notes) == 2
        desk.board.name(0, "across")
        with pytest.raises(InputError, match="no pictures"):
            desk.pictures.small(0)
        with pytest.raises(InputError, match="embeddings are gone"):
            desk.do({"do": "split", "group": 0})
        assert desk.export()["coverage"] > 0
