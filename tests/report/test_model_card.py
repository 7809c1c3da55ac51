"""A model card says what was made and how good it is, in Markdown that no label can break, and without a path."""

import pytest
from report.made_classifier import HOSTILE, make_classifier
from report.made_run import make_run

from sslecho.errors import NounError
from sslecho.report.model_card import model_card
from sslecho.rundir import read_json, write_json


def test_a_classifier_s_card(tmp_path):
    card = model_card(make_classifier(tmp_path))
    said = card.to_markdown()
    for words in (
        "# Model card: a classifier",
        "Judged on split test: 6 clips of 3 patients.",
        "| balanced accuracy | .75 | .50–1.00 |",
        "| plax | .75 (.50–1.00) |",
        "- learned from: 12 clips of 6 patients",
        "- store: 36 frames of 18 clips",
        "- clips by split: test 6, train 12",
        "Only 3 patients: an interval over fewer than 24 is too narrow to trust.",
        "Apache License 2.0",
        "not a medical device",
        "- frames hash: ",
    ):
        assert words in said
    assert str(tmp_path) not in said
    assert "secret" not in said
    assert [section.title for section in card.sections][-1] == "Provenance"


def test_labels_can_t_break_the_markdown(tmp_path):
    said = model_card(make_classifier(tmp_path, classes=(HOSTILE, "plax"))).to_markdown()
    assert "<img" not in said.replace("\\<", "")
    row = next(line for line in said.splitlines() if line.startswith("| \\<img"))
    assert row.replace("\\|", "").count("|") == 7 + 1


def test_a_clustering_s_card_speaks_of_the_k_nearest_to_the_number_of_labels(tmp_path):
    said = model_card(make_run(tmp_path)).to_markdown()
    assert "Figures of k = 2, the number of clusters nearest to the number of labels" in said
    assert "| transfer purity | .65 | .55–.75 |" in said
    assert "secret" not in said


def test_what_has_no_card(tmp_path):
    run = make_classifier(tmp_path)
    write_json(run / "run.json", {**read_json(run / "run.json"), "state": "running"})
    with pytest.raises(NounError, match="is not finished; run the same `sslecho probe` again"):
        model_card(run)
    write_json(run / "run.json", {"command": "audit", "identity": {}, "state": "done"})
    with pytest.raises(NounError, match="holds the result of `sslecho audit`, which makes no model"):
        model_card(run)
    with pytest.raises(NounError, match="holds no sslecho run"):
        model_card(tmp_path / "nowhere")
