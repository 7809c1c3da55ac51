"""Findings from the tables and from single clips: each planted fault is found, and a sound store has none."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from data.speckled import clip, store_of

from sslecho.data.audit.audit import audit
from sslecho.data.audit.finding import SEVERITIES, Finding
from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter
from sslecho.errors import NounError


def clips_of(n_patients: int, n_clips: int = 2, n_frames: int = 2, **row: Any) -> dict[str, tuple[np.ndarray, dict]]:
    return {
        f"c{p}-{i}": (clip(10 * p + i, n_frames=n_frames), {"patient_id": f"p{p}", **row})
        for p in range(n_patients)
        for i in range(n_clips)
    }


def found_in(store: Store) -> dict[str, Finding]:
    return {finding.name: finding for finding in audit(store).findings}


def clips_shown(store: Store, finding: Finding) -> set[str]:
    return {store.column("clip_id")[store.clip_of_frame[example.rows[0]]] for example in finding.examples}


def test_a_sound_store_has_no_finding(tmp_path: Path):
    clips = clips_of(12, label="a", split="train")
    assert audit(store_of(tmp_path / "store", clips)).findings == []


def test_what_is_missing_is_counted(tmp_path: Path):
    clips = clips_of(12, label="a", split="train")
    clips["x"] = clip(500), {"patient_id": None, "label": None, "split": None}
    store = store_of(tmp_path / "store", clips, unit="clip")
    found = found_in(store)
    assert {name: finding.n for name, finding in found.items()} == {"no_patient": 1, "no_label": 1, "no_split": 1}
    assert {name: finding.severity for name, finding in found.items()} == {
        "no_patient": "warning",
        "no_label": "info",
        "no_split": "warning",
    }
    assert all(clips_shown(store, finding) == {"x"} for finding in found.values())


def test_a_label_of_a_frame_is_a_label(tmp_path: Path):
    with StoreWriter(tmp_path / "store", (96, 96)) as writer:
        for i in range(12):
            labels = {"label": ["a", None]} if i else {}
            writer.add_clip(clip(i, n_frames=2), {"clip_id": f"c{i}", "patient_id": f"p{i}", "split": "train"}, labels)
        store = writer.commit()
    assert clips_shown(store, found_in(store)["no_label"]) == {"c0"}


def test_text_inside_the_sector_is_shown(tmp_path: Path):
    clips = clips_of(3, n_clips=1, label="a4c", split="train")
    for name, inside in zip(clips, (None, True, False), strict=True):
        clips[name][1]["text_inside"] = inside
    store = store_of(tmp_path / "store", clips)
    found = found_in(store)["text_inside"]
    assert (found.severity, found.n, found.noun) == ("warning", 1, "clip")
    assert clips_shown(store, found) == {list(clips)[1]}


def test_patients_and_units_in_two_splits(tmp_path: Path):
    clips = clips_of(12, split="train")
    clips["c3-1"][1]["split"] = "test"
    for clip_id, (_, row) in clips.items():
        row["unit_id"] = "sweep-a" if clip_id in ("c4-0", "c5-0") else f"own-{clip_id}"
    for i in range(2):
        clips[f"c5-{i}"][1]["split"] = "val"
    store = store_of(tmp_path / "store", clips, unit="sweep")
    found = found_in(store)
    assert found["patient_in_two_splits"].n == 1
    assert "p3: train and test" in found["patient_in_two_splits"].examples[0].said
    assert found["unit_in_two_splits"].n == 1
    assert "sweep-a: train and val" in found["unit_in_two_splits"].examples[0].said
    assert found["unit_in_two_splits"].severity == "error"


@pytest.mark.parametrize(("mixed", "expected"), [(2, 2), (12, None)])
def test_contradictory_labels_only_where_labels_are_the_patients(tmp_path: Path, mixed: int, expected: int | None):
    """Where most patients have several labels, as with views, that is how it should be."""
    clips = clips_of(14, n_clips=3)
    for p in range(14):
        for i in range(3):
            label = "ab"[p % 2] if p >= mixed else "ab"[(p + i) % 2]
            clips[f"c{p}-{i}"][1]["label"] = label
    finding = found_in(store_of(tmp_path / "store", clips)).get("contradictory_labels")
    assert (finding.n if finding else None) == expected
    if finding:
        assert {tuple(example.figures["labels"]) for example in finding.examples} == {("a", "b"), ("b", "a")}
        assert finding.counts == {"n_patients_with_several_clips": 14}


def test_few_contradictions_are_none_where_chance_gives_as_few(tmp_path: Path):
    """One view in twelve is another: few patients have two labels, and yet labels are the clips' own."""
    clips = clips_of(12)
    for place, (_, row) in enumerate(clips.values()):
        row["label"] = "rare" if place in (5, 16) else "common"
    assert "contradictory_labels" not in found_in(store_of(tmp_path / "store", clips))


def test_a_patient_that_outweighs_the_others(tmp_path: Path):
    clips = clips_of(12, n_clips=1)
    for i in range(5):
        clips[f"more{i}"] = clip(700 + i), {"patient_id": "p2"}
    found = found_in(store_of(tmp_path / "store", clips))
    assert found["unequal_patients"].n == 1
    assert found["unequal_patients"].examples[0].figures == {"clips": 6, "share": round(6 / 17, 4)}
    # Of three patients each has a third, and none outweighs the others.
    assert "unequal_patients" not in found_in(store_of(tmp_path / "few", clips_of(3)))


def test_clips_that_show_nothing_or_too_much_or_do_not_move(tmp_path: Path):
    clips = clips_of(12)
    frames = clip(900, n_frames=4)
    inside = frames[0] > 0
    nearly = (inside * 3).astype(np.uint8)[None].repeat(3, axis=0)
    nearly[:, 40:44, 40:56] = np.arange(16, dtype=np.uint8) * 12 + 40
    white = frames.copy()
    white[:, :60][:, inside[:60]] = 255
    noisy = np.clip(frames[:1].astype(int) + (np.random.default_rng(0).random((5, 96, 96)) > 0.8), 0, 255)
    flash = frames.copy()
    flash[2] = 0
    planted = {
        "blank": np.zeros_like(frames),
        "gray": np.full((1, 96, 96), 90, dtype=np.uint8),
        "nearly": nearly,
        "white": white,
        "frozen": np.repeat(frames[:1], 5, axis=0),
        "noisy": (noisy * inside).astype(np.uint8),
        "flash": flash[1:],
        "still": clip(901, n_frames=1),
    }
    for name, shown in planted.items():
        clips[name] = shown, {"patient_id": f"of-{name}", "sector_polygon": None if name == "gray" else outline()}
    store = store_of(tmp_path / "store", clips)
    found = found_in(store)
    shown = {name: clips_shown(store, found[name]) for name in found if name not in ("no_label", "no_split")}
    assert shown.pop("near_duplicates_across", set()) | shown.pop("exact_duplicates_across", set()) <= set(planted)
    assert shown == {
        "blank": {"blank", "gray"},
        "nearly_empty": {"nearly"},
        "saturated": {"white"},
        "frozen": {"frozen", "noisy", "nearly"},
        "blank_frames": {"flash"},
        "single_frame": {"gray", "still"},
    }
    assert found["blank_frames"].examples[0].figures == {"frames": 1}


def outline() -> list[float]:
    """The fan of the drawn pictures, as ingest would store it."""
    angles = np.linspace(-0.6, 0.6, 30)
    x, y = 48 + 94 * np.sin(angles), 94 * np.cos(angles) - 9.6
    corners = [(48.0, 0.0), *zip(x.tolist(), y.tolist(), strict=True)]
    return [float(value) for corner in corners for value in corner]


def test_damage_is_found(tmp_path: Path):
    store = store_of(tmp_path / "store", clips_of(12, split="train", label="a"))
    shard = tmp_path / "store" / store.manifest["shards"][0]["file"]
    content = bytearray(shard.read_bytes())
    content[-2000] ^= 0xFF
    shard.write_bytes(content)
    found = audit(Store.open(store.path)).findings
    assert found[0].name == "damaged_files"
    assert found[0].severity == "error"
    assert [example.figures["file"] for example in found[0].examples] == [store.manifest["shards"][0]["file"]]


def test_tables_that_do_not_fit(tmp_path: Path):
    store = store_of(tmp_path / "store", clips_of(12, split="train", label="a"))
    n_frames = store.clips["n_frames"].to_pylist()
    n_frames[3], n_frames[4] = 3, 1
    place = store.clips.column_names.index("n_frames")
    broken = store.with_tables(clips=store.clips.set_column(place, "n_frames", pa.array(n_frames, pa.int64())))
    found = found_in(broken)["tables_misfit"]
    assert found.n == 2
    assert "not in the order of their clips" in found.examples[1].said
    n_frames[4] = 2
    longer = store.with_tables(clips=store.clips.set_column(place, "n_frames", pa.array(n_frames, pa.int64())))
    with pytest.raises(NounError, match="counts 49 frames and the frames' table 48; run `sslecho ingest` again"):
        audit(longer)


def test_what_ingest_left_out_is_summed_up(tmp_path: Path):
    with StoreWriter(tmp_path / "store", (96, 96)) as writer:
        for i in range(12):
            writer.add_clip(
                clip(i, n_frames=2), {"clip_id": f"c{i}", "patient_id": f"p{i}", "label": "a", "split": "train"}
            )
        for i in range(3):
            writer.add_quarantine(f"s{i}", f"its sector is uncertain (confidence 0.{i})" if i else "it is empty")
        store = writer.commit()
    found = found_in(store)["quarantine"]
    assert found.n == 3
    assert found.counts["reasons"] == {"its sector is uncertain": 2, "it is empty": 1}
    assert found.severity == "warning"  # 3 of 15


def test_the_worst_comes_first(tmp_path: Path):
    clips = clips_of(12, split="train")
    clips["c3-1"][1]["split"] = "test"
    clips["blank"] = np.zeros((2, 96, 96), dtype=np.uint8), {"patient_id": "q", "split": "train"}
    said = audit(store_of(tmp_path / "store", clips))
    order = [SEVERITIES.index(finding.severity) for finding in said.findings]
    assert order == sorted(order)
    assert said.counts() == {"error": 1, "warning": 1, "info": 1}
