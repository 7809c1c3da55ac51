"""`finetune` from a store to a classifier and its figures, what it grows to and forgets, and what it refuses."""

import json
import shutil

import numpy as np
import pytest
import torch
from drawn_store import draw_store
from spied_fit import splits_of, spy
from typer.testing import CliRunner

import sslecho
from sslecho.cli.app import app
from sslecho.data.relabel import relabel
from sslecho.data.store import Store
from sslecho.errors import InputError, NounError, SslechoError
from sslecho.metrics.calibration import fit_temperature
from sslecho.models.encoder import Encoder
from sslecho.tasks.classifier import Classifier
from sslecho.tasks.probe_model import logarithms
from sslecho.train.supervised import spread_over_clips

KEYS = "accuracy balanced_accuracy macro_f1 auroc ece per_class n n_patients split level unit out".split()
QUICK = {"epochs": 2, "min_steps": 60, "batch_size": 16, "policy": "none", "lr": 3e-3, "workers": 1}
SCRATCH = {"from_": "scratch", "backbone": "test_resnet", "image_size": 32}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A store of 24 patients, and a classifier of two of its three classes; not to be changed."""
    folder = tmp_path_factory.mktemp("finetune")
    store = draw_store(folder / "store", patients=24, clips=3, frames=2)
    sslecho.split(store, test=0.3, val=0.25, seed=3, overwrite=True)
    sslecho.finetune(
        folder / "store", folder / "two", labels=with_labels(folder, "two.csv", "disk"), **SCRATCH, **QUICK
    )
    return folder


def with_labels(folder, name, without=None):
    """A CSV with the store's labels, but for those of a class."""
    rows = [(clip["clip_id"], clip["label"]) for clip in sslecho.Store.open(folder / "store").clips.to_pylist()]
    path = folder / name
    path.write_text("clip_id,label\n" + "".join(f"{clip},{label}\n" for clip, label in rows if label != without))
    return str(path)


def test_the_result_is_of_clips_of_the_test_split_and_the_model_says_the_same(work):
    predictions = sslecho.Predictions.load(work / "two")
    result, table = predictions.scores, predictions.table.to_pylist()
    assert set(KEYS) <= set(result)
    tested = [row for row in table if row["split"] == "test" and row["label"]]
    assert result["accuracy"] == pytest.approx(np.mean([row["prediction"] == row["label"] for row in tested]))
    assert result["balanced_accuracy"] > 0.8
    assert (result["classes"], result["level"], result["n"]) == (["across", "down"], "clip", len(tested))
    assert 0 < result["best_step"] <= result["steps"] <= 60
    store, model = sslecho.Store.open(work / "two" / ".." / "store"), Classifier.load(work / "two")
    rows = np.flatnonzero(store.column("clip_id", level="frame") == tested[0]["clip_id"])
    logs = np.log(model.uncalibrated(store.read, rows).mean(0)) / model.temperature
    said = np.exp(logs) / np.exp(logs).sum()
    np.testing.assert_allclose(said, tested[0]["probabilities"], atol=1e-5)
    assert Encoder.load(work / "two").hash() == model.encoder.hash()
    seen = {row["unit_id"] for row in table if row["split"] == "train" and row["label"]}
    assert set(model.encoder.provenance["units"]) == seen


def test_a_head_that_grows_keeps_its_logits_and_tells_what_was_forgotten(work, tmp_path):
    how = {**QUICK, "encoder": str(work / "two"), "head": "keep"}
    before = Classifier.load(work / "two")
    # Of nothing but the new class: the two old ones are to be kept by what stands in the head.
    rows = sslecho.Store.open(work / "store").clips.to_pylist()
    only = tmp_path / "only.csv"
    names = [(row["clip_id"], row["label"]) for row in rows if row["label"] == "disk" or row["split"] == "test"]
    only.write_text("clip_id,label\n" + "".join(f"{clip},{label}\n" for clip, label in names))
    result = sslecho.finetune(work / "store", tmp_path / "grown", labels=str(only), train="none", **how).scores
    assert result["classes"] == ["across", "down", "disk"]
    lost = result["forgetting"]
    assert lost["classes"] == ["across", "down"]
    two = sslecho.Predictions.load(work / "two").scores
    assert lost["before"] == pytest.approx(two["balanced_accuracy"])
    assert lost["now"] <= lost["now_among_old"] <= 1
    assert lost["difference"] == pytest.approx(lost["now"] - lost["before"])
    assert lost["n"] == two["n"]
    after = Classifier.load(tmp_path / "grown")
    assert after.encoder.hash() == before.encoder.hash()  # frozen, batch norm's statistics too
    assert after.head.sizes == (2, 1)
    kept = before.head.expanded(1).eval()
    embedded = torch.randn(5, before.encoder.dim)
    assert torch.equal(kept(embedded)[:, :2], before.head(embedded))


def test_the_command_balances_mixes_and_averages_and_a_second_call_finds_it_done(work, tmp_path):
    flags = "--from scratch --backbone test_resnet --image-size 32 --epochs 1 --min-steps 12 --batch-size 16 "
    flags += "--policy none --balance sampler --mixup 0.2 --ema 0.9 --label-smoothing 0.1 --level frame --workers 1"
    call = ["finetune", str(work / "store"), "-o", str(tmp_path / "f"), *flags.split(), "--json"]
    said = CliRunner().invoke(app, call)
    assert said.exit_code == 0, said.output
    result = json.loads(said.stdout.splitlines()[-1])
    assert (result["from"], result["balance"], result["steps"]) == ("scratch", "sampler", 12)
    assert result["n"] == 42  # two frames of three clips of seven patients
    again = json.loads(CliRunner().invoke(app, call).stdout.splitlines()[-1])
    assert again.pop("already") is True
    assert again == result
    other = CliRunner().invoke(app, [*call, "--balance", "logit"])
    assert other.exit_code == 2
    assert "sampler" in other.output
    assert "logit" in other.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "--encoder is missing: name a run of `sslecho pretrain`, or say --from scratch"),
        ({"encoder": "nowhere"}, "holds no encoder"),
        ({**SCRATCH, "head": "keep"}, "can't go with --from scratch"),
        ({"encoder": "two", "image_size": 64}, "an encoder has its own size"),
        ({"encoder": "two", "train": "last", "last_layers": 9}, "more layers than the encoder has, which are 5"),
        ({"encoder": "two", "open_set": ("blob",)}, "no item has this label"),
        ({"encoder": "two", "labels": "one.csv"}, r"split train has one class \(across\)"),
        ({"encoder": "two", "from_": "zero"}, "from is 'zero'; choose one of: encoder, scratch"),
        ({"encoder": "two", "balance": "weigths"}, "did you mean 'weights'"),
        ({**SCRATCH, "backbone": "resnet81"}, "is no timm architecture"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(work, tmp_path, options, said):
    rows = sslecho.Store.open(work / "store").clips.to_pylist()
    (tmp_path / "one.csv").write_text(
        "clip_id,label\n" + "".join(f"{row['clip_id']},across\n" for row in rows if row["label"] == "across")
    )
    options = dict(options)
    if "encoder" in options:
        options["encoder"] = str(work / options["encoder"])
    if "labels" in options:
        options["labels"] = str(tmp_path / options["labels"])
    with pytest.raises(SslechoError, match=said):
        sslecho.finetune(work / "store", tmp_path / "out", **{**QUICK, **options})
    assert not (tmp_path / "out").exists()


def test_an_encoder_alone_has_no_head_to_keep_and_a_store_needs_splits(work, tmp_path):
    Encoder.load(work / "two").save(tmp_path / "bare" / "encoder")
    with pytest.raises(NounError, match="--head keep needs a fine-tuned --encoder"):
        sslecho.finetune(work / "store", tmp_path / "out", encoder=str(tmp_path / "bare"), head="keep")
    store = draw_store(tmp_path / "unsplit", patients=4, split=False)
    with pytest.raises(InputError, match="sslecho split STORE"):
        sslecho.finetune(store, tmp_path / "out", encoder=str(work / "two"))


def test_frames_are_spread_over_their_clips():
    clip = np.repeat([3, 1, 2], [20, 5, 9])
    rows = np.arange(34)
    kept = spread_over_clips(rows, clip)
    assert np.bincount(clip[kept]).tolist() == [0, 5, 8, 8]
    long = kept[clip[kept] == 3]
    assert long.tolist() == [1, 3, 6, 8, 11, 13, 16, 18]


def test_what_the_user_says_reaches_the_loop_and_only_train_is_learned_from(work, tmp_path, monkeypatch):
    kept = spy(monkeypatch)
    more = {"patience": 3, "layer_decay": 0.5, "dropout": 0.3, "balance": "logit", "tau": 0.7, "ema": 0.9, "gamma": 1.0}
    sslecho.finetune(work / "store", tmp_path / "a", **SCRATCH, **{**QUICK, "min_steps": 6}, **more)
    store = Store.open(work / "store")
    assert splits_of(store, kept.frames.rows) == {"train"}
    assert splits_of(store, kept.watch._rows) == {"val"}
    assert len(kept.frames.rows) == sum(store.column("split", level="frame") == "train")
    plan, loss = kept.plan, kept.objective.settings
    per_epoch = len(kept.frames.rows) // 16
    assert (plan.take_best, plan.layer_decay, plan.patience) == (True, 0.5, 3 * per_epoch)
    assert (loss.balance, loss.tau, loss.gamma, loss.ema) == ("logit", 0.7, 1.0, 0.9)
    assert kept.objective.head.dropout.p == 0.3
    assert kept.frames.batches == "frames"
    # The averaged weights are those that are kept.
    saved = Classifier.load(tmp_path / "a").head.layers[0].weight
    assert torch.equal(saved, kept.objective.averaged.module[1].layers[0].weight)
    sslecho.finetune(
        work / "store", tmp_path / "b", **SCRATCH, **{**QUICK, "min_steps": 6, "epochs": 1}, balance="sampler"
    )
    assert (kept.frames.batches, kept.objective.settings.balance) == ("balanced", "none")


def test_the_temperature_is_of_the_val_split(work):
    model, store = Classifier.load(work / "two"), Store.open(work / "store")
    truth, logs = [], []
    for clip, (split, label) in enumerate(zip(store.column("split"), store.column("label"), strict=True)):
        if split == "val" and label in model.classes:
            truth.append(model.classes.index(label))
            logs.append(model.uncalibrated(store.read, np.flatnonzero(store.clip_of_frame == clip)).mean(0))
    assert model.temperature == pytest.approx(fit_temperature(logarithms(np.array(logs)), np.array(truth)), rel=1e-3)


def test_other_labels_are_another_run(work, tmp_path):
    folder = tmp_path / "store"
    shutil.copytree(work / "store", folder)
    how = {**SCRATCH, **QUICK, "min_steps": 3, "epochs": 1}
    sslecho.finetune(folder, tmp_path / "o", **how)
    clips = Store.open(folder).clips.to_pylist()
    turned = {"across": "down", "down": "disk", "disk": "across"}
    lines = [f"{clip['clip_id']},{turned[clip['label']]}" for clip in clips if clip["split"] == "test"]
    (tmp_path / "other.csv").write_text("clip_id,label\n" + "\n".join(lines) + "\n")
    relabel(Store.open(folder), tmp_path / "other.csv")
    with pytest.raises(InputError, match="truth"):
        sslecho.finetune(folder, tmp_path / "o", **how)
    with pytest.raises(InputError, match="encoder"):
        sslecho.finetune(work / "store", tmp_path / "o", **{**how, "image_size": 48})


def test_a_clip_is_stopped_by_as_most_of_its_frames_say(work, tmp_path, monkeypatch):
    store = Store.open(work / "store")
    ids, index = (store.column(name, level="frame") for name in ("clip_id", "frame_index"))
    lines = [
        f"{clip},{frame},{'down' if frame == 1 and number % 4 == 1 else label}"
        for number, (clip, frame, label) in enumerate(
            zip(ids, index, store.column("label", level="frame"), strict=True)
        )
    ]
    (tmp_path / "frames.csv").write_text("clip_id,frame,label\n" + "\n".join(lines) + "\n")
    kept = spy(monkeypatch)
    how = {**SCRATCH, **QUICK, "min_steps": 3, "epochs": 1, "level": "frame", "labels": str(tmp_path / "frames.csv")}
    sslecho.finetune(work / "store", tmp_path / "o", **how)
    codes = kept.frames.label_of_frame
    for place in range(len(kept.watch._truth)):
        rows = kept.watch._rows[kept.watch._clip_of_row == place]
        assert kept.watch._truth[place] == np.bincount(codes[rows]).argmax()


def test_what_a_kept_head_can_not_do_is_said(work, tmp_path):
    how = {**QUICK, "encoder": str(work / "two"), "head": "keep"}
    with pytest.raises(InputError, match="--open-set across: the model knows this class already"):
        sslecho.finetune(work / "store", tmp_path / "o", open_set=("across",), **how)
    lines = [clip["clip_id"] for clip in Store.open(work / "store").clips.to_pylist() if clip["split"] == "test"]
    (tmp_path / "test.csv").write_text("clip_id,label\n" + "".join(f"{clip},across\n" for clip in lines))
    with pytest.raises(InputError, match="split train has no labeled item"):
        sslecho.finetune(work / "store", tmp_path / "o", labels=str(tmp_path / "test.csv"), **how)
