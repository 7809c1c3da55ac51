"""The log keeps every action: after a restart, an undo, a kill, a full disk."""

import os
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest

from sslecho.errors import InputError, SslechoError
from sslecho.review.log import Log

CHILD = """
import sys, itertools
import numpy as np
from pathlib import Path
from sslecho.review.log import Log
zeros = np.zeros(2000, np.int32)
log = Log.open(Path(sys.argv[1]), identity="run", start=lambda code_of: {"label": zeros, "group": zeros})
rng = np.random.default_rng(len(sys.argv[2]))
for n in itertools.count(1):
    ids = np.sort(rng.choice(2000, 700, replace=False)).astype(np.int32)
    event = log.act("label", f"{n}", {"label": (ids, ids * 0 + n), "group": (ids[:5], ids[:5] * 0 + n)})
    print(event, log.state["label"].sum(), log.state["group"].sum(), flush=True)
"""


def ids(*numbers):
    return np.array(numbers, np.int32)


def opened(path, identity="run", n=6):
    return Log.open(
        path, identity=identity, start=lambda code_of: {"label": np.full(n, -1, np.int32), "name": ids(code_of("a"))}
    )


def test_what_was_done_stands_after_a_restart(tmp_path):
    with opened(tmp_path / "log") as log:
        assert log.act("label", "one", {"label": (ids(1, 4), ids(log.code_of("b"), log.code_of("c")))}) == 1
        assert log.act("name", "two", {"name": (ids(0, 3), ids(2, 1)), "label": (ids(4), ids(-1))}) == 2
    with opened(tmp_path / "log") as log:
        assert log.words == ["a", "b", "c"]
        assert log.state["label"].tolist() == [-1, 1, -1, -1, -1, -1]
        assert log.state["name"].tolist() == [2, -1, -1, 1]  # grown by what was not there before
        assert [(event.id, event.kind, event.said, event.undone) for event in log.events(most=9)] == [
            (2, "name", "two", False),
            (1, "label", "one", False),
        ]


def test_everything_can_be_undone_and_done_again_until_something_else_is_done(tmp_path):
    rng = np.random.default_rng(0)
    with opened(tmp_path / "log", n=20) as log:
        seen = [log.state["label"].tolist()]
        for n in range(8):
            rows = np.sort(rng.choice(20, 6, replace=False)).astype(np.int32)
            log.act("label", f"{n}", {"label": (rows, rng.integers(0, 5, 6).astype(np.int32))})
            seen.append(log.state["label"].tolist())
        for before in seen[-2::-1]:
            log.undo()
            assert log.state["label"].tolist() == before
        assert log.undo() is None
        assert log.can == (False, True)
    with opened(tmp_path / "log", n=20) as log:
        for after in seen[1:5]:
            assert not log.redo().undone
            assert log.state["label"].tolist() == after
        assert log.act("label", "other", {"label": (ids(0), ids(77))}) == 5
        assert log.redo() is None
        assert [event.id for event in log.events(most=99)] == [5, 4, 3, 2, 1]


def test_nothing_is_saved_where_nothing_would_change(tmp_path):
    with opened(tmp_path / "log") as log:
        assert log.act("label", "none", {"label": (ids(1), ids(-1)), "name": (ids(0), ids(0))}) is None
        assert log.last is None


def test_a_page_that_is_being_drawn_keeps_its_state(tmp_path):
    with opened(tmp_path / "log") as log:
        before = log.state["label"]
        log.act("label", "one", {"label": (ids(1), ids(0))})
        assert before.tolist() == [-1] * 6


def test_what_cant_be_saved_is_not_done(tmp_path):
    with opened(tmp_path / "log") as log:
        log.act("label", "one", {"label": (ids(1), ids(0))})
        log._connection.execute("PRAGMA max_page_count = 1")
        before = log.state["label"].tolist()
        rows = np.arange(20000, dtype=np.int32)
        shuffled = np.random.default_rng(0).permutation(rows)
        with pytest.raises(SslechoError, match="log can't be written .*: this was not saved"):
            log.act("label", "big", {"label": (rows, shuffled)})
        assert log.state["label"].tolist() == before
        log._connection.execute("PRAGMA max_page_count = 1000000")
        assert log.act("label", "two", {"label": (ids(2), ids(0))}) == 2


def test_only_one_process_has_it_open_and_only_for_its_own_run(tmp_path):
    with opened(tmp_path / "log"), pytest.raises(InputError, match="open in another `sslecho review`"):
        opened(tmp_path / "log")
    with pytest.raises(InputError, match="review of another clustering.*--out"):
        opened(tmp_path / "log", identity="other")
    (tmp_path / "text").write_text("this is no database, whatever its name says " * 20)
    with pytest.raises(InputError, match="is no review"):
        opened(tmp_path / "text")
    with pytest.raises(InputError, match="can't be opened"):
        opened(tmp_path / "nowhere" / "log")


def test_it_is_written_ahead_and_to_the_disk(tmp_path):
    with opened(tmp_path / "log") as log:
        assert log._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert log._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_killed_process_has_lost_nothing_that_it_showed(tmp_path):
    path, shown = tmp_path / "log", []
    for round_ in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), "x" * round_], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(5 + 7 * round_)]
        time.sleep(0.003 * (1 + round_))
        os.kill(child.pid, signal.SIGKILL)
        lines += child.stdout.read().splitlines(keepends=True)
        child.wait()
        child.stdout.close()
        shown = [line.split() for line in lines if line.endswith("\n")][-1]
        zeros = np.zeros(2000, np.int32)
        with Log.open(path, identity="run", start=lambda _, z=zeros: {"label": z, "group": z}) as log:
            if log.last == int(shown[0]) + 1:
                log.undo()  # saved, and killed before it could be shown
            assert log.last == int(shown[0])
            assert log.state["label"].sum() == int(shown[1])
            assert log.state["group"].sum() == int(shown[2])
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
