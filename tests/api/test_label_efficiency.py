"""`benchmark label-efficiency` from a store to a verdict, and what happens when something is wrong."""

import json

import numpy as np
import pytest
from drawn_store import draw_store
from made_arms import Noisy, arm
from typer.testing import CliRunner

import sslecho
from sslecho.api.label_efficiency_arms import network_arms
from sslecho.api.label_efficiency_settings import LabelEfficiencySettings
from sslecho.cli.app import app
from sslecho.errors import InputError, SslechoError
from sslecho.evaluate.cells import answers
from sslecho.evaluate.scores import Scores
from sslecho.models.encoder import Encoder
from sslecho.rundir import read_json
from sslecho.tasks.probe import LinearProbe

KEYS = "out n n_patients split unit endpoint results differences verdict labels_saved planning".split()
SMALL = {"at": (4,), "supports": 2, "runs": 2, "workers": 1, "device": "cpu"}
LEAST = {**SMALL, "supports": 1, "runs": 1}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A store of 24 patients, an encoder, and a benchmark of it; not to be changed."""
    folder = tmp_path_factory.mktemp("efficiency")
    draw_store(folder / "store", patients=24, clips=3, frames=2)
    encoder = Encoder("test_vit", image_size=32, mean=0.5, std=0.3, provenance={"units": ["p03", "p00"]})
    encoder.save(folder / "run" / "encoder")
    sslecho.label_efficiency(folder / "store", folder / "out", encoder=(str(folder / "run"),), leaky=True, **SMALL)
    return folder


def with_labels(work, path, change):
    """A CSV with the store's labels after `change(clip)`; None leaves the clip out."""
    rows = [(clip["clip_id"], change(clip)) for clip in sslecho.Store.open(work / "store").clips.to_pylist()]
    path.write_text("clip_id,label\n" + "".join(f"{clip},{label}\n" for clip, label in rows if label))
    return str(path)


def test_the_result_has_all_that_is_asked(work):
    result = read_json(work / "out" / "result.json")
    assert set(KEYS) <= set(result)
    assert (result["n"], result["n_patients"], result["split"], result["unit"]) == (18, 6, "test", "patient")
    assert result["numbers"] == [4, 18]
    assert result["runs"] == {"encoder": 1, "untrained": 2, "pixels": 1}
    endpoint = result["endpoint"]
    assert (endpoint["metric"], endpoint["x"], endpoint["against"]) == ("macro_f1", 4, "untrained")
    rows = {(row["arm"], row["x"]): row for row in result["results"]}
    assert set(rows) == {(name, x) for name in result["runs"] for x in (4, 18)}
    row = rows["pixels", 18]
    assert row["all"]
    assert row["macro_f1_low"] <= row["macro_f1"] <= row["macro_f1_high"]
    assert (row["n_labeled"], row["n_labeled_patients"], row["n_labeled_classes"]) == (54, 18, 3)
    assert rows["pixels", 4]["n_labeled_patients"] == 4
    gap = rows["encoder", 4]["macro_f1"] - rows["untrained", 4]["macro_f1"]
    assert endpoint["difference"] == pytest.approx(gap)
    assert result["verdict"].startswith("With 4 labeled patients your encoder is ")
    assert "only 6 test patients: an interval over fewer than 24 is too narrow" in result["verdict"].lower()
    assert "only 2 draws of labels" in result["verdict"].lower()
    assert [row["n_patients"] for row in result["planning"]["rows"]] == [10, 20, 50, 100, 200]
    assert (work / "out" / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert any("your encoder was pretrained on 1 of the 6 test patients" in said for said in result["warnings"])
    assert any("fewer than" not in said for said in result["warnings"])


def test_scores_are_one_tidy_table(work):
    scores = Scores.load(work / "out")
    rows = scores.table.to_pylist()
    result = read_json(work / "out" / "result.json")
    of_cells = [row for row in rows if row["support"] is not None]
    assert len(of_cells) == 3 * 2 * 2 * (1 + 2 + 1)
    for row in result["results"]:
        mine = [r["value"] for r in of_cells if (r["arm"], r["x"], r["metric"]) == (row["arm"], row["x"], "auroc")]
        assert np.mean(mine) == pytest.approx(row["auroc"])
    leaky = [row for row in rows if row["split"] != "test"]
    assert {row["metric"] for row in leaky} == {"macro_f1", "balanced_accuracy", "auroc"}
    assert all("leaky" in row["split"] for row in leaky)
    assert result["leaky"]["said"].startswith("WARNING, not a result")
    assert result["leaky"]["n_patients_learned"] > 0


def test_with_all_labels_pixels_are_the_probe_of_pixels(work):
    """The whole pool, the test split and the classes are those that `embed` and a probe see."""
    sslecho.embed(work / "store", work / "emb", encoder="pixels", device="cpu")
    clips = sslecho.Embeddings.load(work / "emb").per_clip()
    split, vectors = clips.column("split"), np.asarray(clips.vectors)
    classes, codes = np.unique(clips.column("label").astype(str), return_inverse=True)
    cells = Scores.load(work / "out").table.to_pylist()
    seed = next(r["seed"] for r in cells if (r["arm"], r["x"], r["support"]) == ("pixels", 18, 1))
    train, test = split == "train", split == "test"
    probe = LinearProbe(random_state=seed).fit(vectors[train], codes[train], groups=clips.column("unit_id")[train])
    said = answers(work / "out" / "cells" / "pixels" / "x18-s1-r0.npy")
    np.testing.assert_allclose(said, probe.predict_proba(vectors[test]), atol=1e-5)
    assert classes.tolist() == read_json(work / "out" / "result.json")["classes"]


def test_labels_of_test_and_val_teach_nothing(work, tmp_path):
    turned = {"across": "disk", "disk": "down", "down": "across"}
    csv = with_labels(
        work, tmp_path / "turned.csv", lambda c: turned[c["label"]] if c["split"] == "test" else c["label"]
    )
    sslecho.label_efficiency(work / "store", tmp_path / "out", encoder=(str(work / "run"),), labels=csv, **LEAST)
    cells = list((tmp_path / "out" / "cells").rglob("*.npy"))
    assert len(cells) == 3 * 2
    for path in cells:
        plain = work / "out" / "cells" / path.relative_to(tmp_path / "out" / "cells")
        np.testing.assert_array_equal(answers(path), answers(plain))


def test_embeddings_are_taken_as_they_are_and_arms_join(work, tmp_path):
    sslecho.embed(work / "store", tmp_path / "emb", encoder=work / "run", device="cpu")
    options = {**LEAST, "runs": 1, "against": "noisy", "endpoint": "auroc@all"}
    noisy = arm("noisy", Noisy(tmp_path / "log"), n_runs=2)
    sslecho.label_efficiency(
        work / "store", tmp_path / "out", encoder=(f"mine={tmp_path / 'emb'}",), arms=[noisy], **options
    )
    for name in ("x4-s0-r0.npy", "x18-s0-r0.npy"):
        given = answers(tmp_path / "out" / "cells" / "mine" / name)
        np.testing.assert_allclose(given, answers(work / "out" / "cells" / "encoder" / name), atol=1e-5)
    result = read_json(tmp_path / "out" / "result.json")
    assert result["runs"] == {"mine": 1, "untrained": 1, "pixels": 1, "noisy": 2}
    assert result["endpoint"]["against"] == "noisy"
    assert result["endpoint"]["x"] == 18
    assert not (tmp_path / "out" / "embeddings" / "mine-0").exists()
    draw_store(tmp_path / "other", patients=9)
    with pytest.raises(InputError, match="embeddings of other frames"):
        sslecho.label_efficiency(tmp_path / "other", tmp_path / "o", encoder=(str(tmp_path / "emb"),), **SMALL)


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda c: None if c["split"] == "train" else c["label"], {}, "split train has no labeled clip"),
        (lambda c: "disk", {}, "split train has labels of one class only \\(disk\\)"),
        (lambda c: "disk" if c["split"] == "test" else c["label"], {}, "split test has labels of one class only"),
        (
            lambda c: c["label"] if c["split"] == "train" or c["patient_id"] == "p03" else None,
            {},
            "split test has one labeled patient",
        ),
        (str, {"endpoint": "accuracy@4"}, "must read METRIC@N with one of macro_f1"),
        (str, {"endpoint": "macro_f1"}, "behind the @ stands the number of labels"),
        (str, {"endpoint": "macro_f1@40"}, "there are 18 to label .*say macro_f1@all"),
        (str, {"against": "pixel"}, "--against 'pixel' is no rival \\(did you mean 'pixels'\\?\\)"),
        (str, {"at": (19,)}, "--at 19 is more than there are to label \\(18"),
        (str, {"encoder": ()}, "--encoder is missing"),
        (str, {"encoder": ("pixels=RUN",)}, "two arms are called 'pixels'"),
        (str, {"supports": 0}, "supports is 0"),
    ],
)
def test_bad_input_is_named_and_leaves_no_folder(work, tmp_path, change, options, said):
    csv = with_labels(work, tmp_path / "l.csv", change) if change is not str else None
    given = {"encoder": ("RUN",), **SMALL, **options}
    given["encoder"] = tuple(text.replace("RUN", str(work / "run")) for text in given["encoder"])
    with pytest.raises(SslechoError, match=said):
        sslecho.label_efficiency(work / "store", tmp_path / "out", labels=csv, **given)
    assert not (tmp_path / "out").exists()


def test_no_split_and_no_label_say_what_to_do(tmp_path):
    draw_store(tmp_path / "store", split=False)
    with pytest.raises(InputError, match=r"has no split.*sslecho split .* --test"):
        sslecho.label_efficiency(tmp_path / "store", tmp_path / "out", encoder=("x",))
    (tmp_path / "l.csv").write_text("clip_id,label\nc9999,disk\n")
    with pytest.raises(InputError, match="none of its 1 clips"):
        sslecho.label_efficiency(tmp_path / "store", tmp_path / "out", encoder=("x",), labels=str(tmp_path / "l.csv"))


def test_what_makes_figures_doubtful_is_said(work, tmp_path, capsys):
    def change(c):
        if c["clip_id"] == "c0000":
            return "rare"
        if c["split"] == "test" and c["label"] == "disk":
            return "new"
        return None if c["split"] == "train" and c["patient_id"] > "p04" else c["label"]

    csv = with_labels(work, tmp_path / "l.csv", change)
    options = {**LEAST, "x": "labels", "endpoint": "balanced_accuracy@1", "at": (1,)}
    sslecho.label_efficiency(work / "store", tmp_path / "out", encoder=(str(work / "run"),), labels=csv, **options)
    said = " ".join(read_json(tmp_path / "out" / "result.json")["warnings"])
    assert "class 'new' is in test and not in train" in said
    assert "class 'rare' has one patient in train" in said
    assert "no test clip is of class 'disk'" in said
    assert "train has 4 labeled patients, fewer than the 5 folds" in said
    assert said.split(". ")[0] in capsys.readouterr().err.replace("\nwarning: ", " ")
    rows = read_json(tmp_path / "out" / "result.json")["results"]
    assert all(np.isfinite(row[metric]) for row in rows for metric in ("macro_f1", "balanced_accuracy", "auroc"))


def test_from_the_shell(work, tmp_path):
    words = ["benchmark", "label-efficiency", str(work / "store"), "-o", str(tmp_path / "out"), "--at", "4"]
    words += ["--encoder", f"one={work / 'run'}", "--encoder", f"two={work / 'run'}", "--supports", "1", "--runs", "1"]
    done = CliRunner().invoke(app, [*words, "--workers", "1", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "verdict: With 4 labeled patients one is" in done.output
    assert "one does not beat two at any number" in done.output.lower()  # they are the same
    assert "runs: one 1, two 1, untrained 1, pixels 1" in done.output
    assert done.output.splitlines()[-1].startswith(f"wrote {tmp_path / 'out'}")
    again = CliRunner().invoke(app, [*words, "--json"])
    said = json.loads(again.stdout.splitlines()[-1])
    assert said["already"]
    assert set(KEYS) <= set(said)
    other = CliRunner().invoke(app, [*words, "--endpoint", "auroc@4"])
    assert other.exit_code == 2
    assert "endpoint was 'macro_f1@4' and is now 'auroc@4'" in other.output
    assert other.output.startswith("sslecho benchmark label-efficiency: ")
    wrong = CliRunner().invoke(app, [*words, "--set", "label-efficiency.supports=x", "--x", "patient"])
    assert "supports is 'x'" not in wrong.output  # the flag wins
    assert "x is 'patient' (did you mean 'patients'?)" in wrong.output


def test_networks_learn_end_to_end_and_are_rivals(work, tmp_path):
    how = {**LEAST, "networks": ("finetune", "scratch"), "steps": 12, "policy": "none", "endpoint": "macro_f1@all"}
    sslecho.label_efficiency(work / "store", tmp_path / "out", encoder=(str(work / "run"),), against="scratch", **how)
    result = read_json(tmp_path / "out" / "result.json")
    assert {"finetune", "scratch"} < set(result["runs"])
    assert "training from scratch" in result["verdict"].lower()
    said = {name: answers(tmp_path / "out" / "cells" / name / "x18-s0-r0.npy") for name in ("finetune", "scratch")}
    for name, probabilities in said.items():
        assert probabilities.shape == (18, 3)
        np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
        assert probabilities.std(0).min() > 1e-3, name  # they look at the clips
    assert np.abs(said["finetune"] - said["scratch"]).max() > 0.01
    asked = LabelEfficiencySettings(
        encoder=(str(work / "run"),), networks=("finetune", "scratch", "scratch-plain"), finetune_lr=2e-4
    )
    arms = network_arms(sslecho.Store.open(work / "store"), asked)
    made_of = [(arm.learn.encoder is None, arm.learn.balance, arm.learn.lr) for arm in arms]
    assert made_of == [(False, "weights", 2e-4), (True, "weights", 1e-3), (True, "none", 1e-3)]
    assert len({arm.hash for arm in arms}) == 3
    sslecho.embed(work / "store", tmp_path / "emb", encoder="pixels")
    with pytest.raises(InputError, match="--networks need the weights of the first --encoder"):
        sslecho.label_efficiency(work / "store", tmp_path / "o", encoder=(str(tmp_path / "emb"),), **how)
