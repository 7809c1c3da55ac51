"""`select` from embeddings to a CSV: the test split stays out, labels that were filled in stay, a run is repeated."""

import csv
import json
import shutil

import numpy as np
import pytest
from drawn_store import draw_store
from typer.testing import CliRunner

import sslecho
from sslecho.cli.app import app
from sslecho.data.labels import read_labels
from sslecho.data.relabel import labels_of_clips
from sslecho.errors import InputError
from sslecho.rundir import read_json


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Stores with and without a split, embedded; made once, to be copied where it is changed."""
    folder = tmp_path_factory.mktemp("select")
    for name, split in (("split", True), ("whole", False)):
        draw_store(folder / name / "store", patients=12, split=split)
        sslecho.embed(folder / name / "store", folder / name / "emb", encoder="pixels")
    return folder


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def fill(path, labels):
    """A person names clips in the CSV."""
    rows = rows_of(path)
    for row in rows:
        row["label"] = labels.get(row["clip_id"], "")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def truth(store):
    store = sslecho.Store.open(store)
    return dict(zip(store.column("clip_id"), store.column("label"), strict=True))


def test_the_csv_is_what_other_verbs_read_and_nothing_is_of_the_test_split(work, tmp_path):
    table = sslecho.select(work / "split" / "emb", tmp_path / "first.csv", budget=9, seed=3)
    rows = rows_of(tmp_path / "first.csv")
    assert list(rows[0]) == ["clip_id", "label", "rank", "score", "reason", "cluster"]
    assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, 10)]
    assert [row["clip_id"] for row in rows] == table["clip_id"].to_pylist()
    assert {row["label"] for row in rows} == {""}
    store = sslecho.Store.open(work / "split" / "store")
    split = dict(zip(store.column("clip_id"), store.column("split"), strict=True))
    assert {split[row["clip_id"]] for row in rows} == {"train"}
    assert all(row.label is None for row in read_labels(tmp_path / "first.csv").rows)
    fill(tmp_path / "first.csv", truth(work / "split" / "store"))
    clips, frames = labels_of_clips(tmp_path / "first.csv")
    assert (len(clips), frames) == (9, {})
    text = (tmp_path / "first.csv").read_text() + (tmp_path / "first.csv.run" / "result.json").read_text()
    assert not [patient for patient in set(store.column("patient_id")) if patient in text]


def test_the_result_says_who_was_asked(work, tmp_path):
    sslecho.select(work / "split" / "emb", tmp_path / "first.csv", budget=9, per_patient=1)
    result = read_json(tmp_path / "first.csv.run" / "result.json")
    assert {name: result[name] for name in ("n", "n_patients", "split", "unit", "per_patient", "budget")} == {
        "n": 9,
        "n_patients": 9,
        "split": "train",
        "unit": "patient",
        "per_patient": 1,
        "budget": 9,
    }
    assert (result["n_candidates"], result["n_candidate_patients"]) == (27, 9)
    assert (result["n_test"], result["n_test_patients"], result["test_drawn"]) == (9, 3, False)
    assert "never to test on" in result["not_for_tests"]
    settings = (tmp_path / "first.csv.run" / "settings.toml").read_text()
    assert "[select]" in settings
    assert "budget = 9" in settings


def test_labels_are_covered_and_left_out_and_those_of_the_test_split_are_not_looked_at(work, tmp_path):
    names = truth(work / "split" / "store")
    labels = tmp_path / "labels.csv"
    train = [clip for clip in names if clip[1:3] in ("00", "01", "02")]
    test = [clip for clip in names if clip[1:3] == "03"]
    labels.write_text("clip_id,label\n" + "".join(f"{clip},{names[clip]}\n" for clip in train + test))
    result = {}
    for wrong in (False, True):
        if wrong:  # had they been looked at, the probe would learn from them
            text = labels.read_text()
            for clip in test:
                text = text.replace(f"{clip},{names[clip]}", f"{clip},nonsense")
            labels.write_text(text)
        out = tmp_path / f"next{wrong}.csv"
        table = sslecho.select(work / "split" / "emb", out, budget=6, labels=str(labels))
        result[wrong] = table
        said = read_json(tmp_path / f"next{wrong}.csv.run" / "result.json")
        assert said["method"] == "margin"
        assert (said["n_labelled"], said["n_labels_left_out"], said["n_candidates"]) == (9, 3, 18)
    assert result[False] == result[True]
    assert not set(result[False]["clip_id"].to_pylist()) & set(train + test)


def test_the_same_call_again_is_done_and_filled_in_labels_stay(work, tmp_path, capsys):
    out = tmp_path / "first.csv"
    before = sslecho.select(work / "split" / "emb", out, budget=5)
    fill(out, truth(work / "split" / "store"))
    filled = out.read_text()
    assert sslecho.select(work / "split" / "emb", out, budget=5) == before
    assert out.read_text() == filled
    with pytest.raises(InputError, match="budget was 5 and is now 6"):
        sslecho.select(work / "split" / "emb", out, budget=6)
    with pytest.raises(InputError, match="has 5 labels that were filled in, and they would be lost"):
        sslecho.select(work / "split" / "emb", out, budget=6, overwrite=True)
    assert out.read_text() == filled
    out.unlink()
    assert sslecho.select(work / "split" / "emb", out, budget=5) == before
    assert {row["label"] for row in rows_of(out)} == {""}
    assert sslecho.select(work / "split" / "emb", out, budget=6, overwrite=True).num_rows == 6


def test_a_run_that_was_killed_between_picks_and_csv_goes_on(work, tmp_path, monkeypatch):
    from sslecho.api import select as module

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write_csv", killed)
        with pytest.raises(KeyboardInterrupt):
            sslecho.select(work / "split" / "emb", tmp_path / "first.csv", budget=5)
    straight = sslecho.select(work / "split" / "emb", tmp_path / "other.csv", budget=5)
    assert sslecho.select(work / "split" / "emb", tmp_path / "first.csv", budget=5) == straight
    assert (tmp_path / "first.csv").read_text() == (tmp_path / "other.csv").read_text()


def test_a_file_of_somebody_else_is_left_alone(work, tmp_path):
    out = tmp_path / "mine.csv"
    out.write_text("clip_id,label\n")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="was not written by `sslecho select`, so it is left alone"):
            sslecho.select(work / "split" / "emb", out, budget=5, overwrite=overwrite)
    assert out.read_text() == "clip_id,label\n"
    with pytest.raises(InputError, match=r"must end in \.csv"):
        sslecho.select(work / "split" / "emb", tmp_path / "first.txt", budget=5)


def test_without_a_test_split_nothing_is_picked(work, tmp_path):
    with pytest.raises(InputError, match=r"no clip .* in the test split.*`sslecho split .*--test 0.2`, or say --test"):
        sslecho.select(work / "whole" / "emb", tmp_path / "first.csv", budget=5)
    assert list(tmp_path.iterdir()) == []


def test_a_drawn_test_set_is_whole_patients_recorded_in_the_store_and_never_picked(work, tmp_path):
    shutil.copytree(work / "whole", tmp_path / "whole")
    emb, out = tmp_path / "whole" / "emb", tmp_path / "first.csv"
    with pytest.raises(InputError, match="--budget 40 is more than"):
        sslecho.select(emb, out, budget=40, test=0.3)
    assert set(sslecho.Store.open(tmp_path / "whole" / "store").column("split")) == {None}  # refused: nothing drawn
    table = sslecho.select(emb, out, budget=8, test=0.3, seed=5)
    store = sslecho.Store.open(tmp_path / "whole" / "store")
    split = dict(zip(store.column("clip_id"), store.column("split"), strict=True))
    tested = {clip[1:3] for clip, name in split.items() if name == "test"}
    assert len(tested) == 4  # of 12 patients: a third is nearer to .3 than a quarter
    assert not tested & {clip[1:3] for clip, name in split.items() if name == "train"}
    assert {split[clip] for clip in table["clip_id"].to_pylist()} == {"train"}
    assert read_json(tmp_path / "first.csv.run" / "result.json")["test_drawn"] is True
    assert sslecho.select(emb, out, budget=8, test=0.3, seed=5) == table  # done; not drawn again
    sslecho.select(emb, tmp_path / "second.csv", budget=8, seed=6)  # it stands in the store now
    assert sslecho.Store.open(tmp_path / "whole" / "store").column("split").tolist() == list(split.values())
    with pytest.raises(InputError, match="by was 'patient at random' and is now 'patient'"):
        sslecho.split(tmp_path / "whole" / "store", test=0.3, val=0.0, stratify=False, seed=5)


def test_another_seed_draws_others_and_each_patient_has_its_chance(work):
    from sslecho.api.test_set import draw_test

    store = sslecho.Store.open(work / "whole" / "store")
    drawn = np.array([np.array(draw_test(store, 0.25, seed=seed).names) == "test" for seed in range(300)])
    assert set(drawn.sum(1)) == {9}
    shares = drawn.mean(0)[::3]
    assert 0.15 < shares.min() < shares.max() < 0.35  # 4 standard deviations of 300 draws


def test_labels_before_a_test_set_are_refused(work, tmp_path):
    clip, label = next(iter(truth(work / "whole" / "store").items()))
    (tmp_path / "labels.csv").write_text(f"clip_id,label\n{clip},{label}\n")
    with pytest.raises(InputError, match="draws a test set before anything is labeled, and 1 clips of --labels are"):
        sslecho.select(
            work / "whole" / "emb", tmp_path / "a.csv", budget=5, test=0.3, labels=str(tmp_path / "labels.csv")
        )


def test_unknown_patients_and_one_patient_have_no_test_set(tmp_path):
    draw_store(tmp_path / "unknown" / "store", unit="unknown", split=False)
    draw_store(tmp_path / "one" / "store", patients=1, split=False)
    for name, said in (("unknown", "those of .* are unknown.*--by clip"), ("one", "has 1 patient, and who is tested")):
        sslecho.embed(tmp_path / name / "store", tmp_path / name / "emb", encoder="pixels")
        with pytest.raises(InputError, match=said):
            sslecho.select(tmp_path / name / "emb", tmp_path / "a.csv", budget=1, test=0.3)


def test_the_command(work, tmp_path):
    words = ["select", str(work / "split" / "emb"), "-o", str(tmp_path / "first.csv"), "--budget", "12"]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["n"], said["already"]) == (12, False)
    assert "the store's labels are not looked at" in done.stderr
    assert f"sslecho propagate {work / 'split' / 'emb'} --labels {tmp_path / 'first.csv'}" in done.stderr
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0
    assert "not for tests: labels picked this way are to train on, never to test on" in again.stdout
    assert "and 2 more" in again.stdout
    assert "was written before, nothing was done" in again.stderr
    missing = CliRunner().invoke(app, words[:-2])
    assert missing.exit_code == 2
    assert "--budget is missing" in missing.stderr
    zero = CliRunner().invoke(app, [*words[:-1], "0"])
    assert zero.exit_code == 2
    assert "budget is 0; it must be at least 1" in zero.stderr


def test_a_csv_that_nobody_filled_in_is_named(work, tmp_path):
    sslecho.select(work / "split" / "emb", tmp_path / "a.csv", budget=5)
    with pytest.raises(InputError, match=r"a\.csv: no cell of its column 'label' is filled in"):
        sslecho.select(work / "split" / "emb", tmp_path / "b.csv", budget=5, labels=str(tmp_path / "a.csv"))
