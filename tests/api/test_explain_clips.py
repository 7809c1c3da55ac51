"""`explain` of a classifier of clips: its windows are what is covered, and its frames have maps of their own."""

import numpy as np
import pytest
import torch
from marked_fans import fan_store

import sslecho
from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.models.video.video_network import create_video
from sslecho.rundir import read_json
from sslecho.tasks.viewer import Looking, Viewer


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A store, and a recurrent classifier of its clips with random weights."""
    folder = tmp_path_factory.mktemp("clips")
    fan_store(folder / "store", patients=9, frames=6, mark="chance")
    torch.manual_seed(0)
    encoder = Encoder("test_resnet", image_size=32, mean=0.2, std=0.2)
    network = create_video("lstm", encoder, n_classes=2, n_frames=3).eval()
    looking = Looking(1, None, 2, 300, "evidence", True, 0.8)
    made = Viewer(network, "lstm", "test_resnet", ("large", "small"), looking, 1.0, None, {"level": "clip"})
    (folder / "model").mkdir()
    made.save(folder / "model")
    return folder


def test_windows_of_clips_are_covered_and_mapped_frame_by_frame(work, tmp_path):
    sslecho.explain(work / "store", tmp_path / "x", model=str(work / "model"), maps=3, shown=2, workers=1)
    result = read_json(tmp_path / "x" / "result.json")
    assert (result["n"], result["n_patients"], result["level"]) == (6, 3, "clip")
    assert result["exchange_n"] == result["heart_n"] == 6
    with np.load(tmp_path / "x" / "maps.npz") as maps:
        assert maps["gradient"].shape == maps["grad_cam"].shape == (3, 3, 32, 32)
    assert result["over_time"]["frames"] == 3
    assert 1 <= result["over_time"]["effective_frames"] <= 3
    assert (tmp_path / "x" / "time.png").exists()


def test_a_classifier_of_clips_names_no_frames(work, tmp_path):
    with pytest.raises(InputError, match="--level frame: --model .* names clips; leave --level out"):
        sslecho.explain(work / "store", tmp_path / "o", model=str(work / "model"), level="frame")
    assert not (tmp_path / "o").exists()
