"""Two writers on one store: the second is told who is at it; the dead keep no one out."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sslecho.data import lock as lock_module
from sslecho.data.lock import StoreLock
from sslecho.data.store import Store
from sslecho.data.tidy import finish_tidying, remove_writing
from sslecho.data.writer import StoreWriter
from sslecho.errors import InputError, SslechoError

SHAPE = (4, 3)
HOLDER = """
import sys, time
from pathlib import Path
from sslecho.data.lock import StoreLock
lock = StoreLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def test_another_process_is_named_and_its_death_frees_the_lock(tmp_path: Path):
    before = time.strftime("%Y-%m-%d %H:%M:%S")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(InputError) as caught:
        StoreLock(tmp_path)
    said = re.search(
        rf"is being written by process {holder.pid} on this machine, since (.*); wait for it, or name another --out",
        str(caught.value),
    )
    assert said is not None
    assert before <= said[1] <= time.strftime("%Y-%m-%d %H:%M:%S")
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert (tmp_path / ".writing/lock").exists()
    StoreLock(tmp_path).release()


def test_the_lock_names_no_user_and_no_host(tmp_path: Path):
    lock = StoreLock(tmp_path)
    said = json.loads((tmp_path / ".writing/lock").read_text())
    lock.release()
    assert said.keys() == {"pid", "since", "machine"}
    assert re.fullmatch("[0-9a-f]{16}", said["machine"])


@pytest.mark.parametrize(
    ("content", "who"),
    [
        ("", "another process"),
        ("[1]", "another process"),
        ('{"pid": 7, "since": 0, "machine": "x"}', "process 7 on"),
    ],
)
def test_what_can_not_be_told_is_not(tmp_path: Path, content: str, who: str):
    lock = StoreLock(tmp_path)
    (tmp_path / ".writing/lock").write_text(content)
    with pytest.raises(InputError, match=f"being written by {who}"):
        StoreLock(tmp_path)
    lock.release()


def test_a_lock_that_was_removed_meanwhile_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The writer before us tidies up between our opening of its lock and our taking of it."""
    real, calls = lock_module.fcntl.flock, []

    def slow(handle: int, how: int) -> None:
        calls.append(handle)
        if len(calls) == 1:
            remove_writing(tmp_path)
        real(handle, how)

    monkeypatch.setattr(lock_module.fcntl, "flock", slow)
    lock = StoreLock(tmp_path)
    with pytest.raises(InputError, match="being written by"):
        StoreLock(tmp_path)
    lock.release()
    assert len(calls) == 3


def test_a_disk_without_locks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(lock_module.fcntl, "flock", refuse)
    with pytest.raises(InputError, match="can't be locked.* on a disk that has locks"):
        StoreLock(tmp_path)


def store_in(path: Path, **settings) -> Store:
    with StoreWriter(path, SHAPE, **settings) as writer:
        writer.add_clip(_frames(), {"clip_id": "c", "source_id": "s"})
        return writer.commit()


def _frames():
    import numpy as np

    return np.arange(24, dtype=np.uint8).reshape(2, *SHAPE)


def test_a_run_killed_before_it_had_tidied_up_is_tidied_up_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr("sslecho.data.writer.tidy_up", lambda *_: None)
        store_in(tmp_path)
    assert (tmp_path / ".writing/journal.jsonl").exists()
    (tmp_path / ".manifest.json.abc").write_text("{")
    finish_tidying(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["manifest.json", "shards", "tables"]
    assert len(Store.open(tmp_path)) == 2


def test_an_unfinished_replacement_is_not_tidied_away(tmp_path: Path):
    store_in(tmp_path)
    with StoreWriter(tmp_path, SHAPE, overwrite=True) as writer:
        writer.add_clip(_frames()[:1], {"clip_id": "d", "source_id": "t"})
        finish_tidying(tmp_path)  # while it is being written
    finish_tidying(tmp_path)
    with StoreWriter(tmp_path, SHAPE, overwrite=True) as writer:
        assert writer.done == ["t"]
        assert len(writer.commit()) == 1


def test_missing_pixels_of_an_unfinished_run_are_told(tmp_path: Path):
    with StoreWriter(tmp_path, SHAPE) as writer:
        writer.add_clip(_frames(), {"clip_id": "c", "source_id": "s"})
    shard = tmp_path / "shards/00000.npy"
    os.truncate(shard, shard.stat().st_size - 1)
    with pytest.raises(InputError, match=r"00000.npy is missing or cut short.*remove .*\.writing to start anew"):
        StoreWriter(tmp_path, SHAPE)
    remove_writing(tmp_path)
    assert len(store_in(tmp_path)) == 2


def test_a_manifest_that_the_disk_does_not_give_is_not_taken_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Or the new store would be written over the old one's shards."""
    store_in(tmp_path)

    def fail(self: Path, *_, **__) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_text", fail)
    with pytest.raises(SslechoError, match="could not be written|Input/output error") as caught:
        StoreWriter(tmp_path, SHAPE, overwrite=True)
    assert caught.value.exit_code == 1


def test_tables_are_not_replaced_while_another_writes(tmp_path: Path):
    """Or the manifest of the old store would be written over that of the new one."""
    old = store_in(tmp_path)
    with StoreWriter(tmp_path, SHAPE, overwrite=True) as writer:
        writer.add_clip(_frames()[:1], {"clip_id": "d", "source_id": "t"})
        with pytest.raises(InputError, match=rf"being written by process {os.getpid()} on this machine"):
            old.with_tables(clips=old.clips)
        writer.commit()
    with pytest.raises(InputError, match="was replaced since it was opened"):
        old.with_tables(clips=old.clips)
    new = Store.open(tmp_path)
    assert len(new.with_tables(clips=new.clips)) == 1
    assert not (tmp_path / ".writing").exists()


def test_replacing_tables_leaves_an_unfinished_run_alone(tmp_path: Path):
    old = store_in(tmp_path)
    with StoreWriter(tmp_path, SHAPE, overwrite=True) as writer:
        writer.add_clip(_frames()[:1], {"clip_id": "d", "source_id": "t"})
    old.with_tables(clips=old.clips)
    with StoreWriter(tmp_path, SHAPE, overwrite=True) as writer:
        assert writer.done == ["t"]
