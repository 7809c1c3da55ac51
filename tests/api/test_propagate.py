"""`propagate` from embeddings to labels.csv and the audit sample, and what happens when something is wrong."""

import csv
import json

import numpy as np
import pytest
from drawn_store import draw_store
from typer.testing import CliRunner

import sslecho
from sslecho.cli.app import app
from sslecho.data.labels import read_labels
from sslecho.data.relabel import relabel
from sslecho.errors import InputError, SettingsError
from sslecho.rundir import read_json

KEYS = "coverage precision macro_f1 n_labelled n_propagated abstained out n n_patients split unit".split()


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A store of 24 patients and its embeddings; labels of the first clips of seven patients. Not to be changed."""
    folder = tmp_path_factory.mktemp("propagate")
    draw_store(folder / "store", patients=24)
    sslecho.embed(folder / "store", folder / "emb", encoder="pixels")
    few = clips_of(folder / "store", lambda clip: clip["split"] == "train" and clip["patient_id"] < "p09")
    write_labels(folder / "few.csv", few)
    return folder


def clips_of(store, wanted):
    return [clip for clip in sslecho.Store.open(store).clips.to_pylist() if wanted(clip)]


def write_labels(path, clips, *, label=None):
    path.write_text("clip_id,label\n" + "".join(f"{c['clip_id']},{label or c['label']}\n" for c in clips))


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def fill(path, target, *, wrong=()):
    """Fill in the sheet: all right but for these rows."""
    rows = rows_of(path)
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows({**row, "correct": "no" if i in wrong else "yes"} for i, row in enumerate(rows))


def propagate(work, out, **options):
    return sslecho.propagate(work / "emb", out, **{"labels": str(work / "few.csv"), "precision": 0.8, **options})


def test_the_result_has_all_keys_and_the_files(work, tmp_path):
    predictions = propagate(work, tmp_path / "p")
    result = predictions.scores
    assert set(KEYS) <= set(result)
    assert result["n_labelled"] == 21
    assert (result["n"], result["n_patients"]) == (72, 24)
    assert result["n_propagated"] + result["abstained"] == 54 - 21  # of the patients that are not for testing
    assert result["coverage"] == result["n_propagated"] / (54 - 21)
    assert (result["split"], result["n_scored"], result["n_scored_patients"]) == ("test", 18, 6)
    assert result["precision"] == 1  # a bar and a disk are plain to see
    assert any("only 6 patients" in warning for warning in result["warnings"])
    assert {"labels.csv", "conflicts.csv", "audit.csv", "scores.parquet", "predictions"} <= {
        path.name for path in (tmp_path / "p").iterdir()
    }
    table = predictions.table.to_pylist()
    assert len(table) == 72
    for row in table:
        assert (row["given"] is not None) == (row["state"] == "given")
        assert (row["propagated"] is not None) == (row["state"] == "propagated")
        assert row["state"] != "given" or row["given"] == row["label"]
        assert len(row["probabilities"]) == 3
    json.dumps(result, allow_nan=False)


def test_labels_csv_can_be_read_back_and_keeps_what_was_given(work, tmp_path):
    propagate(work, tmp_path / "p")
    table = read_labels(tmp_path / "p" / "labels.csv")
    assert table.dropped == ["source", "confidence"]
    said = {row.clip_id: row.label for row in table.rows}
    given = {row["clip_id"]: row["label"] for row in rows_of(work / "few.csv")}
    assert given.items() <= said.items()
    test_clips = {clip["clip_id"] for clip in clips_of(work / "store", lambda clip: clip["split"] == "test")}
    assert not test_clips & set(said)
    result = read_json(tmp_path / "p" / "result.json")
    assert len(said) == result["n_labelled"] + result["n_propagated"]
    draw_store(tmp_path / "store", patients=24)
    labels = relabel(sslecho.Store.open(tmp_path / "store"), tmp_path / "p" / "labels.csv").column("label")
    assert [label for label in labels if label is not None]


def test_labels_of_test_patients_are_never_started_from(work, tmp_path, capsys):
    everything = clips_of(work / "store", lambda clip: clip["patient_id"] < "p09")
    write_labels(tmp_path / "all.csv", everything)
    with_test = propagate(work, tmp_path / "a", labels=str(tmp_path / "all.csv"))
    assert "6 labels of --labels are of test patients" in capsys.readouterr().err
    without = propagate(work, tmp_path / "b")
    assert with_test.scores["n_labelled"] == without.scores["n_labelled"] == 21
    assert with_test.table["confidence"] == without.table["confidence"]
    # Wrong labels of test patients change what is scored, and nothing else.
    spoilt = [{**c, "label": "disk"} if c["split"] == "test" else c for c in everything]
    write_labels(tmp_path / "spoilt.csv", spoilt)
    third = propagate(work, tmp_path / "c", labels=str(tmp_path / "spoilt.csv"))
    assert third.table["confidence"] == without.table["confidence"]
    assert third.scores["precision"] < 1


def test_the_stores_labels_are_started_from_where_no_file_is_given(work, tmp_path):
    result = propagate(work, tmp_path / "p", labels=None).scores
    assert result["n_labelled"] == 54
    assert (result["n_propagated"] + result["abstained"], result["split"]) == (18, "test")


def test_without_a_split_patients_without_a_given_label_are_scored(tmp_path):
    draw_store(tmp_path / "store", patients=12, split=False)
    sslecho.embed(tmp_path / "store", tmp_path / "emb", encoder="pixels")
    few = clips_of(tmp_path / "store", lambda clip: clip["patient_id"] < "p06")[:-1]  # one of their clips has none
    write_labels(tmp_path / "few.csv", few)
    result = propagate(tmp_path, tmp_path / "p").scores
    assert (result["split"], result["n_scored"], result["n_scored_patients"]) == ("all", 18, 6)
    assert result["n_propagated"] + result["abstained"] == 19
    write_labels(tmp_path / "few.csv", clips_of(tmp_path / "store", lambda clip: clip["clip_id"].endswith("00")))
    result = propagate(tmp_path, tmp_path / "q").scores
    assert result["n_scored"] == 24
    assert any("precision is measured on the same patients" in warning for warning in result["warnings"])


def test_where_nothing_else_is_known_precision_is_null(work, tmp_path):
    labels = [c["label"] for c in clips_of(work / "store", lambda clip: True)]
    store = draw_store(tmp_path / "store", patients=24, split=False)
    bare = store.clips.set_column(store.clips.column_names.index("label"), "label", [[None] * len(labels)])
    store.with_tables(clips=bare.cast(store.clips.schema))
    sslecho.embed(tmp_path / "store", tmp_path / "emb", encoder="pixels")
    with pytest.raises(InputError, match="needs labels to start from.*--labels CSV"):
        sslecho.propagate(tmp_path / "emb", tmp_path / "p")
    assert not (tmp_path / "p").exists()
    (tmp_path / "few.csv").write_text((work / "few.csv").read_text())
    result = propagate(tmp_path, tmp_path / "p").scores
    assert result["precision"] is result["macro_f1"] is None
    assert any("precision is not measured; check the audit sample" in warning for warning in result["warnings"])


def test_frames_get_labels_too(work, tmp_path):
    result = propagate(work, tmp_path / "p", level="frame").scores
    assert (result["n"], result["n_labelled"], result["level"]) == (144, 42, "frame")
    rows = read_labels(tmp_path / "p" / "labels.csv").rows
    assert {row.frame for row in rows} == {0, 1}
    assert "frame" in rows_of(tmp_path / "p" / "audit.csv")[0]


def test_a_conflict_is_reported_and_the_label_kept(work, tmp_path):
    rows = rows_of(work / "few.csv")
    wrong = {"across": "disk", "down": "across", "disk": "down"}[rows[5]["label"]]
    flipped = (
        (work / "few.csv")
        .read_text()
        .replace(f"{rows[5]['clip_id']},{rows[5]['label']}", f"{rows[5]['clip_id']},{wrong}")
    )
    (tmp_path / "flipped.csv").write_text(flipped)
    propagate(work, tmp_path / "p", labels=str(tmp_path / "flipped.csv"))
    first = rows_of(tmp_path / "p" / "conflicts.csv")[0]
    assert (first["clip_id"], first["label"], first["neighborhood_says"]) == (
        rows[5]["clip_id"],
        wrong,
        rows[5]["label"],
    )
    said = {row["clip_id"]: row["label"] for row in rows_of(tmp_path / "p" / "labels.csv")}
    assert said[rows[5]["clip_id"]] == wrong
    assert (tmp_path / "flipped.csv").read_text() == flipped


def test_the_same_call_again_changes_nothing_and_other_settings_are_refused(work, tmp_path):
    propagate(work, tmp_path / "p")
    fill(tmp_path / "p" / "audit.csv", tmp_path / "p" / "audit.csv")
    before = {p: p.read_bytes() for p in (tmp_path / "p").iterdir() if p.is_file()}
    propagate(work, tmp_path / "p", workers=1)
    assert {p: p.read_bytes() for p in (tmp_path / "p").iterdir() if p.is_file()} == before
    with pytest.raises(InputError, match="alpha was 0.8 and is now 0.5"):
        propagate(work, tmp_path / "p", alpha=0.5)
    write_labels(tmp_path / "other.csv", clips_of(work / "store", lambda clip: clip["split"] == "train"))
    with pytest.raises(InputError, match="labels was"):
        propagate(work, tmp_path / "p", labels=str(tmp_path / "other.csv"))


def test_the_audit_sample_is_drawn_at_random_and_says_what_may_be_claimed(work, tmp_path):
    result = propagate(work, tmp_path / "p", precision=0).scores
    assert result["audit"] == {"to_check": 33, "needed": 59, "errors_allowed": 0, "target": 0.95}
    sheet = tmp_path / "p" / "audit.csv"
    assert [row["correct"] for row in rows_of(sheet)] == [""] * 33
    order = [row["clip_id"] for row in rows_of(sheet)]
    assert order != sorted(order)
    fill(sheet, tmp_path / "filled.csv", wrong={3})
    audit = propagate(work, tmp_path / "p", precision=0, checked=str(tmp_path / "filled.csv")).scores["audit"]
    # All of them were checked: nothing is uncertain.
    assert (audit["errors"], audit["precision"], audit["at_least"]) == (1, 32 / 33, 32 / 33)
    assert audit["claimed"]
    assert audit["to_check"] == 33


def test_a_part_of_the_labels_gives_an_exact_bound(work, tmp_path):
    propagate(work, tmp_path / "p", precision=0.8, audit_errors=1)
    sheet, filled = tmp_path / "p" / "audit.csv", tmp_path / "filled.csv"
    assert len(rows_of(sheet)) == 22  # 22 with one error for 80 %
    fill(sheet, filled, wrong={7})
    audit = propagate(work, tmp_path / "p", audit_errors=1, checked=str(filled)).scores["audit"]
    assert (audit["checked"], audit["errors"], audit["claimed"]) == (22, 1, True)
    assert 0.8 <= audit["at_least"] < audit["precision"] == 21 / 22
    assert audit["precision_low"] < audit["at_least"] < audit["precision_high"] < 1
    assert 1 < audit["effective_patients"] <= audit["n_patients"] <= 11
    assert audit["at_least_elsewhere"] < audit["at_least"]
    assert "so that 80% may be claimed" in audit["said"]
    fill(sheet, filled, wrong={7, 9})
    audit = propagate(work, tmp_path / "p", audit_errors=1, checked=str(filled)).scores["audit"]
    assert not audit["claimed"]
    assert "too few for 80%" in audit["said"]
    assert "must be chosen before the check" in audit["said"]


def test_rows_that_are_not_filled_in_allow_no_claim(work, tmp_path):
    propagate(work, tmp_path / "p", precision=0)
    sheet, filled = tmp_path / "p" / "audit.csv", tmp_path / "filled.csv"
    with pytest.raises(InputError, match="no row is filled in"):
        propagate(work, tmp_path / "p", precision=0, checked=str(sheet))
    fill(sheet, filled)
    filled.write_text(filled.read_text().replace("yes", "", 1))
    audit = propagate(work, tmp_path / "p", precision=0, checked=str(filled)).scores["audit"]
    assert (audit["checked"], audit["unchecked"], audit["claimed"]) == (32, 1, False)
    assert "1 rows are not filled in, and the claim needs all of them" in audit["said"]


def test_bad_rows_of_a_checked_sheet_are_named_by_line(work, tmp_path):
    propagate(work, tmp_path / "p", precision=0)
    good = (tmp_path / "p" / "audit.csv").read_text().splitlines()
    bad = tmp_path / "bad.csv"

    def refused(lines, said):
        bad.write_text("\n".join(lines) + "\n")
        with pytest.raises(InputError, match=said):
            propagate(work, tmp_path / "p", precision=0, checked=str(bad))

    refused([good[0], good[1] + "maybe"], r"line 2: correct is 'maybe'; write yes or no")
    refused([good[0], good[1] + "yes", good[1] + "no"], r"line 3: the same item as line 2")
    refused([good[0], "c9999,disk,yes"], r"line 2: this item got no propagated label in this run")
    refused([good[0], f"{good[1].split(',')[0]},ellipse,yes"], r"line 2: label 'ellipse', and this run propagated")
    refused([good[0], "c0000,disk"], r"line 2: 2 cells under 3 columns")
    refused(["clip_id,label", "c0000,disk"], r"has no column 'correct'")
    with pytest.raises(InputError, match="can't be read"):
        propagate(work, tmp_path / "p", precision=0, checked=str(tmp_path / "none.csv"))


def test_bad_labels_are_named_by_line_and_leave_no_folder(work, tmp_path):
    (tmp_path / "bad.csv").write_text("clip_id,label,frame\nc0000,disk,0\n,disk,0\nc0001,disk,-3\n")
    with pytest.raises(InputError, match=r"(?s)bad.csv has bad rows.*line 3: neither path nor clip_id.*line 4: frame"):
        propagate(work, tmp_path / "p", labels=str(tmp_path / "bad.csv"))
    test_only = clips_of(work / "store", lambda clip: clip["split"] == "test")
    write_labels(tmp_path / "test.csv", test_only)
    with pytest.raises(InputError, match="none is known outside the test split"):
        propagate(work, tmp_path / "p", labels=str(tmp_path / "test.csv"))
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prior": ("disk",)}, "--prior 'disk' must read CLASS=SHARE"),
        ({"prior": ("heart=0.3",)}, "'heart' is none of the given labels; they are: across, disk, down"),
        ({"prior": ("disk=0.8", "down=0.7")}, "--prior comes to 1.5"),
        ({"alpha": 1.0}, "alpha is 1.0; it must be at most"),
        ({"level": "patient"}, "level is 'patient'"),
    ],
)
def test_options_that_make_no_sense(work, tmp_path, options, said):
    with pytest.raises((InputError, SettingsError), match=said):
        propagate(work, tmp_path / "p", **options)
    assert not (tmp_path / "p").exists()


def test_a_prior_reaches_the_labels(work, tmp_path):
    joined = {"precision": 0, "neighbors": 40}  # so many that the classes are joined to each other
    plain = propagate(work, tmp_path / "a", **joined).scores["classes"]
    more = propagate(work, tmp_path / "b", **joined, prior=("disk=0.98",)).scores["classes"]
    assert more["disk"]["propagated"] >= plain["disk"]["propagated"]
    weights = [
        np.mean([row["probabilities"][1] for row in sslecho.Predictions.load(tmp_path / run).table.to_pylist()])
        for run in "ab"
    ]
    assert weights[1] > weights[0]


def test_from_the_shell(work, tmp_path):
    words = [str(work / "emb"), "--labels", str(work / "few.csv"), "-o", str(tmp_path / "p"), "--precision", "0"]
    done = CliRunner().invoke(app, ["propagate", *words, "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout.splitlines()[-1])
    assert set(KEYS) <= set(result)
    assert "--checked" in done.stderr.splitlines()[-1]
    fill(tmp_path / "p" / "audit.csv", tmp_path / "p" / "audit.csv")
    again = CliRunner().invoke(app, ["propagate", *words, "--checked", str(tmp_path / "p" / "audit.csv")])
    assert again.exit_code == 0
    assert "0 of 33 checked labels are wrong: at least 100.0% are right" in again.stdout
    assert "labels.csv" in again.stderr.splitlines()[-1]
    assert "nothing was changed" not in again.stderr
    assert "nothing was changed" in CliRunner().invoke(app, ["propagate", *words]).stderr


def test_no_path_stands_in_a_result(work, tmp_path):
    labels = tmp_path / "MUELLER_labels.csv"
    labels.write_text((work / "few.csv").read_text())
    propagate(work, tmp_path / "p", labels=str(labels), precision=0)
    fill(tmp_path / "p" / "audit.csv", tmp_path / "MUELLER_audit.csv")
    propagate(work, tmp_path / "p", labels=str(labels), precision=0, checked=str(tmp_path / "MUELLER_audit.csv"))
    for file in (tmp_path / "p").rglob("*"):
        if file.is_file():
            content = file.read_bytes().replace(str(tmp_path / "p").encode(), b"")  # `out`, which the contract wants
            assert b"MUELLER" not in content, file
            assert str(tmp_path).encode() not in content, file
