"""Time and memory of one file: what goes over is told, and the neighbors come through."""

import os
import pickle
import threading
from pathlib import Path

import pytest
from data.deadly import fill, hang, threads

from sslecho.data.limits import Limits, Over, limited
from sslecho.data.worker_process import Answer, isolated
from sslecho.data.workers import Pool

QUICK = Limits(seconds=0.5, grace_s=1.0)
TOO_SLOW = "reading it took longer than 0.5 s; --max-seconds allows more, with --overwrite"


def reasons(task, reason: str) -> str:
    return reason


def test_every_way_to_hang_is_ended(tmp_path: Path):
    """A sleep, a loop, one that swallows errors, a pattern, a pipe without a writer, C code, a stopped process."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ways = ["fine", "sleep", "loop", "swallow", "still fine", "pattern", str(pipe), "c", "good"]
    with Pool(2, limits=QUICK) as pool:
        found = list(pool.in_order(hang, ways, on_death=reasons))
    wanted = {"fine", "still fine", "good"}
    assert found == [(way, way if way in wanted else TOO_SLOW) for way in ways]


def test_the_exception_comes_again_where_it_was_swallowed():
    """A destructor may swallow it; the process need not end for that."""
    with Pool(1, limits=Limits(seconds=0.3, grace_s=20.0)) as pool:
        found = [result for _, result in pool.in_order(hang, ["number", "swallow once", "number"], on_death=reasons)]
    assert found[0] == found[2]
    assert found[1].startswith("reading it took longer than 0.3 s")


def test_a_process_that_can_not_end_itself_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sslecho.data.workers.SECONDS_BETWEEN_LOOKS", 0.1)
    with Pool(1, limits=QUICK) as pool:
        found = list(pool.in_order(hang, ["stop", "fine"], on_death=reasons))
    assert found == [("stop", TOO_SLOW), ("fine", "fine")]


def test_the_clock_is_that_of_one_task():
    """Many quick tasks take longer together than one may."""
    with Pool(1, limits=Limits(seconds=0.5)) as pool:
        found = list(pool.in_order(fill, [60] * 20, on_death=reasons))
    assert [result for _, result in found] == [60] * 20


def test_memory_is_bounded_for_each_task():
    with Pool(1, limits=Limits(memory_mb=200)) as pool:
        found = list(pool.in_order(fill, [150, 400, 150, 10**6, 150], on_death=reasons))
    too_big = "reading it needs more than 200 MB of memory; --max-memory-mb allows more, with --overwrite"
    assert [result for _, result in found] == [150, too_big, 150, too_big, 150]


def test_no_limits():
    with Pool(1, limits=Limits(seconds=None, memory_mb=None)) as pool:
        assert list(pool.in_order(fill, [20], on_death=reasons)) == [(20, 20)]


def test_limited_leaves_the_process_as_it_was():
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_DATA), signal.getitimer(signal.ITIMER_REAL)
    assert limited(fill, 3, Limits(memory_mb=100)) == 3
    assert limited(hang, "sleep", QUICK) == Over(TOO_SLOW)
    with pytest.raises(TypeError):
        limited(fill, "x", QUICK)
    assert before == (resource.getrlimit(resource.RLIMIT_DATA), signal.getitimer(signal.ITIMER_REAL))


def test_limits_are_checked_and_travel():
    for wrong in ({"seconds": 0.0}, {"seconds": float("nan")}, {"memory_mb": -1}):
        with pytest.raises(ValueError, match="must be > 0"):
            Limits(**wrong)
    assert pickle.loads(pickle.dumps(Limits(seconds=3.0))) == Limits(seconds=3.0)


def test_workers_have_one_thread_each(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with Pool(1) as pool:
        assert list(pool.in_order(threads, [0], on_death=reasons)) == [(0, "1")]


def test_a_thread_isolates_a_task():
    """What a cluster's worker does: its tasks run in threads, where no clock can be set."""
    found: list[Answer] = []

    def work():
        found.extend(isolated(hang, way, QUICK) for way in ("fine", "c", "sleep", "good"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [answer.value for answer in found] == ["fine", Over(TOO_SLOW), Over(TOO_SLOW), "good"]
