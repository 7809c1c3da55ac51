"""The loop: exact resume, who gets paired with whom, what an interruption leaves."""

import json
import math
import os
import signal

import numpy as np
import pytest
import torch
from made_objective import make
from small_run import newest

from sslecho.errors import Interrupted, NounError, SslechoError
from sslecho.objectives import OBJECTIVES
from sslecho.train import loop
from sslecho.train.batches import Frames
from sslecho.train.device import make_fabric
from sslecho.train.interrupt import StopRequest
from sslecho.train.log import TrainingLog, read_log
from sslecho.train.loop import Plan, fit
from sslecho.train.schedule import cosine_with_warmup
from sslecho.views.policies import Views, local_policy, policy

PICTURES = np.random.default_rng(0).integers(0, 256, (24, 32, 32)).astype(np.uint8)


def train(folder, *, method="simclr", epochs=2, stop_after=None, optimizer="adamw", lr=1e-3, partner_group=None):
    """Train a small network; `stop_after` steps the user presses Ctrl-C."""
    folder.mkdir(exist_ok=True)
    encoder, objective = make(method)
    side = encoder.image_size
    makers = [Views(policy("echo", size=side), size=side, seed=0)] * objective.n_views
    if objective.local is not None:
        small = local_policy("echo", size=16, min_area=0.15, max_area=0.5)
        makers += [Views(small, size=16, seed=0)] * objective.local.count
    steps = []

    def read(rows):
        steps.append(rows)
        return PICTURES[rows]

    log = TrainingLog(folder)
    if stop_after is not None:
        write = log.write

        def write_and_stop(*, step, **fields):
            write(step=step, **fields)
            if step == stop_after:
                os.kill(os.getpid(), signal.SIGINT)

        log.write = write_and_stop
    trained = fit(
        encoder,
        objective,
        Frames(read, np.arange(24), np.arange(24) // 2, partner_group, np.arange(24) // 2 % 4 - 1),
        makers,
        Plan(epochs=epochs, batch_size=8, lr=lr, weight_decay=1e-4, optimizer=optimizer, warmup_epochs=0.5, seed=0),
        fabric=make_fabric(device="cpu", devices=1, nodes=1, precision="32"),
        folder=folder,
        log=log,
    )
    return encoder, trained, steps


@pytest.mark.parametrize(("method", "optimizer"), [*((method, "adamw") for method in OBJECTIVES), ("simclr", "sgd")])
def test_stopped_in_the_middle_of_an_epoch_and_resumed_equals_straight(tmp_path, method, optimizer, monkeypatch):
    monkeypatch.setattr(loop, "STEPS_BETWEEN_LOGS", 1)
    straight, trained, _ = train(tmp_path / "straight", method=method, optimizer=optimizer)
    with pytest.raises(Interrupted, match="stopped after 4 of 6 steps; the same command goes on"):
        train(tmp_path / "twice", method=method, stop_after=4, optimizer=optimizer)
    resumed, trained_again, _ = train(tmp_path / "twice", method=method, optimizer=optimizer)
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    # Teachers, centers, queues and prototypes too: they and the optimizer's state are all that a run has.
    states = [torch.load(newest(tmp_path / run), weights_only=True)["module"] for run in ("straight", "twice")]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert trained.loss == trained_again.loss
    losses = [line["loss"] for line in read_log(tmp_path / "straight")]
    assert losses == [line["loss"] for line in read_log(tmp_path / "twice")]
    assert len(losses) == 6


def test_lines_beyond_the_checkpoint_are_dropped_on_resume(tmp_path):
    log = TrainingLog(tmp_path)
    with log.after(0):
        for step in (20, 40, 60):
            log.write(step=step, epoch=0.0, loss=1.0, lr=0.1, images_per_s=1.0, data_wait=0.0)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 8')  # killed in the middle of a line
    with TrainingLog(tmp_path).after(40):
        assert [line["step"] for line in read_log(tmp_path)] == [20, 40]


def test_the_log_stays_json_where_a_gradient_is_infinite(tmp_path):
    log = TrainingLog(tmp_path)
    with log.after(0):
        log.write(step=1, epoch=0.1, loss=1.5, grad_norm=math.inf)
    assert "Infinity" not in (tmp_path / "log.jsonl").read_text()
    assert read_log(tmp_path) == [{"step": 1, "epoch": 0.1, "loss": 1.5, "grad_norm": None}]


def test_event_files_name_no_host(tmp_path):
    train(tmp_path / "run", epochs=1)
    names = [file.name for file in (tmp_path / "run" / "tensorboard").iterdir()]
    assert names == ["events.out.tfevents.000000000.sslecho"]


def test_tensorboard_events_hold_the_losses(tmp_path):
    from tensorboardX.proto.event_pb2 import Event

    _, trained, _ = train(tmp_path / "run", epochs=1)
    content = next((tmp_path / "run" / "tensorboard").iterdir()).read_bytes()
    found, at = {}, 0
    while at < len(content):  # each record: length (8 bytes), its checksum (4), the event, its checksum (4)
        length = int.from_bytes(content[at : at + 8], "little")
        event = Event.FromString(content[at + 12 : at + 12 + length])
        found |= {value.tag: value.simple_value for value in event.summary.value}
        at += length + 16
    assert found["loss"] == pytest.approx(trained.loss)


def test_a_damaged_checkpoint_is_named(tmp_path):
    train(tmp_path / "run", epochs=1)
    newest(tmp_path / "run").write_bytes(b"no checkpoint")
    with pytest.raises(NounError, match=r"step-000000003-.*\.pt can't be resumed from .*--overwrite"):
        train(tmp_path / "run")


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path):
    with pytest.raises(SslechoError, match=r"the loss is nan at step 2; lower --lr"):
        train(tmp_path / "run", optimizer="sgd", lr=1e30)


def test_second_views_come_from_the_same_group(tmp_path):
    clips = np.arange(24) // 2
    _, _, reads = train(tmp_path / "run", epochs=1, partner_group=clips)
    pairs = list(zip(reads[::2], reads[1::2], strict=False))
    assert all(np.array_equal(clips[a], clips[b]) for a, b in pairs)
    assert any((a != b).any() for a, b in pairs)


def test_learning_rate_rises_then_falls_to_zero():
    at = [cosine_with_warmup(step, total_steps=110, warmup_steps=10) for step in range(110)]
    assert at[0] == pytest.approx(0.1)
    assert at[9] == 1
    assert at[60] == pytest.approx(0.5)
    assert at[109] == pytest.approx(0, abs=1e-3)
    assert all(a >= b for a, b in zip(at[10:], at[11:], strict=False))
    assert math.isfinite(cosine_with_warmup(0, total_steps=1, warmup_steps=0))


def test_signals_are_given_back():
    before = signal.getsignal(signal.SIGINT)
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_log_is_plain_json(tmp_path):
    train(tmp_path / "run", epochs=1)
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert set(json.loads(lines[0])) == {"step", "epoch", "loss", "grad_norm", "lr", "images_per_s", "data_wait"}
