"""The words never claim more than the intervals allow."""

import pytest
from report.made_run import entry

from sslecho.report.headline import headline


def said(value: float, *, pixels=None, random=None, most_frequent=0.2, half=0.1):
    baselines = {
        "pixels": None if pixels is None else [entry(5, pixels)],
        "random": None if random is None else [entry(5, random)],
    }
    return headline([entry(5, value, half=half)], baselines, k=5, most_frequent=most_frequent)


@pytest.mark.parametrize(
    ("pixels", "random", "title"),
    [
        (0.3, 0.3, "The clusters hold in other patients, and beat raw pixels and the untrained encoder"),
        (0.3, 0.55, "The clusters beat raw pixels; no clear gain over the untrained encoder"),
        (
            0.55,
            0.65,
            "The clusters hold in other patients, with no clear gain over raw pixels and the untrained encoder",
        ),
        (0.9, 0.3, "Raw pixels cluster better than this encoder"),
        (0.3, 0.9, "The untrained encoder clusters better than this encoder"),
        (0.9, 0.9, "Raw pixels and the untrained encoder cluster better than this encoder"),
        (None, None, "The clusters hold in other patients, with nothing to compare them with"),
        (0.3, None, "The clusters hold in other patients, and beat raw pixels"),
    ],
)
def test_titles(pixels, random, title):
    assert said(0.6, pixels=pixels, random=random).title == title


def test_verdicts_follow_the_intervals():
    found = {one.name: one.verdict for one in said(0.6, pixels=0.39, random=0.41).comparisons}
    assert found == {"raw pixels": "better", "the untrained encoder": "higher"}
    found = {one.name: one.verdict for one in said(0.6, pixels=0.79, random=0.81).comparisons}
    assert found == {"raw pixels": "not higher", "the untrained encoder": "worse"}


def test_an_interval_that_reaches_the_most_frequent_label_is_no_success():
    found = said(0.25, pixels=0.05, random=0.05, half=0.06)
    assert found.title == "The clusters are not shown to hold in other patients"
    assert "not clearly more than the 20 %" in found.sentences[1]


def test_the_first_sentence_has_the_figure_its_interval_and_the_coverage():
    sentence = said(0.6, pixels=0.3, random=0.3).sentences[0]
    for words in ("k = 5", "60 %", "50–70 %", "90 % of these lie in a cluster", "one half of the patients"):
        assert words in sentence


def test_units_and_levels_are_called_what_they_are():
    found = headline([entry(5)], {}, k=5, most_frequent=0.1, level="frame", unit="sweep")
    assert "other half’s frames" in found.sentences[0]
    assert "other sweeps" in found.title


def test_one_patient_only():
    warning = "transfer purity needs labeled items of at least 2 patients, and there are 1"
    found = headline(
        [entry(5, None, coverage=None, warning=warning)], {"pixels": [entry(5, None)]}, k=5, most_frequent=0.2
    )
    assert found.title == "Transfer purity could not be had"
    assert found.warnings == [warning]
    assert found.comparisons == []
