"""`check`: the JSON that it promises, its exit codes, embeddings as a second way to candidates, and real archives."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.speckled import clip, store_of, with_gain
from typer.testing import CliRunner

import sslecho
from sslecho.api.check import check_with_summary
from sslecho.cli.app import app
from sslecho.data.audit import twins
from sslecho.data.audit.candidates import Pairs
from sslecho.data.identity import read_sources
from sslecho.data.store import Store
from sslecho.errors import InputError, SettingsError

SEVERITIES = {"error", "warning", "info"}


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Store:
    clips: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
        f"o{i}": (clip(i), {"patient_id": f"p{i}", "label": "a", "split": "train"}) for i in range(12)
    }
    for i in range(4):
        clips[f"copy{i}"] = with_gain(clips[f"o{i}"][0], 0.7), {"patient_id": f"q{i}", "label": "a", "split": "test"}
    return store_of(tmp_path_factory.mktemp("leaky") / "store", clips)


def run(*words: str):
    return CliRunner().invoke(app, ["check", *words])


def test_the_json_says_what_it_promises_and_holds_every_example(leaky: Store, tmp_path: Path):
    page = tmp_path / "page.html"
    done = run(str(leaky.path), "-o", str(page), "--examples", "1", "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert {"out": str(page), "n": 16, "n_patients": 16, "split": "train+test", "unit": "patient"}.items() <= (
        result.items()
    )
    assert (result["errors"], result["warnings"], result["notes"]) == (1, 1, 0)
    for finding in result["findings"]:
        assert finding["severity"] in SEVERITIES
        assert finding["n"] == len(finding["examples"]) == 4
        assert finding["rule"]
        assert finding["cure"]
        for example in finding["examples"]:
            assert {"clip_id", "frame_index", "patient_id", "label", "split"} == set(example["frames"][0])
            assert 0.7 < example["detail_r"] <= example["r"] <= 1
    assert page.read_text(encoding="utf-8").count("<img") == 4


def test_without_a_page_the_findings_are_lines(leaky: Store):
    done = run(str(leaky.path))
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "16 clips, 48 frames: 1 error, 1 warning, 0 notes"
    assert "error: The same picture in two splits: 4 pairs" in lines
    assert any("clip copy0 frame" in line for line in lines)
    assert f"next: sslecho check {leaky.path} -o check.html" in lines[-1]
    assert not list(leaky.path.parent.glob("*.html"))


@pytest.mark.parametrize(("fail_on", "code"), [("never", 0), ("error", 1), ("warning", 1)])
def test_fail_on_decides_the_exit_code(leaky: Store, tmp_path: Path, fail_on: str, code: int):
    done = run(str(leaky.path), "--fail-on", fail_on, "-o", str(tmp_path / "page.html"), "--json")
    assert done.exit_code == code
    assert json.loads(done.stdout.splitlines()[-1])["findings"]
    assert (tmp_path / "page.html").exists()
    if code:
        assert f"--fail-on {fail_on}: found picture_in_two_splits" in done.output


def test_an_error_asked_for_does_not_fail_on_a_warning(tmp_path: Path):
    clips = {f"o{i}": (clip(i), {"patient_id": f"p{i}"}) for i in range(12)}
    clips["copy"] = with_gain(clips["o1"][0], 0.7), {"patient_id": "q"}
    store = store_of(tmp_path / "store", clips)
    assert run(str(store.path), "--fail-on", "error").exit_code == 0
    assert run(str(store.path), "--fail-on", "warning").exit_code == 1


def test_from_python_it_returns_findings(leaky: Store):
    names = [finding.name for finding in sslecho.check(leaky)]
    assert names == ["picture_in_two_splits", "near_duplicates_across"]


def test_wrong_input_is_named(leaky: Store, tmp_path: Path):
    with pytest.raises(InputError, match=r"--out .*page.txt must end in .html"):
        sslecho.check(leaky, tmp_path / "page.txt")
    with pytest.raises(SettingsError, match="fail_on"):
        sslecho.check(leaky, fail_on="sometimes")
    assert run(str(tmp_path / "nothing")).exit_code == 2


def test_embeddings_lead_to_the_same_pairs_and_must_be_of_the_store(leaky: Store, tmp_path: Path, monkeypatch):
    pytest.importorskip("faiss")
    sslecho.embed(leaky, tmp_path / "emb", encoder="pixels")
    with_hashes = check_with_summary(leaky)
    nothing = Pairs(*(np.zeros(0, dtype=np.int64) for _ in range(3)))
    monkeypatch.setattr(twins, "near_pairs", lambda hashes, owners, *, seed: nothing)
    assert check_with_summary(leaky)["findings"] == []
    with_embeddings = check_with_summary(leaky, embeddings=str(tmp_path / "emb"))
    assert [f["n"] for f in with_embeddings["findings"]] == [f["n"] for f in with_hashes["findings"]]
    other = store_of(tmp_path / "other", {"o0": (clip(50), {"patient_id": "p"})})
    with pytest.raises(InputError, match="of other frames than .*; embed this store again"):
        sslecho.check(other, embeddings=str(tmp_path / "emb"))


def test_the_store_is_left_as_it_is(leaky: Store):
    before = {file: file.read_bytes() for file in leaky.path.rglob("*") if file.is_file()}
    sslecho.check(leaky)
    assert {file: file.read_bytes() for file in leaky.path.rglob("*") if file.is_file()} == before


def ingested(
    source: Path, folder: Path, columns: dict[str, str], chosen=lambda row: True, **options: Any
) -> dict[str, Any]:
    """What check says of some files of a real archive; `columns` of its manifest become the labels."""
    with (source / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if chosen(row)]
    for row in rows:
        target = folder / "archive" / row["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / row["path"], target)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns.values())
        writer.writerows([[row[name] for name in columns] for row in rows])
    store = sslecho.ingest(folder / "archive", folder / "store", labels=str(folder / "labels.csv"), **options)
    assert store is not None
    assert store.clips.num_rows
    return check_with_summary(store)


def named(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in result["findings"]}


def test_one_breast_lesion_under_two_labels(real_data: Path, tmp_path: Path):
    """benign_433 and malignant_145 are one image."""
    wanted = {f"benign_{i}.png" for i in range(420, 437)} | {f"malignant_{i}.png" for i in range(130, 150)}
    found = named(
        ingested(
            real_data / "busi256",
            tmp_path,
            {"path": "path", "label": "label"},
            lambda row: Path(row["path"]).name in wanted,
            sector="off",
            patient_from="unknown",
            unit="clip",
        )
    )
    assert found["same_picture_two_labels"]["n"] == 1
    labels = {frame["label"] for frame in found["same_picture_two_labels"]["examples"][0]["frames"]}
    assert labels == {"benign", "malignant"}
    sources = {row["clip_id"]: row["path"] for row in read_sources(tmp_path / "store").to_pylist()}
    frames = found["same_picture_two_labels"]["examples"][0]["frames"]
    files = {Path(sources[frame["clip_id"]]).stem for frame in frames}
    assert files == {"benign_433", "malignant_145"}


def test_two_lung_patients_have_two_labels(real_data: Path, tmp_path: Path):
    columns = {"path": "path", "label": "label", "patient": "patient"}
    result = ingested(real_data / "pocus_lung", tmp_path, columns, sector="off", size=64, max_frames=1)
    assert named(result)["contradictory_labels"]["n"] == 2
    assert result["errors"] == 0


def test_two_thirds_of_the_echo_clips_are_repeats_and_none_is_of_two_patients(real_data: Path, tmp_path: Path):
    columns = {"path": "path", "video": "clip", "frame": "frame", "patient": "patient"}
    found = named(ingested(real_data / "echo_unlabelled", tmp_path, columns, sector="off", size=128))
    assert found["repeats_of_a_view"]["counts"]["share_of_clips"] == pytest.approx(0.67, abs=0.06)
    assert not [name for name in found if name.endswith(("across", "unknown"))]
