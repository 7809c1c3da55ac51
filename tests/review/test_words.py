"""Labels as people type them, and as cells of a file that spreadsheets open."""

import pytest

from sslecho.errors import InputError
from sslecho.review.words import clean_label, csv_cell


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("  a4c ", "a4c"),
        ("apical   four", "apical four"),
        ("U\u0308ber", "Über"),
        ("   ", ""),
        ("<img onerror=alert(1)>", "<img onerror=alert(1)>"),
        ("心臓", "心臓"),
    ],
)
def test_a_label_has_one_form(typed, label):
    assert clean_label(typed) == label


@pytest.mark.parametrize("typed", ["a\nb", "a\tb", "a\x00", "a\u202eb", "a\u200b", "a\u2028b"])
def test_what_cant_be_seen_is_refused(typed):
    with pytest.raises(InputError, match="can't be seen"):
        clean_label(typed)


def test_a_label_has_an_end():
    assert clean_label("x" * 80) == "x" * 80
    with pytest.raises(InputError, match="81 characters; keep it to 80"):
        clean_label("x" * 81)


@pytest.mark.parametrize("label", ["=cmd()", "+1", "-1", "@SUM(A1)", "=1+1", "\t=1", "＝1"])
def test_a_formula_becomes_text(label):
    assert csv_cell(label) == "'" + label


@pytest.mark.parametrize("label", ["a4c", "a=b", "1-2", "'=x"])
def test_other_labels_stay(label):
    assert csv_cell(label) == label
