"""A dark clip gets the outline that other clips of its device show: from files to a store, interrupted or not."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from data.archives import contents, dicom, save_dicom
from data.dim_clips import bare_dim_clip, dim_clip, name_tag, tagged_clip
from moving_fan import fan_mask

from sslecho.data import ingest as ingest_module
from sslecho.data.identity import key_folder, read_sources
from sslecho.data.ingest import ingest
from sslecho.data.parts import finished_part
from sslecho.data.sector import CONFIDENT, fill_polygon
from sslecho.data.store import Store
from sslecho.errors import InputError, Interrupted

pytestmark = pytest.mark.usefixtures("here")

HEIGHT, WIDTH = 120, 160


def write(folder: Path, name: str, frames: np.ndarray, *, device: str) -> None:
    data = dicom(frames, patient=f"P-{name}", Manufacturer=device, ManufacturerModelName="1", DeviceSerialNumber=device)
    save_dicom(folder / name, data)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two devices. Of the first two clips are clear and two are in doubt, the second one's only clip is in doubt."""
    folder = tmp_path / "archive"
    write(folder, "a-dark", dim_clip(4, seed=1), device="ONE")
    write(folder, "b-clear", tagged_clip(4, seed=2), device="ONE")
    write(folder, "c-stranger", dim_clip(4, seed=3), device="TWO")
    write(folder, "d-dark", dim_clip(4, dark=92, seed=4), device="ONE")
    write(folder, "e-clear", tagged_clip(4, seed=5), device="ONE")
    return folder


def run(source: Path, name: str = "store", key_from: Path | None = None, **settings) -> tuple[Store, dict]:
    out = source.parent / name
    if key_from is not None:
        key_folder(out).mkdir(exist_ok=True)
        shutil.copy(key_folder(key_from) / "key", key_folder(out) / "key")
    store, summary = ingest([source], out, size=64, **settings)
    assert store is not None
    return store, summary


def paths(store: Store) -> list[str]:
    """The file of each clip, in the store's order."""
    lead = {row["clip_id"]: row["path"] for row in read_sources(store.path).to_pylist()}
    return [lead[clip_id] for clip_id in store.column("clip_id")]


def sector_of(store: Store, clip: int) -> np.ndarray:
    """The stored polygon, in the source's pixels, filled."""
    row = store.clips.slice(clip, 1).to_pylist()[0]
    frame = store.frames.slice(row["first_frame"], 1).to_pylist()[0]
    polygon = np.array(row["sector_polygon"]).reshape(-1, 2)
    x0, y0, x1, y1 = (frame[f"crop_{side}"] for side in ("x0", "y0", "x1", "y1"))
    margin = (64 - np.array([x1 - x0, y1 - y0]) * frame["scale"]) / 2
    return fill_polygon((polygon - margin) / frame["scale"] + (x0, y0) - 0.5, (HEIGHT, WIDTH))


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_a_dark_clip_gets_the_outline_of_its_device(source: Path):
    store, summary = run(source)
    found = paths(store)
    assert summary["accepted"] == 4
    for clip, name in enumerate(found):
        assert likeness(sector_of(store, clip), fan_mask(HEIGHT, WIDTH)) > 0.93, name
        assert store.column("sector_confidence")[clip] >= CONFIDENT
    # Among themselves none of them would have been taken.
    for name in ("b-clear", "e-clear"):
        (source / name).unlink()
    with pytest.raises(InputError, match=r"none of the 3 clips was accepted.*where its sector lies is uncertain"):
        run(source, "without")


def test_what_is_burned_in_on_the_dark_side_stays_out(source: Path):
    """The outline takes in the dark part of the fan and nothing beside it."""
    letters = (name_tag() > 60) & ~fan_mask(HEIGHT, WIDTH)
    assert letters.sum() > 100
    store, _ = run(source)
    clip = paths(store).index("a-dark")
    inside = sector_of(store, clip)
    assert likeness(inside, fan_mask(HEIGHT, WIDTH)) > 0.93
    assert not (inside & letters).any()


def test_those_that_waited_stand_at_the_end_in_their_old_order(source: Path):
    store, _ = run(source)
    assert paths(store) == ["b-clear", "e-clear", "a-dark", "d-dark"]
    assert store.column("first_frame").tolist() == [0, 4, 8, 12]


def test_a_device_that_no_clear_clip_speaks_for_lends_and_borrows_nothing(source: Path):
    _, summary = run(source)
    assert [Path(item["path"]).name for item in summary["quarantine"]] == ["c-stranger"]
    assert summary["quarantine"][0]["reason"].startswith("where its sector lies is uncertain (confidence ")
    listed = (source.parent / "store.key/doubtful.csv").read_text()
    assert "c-stranger" in listed
    assert "dark" not in listed
    assert [file.name for file in (source.parent / "store.key/doubtful").iterdir()] == ["sheet-001.png"]


def test_a_clip_of_another_size_helps_nobody(tmp_path: Path):
    write(tmp_path / "archive", "a-dark", dim_clip(4), device="ONE")
    write(tmp_path / "archive", "b-large", tagged_clip(4, 180, 240), device="ONE")
    _, summary = run(tmp_path / "archive")
    assert [Path(item["path"]).name for item in summary["quarantine"]] == ["a-dark"]


def test_a_clip_without_any_echo_stays_out(source: Path):
    """An outline alone is no clip: where nothing at all is seen, nobody can say that the outline fits."""
    write(source, "f-black", np.zeros((4, HEIGHT, WIDTH), np.uint8), device="ONE")
    _, summary = run(source)
    reasons = {Path(item["path"]).name: item["reason"] for item in summary["quarantine"]}
    assert reasons["f-black"].startswith("no sector was found in it")


def test_doubtful_clips_are_kept_on_request_with_the_best_outline_there_is(source: Path):
    store, summary = run(source, doubtful="keep")
    assert summary["quarantine"] == []
    assert paths(store) == ["b-clear", "e-clear", "a-dark", "c-stranger", "d-dark"]
    confidence = dict(zip(paths(store), store.column("sector_confidence"), strict=True))
    assert confidence["c-stranger"] < CONFIDENT <= confidence["a-dark"]
    assert not (source.parent / "store.key/doubtful.csv").exists()


def test_a_run_that_is_interrupted_in_either_turn_ends_the_same(source: Path, monkeypatch: pytest.MonkeyPatch):
    """Five first turns, then three second ones: stopped after any of them, the store is the same, byte for byte."""
    whole, said = run(source, "whole")
    real, calls = ingest_module.ingest_clip, []

    def counted(task):
        calls.append(task)
        return real(task)

    def stopped_after(stop: int):
        def task(one):
            if len(calls) == stop:
                raise KeyboardInterrupt
            return counted(one)

        return task

    for stop in (2, 5, 6, 7):
        name = f"stopped-{stop}"
        calls.clear()
        monkeypatch.setattr(ingest_module, "ingest_clip", stopped_after(stop))
        with pytest.raises(Interrupted, match=f"stopped after {min(stop, 5)} of 5 clips"):
            run(source, name, key_from=whole.path)
        assert [task.outlines is not None for task in calls] == [number >= 5 for number in range(stop)]
        assert not (source.parent / name / "manifest.json").exists()
        calls.clear()
        monkeypatch.setattr(ingest_module, "ingest_clip", counted)
        store, summary = run(source, name)
        assert contents(store.path) == contents(whole.path)
        assert {**summary, "store": None} == {**said, "store": None}
        assert len(calls) == 8 - stop
        listed = [key_folder(path) / "doubtful.csv" for path in (store.path, whole.path)]
        assert listed[0].read_text() == listed[1].read_text()


def test_a_second_turn_that_was_done_but_not_appended_is_taken_over(source: Path, monkeypatch: pytest.MonkeyPatch):
    """Killed after the part was written: the part is used, and it is that of the second turn."""
    whole, _ = run(source, "whole")
    real, calls = ingest_module.ingest_clip, []

    def killed(task):
        result = real(task)
        calls.append(task)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return result

    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, "ingest_clip", killed)
        with pytest.raises(Interrupted):
            run(source, key_from=whole.path)
    part = Path(calls[5].part)
    result = finished_part(part, size=64)
    assert result is not None
    assert result["clip"]["clip_id"] == calls[0].clip["clip_id"]
    store, _ = run(source)
    assert contents(store.path) == contents(whole.path)
    assert not part.exists()


def test_a_dark_side_beside_which_nothing_is_written_is_not_lost(tmp_path: Path):
    """Alone such a clip is taken as it is; where its device shows more, that comes first."""
    folder = tmp_path / "archive"
    write(folder, "a-bare", bare_dim_clip(4, seed=1), device="ONE")
    alone, _ = run(folder, "alone")
    assert likeness(sector_of(alone, 0), fan_mask(HEIGHT, WIDTH)) < 0.7
    for name, seed in (("b-clear", 2), ("c-clear", 3)):
        write(folder, name, tagged_clip(4, seed=seed), device="ONE")
    store, _ = run(folder)
    assert paths(store) == ["b-clear", "c-clear", "a-bare"]
    assert likeness(sector_of(store, 2), fan_mask(HEIGHT, WIDTH)) > 0.93
