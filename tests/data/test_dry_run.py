"""`--dry-run`: what an ingest would do, in kinds, patients, gigabytes and hours; and nothing at all is written."""

import os
from pathlib import Path

import numpy as np
import pytest
from data.archives import contents, dicom, pattern, save_dicom, write_png, write_video
from data.flow_clips import flow_clip
from moving_fan import moving_fan

from sslecho.api.ingest import ingest_with_summary
from sslecho.data.clip_task import FRAMES_OF_A_DRY_RUN
from sslecho.data.ingest import ingest
from sslecho.errors import InputError

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """DICOM of three patients: two gray cines, one in color; and two files that can't be used."""
    folder = tmp_path / "archive"
    save_dicom(folder / "a", dicom(np.stack(moving_fan(7, 120, 160, seed=1)), patient="A", StudyDate="20110203"))
    save_dicom(folder / "b", dicom(np.stack(moving_fan(9, 120, 160, seed=2)), patient="B"))
    save_dicom(folder / "c", dicom(flow_clip(3, 120, 160), patient="C"))
    save_dicom(folder / "d", dicom(pattern(), patient=None))
    (folder / "notes.txt").write_text("hello")
    return folder


def foreseen(source: Path, **settings) -> dict:
    store, summary = ingest([source], source.parent / "store", dry_run=True, **settings)
    assert store is None
    return summary


def test_it_says_what_the_run_will_say(source: Path):
    before = foreseen(source)
    store, after = ingest([source], source.parent / "store")
    assert store is not None
    same = ("files", "accepted", "quarantined", "clips", "frames", "patients", "kinds", "left_out", "quarantine")
    for name in (*same, "layout", "unit", "already"):
        assert before[name] == after[name], name
    assert (before["clips"], before["frames"], before["patients"]) == (2, 16, 2)
    assert (before["kinds"], before["left_out"]) == ({"b-mode": 2}, {"colour": 1})
    assert before["store"] is None
    # A dry run is no first run: nothing was done ahead of it.
    assert len(store) == 16


@pytest.mark.parametrize("kinds", [("b-mode",), ("colour",), ("all",)])
def test_the_kinds_are_those_that_were_asked_for(source: Path, kinds: tuple[str, ...]):
    summary = foreseen(source, kinds=kinds)
    every = {"b-mode": 2, "colour": 1}
    taken = every if kinds == ("all",) else {kinds[0]: every[kinds[0]]}
    assert summary["kinds"] == taken
    assert summary["left_out"] == {kind: n for kind, n in every.items() if kind not in taken}


def test_nothing_is_written(source: Path, monkeypatch: pytest.MonkeyPatch):
    temporary = source.parent / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    before = contents(source.parent)
    opened = []
    real = os.open

    def watched(path, flags, *args, **kwargs):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            opened.append(path)
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", watched)
    foreseen(source, sector="mask", text_inside="quarantine", keep=("view_name",))
    assert opened == []
    assert contents(source.parent) == before
    assert sorted(path.name for path in source.parent.iterdir()) == ["archive", "temporary"]
    assert list(temporary.iterdir()) == []


def test_not_even_a_key_where_settings_are_wrong(source: Path):
    with pytest.raises(InputError, match="no kind of clip"):
        foreseen(source, kinds=("bmode",))
    (source / "labels.csv").write_text("path,label\nz,A4C\n")
    with pytest.raises(InputError, match="no row of"):
        foreseen(source)
    assert [path.name for path in source.parent.iterdir()] == ["archive"]


def test_a_store_that_stands_there_is_left_alone(source: Path):
    ingest([source], source.parent / "store", size=32)
    before = contents(source.parent)
    # Other settings than those of the store are no mistake: nothing is replaced.
    assert foreseen(source, kinds=("all",), size=64)["clips"] == 3
    assert contents(source.parent) == before


def test_gigabytes_are_those_of_the_frames_that_will_be_kept(source: Path):
    assert foreseen(source)["gigabytes"] == pytest.approx(16 * 256**2 / 1e9)
    assert foreseen(source, size=100)["gigabytes"] == pytest.approx(16 * 100**2 / 1e9)
    assert foreseen(source, every=4)["frames"] == 2 + 3
    fewer = foreseen(source, max_frames=4)
    assert (fewer["frames"], fewer["gigabytes"]) == (8, pytest.approx(8 * 256**2 / 1e9))
    store, _ = ingest([source], source.parent / "store", size=100)
    assert store is not None
    shards = sum(file.stat().st_size for file in (store.path / "shards").iterdir())
    assert foreseen(source, size=100)["gigabytes"] * 1e9 == pytest.approx(shards, rel=0.01)


def test_hours_grow_with_frames_and_few_of_them_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Processor seconds a frame, times frames: a clock that ticks once a call makes them known."""
    ticks = iter(range(10**6))
    monkeypatch.setattr("sslecho.data.clip_task.time.process_time", lambda: float(next(ticks)))
    for name, n_frames in (("short", 10), ("long", 30)):
        write_video(tmp_path / name / "v.mp4", moving_fan(n_frames, 60, 80))
    # One second to open the file and one to look at it; one to decode five frames and one to scale them.
    for name, n_frames in (("short", 10), ("long", 30)):
        said = ingest([tmp_path / name], tmp_path / "store", patient_from="unknown", dry_run=True, workers=1)[1]
        assert said["hours"] * 3600 == pytest.approx(2 + 2 * n_frames / FRAMES_OF_A_DRY_RUN)
        said = ingest([tmp_path / name], tmp_path / "store", patient_from="unknown", dry_run=True, workers=2)[1]
        assert said["hours"] * 3600 == pytest.approx((2 + 2 * n_frames / FRAMES_OF_A_DRY_RUN) / 2)


@pytest.mark.parametrize(
    ("settings", "patients", "unit"),
    [
        ({}, 2, "patient"),
        ({"patient_from": "unknown"}, None, "unknown"),
        ({"patient_from": "clip"}, 3, "clip"),
        ({"patient_from": "regex:[ab]"}, 2, "patient"),
    ],
)
def test_patients_are_counted_as_they_will_be(source: Path, settings: dict, patients: int | None, unit: str):
    summary = foreseen(source, **settings)
    assert (summary["patients"], summary["unit"]) == (patients, unit)


def test_two_dry_runs_say_the_same_but_for_the_time(source: Path):
    one, two = foreseen(source), foreseen(source)
    assert one.pop("hours") > 0
    assert two.pop("hours") > 0
    assert one == two


def test_nothing_that_can_be_used_is_told_in_numbers(tmp_path: Path):
    """A run ends with an error here; a dry run says why there is nothing."""
    write_png(tmp_path / "archive/a.png").write_bytes(b"rubbish")
    summary = foreseen(tmp_path / "archive", patient_from="unknown")
    assert (summary["clips"], summary["frames"], summary["hours"], summary["gigabytes"]) == (0, 0, 0, 0)
    assert len(summary["quarantine"]) == 1


def test_by_its_public_name(source: Path):
    store, summary = ingest_with_summary(source, source.parent / "store", dry_run=True, workers=1)
    assert store is None
    assert (summary["n"], summary["n_patients"]) == (2, 2)
