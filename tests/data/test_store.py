"""The store: what is written is read back, and damage is noticed."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter
from sslecho.errors import InputError, NounError, SslechoError

SHAPE = (6, 5)


def frames_of(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


def write(path: Path, clips: dict[str, int], *, shard_frames: int = 4, **settings) -> Store:
    with StoreWriter(path, SHAPE, settings=settings, shard_frames=shard_frames) as writer:
        for seed, (clip_id, n) in enumerate(clips.items()):
            row = {"clip_id": clip_id, "patient_id": f"p{seed // 2}", "label": f"view{seed % 2}", "source_id": clip_id}
            writer.add_clip(frames_of(seed, n), row, {"time_s": [0.1 * i for i in range(n)], "spacing_mm": 0.25})
        writer.add_quarantine("sX", "it is empty")
        return writer.commit()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return write(tmp_path / "store", {"a": 3, "b": 6, "c": 1, "d": 2})


def test_frames_come_back_in_any_order_across_shards(store: Store):
    everything = np.concatenate([frames_of(seed, n) for seed, n in enumerate([3, 6, 1, 2])])
    assert [shard["n"] for shard in store.manifest["shards"]] == [4, 4, 4]
    rows = np.array([11, 0, 3, 4, 4, 7, 2], dtype=np.int32)
    np.testing.assert_array_equal(store.read(rows), everything[rows])
    assert store.read(np.array([], dtype=np.int64)).shape == (0, *SHAPE)
    assert len(store) == 12
    assert store.clip_of_frame.tolist() == [0] * 3 + [1] * 6 + [2] + [3] * 2


def test_a_shard_is_a_plain_npy_file(store: Store):
    shards = [np.load(store.path / shard["file"], mmap_mode="r") for shard in store.manifest["shards"]]
    np.testing.assert_array_equal(np.concatenate(shards), store.read(np.arange(12)))


def test_the_last_shard_is_as_long_as_its_frames(tmp_path: Path):
    store = write(tmp_path / "store", {"a": 5})
    assert [shard["n"] for shard in store.manifest["shards"]] == [4, 1]
    assert np.load(store.path / "shards/00001.npy").shape == (1, *SHAPE)
    np.testing.assert_array_equal(store.read(np.arange(5)), frames_of(0, 5))
    assert store.verify() == []


@pytest.mark.parametrize("row", [-1, 12])
def test_a_row_outside_the_store_is_refused(store: Store, row: int):
    with pytest.raises(IndexError, match=r"\[0, 12\)"):
        store.read(np.array([row]))


def test_tables_hold_what_was_given(store: Store):
    assert store.clips["first_frame"].to_pylist() == [0, 3, 9, 10]
    assert store.clips["unit_id"].to_pylist() == ["p0", "p0", "p1", "p1"]
    assert store.frames["frame_index"].to_pylist()[3:9] == [0, 1, 2, 3, 4, 5]
    assert store.frames["clip_id"].to_pylist() == ["a"] * 3 + ["b"] * 6 + ["c"] + ["d"] * 2
    assert store.quarantine().to_pylist() == [{"source_id": "sX", "reason": "it is empty", "kind": None}]
    assert store.clips.schema.metadata is None


def test_a_frames_own_label_wins_over_its_clips(store: Store):
    own = [None] * 12
    own[4] = "systole"
    labelled = store.with_tables(
        frames=store.frames.set_column(store.frames.column_names.index("label"), "label", pa.array(own, pa.string()))
    )
    assert store.column("label", "frame").tolist() == ["view0"] * 3 + ["view1"] * 6 + ["view0"] + ["view1"] * 2
    assert labelled.column("label", "frame")[3:6].tolist() == ["view1", "systole", "view1"]
    assert labelled.column("label").tolist() == ["view0", "view1", "view0", "view1"]
    assert labelled.column("spacing_mm", "frame").tolist() == [0.25] * 12
    with pytest.raises(NounError, match="no column 'color'; it has: clip_id"):
        store.column("color")


def test_new_tables_leave_shards_and_hash_alone(store: Store):
    before = {file.name: file.read_bytes() for file in (store.path / "shards").iterdir()}
    for version in range(4):
        labels = pa.array([f"v{version}"] * 4, pa.string())
        place = store.clips.column_names.index("label")
        store = store.with_tables(clips=store.clips.set_column(place, "label", labels))
    assert store.column("label").tolist() == ["v3"] * 4
    assert {file.name: file.read_bytes() for file in (store.path / "shards").iterdir()} == before
    assert len(list((store.path / "tables").glob("clips-*"))) == 2  # this version and the one before
    with pytest.raises(ValueError, match="3 rows, not 4"):
        store.with_tables(clips=store.clips.slice(1))


def test_frames_hash_knows_the_frames_only(tmp_path: Path):
    first, again = write(tmp_path / "1", {"a": 3}), write(tmp_path / "2", {"a": 3}, sector="mask")
    other = write(tmp_path / "3", {"a": 2})
    assert first.frames_hash == again.frames_hash != other.frames_hash


def test_a_store_travels_to_another_process(store: Store):
    store.read(np.array([1]))
    there = pickle.loads(pickle.dumps(store))
    np.testing.assert_array_equal(there.read(np.array([5])), store.read(np.array([5])))


def test_what_is_no_store_is_refused(tmp_path: Path, store: Store):
    with pytest.raises(NounError, match="is no store"):
        Store.open(tmp_path)
    with pytest.raises(NounError, match="is no store"):
        Store.open(tmp_path / "nowhere")
    manifest = store.path / "manifest.json"
    manifest.write_text("{")
    with pytest.raises(NounError, match="is no store"):
        Store.open(store.path)
    manifest.write_text(json.dumps({"schema": "sslecho.embeddings", "version": 1}))
    with pytest.raises(NounError, match="another kind"):
        Store.open(store.path)


def test_a_store_of_another_version_is_refused(store: Store):
    manifest = store.path / "manifest.json"
    manifest.write_text(json.dumps({**store.manifest, "version": 7}))
    with pytest.raises(NounError, match=r"version 7, and this sslecho reads version 2; .*--overwrite"):
        Store.open(store.path)


def test_a_shard_cut_short_or_missing_is_named(store: Store):
    shard = store.path / "shards" / "00001.npy"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-7])
    with pytest.raises(NounError, match=r"00001\.npy has 241 bytes and should have 248"):
        Store.open(store.path)
    with pytest.raises(SslechoError, match=r"00001\.npy was cut short while it was in use"):
        store.read(np.array([7]))
    shard.unlink()
    with pytest.raises(NounError, match=r"00001\.npy is missing"):
        Store.open(store.path)


def test_a_changed_byte_is_found_by_verify(store: Store):
    shard = store.path / "shards" / "00002.npy"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    assert Store.open(store.path).verify() == ["shards/00002.npy"]


def test_a_damaged_table_is_named(store: Store):
    (store.path / "tables" / "clips-0001.parquet").write_bytes(b"PAR1")
    with pytest.raises(NounError, match=r"clips-0001\.parquet can't be read"):
        Store.open(store.path)


def test_a_disk_that_fails_is_no_crash(store: Store):
    shutil.rmtree(store.path / "shards")
    with pytest.raises(SslechoError, match="can't be opened"):
        store.read(np.array([0]))


def test_a_store_stands_already(store: Store):
    with pytest.raises(InputError, match="holds a store already"):
        StoreWriter(store.path, SHAPE)
