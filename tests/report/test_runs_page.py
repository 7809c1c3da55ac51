"""A page of any run: its figures, its warnings, inert whatever a label says, and never broken by what is missing."""

import re
import shutil
from importlib import import_module

import numpy as np
import pytest
from report.made_classifier import HOSTILE, make_classifier
from report.made_run import make_run
from report.test_page import Walk, without_figures

from sslecho.api.report import report, report_with_summary
from sslecho.report.chart import Axes, Line, chart
from sslecho.report.confusion_table import confusion_of, worst_pairs
from sslecho.report.page import build_page
from sslecho.report.run_folder import Run, find_runs
from sslecho.report.sections import SECTIONS
from sslecho.report.worst import chosen
from sslecho.rundir import read_json, write_json, write_text


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    without_figures(monkeypatch)


def page_of(folder, tmp_path) -> Walk:
    return Walk(report(folder, tmp_path / "page.html").read_text(encoding="utf-8"))


def test_a_classifier_s_page(tmp_path):
    run = make_classifier(tmp_path)
    walk = page_of(run, tmp_path)
    for words in (
        "A linear probe tells 2 classes apart, with a balanced accuracy of .75",
        "is not shown to tell",
    ):
        # Its interval begins at chance (.50), so the finding is not that it works.
        assert (words in walk.text) == words.startswith("is not")
    for words in (
        "Only 3 patients: an interval over fewer than 24 is too narrow to trust.",
        "Most often mixed up: plax called a4c: 1 (.33 of its class)",
        "1 clip of 6 got a wrong name",
        "plax called a4c confidence .90",
        "Expected calibration error .10",
        "before calibration it was .20",
        "Seed 4 commit 0123456",
        "Not a medical device",
    ):
        assert words.lower() in walk.text.lower()
    assert "secret" not in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert sum(tag == "svg" for tag in walk.tags) == 2
    pictures = [value for tag, name, value in walk.attributes if (tag, name) == ("img", "src")]
    assert len(pictures) == 1
    assert pictures[0].startswith("data:image/jpeg")


@pytest.mark.parametrize("how", [{"sector": "off"}, {"text": True}])
def test_an_error_whose_picture_may_hold_a_name_is_told_in_words(tmp_path, how):
    walk = page_of(make_classifier(tmp_path, **how), tmp_path)
    assert "img" not in walk.tags
    assert "plax called a4c confidence .90" in walk.text


def test_labels_are_inert_wherever_they_stand(tmp_path):
    walk = page_of(make_classifier(tmp_path, classes=(HOSTILE, "a4c")), tmp_path)
    assert "script" not in walk.tags
    assert HOSTILE in walk.text
    assert not [name for _, name, _ in walk.attributes if name.startswith("on")]
    assert not [value for tag, name, value in walk.attributes if name in ("src", "href") and "alert" in value]
    # An image's source is a picture of the store, never what a label says.
    assert all(value.startswith("data:") for tag, name, value in walk.attributes if (tag, name) == ("img", "src"))


def test_several_runs_are_one_page(tmp_path):
    make_classifier(tmp_path / "one")
    make_run(tmp_path / "two")
    summary = report_with_summary(tmp_path, tmp_path / "page.html")
    walk = Walk((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert [run["command"] for run in summary["runs"]] == ["pretrain", "cluster", "probe"]
    assert "What 3 runs found" in walk.text
    assert "2 different sets of frames" in walk.text
    ids = [value for _, name, value in walk.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = [value[1:] for _, name, value in walk.attributes if name == "href"]
    assert set(links) <= set(ids)
    assert [link for link in links if re.fullmatch(r"run-\d", link)] == ["run-1", "run-2", "run-3"] * 2
    assert walk.tags.count("h1") == 1
    # The encoder has a chapter, so the clustering does not draw its training again.
    assert walk.text.count("How was it trained?") == 1
    assert "How was the encoder trained?" not in walk.text


@pytest.mark.parametrize("command", ["view", "finetune"])
def test_other_classifiers_have_the_same_parts(tmp_path, command):
    run = make_classifier(tmp_path, steps=100, best_step=60)
    write_json(run / "run.json", {**read_json(run / "run.json"), "command": command})
    words = page_of(run, tmp_path).text
    assert f"sslecho · {command} report" in words
    for part in ("What is taken for what?", "Is it as often right as it says?", "How was it trained?", "Model card"):
        assert part in words
    assert "Of 100 steps the weights after step 60 were kept" in words


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"n_propagated": 8, "precision": 0.75, "n_scored": 6}, "4 labels became 12; .75 of the new ones right"),
        ({"n_propagated": 8, "precision": None, "n_scored": 0}, "nothing is known to score the new ones by"),
        ({"n_propagated": 0, "precision": None, "n_scored": 6}, "4 labels reached no other clip: it abstained"),
        ({"n_propagated": 0, "precision": None, "n_scored": 6}, "Of 6 clips whose label was held back none got one"),
    ],
)
def test_what_a_propagation_is_said_to_have_done(tmp_path, figures, said):
    result = {"n_labelled": 4, "abstained": 3, "coverage": 0.5, "classes": {HOSTILE: {"given": 4, "propagated": 8}}}
    run = make_classifier(tmp_path)
    write_json(run / "result.json", {**read_json(run / "result.json"), **result, **figures})
    write_json(run / "run.json", {**read_json(run / "run.json"), "command": "propagate"})
    walk = page_of(run, tmp_path)
    assert said in walk.text
    assert HOSTILE in walk.text


def test_an_unfinished_run_is_said(tmp_path):
    run = make_classifier(tmp_path)
    write_json(run / "run.json", {**read_json(run / "run.json"), "state": "running"})
    write_text(run / "log.jsonl", '{"step": 3, "epoch": 1.5, "loss": 0.25}\n')
    walk = page_of(run, tmp_path)
    assert "This probe is not finished" in walk.text
    assert "Its log ends at epoch 1.5 with a loss of 0.25." in walk.text
    assert "balanced accuracy" not in walk.text


def test_a_command_without_a_page_of_its_own_is_shown_plainly(tmp_path):
    run = make_classifier(tmp_path)
    write_json(run / "run.json", {**read_json(run / "run.json"), "command": "dream <b>"})
    walk = page_of(run, tmp_path)
    assert "sslecho dream <b>" in walk.text
    assert "Where it came from" in walk.text


@pytest.mark.parametrize("lost", ["classes", "n"])
def test_a_run_of_another_version_is_shown_as_far_as_it_goes(tmp_path, lost):
    run = make_classifier(tmp_path)
    result = read_json(run / "result.json")
    write_json(run / "result.json", {name: value for name, value in result.items() if name != lost})
    walk = page_of(run, tmp_path)
    assert "is not as this version of sslecho writes it (KeyError)" in walk.text
    assert "Where it came from" in walk.text


def test_what_is_gone_is_said_and_the_rest_is_shown(tmp_path):
    run = make_classifier(tmp_path)
    shutil.rmtree(tmp_path / "store")
    walk = page_of(run, tmp_path)
    assert "The store is gone, so there are no pictures." in walk.text
    assert "plax called a4c confidence .90" in walk.text
    shutil.rmtree(run / "predictions")
    walk = page_of(run, tmp_path)
    assert "What is taken for what?" not in walk.text
    assert "For which classes does it hold?" in walk.text
    (run / "result.json").write_text("{", encoding="utf-8")
    assert "Its result.json is gone or damaged" in page_of(run, tmp_path).text


def test_groups_that_are_no_patients_are_said_first(tmp_path):
    walk = page_of(make_classifier(tmp_path, unit="clip", groups="clips"), tmp_path)
    warnings = walk.text[walk.text.index("Read this first") :]
    assert warnings.startswith("Read this first Groups = clips, not patients")


def test_a_full_page_names_what_it_leaves_out(tmp_path, monkeypatch):
    make_classifier(tmp_path / "one")
    make_classifier(tmp_path / "two")
    monkeypatch.setattr(import_module("sslecho.report.page"), "MOST_BYTES", 5000)
    html = build_page(find_runs(tmp_path)).html
    assert html.count("The page is full") == 2
    assert html.count("is not shown to tell") > 2


def test_thumbnails_stop_where_there_is_no_room(tmp_path, monkeypatch):
    run = make_classifier(tmp_path)
    monkeypatch.setattr(import_module("sslecho.report.page"), "THUMBNAIL_BYTES", 10)
    assert "data:image/jpeg" not in build_page([Run.read(run)]).html


def test_runs_are_found_in_folders_but_not_in_runs(tmp_path):
    run = make_classifier(tmp_path / "a" / "b")
    shutil.copytree(run, run / "inner")
    assert [found.path for found in find_runs(tmp_path)] == [run]
    assert [found.path for found in find_runs(run)] == [run]
    write_json(tmp_path / "run.json", {"command": "demo", "state": "running"})
    assert [found.command for found in find_runs(tmp_path)] == ["probe"]


def test_every_kind_of_run_has_a_function_of_its_name():
    assert {"pretrain", "cluster", "propagate", "probe", "finetune", "view", "grade", "audit"} <= set(SECTIONS)
    assert all(callable(SECTIONS[name]) for name in SECTIONS)


def test_the_confusion_counts_rows_of_truth():
    truth, said = np.array(["a", "a", "b", "b", "b"]), np.array(["a", "b", "a", "a", "b"])
    counts = confusion_of(truth, said, ["a", "b"])
    assert counts.tolist() == [[1, 1], [2, 1]]
    assert worst_pairs(counts, ["a", "b"]) == ["b called a: 2 (.67 of its class)", "a called b: 1 (.50 of its class)"]


def test_the_worst_are_of_several_patients():
    assert chosen([5, 4, 3, 2, 1, 0], np.array(["p", "q", "p", "p", "p", "p"]), each=2, most=3) == [5, 4, 1]


def test_a_chart_puts_points_where_they_belong():
    drawn = chart([Line([0.0, 1.0], [0.0, 1.0], radius=[3.0, 3.0])], Axes("x <", "y"), title="t", alt="a")
    assert re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn) == [("46.0", "294.0"), ("504.0", "12.0")]
    assert "x &lt;" in drawn
