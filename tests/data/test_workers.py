"""Workers that die, one way or another: results in order, and only the guilty task is lost."""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from data.deadly import (
    answer_with_what_cannot_be_sent,
    die_in_ways,
    die_with_company,
    double_or_die,
    fail,
    fail_unusually,
    leak,
)

from sslecho.data import worker_process
from sslecho.data.limits import Limits
from sslecho.data.workers import AHEAD, Pool
from sslecho.errors import SslechoError


def refuse(task, reason: str):
    raise AssertionError(f"{task} was given up: {reason}")


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_worker_that_dies_takes_only_its_task(n_workers: int):
    with Pool(n_workers) as pool:
        found = list(pool.in_order(double_or_die, range(60), on_death=lambda number, reason: (number, reason)))
    assert [task for task, _ in found] == list(range(60))
    lost = [(number, result) for number, result in found if isinstance(result, tuple)]
    assert [number for number, _ in lost] == [3, 7]
    assert all("--max-memory-mb limits what a file takes" in reason for _, (_, reason) in lost)
    assert all(result == 2 * number for number, result in found if number not in (3, 7))


def test_every_way_to_die_is_told():
    ways = ["fine", "SIGSEGV", "exit", "SIGABRT", "SIGBUS", "system exit", "SIGTERM", "good"]
    with Pool(2) as pool:
        found = dict(pool.in_order(die_in_ways, ways, on_death=lambda way, reason: reason))
    assert found["fine"] == "fine"
    assert found["good"] == "good"
    assert found["SIGSEGV"] == "the decoder crashed on it (segmentation fault)"
    assert found["SIGABRT"] == "the decoder crashed on it (aborted)"
    assert found["SIGBUS"] == "the decoder crashed on it (bus error)"
    assert found["exit"] == found["system exit"] == "the decoder crashed on it (the process ended)"


def test_the_victim_of_another_task_is_tried_again(tmp_path: Path):
    """The kernel may take the worker of a harmless file where a huge one fills the memory."""
    tasks = [("a", ""), ("b", str(tmp_path / "died")), ("c", ""), ("d", str(tmp_path / "died too"))]
    with Pool(2) as pool:
        found = list(pool.in_order(die_with_company, tasks, on_death=refuse))
    assert [result for _, result in found] == ["a", "b", "c", "d"]
    assert (tmp_path / "died").exists()
    assert (tmp_path / "died too").exists()


def test_an_error_in_a_worker_is_an_error():
    with Pool(1) as pool, pytest.raises(ZeroDivisionError) as caught:
        list(pool.in_order(fail, range(2), on_death=refuse))
    assert "raise ZeroDivisionError(number)" in caught.value.__notes__[0]


@pytest.mark.parametrize("function", [fail_unusually, answer_with_what_cannot_be_sent])
def test_what_can_not_be_sent_is_an_error_too(function):
    with Pool(1) as pool, pytest.raises(SslechoError, match="can't be handed over"):
        list(pool.in_order(function, range(2), on_death=refuse))


def test_tasks_are_taken_a_few_at_a_time():
    taken = []

    def tasks():
        for number in range(100):
            taken.append(number)
            yield number + 10

    with Pool(1) as pool:
        results = pool.in_order(double_or_die, tasks(), on_death=refuse)
        assert next(results) == (10, 20)
        assert len(taken) <= AHEAD + 1
        results.close()


def test_large_tasks_and_results_do_not_lock_both_sides():
    """Pipes hold little: both ends must not wait for the other to read."""
    tasks = ["x" * 3_000_000] * 12
    with Pool(2) as pool:
        found = list(pool.in_order(die_in_ways, tasks, on_death=refuse))
    assert [task for task, _ in found] == [result for _, result in found] == tasks


def test_workers_that_can_not_start_are_no_fault_of_the_files(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(worker_process, "BOOT", "raise SystemExit(1)")
    with Pool(1) as pool, pytest.raises(SslechoError, match="worker processes can't start"):
        list(pool.in_order(double_or_die, range(2), on_death=refuse))


def test_a_machine_without_room_for_a_process_is_said(monkeypatch: pytest.MonkeyPatch):
    def refused(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(worker_process.subprocess, "Popen", refused)
    with Pool(1) as pool, pytest.raises(SslechoError, match=r"can't be started \(Resource temporarily unavailable\)"):
        list(pool.in_order(double_or_die, range(2), on_death=refuse))


def test_a_worker_that_has_grown_is_replaced():
    half = worker_process.MAX_GROWTH_BYTES // 2**20 * 6 // 10
    with Pool(1, limits=Limits(memory_mb=4 * half)) as pool:
        found = [result for _, result in pool.in_order(leak, [1, half, half, 1, 1], on_death=refuse)]
    assert found[0] == found[1] == found[2]
    assert found[3] == found[4] != found[0]


ORPHANS = """
import sys
from data.deadly import hang
from sslecho.data.workers import Pool
from sslecho.data import workers
real = workers.wait
def told(connections, timeout):
    print(*[worker._process.pid for worker, _ in pool._workers], flush=True)
    return real(connections, timeout)
workers.wait = told
with Pool(2) as pool:
    list(pool.in_order(hang, ["sleep", "loop"], on_death=None))
"""


def test_workers_do_not_outlive_a_killed_parent():
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHANS],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert parent.stdout is not None
    numbers = []
    while len(numbers) < 2:
        numbers = [int(word) for word in parent.stdout.readline().split()]
    parent.stdout.readline()  # one of them has said that it is ready
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while any(is_alive(number) for number in numbers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [number for number in numbers if is_alive(number)]


def is_alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_leaving_early_ends_the_workers():
    pool = Pool(2)
    results = pool.in_order(double_or_die, range(20, 60), on_death=refuse)
    next(results)
    numbers = [worker._process.pid for worker, _ in pool._workers]
    assert numbers
    del results
    gc.collect()
    assert not [number for number in numbers if is_alive(number)]
