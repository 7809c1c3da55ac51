"""Whatever the disk refuses, and whenever the process is killed: a store that opens, and a run that goes on."""

import errno
import gc
import os
import shutil
import subprocess
import warnings
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from data.archives import contents, pattern, write_png
from data.faults import Disk, Killed, failing

from sslecho.data.ingest import ingest
from sslecho.data.store import Store
from sslecho.errors import NounError, SslechoError

KINDS = ("ENOSPC", "EIO", "killed")
# Every fourth call in a normal run, for each kind others; SSLECHO_TEST_STEP=1 takes every single one.
STEP = int(os.environ.get("SSLECHO_TEST_STEP", "4"))


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: None) -> Path:
    monkeypatch.setattr("sslecho.data.writer.BYTES_PER_SHARD", 16 * 16)
    monkeypatch.setattr("sslecho.data.writer.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    monkeypatch.setattr("sslecho.data.writer.provenance", dict)  # it asks git, and that takes its time
    folder = tmp_path / "archive"
    for number in range(2):
        write_png(folder / f"{number}.png", pattern(seed=number))
    (folder / "0a.png").write_bytes(b"rubbish")
    return folder


def run(source: Path, out: Path, **settings: Any) -> None:
    ingest([source], out, patient_from="unknown", size=16, sector="off", **settings)


def fail(disk: Disk, source: Path, out: Path, **settings: Any) -> None:
    """Run on a failing disk; what is raised must be clear."""
    said = None
    with warnings.catch_warnings(), failing(disk):
        warnings.simplefilter("ignore", ResourceWarning)  # a process that is killed closes nothing
        try:
            run(source, out, **settings)
        except Killed:
            pass
        except SslechoError as error:
            said = error
        if disk.failed:
            gc.collect(1)  # a process that has ended holds no lock
    assert said is None or (said.exit_code == 1 and "the same command" in str(said)), (disk.n_calls, disk.failed, said)


def frames_in(out: Path) -> int | None:
    """Those of the store that stands, whole; None where none does."""
    try:
        store = Store.open(out)
    except NounError:
        return None
    assert store.verify() == []
    return len(store)


def copy(kept: Path, out: Path) -> None:
    for folder in (kept, kept.with_name(f"{kept.name}.key")):
        if folder.is_dir():
            shutil.copytree(folder, out.with_name(folder.name.replace(kept.name, out.name)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_store(source: Path, tmp_path: Path, kind: str):
    """Fail one thing after another that is asked of the disk, until a run asks no more."""
    whole = tmp_path / "whole"
    run(source, whole)
    wanted = contents(whole)
    shutil.rmtree(whole)  # the key stays, so that ids can be compared
    failed = []
    for at in count(1 + KINDS.index(kind) % STEP, STEP):
        out = tmp_path / f"out{at}"
        copy(whole, out)
        disk = Disk(kind, at)
        fail(disk, source, out)
        if disk.failed is None:
            break
        failed.append(disk.failed)
        assert frames_in(out) in (None, 2), failed
        run(source, out)
        assert contents(out) == wanted, (at, failed[-1])
    assert set(failed) >= {"write", "fsync", "replace", "create", "unlink"}
    assert len(failed) * STEP > 60


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_key(source: Path, tmp_path: Path, kind: str):
    """Half a key would be refused for ever."""
    for at in range(1, 12):
        out = tmp_path / f"out{at}"
        disk = Disk(kind, at)
        fail(disk, source, out)
        assert disk.failed
        run(source, out)
        assert frames_in(out) == 2, (at, disk.failed)
        assert (tmp_path / f"out{at}.key/key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_that_replaces_another(source: Path, tmp_path: Path, kind: str):
    """The old store stands until the new one does."""
    old = tmp_path / "old"
    run(source, old)
    (source / "1.png").unlink()
    whole = tmp_path / "whole"
    copy(old, whole)
    run(source, whole, overwrite=True)
    wanted = contents(whole)
    for at in count(2 + KINDS.index(kind) % STEP, STEP):
        out = tmp_path / f"out{at}"
        copy(old, out)
        disk = Disk(kind, at)
        fail(disk, source, out, overwrite=True)
        if disk.failed is None:
            break
        standing = frames_in(out)
        assert standing in (1, 2), (at, disk.failed)
        run(source, out, overwrite=standing == 2)
        assert contents(out) == wanted, (at, disk.failed)
    assert at > 60


def test_a_disk_that_is_really_full(source: Path, tmp_path: Path):
    """The kernel's own refusal rather than a played one, at many sizes of what is left."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.call(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)], stderr=subprocess.DEVNULL
    )
    if not mounted:
        pytest.skip("no small disk can be mounted here: it takes root")
    try:
        run(source, disk / "whole")
        wanted = contents(disk / "whole")
        shutil.rmtree(disk / "whole")
        refused = 0
        for spare in range(0, 40 * 4096, 4096):
            out = disk / f"out{spare}"
            copy(disk / "whole", out)
            fill(disk / "ballast", spare)
            error = None
            try:
                run(source, out)
            except SslechoError as raised:
                error = raised
            refused += error is not None
            assert error is None or (error.exit_code == 1 and "no space left to write" in str(error))
            assert frames_in(out) in (None, 2)
            (disk / "ballast").unlink()
            run(source, out)
            assert contents(out) == wanted
            shutil.rmtree(out)
            shutil.rmtree(out.with_name(f"{out.name}.key"))
        assert 5 < refused < 40
    finally:
        subprocess.check_call(["umount", str(disk)])


def fill(path: Path, spare: int) -> None:
    """Leave so many bytes of the disk free."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(path, max(0, path.stat().st_size - spare))


def test_a_lost_write_is_not_noted_later(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The kernel tells of a lost write once; the next sync says "done"."""
    monkeypatch.setattr("sslecho.data.writer.BYTES_PER_SHARD", 3 * 16 * 16)
    run(source, tmp_path / "whole")
    shutil.copytree(tmp_path / "whole.key", tmp_path / "store.key")
    real, lost_at = os.fsync, []

    def lost(handle: int) -> None:
        size = os.fstat(handle).st_size
        shard = os.readlink(f"/proc/self/fd/{handle}").endswith(".npy")  # noqa: PTH115
        if shard and size == 128 + 2 * 256 and not lost_at:
            lost_at.append(os.pwrite(handle, bytes(256), size - 256))
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lost)
        with pytest.raises(SslechoError, match="could not be written"):
            run(source, tmp_path / "store")
    run(source, tmp_path / "store")
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")
