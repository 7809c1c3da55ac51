"""`predict`: new files to labels, grades and abstentions, and nothing that names anyone."""

import csv
import json
import stat
from pathlib import Path

import numpy as np
import pytest
from data.archives import dicom, save_dicom, write_video
from data.test_canaries import archive_of_canaries, assert_no_canary
from data.test_privacy import everything
from drawn_model import VIEWS, draw_classifier, draw_grader, draw_viewer, drawn_encoder
from drawn_store import draw_store
from moving_fan import moving_fan
from typer.testing import CliRunner

import sslecho
from sslecho.api.answers import stored_size
from sslecho.api.predict import predict_with_summary
from sslecho.cli.app import app
from sslecho.data.identity import key_folder
from sslecho.errors import InputError, NounError
from sslecho.rundir import write_json
from sslecho.tasks.classifier import Classifier
from sslecho.tasks.grader import Grader
from sslecho.tasks.viewer import Viewer

pytestmark = pytest.mark.usefixtures("here")

HOW = {"size": 64, "workers": 1}


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    draw_classifier(folder / "classifier")
    draw_grader(folder / "grader")
    draw_grader(folder / "both", loss="ordinal", views=("A4C", "PLAX"))
    drawn_encoder().save(folder / "encoder" / "encoder")
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """Three clips that can be read, one that is cut, and a file that is none."""
    folder = tmp_path_factory.mktemp("new") / "Jane Doe"
    for number in range(2):
        frames = np.stack(moving_fan(5 + number, 160, 200, seed=number))
        save_dicom(folder / f"cine {number}.dcm", dicom(frames, patient=f"DOE-{number}", FrameTime=40))
    write_video(folder / "film.mp4", moving_fan(6, 160, 200, seed=9))
    whole = (folder / "cine 0.dcm").read_bytes()
    (folder / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("Jane Doe")
    return folder


def clips_of(out: Path):
    """The store that predict made, and of each clip its rows."""
    store = sslecho.Store.open(out / "store")
    return store, {name: np.flatnonzero(store.clip_of_frame == n) for n, name in enumerate(store.column("clip_id"))}


def test_clips_are_named_by_the_model_and_bad_files_stop_nothing(models, archive, tmp_path):
    out = tmp_path / "out"
    said = predict_with_summary(archive, out, model=str(models / "classifier"), **HOW)
    assert (said["n"], said["files"], said["accepted"], said["frames"]) == (3, 5, 3, 17)
    model, (store, rows) = Classifier.load(models / "classifier"), clips_of(out)
    table = sslecho.Predictions.load(out).table.to_pylist()
    assert [row["clip_id"] for row in table] == list(rows)
    for row in table:
        frames = rows[row["clip_id"]]
        wanted = model.of_clips(store.read, frames, np.zeros(len(frames), np.int64), 1)[0]
        np.testing.assert_allclose(row["probabilities"], wanted, atol=1e-6)
        assert row["prediction"] == VIEWS[int(wanted.argmax())]
        assert row["set"] == [view for view, p in zip(VIEWS, wanted, strict=True) if 1 - p <= 0.66]
        assert row["abstained"] == (len(row["set"]) != 1)
        assert row["frames"] == len(frames)
    assert said["abstained"] == sum(row["abstained"] for row in table)
    reasons = {Path(item["path"]).name: item["reason"] for item in said["quarantine"]}
    assert set(reasons) == {"cut.dcm", "notes.txt"}
    assert said["frames_per_s"] > 0 < said["clips_per_s"]
    assert {Path(row["path"]).name for row in said["predictions"]} == {"cine 0.dcm", "cine 1.dcm", "film.mp4"}


def test_the_tables_hold_ids_and_the_one_with_paths_is_private(models, archive, tmp_path):
    out = tmp_path / "out"
    predict_with_summary(archive, out, model=str(models / "classifier"), grader=str(models / "grader"), **HOW)
    with (out / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = sslecho.Predictions.load(out).table.to_pylist()
    for row, wanted in zip(rows, table, strict=True):
        assert row["clip_id"] == wanted["clip_id"]
        assert float(row["p(A4C)"]) == pytest.approx(wanted["probabilities"][0], abs=1e-4)
        assert float(row["grade"]) == pytest.approx(wanted["grade"], abs=1e-4)
        assert row["set"] == "|".join(wanted["set"])
        assert row["abstained"] == ("yes" if wanted["abstained"] else "no")
    private = tmp_path / "out.key" / "predictions.csv"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    with private.open() as file:
        assert {row["path"] for row in csv.DictReader(file)} == {"cine 0.dcm", "cine 1.dcm", "film.mp4"}
    page = (out / "predictions.html").read_text()
    assert page.count("<img src=") == 3
    assert "What got no answer" in page
    for word in (b"Jane Doe", b"DOE-0", b"cine 0", b"film.mp4"):
        assert word not in everything(out)


def test_no_canary_leaves_predict(models, tmp_path, capfd):
    source = archive_of_canaries(tmp_path)
    out = tmp_path / "out"
    how = {"kinds": "all", "doubtful": "keep", "patient_from": "regex:(.)", **HOW}
    said = predict_with_summary(source, out, model=str(models / "classifier"), **how)
    assert said["accepted"] >= 5
    assert_no_canary(everything(out))
    assert_no_canary("".join(capfd.readouterr()).encode())
    assert key_folder(out / "store") == tmp_path / "out.key"


def test_nothing_is_left_to_a_person_or_all_as_it_is_asked(models, archive, tmp_path):
    model = str(models / "classifier")
    never = sslecho.predict(archive, tmp_path / "never", model=model, abstain="never", **HOW)
    assert never.scores["abstained"] == 0
    every = sslecho.predict(archive, tmp_path / "all", model=model, least_confidence=1.0, **HOW)
    assert every.scores["abstained"] == 3
    assert every.scores["named"] == {}


def test_a_model_without_sets_says_that_it_leaves_nothing_to_a_person(models, archive, tmp_path, capfd):
    model = str(draw_classifier(tmp_path / "m", q=None))
    said = sslecho.predict(archive, tmp_path / "out", model=model, **HOW)
    assert "promises no sets of classes" in capfd.readouterr().err
    assert said.scores["abstained"] == 0
    assert "set" not in said.table.column_names


def test_frames_get_answers_of_their_own(models, archive, tmp_path):
    out = tmp_path / "out"
    said = sslecho.predict(archive, out, model=str(models / "classifier"), level="frame", **HOW)
    store, _ = clips_of(out)
    wanted = Classifier.load(models / "classifier").of_frames(store.read, np.arange(len(store)))
    np.testing.assert_allclose(said.table["probabilities"].to_pylist(), wanted, atol=1e-6)
    assert any("sets of clips, not of frames" in warning for warning in said.scores["warnings"])
    assert said.table["frame_index"].to_pylist()[:5] == [0, 1, 2, 3, 4]


def test_a_model_of_frames_is_tempered_before_frames_are_averaged(archive, tmp_path):
    folder = draw_classifier(tmp_path / "m", level="frame")
    said = sslecho.predict(archive, tmp_path / "out", model=str(folder), **HOW)
    store, rows = clips_of(tmp_path / "out")
    model = Classifier.load(folder)
    for row in said.table.to_pylist():
        wanted = model.of_frames(store.read, rows[row["clip_id"]]).mean(0)
        np.testing.assert_allclose(row["probabilities"], wanted, atol=1e-6)


def test_a_grader_grades_and_names_the_views_that_it_has_learned(models, archive, tmp_path):
    said = sslecho.predict(archive, tmp_path / "out", model=str(models / "both"), **HOW)
    store, rows = clips_of(tmp_path / "out")
    model = Grader.load(models / "both")
    for row in said.table.to_pylist():
        grades = model.grades(store.read, rows[row["clip_id"]])
        assert row["grade"] == pytest.approx(grades.mean())
        assert (row["lowest_grade"], row["highest_grade"]) == (grades.min(), grades.max())
        of_views = model.view_probabilities(store.read, rows[row["clip_id"]]).mean(0)
        assert row["confidence"] == pytest.approx(of_views.max(), abs=1e-6)
    assert said.scores["scale"] == [2, 6]


def test_a_network_of_clips_names_clips_and_no_frames(archive, tmp_path, monkeypatch):
    monkeypatch.setattr("sslecho.api.answers.FRAMES_AT_ONCE", 6)  # more than one piece
    folder = draw_viewer(tmp_path / "viewer")
    said = sslecho.predict(archive, tmp_path / "out", model=str(folder), **HOW)
    store, _ = clips_of(tmp_path / "out")
    model = Viewer.load(folder)
    logits, centers = model.logits(store)
    wanted = model.aggregated(logits, store.clip_of_frame[centers], store.clips.num_rows)
    np.testing.assert_allclose(said.table["probabilities"].to_pylist(), wanted.probabilities, atol=1e-5)
    np.testing.assert_allclose(said.table["uncertainty"].to_pylist(), wanted.uncertainty, atol=1e-5)
    assert said.table["prediction"].to_pylist() == [VIEWS[code] for code in wanted.answer]
    assert "set" in said.table.column_names
    for how in ({"level": "frame"}, {"live": True}):
        with pytest.raises(InputError, match="names clips by windows of 2 frames"):
            sslecho.predict(archive, tmp_path / "other", model=str(folder), **{**HOW, **how})


def test_the_command_prints_where_answers_are_and_a_second_call_finds_it_done(models, archive, tmp_path):
    call = ["predict", str(archive), "--model", str(models / "classifier"), "-o", str(tmp_path / "out")]
    call += ["--size", "64", "--workers", "1"]
    said = CliRunner().invoke(app, call)
    assert said.exit_code == 0, said.output
    assert "film.mp4" in said.stdout
    assert "frames/s" in said.stdout
    assert "quarantined" in said.stdout
    again = CliRunner().invoke(app, [*call, "--json"])
    result = json.loads(again.stdout.splitlines()[-1])
    assert result["already"] is True
    assert {"out", "n", "n_patients", "split", "unit", "level"} <= set(result)
    other = CliRunner().invoke(app, [*call, "--least-confidence", "0.5"])
    assert other.exit_code == 2
    assert "least_confidence was 0.0 and is now 0.5" in other.output
    more = [*call[:1], str(archive / "film.mp4"), *call[2:]]
    assert CliRunner().invoke(app, more).exit_code == 2  # other files than those that were named


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({}, InputError, "--model is missing: name a run of `sslecho finetune`, `view` or `grade`"),
        ({"model": "encoder"}, InputError, "is an encoder, which names nothing"),
        ({"model": "nowhere"}, NounError, "nowhere holds no model; name the folder of a run"),
        ({"model": "classifier", "grader": "classifier"}, InputError, "is no run of `sslecho grade`"),
        ({"model": "grader", "grader": "grader"}, InputError, "is a grader already; leave --grader out"),
    ],
)
def test_wrong_models_are_refused_before_anything_is_written(models, archive, tmp_path, options, error, said):
    options = {name: str(models / value) for name, value in options.items()}
    with pytest.raises(error, match=said):
        sslecho.predict(archive, tmp_path / "out", **options, **HOW)
    assert not (tmp_path / "out").exists()


def test_files_of_which_none_can_be_named_are_an_error_with_their_reasons(models, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "notes.txt").write_text("none")
    with pytest.raises(InputError, match=r"none of the 1 clips was accepted.*no picture, video or DICOM"):
        sslecho.predict(tmp_path / "new", tmp_path / "out", model=str(models / "classifier"), **HOW)


def test_frames_are_as_large_as_those_that_were_learned_from(models, tmp_path):
    draw_store(tmp_path / "store", size=48)
    (tmp_path / "run" / "predictions").mkdir(parents=True)
    write_json(tmp_path / "run" / "predictions" / "meta.json", {"store": "../store"})
    assert stored_size(tmp_path / "run") == 48
    assert stored_size(models / "classifier") == 256
