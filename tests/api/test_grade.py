"""`grade` from graded frames to figures, its arms, and what it refuses."""

import csv
import json

import numpy as np
import pyarrow as pa
import pytest
from spied_fit import splits_of, spy
from typer.testing import CliRunner

import sslecho
from sslecho.api.grade_rows import GradedFrames
from sslecho.api.grade_scores import _raters
from sslecho.cli.app import app
from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError, NounError, SslechoError
from sslecho.models.encoder import Encoder
from sslecho.objectives.grade import Grade, GradeHead
from sslecho.tasks.grade import Errors
from sslecho.tasks.grader import Grader
from sslecho.train.learner import Learner

QUICK = {"epochs": 2, "min_steps": 60, "batch_size": 16, "policy": "none", "lr": 3e-3, "workers": 1}
NEW = {"backbone": "test_resnet", "image_size": 32}


def draw_graded(path, *, patients=16, size=32):
    """Bars across and down, whose contrast is the grade, 0 to 10; two frames a clip, of neighboring grades."""
    rng = np.random.default_rng(5)
    across, down = np.meshgrid(np.arange(size), np.arange(size))
    shapes = {"across": np.abs(down - size // 2) < 5, "down": np.abs(across - size // 2) < 5}
    with StoreWriter(path, (size, size), unit="patient") as writer:
        for patient in range(patients):
            for name, shape in shapes.items():
                for clip in range(3):
                    first = int(rng.integers(0, 10))
                    grades = [float(first), float(first + 1)]
                    frames = [60 + 16 * g * shape + rng.normal(scale=4, size=(size, size)) for g in grades]
                    writer.add_clip(
                        np.clip(np.stack(frames), 0, 255).astype(np.uint8),
                        {
                            "clip_id": f"{patient:02d}{name}{clip}",
                            "patient_id": f"p{patient:02d}",
                            "label": name,
                            "source_id": f"s{patient:02d}{name}{clip}",
                        },
                        {"grade": grades},
                    )
        store = writer.commit()
    return sslecho.split(store, test=0.3, val=0.2, seed=1, overwrite=True)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A store of graded frames, and a grader of them from scratch; not to be changed."""
    folder = tmp_path_factory.mktemp("grade")
    draw_graded(folder / "store")
    sslecho.grade(folder / "store", folder / "scratch", arm="scratch", **NEW, **QUICK)
    return folder


def test_figures_are_of_the_test_split_and_the_model_says_the_same(work):
    predictions = sslecho.Predictions.load(work / "scratch")
    result, table = predictions.scores, predictions.table.to_pylist()
    tested = [row for row in table if row["split"] == "test"]
    by_clip = {}
    for row in tested:
        by_clip.setdefault(row["clip_id"], []).append((row["grade"], row["predicted_grade"]))
    errors = [np.mean([p for _, p in pairs]) - np.mean([g for g, _ in pairs]) for pairs in by_clip.values()]
    assert result["mse"] == pytest.approx(np.mean(np.square(errors)))
    assert result["n"] == len(by_clip)
    train = [row["grade"] for row in table if row["split"] == "train"]
    assert result["constant"] == pytest.approx(np.mean(train))
    assert result["mse"] < result["mse_constant"] / 2
    assert result["qwk"] > 0.5
    assert set(result["per_view"]) == {"across", "down"}
    assert result["scale"] == [0, 10]
    assert (result["raters"], result["view_accuracy_by_grade"], result["views"]) == (None, None, [])
    with (work / "scratch" / "grades_of_clips.csv").open() as file:
        of_clips = {row["clip_id"]: row for row in csv.DictReader(file)}
    assert len(of_clips) == 96
    for clip_id, pairs in by_clip.items():
        assert float(of_clips[clip_id]["predicted_grade"]) == pytest.approx(np.mean([p for _, p in pairs]), abs=1e-3)
        assert float(of_clips[clip_id]["highest"]) == pytest.approx(max(p for _, p in pairs), abs=1e-3)
    with (work / "scratch" / "grades_of_frames.csv").open() as file:
        assert [float(row["grade"]) for row in csv.DictReader(file)] == [row["grade"] for row in table]
    assert (work / "scratch" / "grades.png").read_bytes()[:4] == b"\x89PNG"
    model, store = Grader.load(work / "scratch"), Store.open(work / "store")
    said = model.grades(store.read, np.arange(6))
    np.testing.assert_allclose(said, [row["predicted_grade"] for row in table[:6]], rtol=1e-4)
    assert set(model.encoder.provenance["units"]) == {row["unit_id"] for row in table if row["split"] == "train"}


def test_the_frozen_arm_leaves_the_encoder_and_frames_can_be_scored(work, tmp_path):
    how = {"arm": "frozen", "encoder": str(work / "scratch"), "loss": "ordinal", "level": "frame"}
    result = sslecho.grade(work / "store", tmp_path / "frozen", **how, **QUICK).scores
    assert Encoder.load(tmp_path / "frozen").hash() == Encoder.load(work / "scratch").hash()
    assert result["mse"] < result["mse_constant"]
    assert result["n"] == 2 * sslecho.Predictions.load(work / "scratch").scores["n"]


def test_the_command_learns_views_beside_grades_and_compares_with_raters(work, tmp_path):
    store = Store.open(work / "store")
    rows = [
        {"clip_id": clip, "frame": frame, "grade": grade, "rater_1": grade, "rater_2": grade + 1}
        for clip, frame, grade in zip(
            store.column("clip_id", level="frame"),
            store.column("frame_index", level="frame"),
            store.column("grade", level="frame"),
            strict=True,
        )
    ]
    with (tmp_path / "grades.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    flags = f"--arm multitask --encoder {work / 'scratch'} --labels {tmp_path / 'grades.csv'} --raters rater_1,rater_2 "
    flags += "--epochs 1 --min-steps 12 --batch-size 16 --policy none --workers 1 --json"
    said = CliRunner().invoke(app, ["grade", str(work / "store"), "-o", str(tmp_path / "m"), *flags.split()])
    assert said.exit_code == 0, said.output
    result = json.loads(said.stdout.splitlines()[-1])
    assert result["raters"]["mse"] == 1
    assert result["raters"]["mse_over_raters"] == pytest.approx(result["raters"]["grader_mse"])
    assert result["raters"]["irreducible"] == 0.25
    assert result["views"] == ["across", "down"]
    table = sslecho.Predictions.load(tmp_path / "m").table.to_pylist()
    tested = [row for row in table if row["split"] == "test"]
    bins = result["view_accuracy_by_grade"]
    assert sum(row["n"] for row in bins) == len(tested)
    poor = [row["predicted_view"] == row["label"] for row in tested if row["grade"] <= 2]
    assert bins[0]["accuracy"] == pytest.approx(np.mean(poor))
    assert (bins[0]["low"], bins[0]["high"]) == (0, 2)
    assert Grader.load(tmp_path / "m").views == ("across", "down")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "--arm transfer needs --encoder"),
        ({"arm": "frozen"}, "--arm frozen needs --encoder"),
        ({"grade_column": "marks"}, "has no column 'marks'"),
        ({"grade_column": "label"}, r"column 'label' holds 'across', and a grade must be a number"),
        ({"scale": (3, 10)}, r"grades lie in \[0, 10\]; widen it"),
        ({"scale": (10, 0)}, "two whole numbers, the lower one first"),
        ({"raters": ("rater_1",)}, "name it with --labels"),
        ({"loss": "coral"}, "choose one of: mse, ordinal"),
        ({"labels": "flat.csv"}, "have the grade 4, so there is nothing to learn"),
        ({"labels": "train.csv"}, "no frame of split test has a grade"),
        ({"labels": "nan.csv"}, "must be"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(work, tmp_path, options, said):
    clips = Store.open(work / "store").clips.to_pylist()
    for name, lines in {
        "flat.csv": [(clip["clip_id"], "4") for clip in clips],
        "train.csv": [(clip["clip_id"], str(i % 7)) for i, clip in enumerate(clips) if clip["split"] == "train"],
        "nan.csv": [(clip["clip_id"], "nan") for clip in clips],
    }.items():
        (tmp_path / name).write_text("clip_id,grade\n" + "".join(f"{clip},{grade}\n" for clip, grade in lines))
    if "labels" in options:
        options = {**options, "labels": str(tmp_path / options["labels"])}
    arm = {} if said.startswith("--arm") else {"arm": "scratch"}
    with pytest.raises(SslechoError, match=said):
        sslecho.grade(work / "store", tmp_path / "out", **{**QUICK, **NEW, **arm, **options})
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_grader_is_told(work, tmp_path):
    with pytest.raises(NounError, match=r"holds no grader .*`sslecho grade` wrote"):
        Grader.load(tmp_path)
    with pytest.raises(NounError, match="'sslecho.grader' version 1, not 'sslecho.classifier'"):
        sslecho.finetune(work / "store", tmp_path / "o", encoder=str(work / "scratch"), head="keep")


def test_only_train_is_learned_from_and_val_decides(work, tmp_path, monkeypatch):
    kept = spy(monkeypatch)
    how = {**QUICK, **NEW, "min_steps": 6, "epochs": 1, "lam": 0.3, "layer_decay": 0.5}
    sslecho.grade(work / "store", tmp_path / "m", arm="multitask", **how)
    store = Store.open(work / "store")
    assert splits_of(store, kept.frames.rows) == {"train"}
    assert splits_of(store, kept.watch._rows) == {"val"}
    learned = kept.objective.settings
    assert (learned.lam, kept.plan.take_best, kept.plan.layer_decay) == (0.3, True, 0.5)
    encoder = Encoder("test_resnet", image_size=32, mean=0.3, std=0.2)
    wrong, right = (Errors(store.read, kept.watch._rows, kept.watch._truth + off) for off in (5.0, 0.0))
    head = GradeHead(encoder.dim, (0, 10), loss="mse", mean=float(kept.watch._truth.mean()))
    module = Learner(encoder, Grade(encoder, learned, head=head)).eval()
    assert right.check(module, step=1, total=2)["val_score"] > wrong.check(module, step=1, total=2)["val_score"]


def with_grades(work, path, change):
    """A CSV of all clips' grades after `change(clip, number)`; None leaves one out."""
    rows = Store.open(work / "store").clips.to_pylist()
    said = [(clip["clip_id"], change(clip, number)) for number, clip in enumerate(rows)]
    path.write_text("clip_id,grade\n" + "".join(f"{clip},{grade}\n" for clip, grade in said if grade is not None))
    return str(path)


def test_test_grades_decide_neither_the_scale_nor_what_stands_there(work, tmp_path):
    how = {**QUICK, **NEW, "arm": "scratch", "min_steps": 3, "epochs": 1}
    high = with_grades(work, tmp_path / "high.csv", lambda clip, n: n % 7 + 10 * (clip["split"] == "test"))
    with pytest.raises(InputError, match=r"lie in \[0, 6\] and those of test in \[10, 16\]: say the scale"):
        sslecho.grade(work / "store", tmp_path / "o", labels=high, **how)
    sslecho.grade(work / "store", tmp_path / "o", labels=high, scale=(0, 20), **how)
    low = with_grades(work, tmp_path / "low.csv", lambda clip, n: n % 7)
    with pytest.raises(InputError, match="labels"):
        sslecho.grade(work / "store", tmp_path / "o", labels=low, scale=(0, 20), **how)


def test_whoever_was_learned_from_is_noted(work, tmp_path):
    store = Store.open(work / "store")
    first = next(clip["unit_id"] for clip in store.clips.to_pylist() if clip["split"] == "train")
    few = with_grades(
        work,
        tmp_path / "few.csv",
        lambda clip, n: n % 7 if clip["split"] != "train" or clip["unit_id"] == first else None,
    )
    how = {**QUICK, **NEW, "arm": "multitask", "min_steps": 3, "epochs": 1, "scale": (0, 10)}
    sslecho.grade(work / "store", tmp_path / "o", labels=few, **how)
    trained = {clip["unit_id"] for clip in store.clips.to_pylist() if clip["split"] == "train"}
    assert set(Encoder.load(tmp_path / "o").provenance["units"]) == trained


def test_what_no_grader_can_avoid_is_half_of_what_two_raters_differ_by(tmp_path):
    rng = np.random.default_rng(0)
    n = 4000
    true = rng.uniform(3, 7, n)
    raters = true[:, None] + rng.normal(scale=0.7, size=(n, 2))
    rows = np.arange(n)
    frames = Embeddings(np.zeros((n, 0), np.float32), pa.table({"row": rows}), {})
    found = GradedFrames(frames, raters.mean(1), raters, rows[:0], rows[:0], rows)
    told = _raters(found, true)
    assert told["mse"] == pytest.approx(2 * 0.49, rel=0.05)
    assert told["grader_mse"] == pytest.approx(0.49 / 2, rel=0.05)
    assert told["mse_over_irreducible"] == pytest.approx(1, rel=0.08)
    agreed = GradedFrames(frames, raters[:, 0], raters[:, [0, 0]], rows[:0], rows[:0], rows)
    assert _raters(agreed, true)["mse_over_irreducible"] is None
