"""`export`: what leaves says what the run says, loaded without sslecho."""

import importlib
import json

import numpy as np
import pytest
import torch
from drawn_model import draw_viewer
from drawn_store import draw_store
from safetensors.torch import load_file
from typer.testing import CliRunner

import sslecho
from sslecho.api import export_timm
from sslecho.cli.app import app
from sslecho.errors import InputError, NounError, SslechoError
from sslecho.models.encoder import Encoder, resize
from sslecho.models.heads import LinearHead
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives.grade import GradeHead
from sslecho.rundir import RunDir
from sslecho.tasks.classifier import Classifier
from sslecho.tasks.fitted import load_fitted
from sslecho.tasks.grader import Grader
from sslecho.tasks.viewer import Viewer

mend_torchvision()
timm = importlib.import_module("timm")

QUICK = {"epochs": 1, "min_steps": 6, "batch_size": 16, "policy": "none", "lr": 3e-3, "workers": 1}
SCRATCH = {"from_": "scratch", "backbone": "test_resnet", "image_size": 32}
FRAMES = np.random.default_rng(5).integers(0, 256, (5, 40, 56)).astype(np.uint8)
ROWS = np.arange(len(FRAMES))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A fine-tuned run; not to be changed."""
    folder = tmp_path_factory.mktemp("export")
    store = draw_store(folder / "store", patients=12, clips=3, frames=2)
    sslecho.split(store, test=0.3, val=0.25, seed=3, overwrite=True)
    sslecho.finetune(folder / "store", folder / "run", **SCRATCH, **QUICK)
    return folder


def drawn_encoder(backbone="test_resnet"):
    torch.manual_seed(3)
    size = (60, 80) if backbone == "madani-60x80" else 32
    return Encoder(backbone, image_size=size, mean=0.3, std=0.2).eval()


def graded_run(folder, loss, *, views=("a", "b")):
    """A run of `grade` as far as export looks at it, with weights at random."""
    encoder = drawn_encoder()
    head = GradeHead(encoder.dim, (2, 6), loss=loss, mean=3.5)
    view_head = LinearHead(encoder.dim, (len(views),)) if views else None
    run = RunDir.open(folder, command="grade", identity={}, settings="", overwrite=False)
    Grader(encoder, head, view_head, views, {"unit": "patient"}).save(folder)
    run.finish({"n": 8, "n_patients": 4, "split": "test", "unit": "patient", "mse": 1.0, "level": "frame"})
    return folder


def normalized(encoder, frames):
    return (resize(torch.from_numpy(frames), encoder.image_size) - encoder.mean) / encoder.std


def test_plain_timm_loads_a_classifier_that_says_the_same(work, tmp_path):
    sslecho.export(work / "run", tmp_path / "timm")
    net = timm.create_model(f"local-dir:{tmp_path / 'timm'}", pretrained=True).eval()
    model = Classifier.load(work / "run")
    assert net.num_classes == 3
    assert net.pretrained_cfg["label_names"] == ["across", "disk", "down"] == list(model.classes)
    data = timm.data.resolve_model_data_config(net)
    assert data["input_size"] == (1, 32, 32)
    assert (data["mean"], data["std"]) == ([model.encoder.mean], [model.encoder.std])
    with torch.inference_mode():
        said = net(normalized(model.encoder, FRAMES)).softmax(1).numpy()
    np.testing.assert_allclose(said, model.uncalibrated(FRAMES.__getitem__, ROWS), atol=1e-5)
    card = (tmp_path / "timm" / "README.md").read_text()
    assert card.startswith("# Model card: a classifier")
    assert "12" in card
    assert model.encoder.hash() in card
    assert str(work) not in card


def test_the_command_says_what_it_wrote_and_finds_it_done(work, tmp_path):
    call = ["export", str(work / "run"), "-o", str(tmp_path / "e"), "--json"]
    said = CliRunner().invoke(app, call)
    assert said.exit_code == 0, said.output
    result = json.loads(said.stdout.splitlines()[-1])
    assert result["format"] == "timm"
    assert result["largest_difference"] < 1e-4
    assert {"n", "n_patients", "split", "unit", "out"} <= set(result)
    again = json.loads(CliRunner().invoke(app, call).stdout.splitlines()[-1])
    assert again.pop("already") is True
    assert again == result
    other = CliRunner().invoke(app, [*call, "--format", "onnx"])
    assert other.exit_code == 2
    assert "timm" in other.output


@pytest.mark.parametrize("loss", ["mse", "ordinal"])
def test_plain_timm_grades(tmp_path, loss):
    run = graded_run(tmp_path / "run", loss)
    sslecho.export(run, tmp_path / "timm")
    net, model = timm.create_model(f"local-dir:{tmp_path / 'timm'}", pretrained=True).eval(), Grader.load(run)
    with torch.inference_mode():
        said = net(normalized(model.encoder, FRAMES))
    grades = said[:, 0].clamp(2, 6) if loss == "mse" else 2 + said.sigmoid().sum(1)
    np.testing.assert_allclose(grades.numpy(), model.grades(FRAMES.__getitem__, ROWS), atol=1e-5)
    assert len(net.pretrained_cfg["label_names"]) == (1 if loss == "mse" else 4)
    assert any("one head" in warning for warning in json.loads((tmp_path / "timm/result.json").read_text())["warnings"])


def test_an_encoder_leaves_as_it_is(tmp_path):
    encoder = drawn_encoder()
    run = RunDir.open(tmp_path / "run", command="pretrain", identity={}, settings="", overwrite=False)
    encoder.save(tmp_path / "run" / "encoder")
    run.finish({"n": 8, "n_patients": 4, "split": "train", "unit": "patient"})
    sslecho.export(tmp_path / "run", tmp_path / "timm")
    net = timm.create_model(f"local-dir:{tmp_path / 'timm'}", pretrained=True).eval()
    with torch.inference_mode():
        said = net(normalized(encoder, FRAMES))
    np.testing.assert_allclose(said.numpy(), encoder.encode(torch.from_numpy(FRAMES)).numpy(), atol=1e-5)


def test_onnx_says_the_same_for_any_number_and_size_of_frames(work, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    sslecho.export(work / "run", tmp_path / "onnx", format="onnx")
    session = onnxruntime.InferenceSession(tmp_path / "onnx" / "model.onnx", providers=["CPUExecutionProvider"])
    model = Classifier.load(work / "run")
    for shape in ((1, 32, 32), (5, 40, 56), (2, 130, 64)):
        frames = np.random.default_rng(shape).integers(0, 256, shape).astype(np.uint8)
        rows = np.arange(shape[0])
        of_frames, of_clip = session.run(["probabilities", "clip_probabilities"], {"frames": frames})
        np.testing.assert_allclose(of_frames, model.of_frames(frames.__getitem__, rows), atol=1e-4)
        np.testing.assert_allclose(of_clip, model.of_clips(frames.__getitem__, rows, rows * 0, 1)[0], atol=1e-4)
    config = json.loads((tmp_path / "onnx" / "config.json").read_text())
    assert config["classes"] == list(model.classes)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"]) == list(model.classes)
    assert float(about["temperature"]) == model.temperature != 1
    assert (tmp_path / "onnx" / "README.md").exists()


def test_a_network_of_clips_leaves_as_onnx_alone(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    run = RunDir.open(tmp_path / "run", command="view", identity={}, settings="", overwrite=False)
    draw_viewer(run.path)
    run.finish({"n": 8, "n_patients": 4, "split": "test", "unit": "patient", "level": "clip"})
    with pytest.raises(InputError, match=r"a network of clips \(lstm\) has no place in timm"):
        sslecho.export(run.path, tmp_path / "timm")
    sslecho.export(run.path, tmp_path / "onnx", format="onnx")
    session = onnxruntime.InferenceSession(tmp_path / "onnx" / "model.onnx", providers=["CPUExecutionProvider"])
    model = Viewer.load(run.path)
    windows = np.random.default_rng(3).integers(0, 256, (5, 2, 40, 56)).astype(np.uint8)
    pictures = resize(torch.from_numpy(windows).flatten(0, 1), 32).unflatten(0, (5, 2))
    with torch.inference_mode():
        wanted = model.network(pictures).numpy()
    np.testing.assert_allclose(session.run(["logits"], {"frames": windows})[0], wanted, atol=1e-4)


def test_clips_are_tempered_as_they_were_calibrated(work):
    model = Classifier.load(work / "run")
    table = sslecho.Predictions.load(work / "run").table.to_pylist()
    store = sslecho.Store.open(work / "store")
    rows = np.arange(len(store))
    said = model.of_clips(store.read, rows, store.clip_of_frame, store.clips.num_rows)
    wanted = {row["clip_id"]: row["probabilities"] for row in table}
    for clip_id, probabilities in zip(store.column("clip_id"), said, strict=True):
        np.testing.assert_allclose(probabilities, wanted[clip_id], atol=1e-6)


def test_a_network_that_timm_does_not_have_is_sent_to_onnx(tmp_path):
    encoder = drawn_encoder("madani-60x80")
    run = RunDir.open(tmp_path / "run", command="pretrain", identity={}, settings="", overwrite=False)
    encoder.save(tmp_path / "run" / "encoder")
    run.finish({"n": 8, "n_patients": 4, "split": "train", "unit": "patient"})
    with pytest.raises(InputError, match="madani-60x80 is a network of sslecho that timm does not have; take --format"):
        sslecho.export(tmp_path / "run", tmp_path / "out")


def test_what_can_not_leave_is_refused(work, tmp_path):
    with pytest.raises(NounError, match="no sslecho run"):
        sslecho.export(work / "store", tmp_path / "out")
    RunDir.open(tmp_path / "c", command="cluster", identity={}, settings="", overwrite=False).finish({"n": 1})
    with pytest.raises(InputError, match="holds a run of `sslecho cluster`, and `export` takes those of pretrain"):
        sslecho.export(tmp_path / "c", tmp_path / "out")
    unfinished = RunDir.open(tmp_path / "u", command="finetune", identity={}, settings="", overwrite=False)
    with pytest.raises(NounError, match="is not finished"):
        sslecho.export(unfinished.path, tmp_path / "out")
    (tmp_path / "p" / "model").mkdir(parents=True)
    (tmp_path / "p" / "model" / "config.json").write_text('{"schema": "sslecho.probe"}')
    with pytest.raises(NounError, match="does not name frames by itself"):
        load_fitted(tmp_path / "p")


def test_weights_that_say_something_else_are_not_passed_on(work, tmp_path, monkeypatch):
    right = export_timm._linear
    monkeypatch.setattr(export_timm, "_linear", lambda model: (right(model)[0] * 1.01, *right(model)[1:]))
    with pytest.raises(SslechoError, match="timm's test_resnet says something else than the run"):
        sslecho.export(work / "run", tmp_path / "timm")
    assert not (tmp_path / "timm" / "result.json").exists()


def test_a_classifier_that_is_no_linear_layer_is_refused(tmp_path, work, monkeypatch):
    from torch import nn

    create = timm.create_model

    def other(*args, **kwargs):
        net = create(*args, **kwargs)
        net.get_classifier = lambda: nn.Conv2d(1, 1, 1)
        return net

    monkeypatch.setattr(timm, "create_model", other)
    with pytest.raises(InputError, match="is no linear layer on the embedding"):
        sslecho.export(work / "run", tmp_path / "timm")


def test_the_files_hold_the_classifier_and_nothing_that_runs(work, tmp_path):
    sslecho.export(work / "run", tmp_path / "timm")
    weights = load_file(tmp_path / "timm" / "model.safetensors")
    assert any(tuple(value.shape) == (3, Classifier.load(work / "run").encoder.dim) for value in weights.values())
    assert not list((tmp_path / "timm").rglob("*.pt"))
