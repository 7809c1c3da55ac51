"""The writer: interrupted, resumed, replaced, refused."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from data.archives import contents

from sslecho.data import shards as shards_module
from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter
from sslecho.errors import InputError, NounError, SslechoError

SHAPE = (4, 3)


def frames_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (seed % 4 + 1, *SHAPE), dtype=np.uint8)


def add(writer: StoreWriter, clips: range) -> None:
    for seed in clips:
        if f"s{seed}" in writer.done:
            continue
        if seed % 5 == 4:
            writer.add_quarantine(f"s{seed}", "it is empty")
        else:
            writer.add_clip(frames_of(seed), {"clip_id": f"c{seed}", "source_id": f"s{seed}"}, {"time_s": None})


def whole(path: Path, n: int = 20) -> Store:
    with StoreWriter(path, SHAPE, shard_frames=7) as writer:
        add(writer, range(n))
        return writer.commit()


@pytest.mark.parametrize("stop", [0, 1, 3, 4, 5, 11, 20])
def test_an_interrupted_run_goes_on_to_the_same_bytes(tmp_path: Path, stop: int):
    whole(tmp_path / "whole")
    with StoreWriter(tmp_path / "store", SHAPE, shard_frames=7) as writer:
        add(writer, range(stop))
    with pytest.raises(NounError, match="was not finished"):
        Store.open(tmp_path / "store")
    with StoreWriter(tmp_path / "store", SHAPE, shard_frames=7) as writer:
        assert writer.done == [f"s{seed}" for seed in range(stop)]
        add(writer, range(20))
        writer.commit()
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")


KILLED = """
import os, signal, sys
from test_writer import SHAPE, add
from sslecho.data.writer import StoreWriter
writer = StoreWriter(sys.argv[1], SHAPE, shard_frames=7)
add(writer, range(9))
writer.checkpoint()
add(writer, range(13))  # lost: neither checkpoint nor close follows
writer._shards._file.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path):
    whole(tmp_path / "whole")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "store")],
        env={**os.environ, "PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[1]}"},
    )
    assert killed.returncode == -signal.SIGKILL
    with (tmp_path / "store/.writing/journal.jsonl").open("a") as journal:
        journal.write('{"clip": {"clip_id": "c9"')  # a line cut in the middle
    with StoreWriter(tmp_path / "store", SHAPE, shard_frames=7) as writer:
        assert writer.done == [f"s{seed}" for seed in range(9)]
        add(writer, range(20))
        writer.commit()
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")


def test_other_settings_are_refused_with_both_values(tmp_path: Path):
    StoreWriter(tmp_path, SHAPE, settings={"every": 1}).close()
    with pytest.raises(InputError, match=r"every was 1 and is now 2; repeat the earlier settings.*--overwrite"):
        StoreWriter(tmp_path, SHAPE, settings={"every": 2})
    with pytest.raises(InputError, match=r"frame_shape was \[4, 3\] and is now \[5, 3\]"):
        StoreWriter(tmp_path, (5, 3), settings={"every": 1})
    StoreWriter(tmp_path, SHAPE, settings={"every": 2}, overwrite=True).close()


def test_a_second_writer_is_refused(tmp_path: Path):
    with (
        StoreWriter(tmp_path, SHAPE),
        pytest.raises(InputError, match=rf"being written by process {os.getpid()} on this machine, since \d{{4}}-"),
    ):
        StoreWriter(tmp_path, SHAPE)


def test_a_replaced_store_is_readable_until_the_new_one_stands(tmp_path: Path):
    old = whole(tmp_path)
    with StoreWriter(tmp_path, SHAPE, shard_frames=7, overwrite=True) as writer:
        add(writer, range(3))
        assert len(Store.open(tmp_path)) == len(old)
        np.testing.assert_array_equal(Store.open(tmp_path).read(np.arange(3)), old.read(np.arange(3)))
    # The same command again goes on, rather than starting anew.
    with StoreWriter(tmp_path, SHAPE, shard_frames=7, overwrite=True) as writer:
        assert len(writer.done) == 3
        new = writer.commit()
    assert new.clips["clip_id"].to_pylist() == ["c0", "c1", "c2"]
    assert {file.name for file in (tmp_path / "shards").iterdir()} == {"00000-2.npy"}
    assert len(list((tmp_path / "tables").iterdir())) == 3
    assert not (tmp_path / ".writing").exists()


def test_a_bad_clip_leaves_nothing_behind(tmp_path: Path):
    whole(tmp_path / "whole", 4)

    def broken():
        yield from frames_of(3)
        yield from frames_of(3)
        raise OSError("the file ends here")

    with StoreWriter(tmp_path / "store", SHAPE, shard_frames=7) as writer:
        add(writer, range(2))
        with pytest.raises(ValueError, match=r"shape \(4, 3\), not \(4, 4\)"):
            writer.add_clip(np.zeros((2, 4, 4), np.uint8), {"clip_id": "x"})
        with pytest.raises(ValueError, match="at least one frame"):
            writer.add_clip(np.zeros((0, *SHAPE), np.uint8), {"clip_id": "x"})
        with pytest.raises(ValueError, match="2 values for 3 frames"):
            writer.add_clip(np.zeros((3, *SHAPE), np.uint8), {"clip_id": "x"}, {"time_s": [0.0, 1.0]})
        with pytest.raises(ValueError, match=r"no columns \['name'\]"):
            writer.add_clip(frames_of(1), {"clip_id": "x", "name": "Doe"})
        with pytest.raises(ValueError, match="used before"):
            writer.add_clip(frames_of(1), {"clip_id": "c1"})
        with pytest.raises(OSError, match="ends here"):
            writer.add_clip(broken(), {"clip_id": "x"})
        add(writer, range(4))
        writer.commit()
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")


def test_nothing_accepted_is_said(tmp_path: Path):
    with StoreWriter(tmp_path, SHAPE) as writer:
        writer.add_quarantine("s", "it is empty")
        with pytest.raises(InputError, match="no clip was accepted"):
            writer.commit()


def test_a_full_disk_is_said_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole(tmp_path / "whole")
    real = os.fsync
    calls = []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    writer = StoreWriter(tmp_path / "store", SHAPE, shard_frames=7)
    monkeypatch.setattr(shards_module.os, "fsync", full)
    with pytest.raises(SslechoError, match=r"MB are free; make room and run the same command again") as caught:
        add(writer, range(20))
    assert caught.value.exit_code == 1
    monkeypatch.setattr(shards_module.os, "fsync", real)
    writer.close()
    with StoreWriter(tmp_path / "store", SHAPE, shard_frames=7) as writer:
        add(writer, range(20))
        writer.commit()
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file can't be written \(Not a directory\)"):
        StoreWriter(tmp_path / "file", SHAPE)


def test_kept_columns_and_units(tmp_path: Path):
    with StoreWriter(tmp_path / "1", SHAPE, unit="clip", kept=["gain", "device"]) as writer:
        writer.add_clip(frames_of(1), {"clip_id": "c", "patient_id": "p", "gain": "high", "device": "A"})
        store = writer.commit()
    assert store.clips.column_names[-1] == "gain"
    assert store.column("gain").tolist() == ["high"]
    assert store.column("unit_id").tolist() == ["c"]
    with pytest.raises(ValueError, match="'ward' must be one of"):
        StoreWriter(tmp_path / "2", SHAPE, unit="ward")
