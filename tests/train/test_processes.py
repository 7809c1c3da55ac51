"""Two processes learn what one would from their joint batch, whatever the method."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_run import newest

from sslecho.errors import InputError
from sslecho.objectives import OBJECTIVES
from sslecho.train.device import make_fabric

PROGRAM = Path(__file__).with_name("joint_batch.py")


def test_two_processes_have_the_weights_of_one(tmp_path):
    for processes in ("1", "2"):
        subprocess.run(
            [sys.executable, PROGRAM, processes, tmp_path / processes], check=True, capture_output=True, timeout=280
        )
    for method in OBJECTIVES:
        one, two = (torch.load(newest(tmp_path / n / method), weights_only=True)["module"] for n in "12")
        assert one.keys() == two.keys()
        for name, value in one.items():
            assert torch.allclose(value.float(), two[name].float(), rtol=1e-4, atol=1e-6), f"{method}: {name}"


def test_processes_of_torchrun_that_no_option_speaks_of_are_refused(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "some")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"--devices 1 .* make 1 processes, and torchrun started 2; --devices is"):
        make_fabric(device="cpu", devices=1, nodes=1, precision="32")
