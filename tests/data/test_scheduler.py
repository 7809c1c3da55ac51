"""Ingest on a Dask cluster of this machine: a real scheduler, workers that are killed, a scheduler that goes away."""

import json
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from data.archives import contents, pattern, write_png, write_video
from data.deadly import die_in_ways, hang

from sslecho.data import ingest as ingest_module
from sslecho.data import scheduler as scheduler_module
from sslecho.data.ingest import ingest
from sslecho.data.limits import Limits
from sslecho.data.scheduler import Cluster
from sslecho.errors import InputError, SslechoError

pytest.importorskip("distributed", reason="the extra `scale` is not installed")
SECONDS = 60


class DaskMachine:
    """A scheduler and its workers as processes on the loopback address."""

    def __init__(self, folder: Path):
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        self.workers: list[subprocess.Popen] = []

    def add_worker(self) -> None:
        """A worker without a nanny: one that is killed stays away."""
        words = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
        where = ("--local-directory", str(self._folder))
        self.workers.append(self._start("worker", self.address, *words, *where))

    def stop(self) -> None:
        for process in [*self.workers, self.scheduler]:
            process.kill()
        for process in [*self.workers, self.scheduler]:
            process.wait()

    def _start(self, *words: str) -> subprocess.Popen:
        script = f"import sys; sys.path[:] = {sys.path!r}; from distributed.cli.dask_{words[0]} import main; main()"
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", script, *words[1:]],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[DaskMachine]:
    machine = DaskMachine(tmp_path)
    try:
        # Dask's own deprecations are not ours to mend.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            machine.add_worker()
            machine.add_worker()
            yield machine
    finally:
        machine.stop()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    for number in range(24):
        write_png(folder / f"{number % 3}/{number}.png", pattern(96, 128, seed=number))
    write_video(folder / "1/v.mp4", [pattern(seed=seed) for seed in range(6)])
    (folder / "2/bad.png").write_bytes(b"rubbish")
    return folder


def ingested(source: Path, name: str, key_from: str | None = None, **settings: Any) -> Path:
    out = source.parent / name
    if key_from is not None:
        out.with_name(f"{name}.key").mkdir(exist_ok=True)
        key = (source.parent / f"{key_from}.key/key").read_text()
        (out.with_name(f"{name}.key") / "key").write_text(key)
    ingest([source], out, patient_from="unknown", size=32, sector="off", **settings)
    return out


def after_clips(monkeypatch: pytest.MonkeyPatch, n: int, act: Callable[[], object]) -> None:
    """Act once when the n-th clip has been appended."""
    real, count = ingest_module.StoreWriter.add_clip, iter(range(1, 10_000))

    def counted(self, *args, **kwargs):
        real(self, *args, **kwargs)
        if next(count) == n:
            act()

    monkeypatch.setattr(ingest_module.StoreWriter, "add_clip", counted)


def test_a_worker_is_lost_midway_then_the_scheduler(
    machine: DaskMachine, source: Path, monkeypatch: pytest.MonkeyPatch
):
    """Same bytes with one of two workers killed; without the scheduler an error, and the run goes on elsewhere."""
    whole = contents(ingested(source, "whole", workers=1))
    with monkeypatch.context() as patch:
        after_clips(patch, 3, lambda: machine.workers[0].send_signal(signal.SIGKILL))
        one_lost = ingested(source, "one lost", "whole", scheduler=machine.address)
    assert machine.workers[0].wait(SECONDS) == -signal.SIGKILL
    assert contents(one_lost) == whole
    monkeypatch.setattr(scheduler_module, "AHEAD", 4)
    with monkeypatch.context() as patch:
        after_clips(patch, 3, lambda: machine.scheduler.send_signal(signal.SIGKILL))
        with pytest.raises(SslechoError, match=rf"Dask cluster at {machine.address} was lost.* goes on") as caught:
            ingested(source, "left", "whole", scheduler=machine.address)
    assert caught.value.exit_code == 1
    done = json.loads((source.parent / "left/.writing/journal.jsonl").read_text().splitlines()[-1])
    assert "clip" in done
    assert contents(ingested(source, "left", "whole", workers=1)) == whole


def test_what_kills_or_hangs_is_left_out_and_the_workers_live(machine: DaskMachine):
    def told(task: str, reason: str) -> str:
        return reason

    ways = ["a", "SIGSEGV", "b", "SIGKILL", *"cdefgh", "exit", "i"]
    with Cluster(machine.address, limits=Limits(seconds=0.5, grace_s=0.5)) as cluster:
        found = list(cluster.in_order(die_in_ways, ways, on_death=told))
        slow = list(cluster.in_order(hang, ["sleep", "fine", "c"], on_death=told))
    assert [task for task, _ in found] == ways
    assert [result for _, result in found if len(result) == 1] == list("abcdefghi")
    assert dict(found)["SIGSEGV"] == "the decoder crashed on it (segmentation fault)"
    too_slow = "reading it took longer than 0.5 s; --max-seconds allows more, with --overwrite"
    assert slow == [("sleep", too_slow), ("fine", "fine"), ("c", too_slow)]
    assert [worker.poll() for worker in machine.workers] == [None, None]


def test_a_scheduler_without_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scheduler_module, "SECONDS_WITHOUT_WORKERS", 1)
    monkeypatch.setattr(scheduler_module, "SECONDS_TO_ANSWER", 1)
    machine = DaskMachine(tmp_path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with (
                cluster_at(machine.address) as cluster,
                pytest.raises(SslechoError, match="has had no workers for 1 s"),
            ):
                list(cluster.in_order(die_in_ways, ["a"], on_death=lambda task, reason: reason))
    finally:
        machine.stop()


def test_no_scheduler_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scheduler_module, "SECONDS_TO_ANSWER", 0.2)
    with pytest.raises(InputError, match="--scheduler tcp://127.0.0.1:1: no Dask scheduler answers there"):
        Cluster("tcp://127.0.0.1:1")


def cluster_at(address: str) -> Cluster:
    """Try until the scheduler, which has just been started, answers."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return Cluster(address)
        except InputError:
            if time.monotonic() > deadline:
                raise
