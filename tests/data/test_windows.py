"""Windows of clips: their frames, key windows, segments, and clips whose times are uneven or unknown."""

import numpy as np
import pytest

from sslecho.data.store import Store
from sslecho.data.windows import Windows, clip_intervals, key_centers, segments
from sslecho.data.writer import StoreWriter
from sslecho.errors import InputError

SIZES = [7, 1, 4]
CLIP = np.repeat(np.arange(3), SIZES)


def slow_rows(center, n_frames, stride):
    """Frame by frame, from the definition."""
    inside = np.flatnonzero(CLIP == CLIP[center]).tolist()
    wanted = [center + (j - n_frames // 2) * stride for j in range(n_frames)]
    return [min(max(row, inside[0]), inside[-1]) for row in wanted]


def store_of(path, times):
    """Clips with these frame times, None where unknown."""
    with StoreWriter(path, (4, 4), unit="patient") as writer:
        for number, of_clip in enumerate(times):
            writer.add_clip(
                np.zeros((len(of_clip), 4, 4), np.uint8),
                {"clip_id": f"c{number}", "patient_id": f"p{number}", "source_id": f"s{number}"},
                {"time_s": of_clip},
            )
        return writer.commit()


@pytest.mark.parametrize("n_frames", [1, 2, 5])
@pytest.mark.parametrize("stride", [1, 3])
def test_a_window_lies_about_its_center_and_ends_with_its_clip(n_frames, stride):
    windows = Windows(n_frames, CLIP, stride)
    centers = np.array([0, 3, 6, 7, 8, 11, 3])
    found = windows.rows(centers)
    assert found.tolist() == [slow_rows(center, n_frames, stride) for center in centers]
    assert (CLIP[found] == CLIP[centers][:, None]).all()


def test_a_stride_in_seconds_takes_the_nearest_frames_of_clips_of_any_rate():
    time_s = np.concatenate([np.arange(7) * 0.1, [0.0], np.arange(4) * 0.25])
    windows = Windows(3, CLIP, 1, 0.2, time_s)
    # Of .25 s a frame, .2 s away is the next frame; of .1 s it is two frames away.
    assert windows.rows(np.array([3, 0, 7, 9])).tolist() == [[1, 3, 5], [0, 0, 2], [7, 7, 7], [8, 9, 10]]


def test_clips_without_times_are_told_and_taken_to_be_as_the_others(tmp_path, capsys):
    store = store_of(tmp_path / "s", [[0.0, 0.1, 0.2, 0.3], [None] * 5, [0.0]])
    found = Windows.of(store, 3, stride=1, stride_s=0.2)
    assert "1 of 3 clips have no frame times: their frames are taken to be 100 ms apart" in capsys.readouterr().err
    assert found.rows(np.array([6])).tolist() == [[4, 6, 8]]
    with pytest.raises(InputError, match="--stride-s 0.2 needs frame times"):
        Windows.of(store_of(tmp_path / "t", [[None, None]]), 3, stride=1, stride_s=0.2)


def test_mixed_frame_rates_are_told_where_frames_are_counted(tmp_path, capsys):
    store = store_of(tmp_path / "s", [[0.0, 0.02, 0.04], [0.0, 0.1]])
    Windows.of(store, 3, stride=2, stride_s=None)
    assert "20 to 100 ms apart, so that a stride of 2 frames lasts up to 5.0 times" in capsys.readouterr().err
    Windows.of(store, 1, stride=2, stride_s=None)  # a frame has no stride
    Windows.of(store, 3, stride=1, stride_s=0.1)
    assert capsys.readouterr().err == ""


def test_times_that_do_not_rise_are_unknown():
    clip = np.repeat([0, 1, 2, 3], [3, 2, 1, 2])
    times = np.array([0, 0.1, 0.2, 0.3, 0.3, 0.0, 0.1, np.nan])
    assert clip_intervals(times, clip, 4) == pytest.approx([0.1, np.nan, np.nan, np.nan], nan_ok=True)


def test_key_windows_are_spread_over_the_first_frames_and_none_is_twice():
    clip = np.repeat([0, 1, 2], [400, 3, 1])
    found = key_centers(np.arange(404), clip, n_windows=10, most_frames=300)
    assert found[clip[found] == 0].tolist() == [0, 33, 66, 100, 133, 166, 199, 233, 266, 299]
    assert found[clip[found] > 0].tolist() == [400, 401, 402, 403]
    assert key_centers(np.array([5, 9, 402]), clip, n_windows=1, most_frames=300).tolist() == [5, 402]
    assert len(key_centers(np.empty(0, np.int64), clip, n_windows=3, most_frames=9)) == 0


def test_segments_are_numbered_through_and_none_is_empty():
    clip = np.repeat([0, 1, 2], [40, 41, 1])
    found = segments(np.arange(82), clip)
    assert np.bincount(found).tolist() == [20, 20, 20, 20, 1, 1]
    some = segments(np.array([3, 50, 51]), clip)
    assert some[[3, 50, 51]].tolist() == [0, 1, 1]
    assert (np.delete(some, [3, 50, 51]) == -1).all()


def test_neighbors_are_read_as_one_slice(tmp_path, monkeypatch):
    import os

    pictures = np.random.default_rng(0).integers(0, 256, (30, 4, 4)).astype(np.uint8)
    with StoreWriter(tmp_path / "s", (4, 4), unit="patient") as writer:
        writer.add_clip(pictures, {"clip_id": "c", "patient_id": "p", "source_id": "s"})
        writer.commit()
    store, read, calls = Store.open(tmp_path / "s"), os.preadv, []
    monkeypatch.setattr(os, "preadv", lambda *given: calls.append(1) or read(*given))
    rows = np.array([3, 4, 5, 9, 10, 10, 2])
    assert (store.read(rows) == pictures[rows]).all()
    assert len(calls) == 4
    assert store.read(np.empty(0, np.int64)).shape == (0, 4, 4)
