"""`view` from a store to a classifier of clips and its figures, and what it makes of odd clips and wrong input."""

import json

import numpy as np
import pytest
from drawn_store import draw_store
from spied_fit import splits_of, spy
from typer.testing import CliRunner

import sslecho
from sslecho.api.classifier_rows import Rows
from sslecho.api.view_presets import PRESETS
from sslecho.api.view_rows import shuffled
from sslecho.api.view_settings import ViewSettings
from sslecho.cli.app import app
from sslecho.config import build
from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter
from sslecho.errors import NounError, SslechoError
from sslecho.models.encoder import Encoder
from sslecho.tasks.viewer import Viewer

KEYS = "accuracy balanced_accuracy macro_f1 auroc ece per_class n n_patients split level unit out top2".split()
SCRATCH = {"from_": "scratch", "backbone": "test_resnet", "image_size": 32}
QUICK = {"epochs": 1, "min_steps": 25, "batch_size": 12, "policy": "none", "lr": 3e-3, "workers": 1, **SCRATCH}
LSTM = {"arch": "lstm", "frames": 2, "stride": 1, "loss": "re-edl", "aggregate": "evidence", "sampling": "selective"}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A store of 16 patients, and a classifier of its clips; not to be changed."""
    folder = tmp_path_factory.mktemp("view")
    store = draw_store(folder / "store", patients=16, clips=3, frames=3)
    sslecho.split(store, test=0.3, val=0.25, seed=3, overwrite=True)
    sslecho.view(folder / "store", folder / "lstm", **QUICK, **LSTM)
    return folder


def test_the_result_is_of_test_clips_and_the_model_says_the_same(work):
    found = sslecho.Predictions.load(work / "lstm")
    result, table = found.scores, found.table.to_pylist()
    assert set(KEYS) <= set(result)
    tested = [row for row in table if row["split"] == "test"]
    right = [row["prediction"] == row["label"] for row in tested]
    assert result["accuracy"] == pytest.approx(np.mean(right))
    assert result["n"] == len(tested) == result["levels"]["clip"]["n"]
    assert result["balanced_accuracy"] > 0.7
    assert result["top2"] >= result["accuracy"]
    store, model = Store.open(work / "store"), Viewer.load(work / "lstm")
    logits, centers = model.logits(store)
    said = model.aggregated(logits, store.clip_of_frame[centers], store.clips.num_rows)
    np.testing.assert_allclose(said.probabilities, [row["probabilities"] for row in table], atol=1e-4)
    np.testing.assert_allclose(said.uncertainty, [row["uncertainty"] for row in table], atol=1e-5)
    assert [model.classes[code] for code in said.answer] == [row["prediction"] for row in table]
    assert [line["aggregate"] for line in result["aggregates"]] == ["vote", "mean", "evidence", "min-uncertainty"]
    own = next(line for line in result["aggregates"] if line["aggregate"] == "evidence")
    assert own["accuracy"] == result["accuracy"]
    assert result["levels"]["frame"]["n"] == 3 * len(tested)
    by_patient = {}
    for row, is_right in zip(tested, right, strict=True):
        by_patient.setdefault(row["unit_id"], []).append(is_right)
    patient = result["levels"]["patient"]
    assert patient["accuracy"] == pytest.approx(np.mean([np.mean(of) for of in by_patient.values()]))
    assert patient["all_right"] == pytest.approx(np.mean([all(of) for of in by_patient.values()]))
    assert patient["pooled"] is None  # a patient has several views here
    assert np.sum(result["confusion"]["table"]) == result["n"]
    assert np.trace(result["confusion"]["table"]) == sum(right)
    assert result["confidence_right"]["n"] + result["confidence_wrong"]["n"] == result["n"]
    assert result["segments"]["visited"] == 1
    # The encoder inside is a noun of its own, and says whom it has seen.
    encoder = Encoder.load(work / "lstm")
    assert encoder.hash() == model.network.encoder.hash()
    assert set(encoder.provenance["units"]) == {row["unit_id"] for row in table if row["split"] == "train"}


def test_a_damaged_model_is_told(work, tmp_path):
    with pytest.raises(NounError, match="holds no classifier of clips"):
        Viewer.load(tmp_path)
    Viewer.load(work / "lstm").save(tmp_path)
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"abcd")
    with pytest.raises(NounError, match="is not what config.json describes"):
        Viewer.load(tmp_path)


def test_only_train_is_learned_from_and_what_the_user_says_reaches_the_loop(work, tmp_path, monkeypatch):
    kept = spy(monkeypatch)
    more = {"patience": 3, "optimizer": "rmsprop", "schedule": "step", "clip_grad": 5.0, "balance": "logit", "tau": 0.6}
    how = {**QUICK, "min_steps": 3, "encoder": str(work / "lstm"), "from_": "encoder", "image_size": None}
    frozen = sslecho.view(work / "store", tmp_path / "f", **how, train="none", level="frame", **more)
    store = Store.open(work / "store")
    assert splits_of(store, kept.frames.rows) == {"train"}
    assert splits_of(store, kept.watch._labeled.val_centers) == {"val"}
    assert len(kept.frames.rows) == sum(store.column("split") == "train")
    assert (kept.plan.optimizer, kept.plan.schedule, kept.plan.clip_grad) == ("rmsprop", "step", 5.0)
    assert (kept.objective.settings.balance, kept.objective.settings.tau) == ("logit", 0.6)
    # The encoder stays to the last bit, batch norm's statistics too.
    assert Encoder.load(tmp_path / "f").hash() == Encoder.load(work / "lstm").hash()
    result = frozen.scores
    assert (result["level"], result["n"]) == ("frame", result["levels"]["frame"]["n"])
    assert frozen.table.num_rows == len(store)
    assert [line["aggregate"] for line in result["aggregates"]] == ["vote", "mean", "min-uncertainty"]


def test_the_command_takes_a_preset_and_what_is_said_wins(work, tmp_path):
    flags = "--preset madani --backbone test_resnet --image-size 32 --epochs 1 --workers 1 --control shuffled-labels "
    flags += "--families across=bars,down=bars"
    call = ["view", str(work / "store"), "-o", str(tmp_path / "v"), *flags.split(), "--json"]
    said = CliRunner().invoke(app, call)
    assert said.exit_code == 0, said.output
    result = json.loads(said.stdout.splitlines()[-1])
    assert (result["arch"], result["aggregate"], result["preset"]) == ("frame", "vote", "madani")
    assert (result["control"], result["chance"]) == ("shuffled-labels", pytest.approx(1 / 3))
    assert result["families"]["families"] == ["bars", "disk"]
    assert np.sum(result["families"]["table"]) == result["n"]
    again = json.loads(CliRunner().invoke(app, call).stdout.splitlines()[-1])
    assert again.pop("already") is True
    assert again == result
    other = CliRunner().invoke(app, [*call, "--windows", "3"])
    assert other.exit_code == 2
    assert "windows was 10 and is now 3" in other.output
    other = CliRunner().invoke(app, [*call, "--frames", "3"])
    assert other.exit_code == 2
    assert "frames was 8 and is now 3" in other.output


def test_presets_are_what_their_sources_say():
    madani = build(ViewSettings, {"preset": "madani"})
    assert (madani.backbone, madani.from_, madani.optimizer, madani.epochs) == (
        "madani-60x80",
        "scratch",
        "rmsprop",
        45,
    )
    assert (madani.aggregate, madani.windows, madani.batch_size, madani.flip_y) == ("vote", 10, 64, False)
    rates = {}
    for name in ("stfm-paper", "stfm-june", "stfm-readme"):
        found = build(ViewSettings, {"preset": name, "encoder": "run"})
        assert (found.arch, found.frames, found.stride, found.loss, found.lambda2) == ("stfm", 5, 5, "re-edl", 0.8)
        assert (found.from_, found.image_size, found.clip_grad, found.random_epochs) == ("encoder", None, 20.0, 5)
        rates[name] = (found.optimizer, found.lr, found.weight_decay, found.schedule, found.epsilon)
    assert rates == {
        "stfm-paper": ("adam", 1e-4, 0.01, "step", 0.2),
        "stfm-june": ("adamw", 1e-4, 0.05, "cosine", 0.2),
        "stfm-readme": ("adamw", 2e-5, 0.05, "cosine", 0.8),
    }
    said = build(ViewSettings, {"preset": "stfm-june", "lr": 1e-3, "epsilon": 1.0, "backbone": "test_resnet"})
    assert (said.lr, said.epsilon, said.image_size, said.weight_decay) == (1e-3, 1.0, None, 0.05)
    assert build(ViewSettings, {"loss": "re-edl"}).balance == "sampler"
    assert build(ViewSettings, {}).balance == "weights"
    for name, preset in PRESETS.items():
        build(ViewSettings, {"preset": name})
        assert preset.source


def test_labels_are_shuffled_over_whole_clips_of_a_split():
    clip = np.repeat(np.arange(40), 3)
    codes = np.repeat(np.arange(40) % 4, 3)
    codes[4] = -1
    rows = Rows(np.arange(20), np.arange(20, 30), np.arange(30, 40), np.empty(0, np.int64))
    new = shuffled(codes, clip, rows, seed=1)
    assert (new[90:] == codes[90:]).all()
    assert new[4] == -1
    of_clip = [set(new[clip == c].tolist()) - {-1} for c in range(40)]
    assert all(len(of) == 1 for of in of_clip)
    now = np.array([min(of) for of in of_clip])
    for part in (rows.train, rows.val):
        assert np.bincount(now[part]).tolist() == np.bincount(part % 4).tolist()
    assert (now[:20] != np.arange(20) % 4).sum() > 5


def odd_store(path, *, blank, times=None):
    """Clips of one to four frames without times, of which some show nothing."""
    rng = np.random.default_rng(3)
    with StoreWriter(path, (32, 32), unit="patient") as writer:
        for number in range(24):
            frames = rng.integers(0, 80, (1 + number % 4, 32, 32)).astype(np.uint8)
            frames[:, :, :16] += np.uint8(100 * (number % 2))
            if number in blank:
                frames[:] = 7
            writer.add_clip(
                frames,
                {
                    "clip_id": f"c{number:02d}",
                    "patient_id": f"p{number:02d}",
                    "source_id": f"s{number:02d}",
                    "label": ("left", "none")[number % 2],
                    "split": ("train", "train", "test", "test", "train", "val")[number % 6],
                },
            )
        return writer.commit()


def test_clips_of_one_frame_and_blank_ones(tmp_path, capsys):
    store = odd_store(tmp_path / "s", blank=(0, 2))
    found = sslecho.view(store, tmp_path / "v", **{**QUICK, "min_steps": 4}, arch="gru", frames=3, balance="copies")
    rows = {row["clip_id"]: row for row in found.table.to_pylist()}
    assert [name for name, row in rows.items() if row["prediction"] is None] == ["c00", "c02"]
    assert (rows["c02"]["uncertainty"], rows["c02"]["confidence"]) == (1, pytest.approx(0.5))
    assert found.scores["n"] == 7
    assert found.scores["n_blank"] == 2
    assert "clips that show nothing (all pixels alike): 1 of train, 1 of test" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"from_": "encoder"}, "--encoder is missing: name a run of `sslecho pretrain`, or say --from scratch"),
        ({"encoder": "nowhere", "from_": "encoder", "image_size": None}, "holds no encoder"),
        ({"arch": "lstmm"}, "did you mean 'lstm'"),
        ({"aggregate": "evidence"}, "--aggregate evidence needs a loss whose outputs are evidence"),
        ({"loss": "re-edl", "balance": "weights"}, "--balance weights changes cross-entropy"),
        ({"balance": "copies", "copies": ("blob=2",)}, "--copies blob=2: no clip of train is of this class"),
        ({"balance": "copies", "copies": ("disk=0",)}, "must be 1 to 1000"),
        ({"families": ("disk",)}, "must read CLASS=VALUE"),
        ({"arch": "lstm", "stride_s": 0.1}, "--stride-s 0.1 needs frame times"),
        ({"train": "last", "last_layers": 9}, "more layers than the encoder has"),
        ({"arch": "mc3", "frames": 2, "train": "none"}, "--arch mc3 has none inside"),
        ({"arch": "mc3", "frames": 2, "layer_decay": 0.5}, "--layer-decay 0.5 needs an --arch with a whole encoder"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(work, tmp_path, options, said):
    with pytest.raises(SslechoError, match=said):
        sslecho.view(work / "store", tmp_path / "out", **{**QUICK, **options})
    assert not (tmp_path / "out").exists()


def test_stills_have_no_motion_and_blank_stores_nothing_to_learn(tmp_path):
    store = draw_store(tmp_path / "stills", patients=4, clips=2, frames=1)
    with pytest.raises(SslechoError, match="every clip of the store has one frame; take --arch frame"):
        sslecho.view(store, tmp_path / "out", **QUICK, arch="lstm")
    blank = odd_store(tmp_path / "blank", blank=range(24))
    with pytest.raises(SslechoError, match="every labeled clip of split train is blank"):
        sslecho.view(blank, tmp_path / "out", **QUICK)
