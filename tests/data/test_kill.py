"""SIGKILL at any moment, of the parent, a worker or all of them: the run goes on to the same store, byte for byte.

`benchmarks/quality/kills.py` does the same more often; `test_disk_faults.py` at every call that reaches the disk.
"""

from pathlib import Path

import numpy as np
import pytest
from data.archives import contents
from data.killing import finish, first_sign, kill_often, start, with_key_of, write_archive


@pytest.mark.parametrize("n_workers", [1, 2])
def test_killed_runs_go_on_to_the_same_bytes(tmp_path: Path, n_workers: int):
    source = write_archive(tmp_path / "archive", 24)
    whole = tmp_path / "whole"
    seconds = finish(source, whole, 3 - n_workers)
    out = with_key_of(tmp_path / "out", whole)
    kill_often(source, out, n_workers=n_workers, n_kills=3, seconds=seconds, rng=np.random.default_rng(n_workers))
    finish(source, out, n_workers)
    assert contents(out) == contents(whole)
    assert not (out / ".writing").exists()


def test_a_second_ingest_is_told_who_is_at_it(tmp_path: Path):
    source = write_archive(tmp_path / "archive", 24)
    first = start(source, tmp_path / "out", 1)
    first_sign(first, tmp_path / "out")
    second = start(source, tmp_path / "out", 1)
    said = second.communicate()[1]
    assert second.returncode == 2, said
    assert f"is being written by process {first.pid} on this machine, since " in said
    assert first.communicate()[1] is not None
    assert first.returncode == 0
