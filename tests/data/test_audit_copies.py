"""Planted copies, repeats, leaks and contradictions are found, and nothing else is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.speckled import clip, cut, resized, store_of, through_jpeg, with_gain

from sslecho.data.audit import twins
from sslecho.data.audit.audit import Audit, audit
from sslecho.data.audit.candidates import Pairs
from sslecho.data.audit.finding import Finding
from sslecho.data.audit.likeness import likeness, signature
from sslecho.data.audit.scan import scan
from sslecho.data.store import Store

N_ORIGINALS = 14
CHANGES = {
    "equal": lambda frames: frames,
    "darker": lambda frames: with_gain(frames, 0.6),
    "brighter": lambda frames: with_gain(frames, 1.2),
    "jpeg": lambda frames: through_jpeg(frames, 75),
    "half": lambda frames: resized(frames, 0.5),
    "cut": lambda frames: cut(frames, 2),
    "still": lambda frames: frames[1:2],
    "all": lambda frames: through_jpeg(with_gain(resized(cut(frames, 1), 0.7), 0.85), 85),
}


def originals(**row: Any) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    return {f"o{i}": (clip(i), {"patient_id": f"p{i}", **row}) for i in range(N_ORIGINALS)}


def found_in(store: Store) -> dict[str, Finding]:
    return {finding.name: finding for finding in audit(store).findings}


def pairs_of(store: Store, finding: Finding | None) -> set[tuple[str, ...]]:
    if finding is None:
        return set()
    ids, clip_of = store.column("clip_id"), store.clip_of_frame
    return {tuple(sorted(ids[clip_of[row]] for row in example.rows)) for example in finding.examples}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Audit]:
    """Fourteen clips of as many patients, and a changed copy of eight of them under a patient of its own."""
    clips = originals()
    for i, (name, change) in enumerate(CHANGES.items()):
        clips[f"{name}-of-o{i}"] = change(clips[f"o{i}"][0]), {"patient_id": f"other-{name}"}
    store = store_of(tmp_path_factory.mktemp("copied") / "store", clips)
    return store, audit(store, workers=2)


def test_every_changed_copy_is_found_and_nothing_else(copied: tuple[Store, Audit]):
    store, said = copied
    found = {finding.name: finding for finding in said.findings}
    # A still of a clip is equal to one of its frames, so it is an exact copy.
    exact = {("equal-of-o0", "o0"), ("o6", "still-of-o6")}
    assert pairs_of(store, found["exact_duplicates_across"]) == exact
    near = {tuple(sorted((f"{name}-of-o{i}", f"o{i}"))) for i, name in enumerate(CHANGES)} - exact
    assert pairs_of(store, found["near_duplicates_across"]) == near
    assert not {"repeats_of_a_view", "exact_duplicates_within", "not_compared"} & set(found)
    assert found["exact_duplicates_across"].severity == "warning"
    assert found["exact_duplicates_across"].examples[1].figures == {"equal_frames": 3}


def test_an_example_names_clip_and_frame(copied: tuple[Store, Audit]):
    store, said = copied
    example = next(f for f in said.findings if f.name == "near_duplicates_across").examples[0]
    for row in example.rows:
        frame = said.rows.said(row)
        at = store.column("clip_id").tolist().index(frame["clip_id"])
        assert store.clip_of_frame[row] == at
        assert frame["frame_index"] == row - store.clips["first_frame"][at].as_py()
        assert frame["patient_id"] == store.column("patient_id")[at]


def test_the_same_findings_whatever_the_number_of_threads(copied: tuple[Store, Audit]):
    store, said = copied
    assert audit(store, workers=1).findings == said.findings


def test_what_the_patients_say_decides_what_a_copy_is_called(tmp_path: Path):
    clips = originals()
    clips["own"] = with_gain(clips["o1"][0], 0.7), {"patient_id": "p1"}
    clips["own-equal"] = clips["o2"][0], {"patient_id": "p2"}
    clips["nobodys"] = with_gain(clips["o3"][0], 0.7), {"patient_id": None}
    found = found_in(store_of(tmp_path / "store", clips, unit="clip"))
    assert {name: finding.severity for name, finding in found.items() if "duplicates" in name or "repeats" in name} == {
        "repeats_of_a_view": "info",
        "exact_duplicates_within": "info",
        "near_duplicates_unknown": "warning",
    }
    assert found["repeats_of_a_view"].counts["clips"] == 2
    assert found["no_patient"].n == 1


def test_copies_in_two_splits_are_a_leak_whatever_the_patients(tmp_path: Path):
    clips = originals(split="train")
    clips["a"] = with_gain(clips["o1"][0], 0.7), {"patient_id": "pa", "split": "test"}
    clips["b"] = clips["o2"][0], {"patient_id": None, "split": "val"}
    clips["c"] = with_gain(clips["o3"][0], 0.7), {"patient_id": "pc", "split": "train"}
    clips["d"] = clip(99), {"patient_id": "p4", "split": "test"}
    store = store_of(tmp_path / "store", clips, unit="clip")
    found = found_in(store)
    assert pairs_of(store, found["picture_in_two_splits"]) == {("a", "o1"), ("b", "o2")}
    assert found["picture_in_two_splits"].severity == "error"
    assert found["patient_in_two_splits"].n == 1
    assert "patient p4: train and test" in found["patient_in_two_splits"].examples[0].said


def test_one_picture_under_two_labels(tmp_path: Path):
    clips = originals(label="benign")
    clips["same"] = clips["o1"][0], {"patient_id": "q1", "label": "malignant"}
    clips["nearly"] = with_gain(clips["o2"][0], 0.8), {"patient_id": "q2", "label": "normal"}
    clips["agrees"] = clips["o3"][0], {"patient_id": "q3", "label": "benign"}
    store = store_of(tmp_path / "store", clips)
    found = found_in(store)
    assert pairs_of(store, found["same_picture_two_labels"]) == {("o1", "same")}
    assert found["same_picture_two_labels"].severity == "error"
    assert found["same_picture_two_labels"].examples[0].said.startswith("benign and malignant; equal")
    assert pairs_of(store, found["near_picture_two_labels"]) == {("nearly", "o2")}


def test_many_copies_of_one_picture_are_a_chain_that_tells_of_every_split_and_label(tmp_path: Path):
    clips = originals()
    for i in range(40):
        clips[f"c{i}"] = clips["o1"][0], {"patient_id": f"c{i % 4}", "split": "test" if i == 17 else "train"}
    found = found_in(store_of(tmp_path / "store", clips))
    n = sum(finding.n for name, finding in found.items() if name.startswith("exact_duplicates"))
    assert n == 40
    assert found["picture_in_two_splits"].n >= 1


def test_blank_frames_are_no_copies_of_each_other(tmp_path: Path):
    clips = originals()
    for name in ("x", "y"):
        clips[name] = np.zeros_like(clips["o0"][0]), {"patient_id": name}
    found = found_in(store_of(tmp_path / "store", clips))
    assert found["blank"].n == 2
    assert not [name for name in found if "duplicates" in name]


def test_neighbors_by_embedding_are_compared_by_their_pixels_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clips = originals()
    clips["copy"] = with_gain(clips["o1"][0], 0.7), {"patient_id": "q"}
    store = store_of(tmp_path / "store", clips)
    nothing = Pairs(*(np.zeros(0, dtype=np.int64) for _ in range(3)))
    monkeypatch.setattr(twins, "near_pairs", lambda hashes, owners, *, seed: nothing)
    assert not [f for f in audit(store).findings if "duplicates" in f.name]
    found = {f.name: f for f in audit(store, neighbors=[(N_ORIGINALS, 1), (2, 3)]).findings}
    assert pairs_of(store, found["near_duplicates_across"]) == {("copy", "o1")}


def test_bright_above_and_dark_below_is_not_yet_alike():
    """Two pictures that share their shading and nothing else: what lung clips are like."""
    down = np.linspace(1, 0.05, 96, dtype=np.float32)[:, None]
    mask = np.ones((96, 96), dtype=bool)
    a, b = (np.float32(0.15) * clip(seed, n_frames=1)[0] + 200 * down for seed in (1, 2))
    said = likeness(signature(a, mask), signature(b, mask))
    assert said.r > 0.9
    assert said.detail_r < 0.5
    assert not said.alike


def test_sectors_with_little_in_common_are_not_compared():
    left = np.zeros((96, 96), dtype=bool)
    left[:, :20] = True
    picture = clip(3, n_frames=1)[0].astype(np.float32) + 10
    bottom = np.zeros_like(left)
    bottom[80:] = True
    said = likeness(signature(picture * left, left), signature(picture * bottom, bottom))
    assert not said.alike


def test_the_scan_says_what_a_loop_over_frames_says(tmp_path: Path):
    clips = {f"o{i}": (clip(i, n_frames=n), {"patient_id": f"p{i}"}) for i, n in enumerate((1, 70, 4))}
    store = store_of(tmp_path / "store", clips)
    found = scan(store, workers=2)
    row = 0
    for frames, _ in clips.values():
        inside = frames[np.unique(np.linspace(0, len(frames) - 1, 5).round().astype(int))].max(axis=0) > 8
        before = None
        for frame in frames:
            # The sector is filled between its outermost bright pixels; in these pictures that is all of it.
            pixels = frame[inside].astype(float)
            assert found.spread[row] == pytest.approx(pixels.std(), abs=0.5)
            assert found.saturated[row] == pytest.approx((pixels >= 250).mean(), abs=1e-3)
            if before is None:
                assert np.isinf(found.moved[row])
            else:
                change = np.abs(frame.astype(float) - before)[inside].mean()
                assert found.moved[row] == pytest.approx(change, rel=0.02)
            before = frame.astype(float)
            row += 1
    assert row == len(store)
    assert len({tuple(pair) for pair in found.checksum.tolist()}) == len(store)
