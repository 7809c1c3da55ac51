"""Runs that are killed or asked to stop go on as if nothing had been."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from drawn_store import draw_store
from small_run import newest, small_run

from sslecho.errors import Interrupted
from sslecho.train import loop
from sslecho.train.checkpoint import step_of

PROGRAM = Path(__file__).parents[1] / "small_run.py"


def state_of(folder):
    return torch.load(newest(folder), weights_only=True)


def assert_equal(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_twenty_steps_sigkill_and_twenty_more_are_forty(tmp_path, monkeypatch):
    methods = ("simclr", "dino")  # dino has a teacher and a center
    killed = [subprocess.Popen([sys.executable, PROGRAM, tmp_path / "twice" / m, m, "21"]) for m in methods]
    monkeypatch.setattr(loop, "STEPS_BETWEEN_LOGS", 1)
    for method in methods:
        small_run(tmp_path / "straight" / method, method)
    for process, method in zip(killed, methods, strict=True):
        assert process.wait(timeout=600) == -signal.SIGKILL
        assert step_of(newest(tmp_path / "twice" / method)) == 20
        small_run(tmp_path / "twice" / method, method)
        states = [state_of(tmp_path / run / method) for run in ("straight", "twice")]
        assert_equal(states[0]["module"], states[1]["module"])
        assert_equal(states[0]["optimizer"], states[1]["optimizer"])
        assert states[0]["step"] == states[1]["step"] == 40
        logs = [(tmp_path / run / method / "log.jsonl").read_text().splitlines() for run in ("straight", "twice")]
        losses = [[(line["step"], line["loss"], line["grad_norm"]) for line in map(json.loads, log)] for log in logs]
        assert losses[0] == losses[1]
        assert len(losses[0]) == 40


def test_sigterm_saves_ends_with_1_says_how_to_go_on_and_the_same_command_does(tmp_path):
    draw_store(tmp_path / "store")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(out):
        options = "--backbone test_resnet --image-size 32 --batch-size 8 --epochs 60 --device cpu".split()
        words = [sys.executable, "-m", "sslecho", "pretrain", tmp_path / "store", "-o", tmp_path / out, *options]
        return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)

    stopped, straight = start("twice"), start("straight")
    while not (tmp_path / "twice" / "log.jsonl").exists() and stopped.poll() is None:
        time.sleep(0.01)
    stopped.send_signal(signal.SIGTERM)
    _, said = stopped.communicate(timeout=600)
    assert stopped.returncode == 1
    assert "the same command goes on from there" in said
    assert 0 < step_of(newest(tmp_path / "twice")) < 240
    assert not (tmp_path / "twice" / "encoder").exists()
    resumed = start("twice")
    for process in (resumed, straight):
        process.communicate(timeout=600)
        assert process.returncode == 0
    weights = [(tmp_path / run / "encoder" / "model.safetensors").read_bytes() for run in ("straight", "twice")]
    assert weights[0] == weights[1]


class Dawdling:
    """A look that would take forever, during which the run is asked to stop."""

    every = 1
    score = "knn_accuracy"

    def check(self, module, *, step, total):
        if step == 10:
            os.kill(os.getpid(), signal.SIGTERM)
            raise AssertionError("looked on after SIGTERM")
        return {"seen": float(step)}


def test_sigterm_cuts_a_look_short(tmp_path):
    with pytest.raises(Interrupted, match="stopped after 10 of 40 steps"):
        small_run(tmp_path, "simclr", watch=Dawdling())
    assert step_of(newest(tmp_path)) == 10
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line.get("seen")) for line in lines] == [(5, 5.0), (10, None)]


def test_a_lost_process_is_restarted_from_the_last_checkpoint(tmp_path):
    """Process 1 is killed after 21 of 40 steps; torchrun ends the other and starts both anew."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    # Without the second, torch may hand restarted processes the addresses of those before.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}

    def start(name, kill_at):
        words = [*torchrun, "--max-restarts", "1", PROGRAM, tmp_path / name, "dino", str(kill_at)]
        return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)

    runs = {"killed": start("killed", 21), "straight": start("straight", 0)}
    for name, process in runs.items():
        _, said = process.communicate(timeout=600)
        assert process.returncode == 0, said
        assert ("SIGKILL" in said or "-9" in said) == (name == "killed")
    states = [state_of(tmp_path / name) for name in runs]
    assert states[0]["step"] == 40
    assert_equal(states[0]["module"], states[1]["module"])
