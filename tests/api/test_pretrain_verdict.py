"""The verdict at the end of a run: against whom, on whom, in which words, and when it can't be told."""

import re
import traceback

import numpy as np
import pyarrow as pa
import pytest
import torch
from drawn_store import draw_store

import sslecho
from sslecho.api.pretrain_frames import training_rows
from sslecho.api.pretrain_verdict import in_words, judge, named_baselines
from sslecho.api.pretrain_watch import watched
from sslecho.data.store import Store
from sslecho.errors import InputError
from sslecho.metrics.intervals import Interval
from sslecho.models.baselines import PixelEncoder, random_encoder
from sslecho.rundir import read_json

QUICK = {"backbone": "resnet10t", "epochs": 2, "batch_size": 16, "image_size": 32, "device": "cpu", "precision": "32"}
CPU = torch.device("cpu")


class Knows:
    """An encoder that has learned by heart what each frame of the store shows, or that answers at random."""

    dim = 3

    def __init__(self, store, *, noise=0.0):
        codes = np.unique(store.column("label", level="frame").astype(str), return_inverse=True)[1]
        known = {store.read(np.array([row])).tobytes(): codes[row] for row in range(len(store))}
        rng = np.random.default_rng(0)
        self._of = {key: np.eye(3)[code] + noise * rng.standard_normal(3) for key, code in known.items()}

    def encode(self, frames):
        return torch.tensor(np.stack([self._of[frame.numpy().tobytes()] for frame in frames]), dtype=torch.float32)

    def hash(self):
        return "by heart"


def with_val(store, patients):
    """The store where these patients are of the val split."""
    split = store.column("split")
    split[np.isin(store.column("patient_id"), patients)] = "val"
    column = store.clips.column_names.index("split")
    return store.with_tables(clips=store.clips.set_column(column, "split", [split.tolist()]))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """40 patients, of whom 10 are test and 26 val."""
    drawn = draw_store(tmp_path_factory.mktemp("verdict") / "store", patients=40)
    return with_val(drawn, [f"p{number:02d}" for number in range(35) if number % 4 != 3])


def verdict_of(store, trained, compared):
    seen = watched(store, training_rows(store, False)[0], 0)
    return judge(store, seen, trained, compared, seed=0, device=CPU, unit="patient")


def test_better_worse_and_neither(store):
    knows, guesses = Knows(store), Knows(store, noise=9.0)
    better = verdict_of(store, knows, {"untrained": guesses, "pixels": knows})
    assert better["knn_accuracy"] == better["knn_accuracy_low"] == 1
    assert (better["knn_n"], better["knn_n_patients"]) == (81, 27)
    assert better["verdict"].startswith("better than the untrained encoder (+.")
    assert better["verdict"].endswith(", 27 patients)")
    assert better["baselines"]["pixels"]["verdict"] == (
        "not shown to be better than raw pixels (+.00, +.00 to +.00, 27 patients)"
    )
    worse = verdict_of(store, guesses, {"untrained": knows})
    assert worse["verdict"].startswith("worse than the untrained encoder (-.")
    lead = worse["baselines"]["untrained"]
    assert lead["difference"] == pytest.approx(worse["knn_accuracy"] - 1)
    assert lead["difference_low"] < lead["difference"] < lead["difference_high"] < 0


def test_test_patients_and_training_labels_are_not_asked(store):
    sample = watched(store, training_rows(store, True)[0], 0).sample
    split = dict(zip(store.column("unit_id"), store.column("split"), strict=True))
    assert {split[unit] for unit in sample.units[sample.asked]} == {"val"}
    assert {split[unit] for unit in sample.units[~sample.asked]} == {"train"}
    assert (store.column("label", level="frame")[sample.rows] == sample.labels[sample.clip_of_row]).all()
    assert (store.column("unit_id", level="frame")[sample.rows] == sample.units[sample.clip_of_row]).all()


def test_words():
    lead = Interval(0.12, 0.05, 0.19, 31)
    assert in_words(lead, "the untrained encoder", unit="patient") == (
        "better than the untrained encoder (+.12, +.05 to +.19, 31 patients)"
    )
    assert in_words(Interval(-1.0, -1.0, -0.004, 30), "old", unit="clip") == (
        "worse than old (-1.00, -1.00 to -.00, 30 clips)"
    )
    assert in_words(Interval(0.1, 0.0, 0.2, 30), "old", unit="clip").startswith("not shown to be better than old")


def test_a_run_tells_its_verdict_and_takes_baselines_later(tmp_path):
    drawn = with_val(draw_store(tmp_path / "store"), ["p00", "p05"])
    random_encoder(seed=3).save(tmp_path / "other")
    sslecho.pretrain(drawn, tmp_path / "run", **QUICK)
    result = read_json(tmp_path / "run" / "result.json")
    assert list(result["baselines"]) == ["untrained", "pixels"]
    assert "only 2 patients: an interval over fewer than 24 is too narrow to trust" in result["verdict"]
    # The drawn classes are plain to see, so pixels must tell them: a low figure here is a broken score.
    assert result["baselines"]["pixels"]["knn_accuracy"] == 1
    log = [line for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines() if "knn_accuracy" in line]
    assert f'"knn_accuracy": {result["knn_accuracy"]}' in log[-1]

    weights = (tmp_path / "run" / "encoder" / "model.safetensors").stat().st_mtime_ns
    sslecho.pretrain(drawn, tmp_path / "run", **QUICK, baseline=(f"other={tmp_path / 'other'}",))
    again = read_json(tmp_path / "run" / "result.json")
    assert (tmp_path / "run" / "encoder" / "model.safetensors").stat().st_mtime_ns == weights
    assert list(again["baselines"]) == ["untrained", "pixels", "other"]
    assert again["baselines"]["untrained"] == result["baselines"]["untrained"]
    random_encoder(seed=4).save(tmp_path / "third")
    sslecho.pretrain(drawn, tmp_path / "run", **QUICK, baseline=(f"third={tmp_path / 'third'}",))
    last = read_json(tmp_path / "run" / "result.json")["baselines"]
    assert list(last) == ["untrained", "pixels", "other", "third"]
    assert last["other"] == again["baselines"]["other"]
    for file in (tmp_path / "run").rglob("*.*"):
        assert not file.is_file() or str(tmp_path / "other").encode() not in file.read_bytes(), file


def test_an_encoder_that_goes_on_is_judged_against_its_start(tmp_path):
    drawn = with_val(draw_store(tmp_path / "store"), ["p00", "p05"])
    sslecho.pretrain(drawn, tmp_path / "first", **QUICK)
    sslecho.pretrain(drawn, tmp_path / "second", **QUICK, weights=str(tmp_path / "first"))
    first, second = (read_json(tmp_path / name / "result.json") for name in ("first", "second"))
    assert list(second["baselines"]) == ["weights", "untrained", "pixels"]
    assert second["baselines"]["weights"]["knn_accuracy"] == first["knn_accuracy"]
    assert "than the encoder that it began with" in second["verdict"]


@pytest.mark.parametrize(
    ("label", "split", "said"),
    [
        (None, None, "can't tell: no frame has a label; ingest with --labels"),
        ("kept", None, "can't tell: there are no validation patients; run `sslecho split STORE --val 0.2`"),
        ("kept", "train", "can't tell: there are no validation patients"),
        ("one", "both", "can't tell: all labels of the val split are the same"),
    ],
)
def test_where_nothing_can_be_told_the_verdict_says_what_to_do(tmp_path, label, split, said):
    drawn = draw_store(tmp_path / "store")
    n = drawn.clips.num_rows
    labels = {"kept": drawn.column("label").tolist(), "one": ["a"] * n, None: [None] * n}[label]
    splits = {"both": ["train", "val"] * (n // 2), "train": ["train"] * n, None: [None] * n}[split]
    clips = drawn.clips
    for name, values in (("label", labels), ("split", splits)):
        at = clips.column_names.index(name)
        clips = clips.set_column(at, name, pa.array(values, pa.string()))
    drawn = drawn.with_tables(clips=clips)
    seen = watched(drawn, training_rows(drawn, False)[0], 0)
    assert not seen.sample.asked.any()
    assert len(seen.sample.rows) == len(drawn)
    found = judge(drawn, seen, random_encoder(), {"pixels": PixelEncoder()}, seed=0, device=CPU, unit="patient")
    assert (found["knn_accuracy"], found["baselines"]) == (None, None)
    assert re.match(said, found["verdict"])
    assert str(tmp_path) not in found["verdict"]


def test_a_look_does_not_share_open_files_with_the_thread_that_reads_ahead(tmp_path, monkeypatch):
    drawn = with_val(draw_store(tmp_path / "store"), ["p00", "p05"])
    read, by_ahead, by_looks = Store.read, set(), set()

    def noted(self, rows):
        words = [frame.name for frame in traceback.extract_stack()]
        (by_looks if "check" in words else by_ahead if "_read" in words else set()).add(id(self))
        return read(self, rows)

    monkeypatch.setattr(Store, "read", noted)
    sslecho.pretrain(drawn, tmp_path / "run", **QUICK)
    assert by_ahead
    assert by_looks
    assert not by_ahead & by_looks


def test_a_baseline_must_read_so(tmp_path):
    for text in ("old", "=folder", "pixels=folder", "a/b=folder", "old="):
        with pytest.raises(InputError, match=r"--baseline '.*' must read NAME=FOLDER"):
            named_baselines((text,))
    with pytest.raises(InputError, match="--baseline old .*does not exist"):
        named_baselines((f"old={tmp_path / 'nothing'}",))
