"""`predict --live`: an answer a frame, a smoothed one for the clip, and frames dropped rather than late."""

import csv
import io
import json
import math
import time
from types import SimpleNamespace

import av
import numpy as np
import pytest
from data.archives import dicom, save_dicom, write_video
from data.flow_clips import flow_clip
from data.test_privacy import everything
from drawn_model import VIEWS, draw_classifier, draw_grader
from moving_fan import moving_fan
from typer.testing import CliRunner

import sslecho
from sslecho.api.answers import Models
from sslecho.api.live_answers import LiveAnswers, Smoothed
from sslecho.cli.app import app
from sslecho.data.letterbox import Letterbox
from sslecho.errors import InputError
from sslecho.tasks.classifier import Classifier

HOW = {"size": 64, "workers": 1, "live": True}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    draw_classifier(folder / "classifier")
    draw_grader(folder / "grader")
    write_video(folder / "Jane Doe.mp4", moving_fan(20, 160, 200, text="JANE DOE"))
    return folder


def models_of(work, grader=True):
    return {"model": str(work / "classifier"), **({"grader": str(work / "grader")} if grader else {})}


def rows_of(out):
    with (out / "live.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_mean_forgets_as_it_says():
    rng = np.random.default_rng(2)
    times = np.cumsum(rng.uniform(0.01, 0.3, 8))
    values = rng.normal(size=(8, 3))
    smoothed = Smoothed(0.4)
    for number in range(8):
        got = smoothed.update(values[number], float(times[number]))
        # From the equation: each value enters with 1 - exp(-dt / s) and fades by exp(-dt / s) with each one after it.
        weights = []
        for i in range(number + 1):
            entered = 1.0 if i == 0 else 1 - math.exp(-(times[i] - times[i - 1]) / 0.4)
            weights.append(entered * math.exp(-(times[number] - times[i]) / 0.4))
        assert sum(weights) == pytest.approx(1)
        np.testing.assert_allclose(got, np.array(weights) @ values[: number + 1])
    assert Smoothed(0.0).update(3.0, 0.0) == 3.0
    last = Smoothed(0.0)
    last.update(1.0, 0.0)
    assert last.update(5.0, 0.1) == 5.0


def test_each_frame_is_answered_and_the_clip_as_by_predict(work, tmp_path):
    out = tmp_path / "out"
    said = sslecho.predict(work / "Jane Doe.mp4", out, **models_of(work), **HOW)
    rows = rows_of(out)
    assert [int(row["frame_index"]) for row in rows] == list(range(20))
    assert said.scores["dropped"] == 0
    assert all(row["view"] in VIEWS and 2 <= float(row["grade"]) <= 6 for row in rows)
    assert all(float(row["latency_ms"]) > 0 for row in rows)
    assert said.scores["p50_ms"] <= said.scores["p95_ms"] <= said.scores["max_ms"]
    assert float(rows[3]["time_s"]) == pytest.approx(0.15)
    offline = sslecho.predict(work / "Jane Doe.mp4", tmp_path / "off", **models_of(work), size=64, workers=1)
    row = offline.table.to_pylist()[0]
    clip = said.scores["clip"]
    assert clip["prediction"] == row["prediction"]
    assert clip["confidence"] == pytest.approx(row["confidence"], abs=0.02)  # the sector is seen in 16 frames, not 20
    assert clip["grade"] == pytest.approx(row["grade"], abs=0.02)
    assert clip["abstained"] == row["abstained"]
    assert said.table.num_rows == 20


def test_the_video_shows_every_frame_at_its_time_and_nobody_by_name(work, tmp_path):
    out = tmp_path / "out"
    sslecho.predict(work / "Jane Doe.mp4", out, **models_of(work), **HOW)
    with av.open(str(out / "live.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [frame.time for frame in frames] == pytest.approx([n / 20 for n in range(20)], abs=2e-3)
    pictures = np.stack([frame.to_ndarray(format="gray") for frame in frames])
    assert pictures[:, 100:300].std() > 10  # the picture
    assert pictures[:, 390:].max() > 150  # words below it
    # What was burned in at the upper left, outside the fan, is black.
    assert pictures[:, :40, :60].max() < 40
    assert b"Jane Doe" not in everything(out)


def test_answers_are_tempered_after_they_were_averaged(work):
    models = Models.load(str(work / "classifier"), None, device="cpu")
    answers = LiveAnswers(models, smooth_s=1e9, abstain="sets", least_confidence=0.0)
    frames = np.random.default_rng(1).integers(0, 256, (6, 64, 64)).astype(np.uint8)
    for number, frame in enumerate(frames):
        said = answers.of(frame, number / 30)
    rows, model = np.arange(6), Classifier.load(work / "classifier")
    whole = model.of_clips(frames.__getitem__, rows, rows * 0, 1)[0]
    assert answers.of_all()["confidence"] == pytest.approx(whole.max(), abs=1e-6)
    alone = model.of_frames(frames.__getitem__, rows)
    assert said.confidence == pytest.approx(alone[5].max(), abs=1e-6)
    # So slow a mean is that of the first frame.
    assert said.clip_confidence == pytest.approx(alone[0].max(), abs=1e-5)


def test_frames_that_come_too_fast_are_dropped_and_it_is_said(work, tmp_path, monkeypatch, capfd):
    right = LiveAnswers.of

    def slow(self, pixels, time_s):
        time.sleep(0.15)  # three frames come meanwhile
        return right(self, pixels, time_s)

    monkeypatch.setattr(LiveAnswers, "of", slow)
    said = sslecho.predict(work / "Jane Doe.mp4", tmp_path / "out", realtime=True, **models_of(work), **HOW).scores
    assert said["dropped"] > 5
    assert said["frames"] + said["dropped"] == 20
    assert f"dropped {said['dropped']} of 20 frames" in capfd.readouterr().err
    # It does not lag: the last frames are answered about when they come.
    assert float(rows_of(tmp_path / "out")[-1]["latency_ms"]) < 1500


def piped(monkeypatch, content: bytes):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))


def test_raw_frames_come_through_a_pipe(work, tmp_path, monkeypatch):
    frames = np.stack(moving_fan(20, 160, 200))
    piped(monkeypatch, frames.tobytes())
    how = {**HOW, "width": 200, "height": 160, "drop": False, "video": False, "fps": 25.0, "sector": "off"}
    said = sslecho.predict("-", tmp_path / "out", **models_of(work), **how)
    assert said.scores["frames"] == 20
    assert not (tmp_path / "out" / "live.mp4").exists()
    rows = rows_of(tmp_path / "out")
    assert float(rows[5]["time_s"]) == 0.2
    letterbox = Letterbox((0, 0, 200, 160), (64, 64))
    wanted = Classifier.load(work / "classifier").of_frames(lambda rows: letterbox(frames[7])[None], np.zeros(1, int))
    assert float(rows[7]["confidence"]) == pytest.approx(wanted.max(), abs=1e-4)
    with pytest.raises(InputError, match="holds what came through an earlier pipe"):
        sslecho.predict("-", tmp_path / "out", **models_of(work), **how)


def test_the_command_says_how_late_answers_were(work, tmp_path):
    call = ["predict", str(work / "Jane Doe.mp4"), "--live", "--no-video", "--size", "64", "--workers", "1"]
    call += ["--model", str(work / "classifier"), "-o", str(tmp_path / "out")]
    said = CliRunner().invoke(app, call)
    assert said.exit_code == 0, said.output
    assert "p95" in said.stdout
    again = json.loads(CliRunner().invoke(app, [*call, "--json"]).stdout.splitlines()[-1])
    assert again["already"] is True
    assert again["frames"] == 20


def test_color_is_not_named(work, tmp_path):
    path = save_dicom(tmp_path / "flow.dcm", dicom(flow_clip(12, 160, 200), FrameTime=40))
    with pytest.raises(InputError, match=r"its kind is colour .* which --kinds leaves out"):
        sslecho.predict(path, tmp_path / "out", **models_of(work), **HOW)
    assert not (tmp_path / "out").exists()


def test_while_color_is_switched_on_nothing_is_named(work, tmp_path):
    gray, flow = (np.repeat(np.stack(moving_fan(20, 160, 200))[..., None], 3, axis=3), flow_clip(6, 160, 200))
    path = save_dicom(tmp_path / "late.dcm", dicom(np.concatenate([gray, flow, gray[:3]]), FrameTime=40))
    sslecho.predict(path, tmp_path / "out", **models_of(work), **HOW, video=False)
    rows = rows_of(tmp_path / "out")
    assert [row["kind"] for row in rows] == ["b-mode"] * 20 + ["colour"] * 6 + ["b-mode"] * 3
    assert [bool(row["view"]) for row in rows] == [row["kind"] == "b-mode" for row in rows]


@pytest.mark.parametrize(
    ("sources", "options", "said"),
    [
        (["a.mp4", "b.mp4"], {}, "--live takes one video, or - for a pipe, not 2 sources"),
        (["nowhere.mp4"], {}, "nowhere.mp4 is no file"),
        (["Jane Doe.mp4"], {"width": 10}, "--width and --height go together"),
        (["Jane Doe.mp4"], {"width": 10, "height": 10}, "--width is of raw frames in a pipe"),
        (["cut.mp4"], {}, "cut.mp4: "),
    ],
)
def test_what_can_not_be_shown_live_is_refused(work, tmp_path, sources, options, said):
    (work / "cut.mp4").write_bytes((work / "Jane Doe.mp4").read_bytes()[:500])
    with pytest.raises(InputError, match=said):
        sslecho.predict([work / name for name in sources], tmp_path / "out", **models_of(work), **HOW, **options)
