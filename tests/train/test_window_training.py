"""Windows in the training loop: changed alike, drawn by the bank as the epoch begins, the same after a resume."""

import numpy as np
import pytest
import torch
from drawn_store import draw_store

from sslecho.data.window_sampler import Selecting
from sslecho.data.windows import Windows
from sslecho.models.encoder import Encoder
from sslecho.models.video import create_video
from sslecho.objectives.objective import Now
from sslecho.objectives.recognize import RecognizeSettings
from sslecho.tasks import view as task
from sslecho.tasks.view import LabeledClips, train_viewer
from sslecho.train import loop
from sslecho.train.batches import Frames
from sslecho.train.checkpoint import Saving
from sslecho.train.device import make_fabric
from sslecho.train.log import TrainingLog
from sslecho.train.pictures import load, show
from sslecho.train.schedule import share_of_rate
from sslecho.train.supervised import Running, Tuning
from sslecho.views.policies import Views, policy

CPU = torch.device("cpu")


def test_the_frames_of_a_window_are_changed_alike_and_windows_are_not():
    still = np.random.default_rng(0).integers(0, 256, (1, 64, 64)).astype(np.uint8)
    clip = np.repeat([0, 1], 6)
    frames = Frames(lambda rows: np.repeat(still, len(rows), 0), np.arange(12), clip, windows=Windows(3, clip, 2))
    loaded = load(frames, (np.array([2, 9]),) * 2)
    assert loaded is not None
    assert loaded.pictures.shape == (6, 64, 64)
    makers = [Views(policy("echo", size=32), size=32, seed=0)]
    (view,) = show(loaded, makers, Now(0, 9, 0.0), n_draws=0, seed=0, device=CPU).views
    of_window = view.unflatten(0, (2, 3))
    assert torch.equal(of_window[:, 0], of_window[:, 1])
    assert torch.equal(of_window[:, 0], of_window[:, 2])
    assert not torch.allclose(of_window[0, 0], of_window[1, 0], atol=0.02)


def test_a_window_is_read_in_order_of_time():
    pictures = np.repeat(np.arange(12, dtype=np.uint8), 16).reshape(12, 4, 4)
    clip = np.repeat([0, 1], 6)
    frames = Frames(lambda rows: pictures[rows], np.arange(12), clip, windows=Windows(3, clip, 2))
    rows = np.array([3, 11])
    loaded = load(frames, (rows, rows))
    assert loaded is not None
    assert loaded.pictures[:, 0, 0].tolist() == [1, 3, 5, 9, 11, 11]
    assert loaded.partner_pictures is loaded.pictures


def test_the_rate_falls_in_steps_or_not_at_all():
    def rates(name):
        return [share_of_rate(name, epoch * 4, total=120, per_epoch=4, warmup=2.0) for epoch in (0, 1, 2, 9, 10, 29)]

    assert rates("step") == pytest.approx([1 / 8, 5 / 8, 1, 1, 0.1, 0.01])
    assert rates("constant") == pytest.approx([1 / 8, 5 / 8, 1, 1, 1, 1])


class Killed(Exception):
    """In place of a power cut."""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return draw_store(tmp_path_factory.mktemp("windows") / "store", patients=4, clips=2, frames=45)


def run(store, folder, monkeypatch, *, kill_at=0):
    """Sixteen steps of four epochs, from wherever the folder stands."""
    monkeypatch.setattr(loop, "STEPS_BETWEEN_LOGS", 1)
    folder.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    encoder = Encoder("test_resnet", image_size=32, mean=0.4, std=0.2)
    network = create_video("lstm", encoder, n_classes=3, n_frames=2)
    names = store.column("label", level="frame")
    labeled = LabeledClips(
        np.arange(len(store)),
        np.array([["across", "disk", "down"].index(name) for name in names]),
        np.full(8, 2),
        np.empty(0, np.int64),
        np.empty(0, np.int64),
        np.empty(0, np.int64),
        3,
    )
    log = TrainingLog(folder, active=True)
    write = log.write

    def write_or_die(*, step, **fields):
        write(step=step, **fields)
        if step == kill_at:
            raise Killed

    log.write = write_or_die
    fabric = make_fabric(device="cpu", devices=1, nodes=1, precision="32")
    _, confidence = train_viewer(
        store,
        labeled,
        network,
        Windows(2, store.clip_of_frame, 3),
        [Views(policy("none", size=32), size=32, seed=0)],
        Tuning(1.0, 4, 1, 9, 4, "adamw", 1e-3, 0.0, 0.0, None, 5),
        Running(fabric, folder, log, Saving(seconds=0.0), None),
        loss=RecognizeSettings(loss="re-edl"),
        aggregate_by="evidence",
        selecting=Selecting(0.3, random_epochs=1),
    )
    return network.state_dict(), confidence


def test_a_run_that_was_killed_in_an_epoch_goes_on_to_the_same_bank_and_weights(store, tmp_path, monkeypatch):
    asked = []
    draw = task.DrawnWindows.draw

    def noted(self, **how):
        begins = int(self._bank.epoch) != how["epoch"]
        found = draw(self, **how)
        asked.append((how["epoch"], begins, self._bank.at_epoch.clone(), self._bank.confidence.clone(), found))
        return found

    monkeypatch.setattr(task.DrawnWindows, "draw", noted)
    weights, confidence = run(store, tmp_path / "straight", monkeypatch)
    assert [(epoch, begins) for epoch, begins, *_ in asked] == [(0, True), (1, True), (2, True), (3, True)]
    # Drawn by all that was learned until then, the last step before it included.
    assert all(torch.equal(at_epoch, now) for _, _, at_epoch, now, _ in asked)
    clip = np.bincount(store.clip_of_frame[asked[0][4].ravel()])
    assert clip.tolist() == [2] * 8
    straight = asked.copy()
    assert len({str(at_epoch.tolist()) for _, _, at_epoch, *_ in straight}) == 4
    asked.clear()
    with pytest.raises(Killed):
        run(store, tmp_path / "killed", monkeypatch, kill_at=7)  # in the second epoch, whose fourth step is the eighth
    asked.clear()
    again, confidence_again = run(store, tmp_path / "killed", monkeypatch)
    assert [(epoch, begins) for epoch, begins, *_ in asked] == [(1, False), (2, True), (3, True)]
    assert np.array_equal(asked[0][4], straight[1][4])
    assert not torch.equal(asked[0][2], asked[0][3])
    assert np.array_equal(confidence, confidence_again)
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert (confidence >= 0).any()
