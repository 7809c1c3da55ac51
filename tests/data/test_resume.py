"""Interrupted, killed, with other workers: always the same store, byte for byte."""

import json
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from data.archives import contents, pattern, write_png, write_video

from sslecho.data import ingest as ingest_module
from sslecho.data.ingest import ingest
from sslecho.data.workers import Pool
from sslecho.errors import InputError, Interrupted


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    for number in range(10):
        write_png(folder / f"{number % 3}/{number}.png", pattern(seed=number))
    write_video(folder / "1/v.mp4", [pattern(seed=seed) for seed in range(6)])
    (folder / "2/bad.png").write_bytes(b"rubbish")
    return folder


def store_of(source: Path, name: str, key_from: Path | None = None, **settings) -> Path:
    """Ingest with the key of another store, so that ids can be compared."""
    out = source.parent / name
    if key_from is not None:
        folder = out.with_name(f"{name}.key")
        folder.mkdir(exist_ok=True)
        (folder / "key").write_text((key_from.with_name(f"{key_from.name}.key") / "key").read_text())
    ingest([source], out, patient_from="unknown", size=32, **settings)
    return out


def test_the_number_of_workers_does_not_show(source: Path):
    one = store_of(source, "one", workers=1)
    two = store_of(source, "two", one, workers=2)
    assert contents(one) == contents(two)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("stop", [1, 5, 11])
def test_ctrl_c_keeps_what_is_done(source: Path, monkeypatch: pytest.MonkeyPatch, stop: int):
    whole = store_of(source, "whole")
    with monkeypatch.context() as patch:
        real, calls = ingest_module.ingest_clip, []

        def stopped(task):
            calls.append(task)
            if len(calls) > stop:
                raise KeyboardInterrupt
            return real(task)

        patch.setattr(ingest_module, "ingest_clip", stopped)
        with pytest.raises(Interrupted, match=f"stopped after {stop} of 12 clips.* the same command goes on"):
            store_of(source, "store", whole)
    calls.clear()

    def counted(task):
        calls.append(task)
        return real(task)

    monkeypatch.setattr(ingest_module, "ingest_clip", counted)
    assert contents(store_of(source, "store", whole)) == contents(whole)
    assert len(calls) == 12 - stop


@pytest.mark.usefixtures("here")
def test_clips_done_ahead_of_their_turn_are_taken_over(source: Path, monkeypatch: pytest.MonkeyPatch):
    """A worker had finished a later clip when the run was killed: its part is used, a damaged one is done again."""
    whole = store_of(source, "whole")
    done: list[str] = []

    def killed(self, function, tasks, *, on_death):
        tasks = list(tasks)
        for task in (tasks[4], tasks[5]):
            function(task)
            done.append(task.part)
        raise KeyboardInterrupt
        yield

    with monkeypatch.context() as patch:
        patch.setattr(Pool, "in_order", killed)
        with pytest.raises(Interrupted):
            store_of(source, "store", whole)
    first, second = (Path(part) for part in done)
    second.write_bytes(bytes(len(second.read_bytes())))
    before = first.read_bytes()
    # Proof that the first part is read and not made anew: mark it, with a checksum that fits.
    marked = bytes([before[0] ^ 1]) + before[1:]
    first.write_bytes(marked)
    result = json.loads(Path(f"{first}.json").read_text())
    result["crc"] = zlib.crc32(marked)
    Path(f"{first}.json").write_text(json.dumps(result))
    made, wanted = contents(store_of(source, "store", whole)), contents(whole)
    frames = np.load(source.parent / "store/shards/00000.npy") != np.load(source.parent / "whole/shards/00000.npy")
    assert np.flatnonzero(frames.any(axis=(1, 2))).tolist() == [4]
    assert made.keys() == wanted.keys()


@pytest.mark.usefixtures("here")
def test_a_killed_run_goes_on_to_the_same_bytes(source: Path):
    for number in range(60):
        write_png(source / f"9/{number:03d}.png", pattern(96, 128, seed=number))
    whole = store_of(source, "whole")
    folder = source.parent / "store.key"
    folder.mkdir()
    (folder / "key").write_text((source.parent / "whole.key/key").read_text())
    script = (
        "from pathlib import Path; from sslecho.data.ingest import ingest; import sslecho.data.writer as w;"
        "w.SECONDS_BETWEEN_CHECKPOINTS = 0;"
        f"ingest([Path({str(source)!r})], Path({str(source.parent / 'store')!r}), "
        "patient_from='unknown', size=32, workers=1)"
    )
    # Run as a script without a __main__ guard: spawned workers must not run it again.
    (source.parent / "script.py").write_text(script.replace("; ", "\n").replace(";", "\n"))
    running = subprocess.Popen([sys.executable, str(source.parent / "script.py")], stderr=subprocess.PIPE, text=True)
    journal = source.parent / "store/.writing/journal.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") > 14:
            break
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL, running.communicate()[1]
    running.communicate()
    assert not (source.parent / "store/manifest.json").exists()
    assert contents(store_of(source, "store", whole)) == contents(whole)


@pytest.mark.usefixtures("here")
def test_an_unfinished_run_with_other_settings(source: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "ingest_clip", lambda task: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(Interrupted):
            store_of(source, "store")
    with pytest.raises(InputError, match=r"unfinished run with other settings: sector was 'mask' and is now 'off'"):
        store_of(source, "store", sector="off")
    store_of(source, "store", sector="off", overwrite=True)
