"""Labels saved, where a lead is shown, and the words for it."""

import numpy as np
import pytest
from reference import label_efficiency as reference

from sslecho.evaluate.comparison import Lead, labels_saved, where_shown
from sslecho.evaluate.resampling import Curve, labels_needed
from sslecho.evaluate.verdict import crossing_sentence, endpoint_sentence, saved_sentence, verdict

ABOUT = {"axis": "patients", "unit": "patient", "most": 11}
NUMBERS = [1, 2, 4, 8, 11]


def test_labels_needed_is_the_first_crossing_on_log_lines():
    rng = np.random.default_rng(0)
    for _ in range(60):
        curve, target = rng.random(5), rng.random()
        found, expected = labels_needed(NUMBERS, curve, target), reference.labels_needed(NUMBERS, curve, target)
        assert found == pytest.approx(expected, rel=1e-3)
    assert labels_needed(NUMBERS, np.array([0.1, 0.2, 0.4, 0.5, 0.6]), 0.3) == pytest.approx(2 * 2**0.5)
    assert labels_needed(NUMBERS, np.full(5, 0.2), 0.3) == float("inf")
    assert labels_needed(NUMBERS, np.full(5, 0.2), 0.2) == 1


def curve(values, draws):
    return Curve(np.array(values), np.array(draws), np.empty((len(values), 1, 1)))


def test_labels_saved_resamples_both_curves_together():
    rng = np.random.default_rng(1)
    rival_draws = np.sort(rng.random((5, 40)), axis=0)
    first_draws = rival_draws[[1, 2, 3, 4, 4]] + 0.02 * rng.random((5, 40))
    first, rival = curve(first_draws.mean(1), first_draws), curve(rival_draws.mean(1), rival_draws)
    for place, saved in enumerate(labels_saved(NUMBERS, first, rival)):
        drawn = sorted(reference.labels_needed(NUMBERS, rival_draws[:, d], first_draws[place, d]) for d in range(40))
        unreached = np.isinf(drawn).mean()
        assert saved.share_not_reached == pytest.approx(unreached)
        for bound, at in ((saved.low, 0), (saved.high, 38)):  # first and 39th of 40 from below
            assert (np.inf if bound is None else bound) == pytest.approx(drawn[at], rel=1e-3)


def lead(x, value, width):
    return Lead(x, value, value - width / 2, value + width / 2, value - width, value + width)


def said(*leads):
    return crossing_sentence(leads, first="your encoder", rival="raw pixels", **ABOUT)


def test_sentences_speak_of_what_the_bounds_show():
    up = [lead(x, v, 0.05) for x, v in zip(NUMBERS, (0.2, 0.1, 0.06, 0.04, 0.0), strict=True)]
    assert where_shown(up, 1) == [(1, 4)]
    assert said(*up) == "your encoder beats raw pixels up to 4 labeled patients; elsewhere no difference is shown"
    on = [lead(x, v, 0.05) for x, v in zip(NUMBERS, (0.0, 0.1, 0.1, 0.1, 0.1), strict=True)]
    assert said(*on).startswith("your encoder beats raw pixels from 2 labeled patients on; elsewhere")
    always = [lead(x, 0.1, 0.05) for x in NUMBERS]
    assert said(*always) == (
        "your encoder beats raw pixels at every number of labeled patients that was tried (1 to 11)"
    )
    holes = [lead(x, v, 0.05) for x, v in zip(NUMBERS, (0.1, 0.0, 0.1, 0.1, -0.1), strict=True)]
    assert said(*holes) == (
        "your encoder beats raw pixels with 1 and 4 to 8 labeled patients and is worse than raw pixels with 11 labeled "
        "patients; elsewhere no difference is shown"
    )
    never = [lead(x, 0.01, 0.05) for x in NUMBERS]
    assert said(*never) == (
        "your encoder does not beat raw pixels at any number of labels that was tried, nor the other way round "
        "(differences up to 0.06 are not ruled out)"
    )


def test_a_lead_by_its_own_interval_alone_makes_no_sentence_over_many():
    """The interval of one is half as wide here; only the declared endpoint may be read from it."""
    narrow = [lead(x, 0.04, 0.05) for x in NUMBERS]
    assert where_shown(narrow, 1) == []
    sentence = endpoint_sentence(narrow[2], first="it", rival="pixels", metric="macro_f1", count="4 labeled patients")
    assert sentence.startswith(
        "with 4 labeled patients it is better than pixels in macro F1: +.04 (95 %: +.01 to +.07)"
    )


def test_labels_saved_in_words_with_what_is_not_reached():
    words = {"first": "your encoder", "rival": "raw pixels", **ABOUT}
    numbers = [1, 4, 11]
    never = labels_saved(
        numbers, curve([0.9] * 3, np.full((3, 50), 0.9)), curve([0.1, 0.2, 0.3], np.full((3, 50), 0.2))
    )
    assert saved_sentence(never[1], **words) == (
        "to reach what your encoder has with 4 labeled patients, raw pixels needs more labeled patients than there "
        "are: it does not get there with all 11 (95 %: more than there are)"
    )
    at_once = labels_saved(
        numbers, curve([0.1] * 3, np.full((3, 50), 0.1)), curve([0.2, 0.3, 0.4], np.full((3, 50), 0.2))
    )
    assert "raw pixels needs 1 or fewer (95 %: 1)" in saved_sentence(at_once[0], **words)
    between = labels_saved(numbers, curve([0.2, 0.4, 0.5], np.tile([[0.2], [0.4], [0.5]], 50)),
                           curve([0.1, 0.3, 0.5], np.tile([[0.1], [0.3], [0.5]], 50)))  # fmt: skip
    assert "needs about 6.6 labeled patients (95 %: 6.6)" in saved_sentence(between[1], **words)


def test_doubts_stand_in_the_verdict():
    text = verdict("one", {"a": "two"}, "three", n_patients=9, n_supports=3, unit="patient")
    assert text.startswith("One. Two. Three. Only 9 test patients: an interval over fewer than 24 is too narrow")
    assert "only 3 draws of labels" in text.lower()
    assert "narrow" not in verdict("one", {}, "three", n_patients=24, n_supports=5, unit="patient")
