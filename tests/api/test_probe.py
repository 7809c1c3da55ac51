"""`probe` from embeddings to figures, sets and a model, and what happens when something is wrong."""

import json

import numpy as np
import pytest
from drawn_store import draw_store
from typer.testing import CliRunner

import sslecho
from sslecho.cli.app import app
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError, NounError
from sslecho.rundir import read_json
from sslecho.tasks.probe_model import ProbeModel

KEYS = "accuracy balanced_accuracy macro_f1 auroc ece per_class n n_patients split level unit out".split()


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Embeddings of 80 patients, 40 of them in val; not to be changed."""
    folder = tmp_path_factory.mktemp("probe")
    store = draw_store(folder / "store", patients=80, clips=3, frames=1)
    sslecho.split(store, test=0.25, val=0.25, seed=3, overwrite=True)
    sslecho.embed(folder / "store", folder / "emb", encoder="pixels")
    return folder


def with_labels(work, path, change):
    """A CSV with the store's labels after `change(clip)`; None leaves the clip out."""
    rows = [(clip["clip_id"], change(clip)) for clip in sslecho.Store.open(work / "store").clips.to_pylist()]
    path.write_text("clip_id,label\n" + "".join(f"{clip},{label}\n" for clip, label in rows if label))
    return str(path)


@pytest.mark.parametrize("kind", ["linear", "knn"])
@pytest.mark.parametrize("level", ["clip", "frame"])
def test_the_result_has_all_figures_and_they_are_of_the_test_split(work, tmp_path, kind, level):
    predictions = sslecho.probe(work / "emb", tmp_path / "p", kind=kind, level=level)
    result, table = predictions.scores, predictions.table.to_pylist()
    assert set(KEYS) <= set(result)
    tested = [row for row in table if row["split"] == "test"]
    right = [row["prediction"] == row["label"] for row in tested]
    assert result["accuracy"] == pytest.approx(np.mean(right))
    assert result["accuracy"] > 0.8
    assert (result["n"], result["n_patients"]) == (len(tested), len({row["patient_id"] for row in tested}))
    assert result["accuracy_low"] <= result["accuracy"] <= result["accuracy_high"]
    assert result["per_class"].keys() == {"across", "disk", "down"}
    assert result["n_train"] == sum(row["split"] == "train" for row in table)
    for row in table:
        assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-5)
        assert row["confidence"] == pytest.approx(max(row["probabilities"]))
    of_patient = {}
    for row in tested:
        of_patient.setdefault(row["patient_id"], []).append(row["label"] in row["set"])
    held = np.mean([np.mean(values) for values in of_patient.values()])
    assert result["sets"]["coverage"] == pytest.approx(held)
    assert result["sets"]["mean_size"] == pytest.approx(np.mean([len(row["set"]) for row in tested]))


def test_the_model_says_the_same_of_the_same_embeddings(work, tmp_path):
    for kind in ("linear", "knn"):
        predictions = sslecho.probe(work / "emb", tmp_path / kind, kind=kind)
        model = ProbeModel.load(tmp_path / kind)
        clips = Embeddings.load(work / "emb").per_clip()
        said = model.probabilities(np.asarray(clips.vectors))
        np.testing.assert_allclose(said, np.array(predictions.table["probabilities"].to_pylist()), atol=1e-6)
        assert model.classes == ["across", "disk", "down"]
        names = np.array(model.classes)
        sets = model.sets(np.asarray(clips.vectors))
        assert sets is not None
        assert [names[held].tolist() for held in sets] == predictions.table["set"].to_pylist()
    (tmp_path / "knn" / "model" / "model.safetensors").write_bytes(b"x")
    with pytest.raises(NounError, match="is not what config.json describes"):
        ProbeModel.load(tmp_path / "knn")
    with pytest.raises(NounError, match="holds no probe"):
        ProbeModel.load(tmp_path)


def test_labels_of_test_patients_teach_nothing(work, tmp_path):
    """Other labels in the test split leave every probability as it is."""
    turned = {"across": "disk", "disk": "down", "down": "across"}
    csv = with_labels(
        work, tmp_path / "turned.csv", lambda c: turned[c["label"]] if c["split"] == "test" else c["label"]
    )
    plain, other = sslecho.probe(work / "emb", tmp_path / "a"), sslecho.probe(work / "emb", tmp_path / "b", labels=csv)
    assert plain.table["probabilities"] == other.table["probabilities"]
    assert other.scores["accuracy"] < 0.2


def test_shuffled_labels_are_at_chance(work, tmp_path):
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        csv = with_labels(work, tmp_path / "shuffled.csv", lambda c, rng=rng: str(rng.choice(["a", "b", "c"])))
        found.append(sslecho.probe(work / "emb", tmp_path / str(seed), labels=csv).scores["balanced_accuracy"])
    assert np.mean(found) == pytest.approx(1 / 3, abs=3 * (2 / 9 / 300) ** 0.5)  # 5 x 60 clips


def test_a_class_that_is_not_learned_is_an_open_set(work, tmp_path):
    scores = sslecho.probe(work / "emb", tmp_path / "p", open_set=("disk",)).scores
    assert scores["per_class"].keys() == {"across", "down"}
    assert scores["open_set"]["classes"] == ["disk"]
    assert scores["open_set"]["auroc"] > 0.7
    assert scores["n"] + scores["open_set"]["n"] == sslecho.probe(work / "emb", tmp_path / "q").scores["n"]
    csv = with_labels(
        work, tmp_path / "new.csv", lambda c: "new" if c["split"] == "test" and c["label"] == "disk" else c["label"]
    )
    scores = sslecho.probe(work / "emb", tmp_path / "r", labels=csv).scores
    assert any("classes of test that train has not: new" in warning for warning in scores["warnings"])
    assert scores["per_class"]["disk"]["recall"] is None
    assert any("no test item is of class disk" in warning for warning in scores["warnings"])


def test_few_patients_in_val_make_no_promise_and_none_no_calibration(work, tmp_path):
    val = sorted({c["patient_id"] for c in sslecho.Store.open(work / "store").clips.to_pylist() if c["split"] == "val"})
    csv = with_labels(
        work,
        tmp_path / "few.csv",
        lambda c: None if c["split"] == "val" and c["patient_id"] not in val[:5] else c["label"],
    )
    scores = sslecho.probe(work / "emb", tmp_path / "p", labels=csv).scores
    assert scores["sets"] is None
    assert "split val has 5 labeled patients, and a promise of 95 % needs at least 19" in scores["warnings"][0]
    csv = with_labels(work, tmp_path / "none.csv", lambda c: None if c["split"] == "val" else c["label"])
    scores = sslecho.probe(work / "emb", tmp_path / "q", labels=csv).scores
    assert scores["temperature"] == 1
    assert scores["ece"] == pytest.approx(scores["ece_uncalibrated"])
    assert "not calibrated" in scores["warnings"][0]


def test_what_val_lacks_and_whom_the_encoder_has_seen_is_said(work, tmp_path):
    def change(c):
        if c["split"] == "val" and c["label"] == "disk":
            return "strange"
        return c["label"]

    csv = with_labels(work, tmp_path / "l.csv", change)
    scores = sslecho.probe(work / "emb", tmp_path / "p", labels=csv).scores
    said = " ".join(scores["warnings"])
    assert "no val item is of class disk" in said
    assert "classes of val that train has not: strange; their items are left out" in said
    csv = with_labels(
        work, tmp_path / "o.csv", lambda c: "odd" if c["split"] == "train" and c["label"] == "disk" else c["label"]
    )
    scores = sslecho.probe(work / "emb", tmp_path / "q", labels=csv, open_set=("odd",)).scores
    assert "--open-set odd: no test item has this label" in " ".join(scores["warnings"])
    assert scores["open_set"]["classes"] == ["disk"]


def test_a_patient_in_two_splits_and_vectors_that_are_no_numbers(work, tmp_path):
    clips = Embeddings.load(work / "emb")
    split = clips.column("split")
    first = clips.column("patient_id") == clips.column("patient_id")[split == "test"][0]
    split[np.flatnonzero(first)[0]] = "train"
    moved = clips.with_columns(split=split)
    alone = Embeddings(np.array(clips.vectors), moved.rows, {**clips.meta, "store_path": None}, None)
    said = " ".join(sslecho.probe(alone, tmp_path / "p", level="frame").scores["warnings"])
    assert "1 patients are in test and in train or val" in said
    alone.vectors[3, 2] = np.nan
    with pytest.raises(InputError, match="embed again"):
        sslecho.probe(alone, tmp_path / "q", level="frame")
    assert not (tmp_path / "q").exists()


def test_a_class_of_one_patient_is_said(work, tmp_path):
    first = next(c for c in sslecho.Store.open(work / "store").clips.to_pylist() if c["split"] == "train")
    csv = with_labels(work, tmp_path / "l.csv", lambda c: "rare" if c["clip_id"] == first["clip_id"] else c["label"])
    scores = sslecho.probe(work / "emb", tmp_path / "p", labels=csv).scores
    assert any("class 'rare' has one patient in train" in warning for warning in scores["warnings"])


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda c: "disk", {}, "split train has one class \\(disk\\)"),
        (lambda c: None if c["split"] == "train" else c["label"], {}, "split train has no labeled item"),
        (lambda c: None if c["split"] == "test" else c["label"], {}, "no item of split test has a class"),
        (lambda c: c["label"], {"open_set": ("heart",)}, "--open-set heart: no item has this label; there are: across"),
        (lambda c: c["label"], {"confidence": 2.0}, "confidence is 2.0"),
    ],
)
def test_bad_input_is_named_and_leaves_no_folder(work, tmp_path, change, options, said):
    csv = with_labels(work, tmp_path / "l.csv", change)
    with pytest.raises(sslecho.errors.SslechoError, match=said):
        sslecho.probe(work / "emb", tmp_path / "p", labels=csv, **options)
    assert not (tmp_path / "p").exists()


def test_without_a_split_it_says_how_to_make_one(tmp_path):
    draw_store(tmp_path / "store", split=False)
    sslecho.embed(tmp_path / "store", tmp_path / "emb", encoder="pixels")
    with pytest.raises(InputError, match="sslecho split STORE"):
        sslecho.probe(tmp_path / "emb", tmp_path / "p")


def test_from_the_shell(work, tmp_path):
    words = ["probe", str(work / "emb"), "-o", str(tmp_path / "p"), "--open-set", "disk"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    for line in (
        "balanced accuracy",
        "F1 across",
        "sets that are to hold the truth in 95 %",
        "tells disk from what is known",
    ):
        assert line in done.output
    again = CliRunner().invoke(app, [*words, "--json"])
    assert (
        json.loads(again.stdout.splitlines()[-1])["accuracy"] == read_json(tmp_path / "p" / "result.json")["accuracy"]
    )
    other = CliRunner().invoke(app, [*words, "--kind", "knn"])
    assert other.exit_code == 2
    assert "kind was 'linear' and is now 'knn'" in other.output


def test_attention_pools_the_frames_of_a_clip(tmp_path):
    store = draw_store(tmp_path / "store", patients=24, clips=3, frames=3)
    sslecho.split(store, test=0.25, val=0.25, seed=3, overwrite=True)
    embeddings = sslecho.embed(tmp_path / "store", tmp_path / "emb", encoder="pixels")
    predictions = sslecho.probe(tmp_path / "emb", tmp_path / "p", kind="attention")
    result, table = predictions.scores, predictions.table.to_pylist()
    assert len(table) == 72
    assert result["accuracy"] > 0.8
    model = ProbeModel.load(tmp_path / "p")
    place = {row["clip_id"]: number for number, row in enumerate(table)}
    # Frames in another order are the same clips.
    order = np.random.default_rng(0).permutation(len(embeddings))
    clips = np.array([place[clip] for clip in embeddings.column("clip_id")])[order]
    said = model.probabilities(np.asarray(embeddings.vectors)[order], clips=clips)
    np.testing.assert_allclose(said, [row["probabilities"] for row in table], atol=1e-6)
    with pytest.raises(InputError, match=r"`clips` of each"):
        model.probabilities(np.asarray(embeddings.vectors))
    with pytest.raises(InputError, match="--kind attention pools the frames"):
        sslecho.probe(tmp_path / "emb", tmp_path / "q", kind="attention", level="frame")
