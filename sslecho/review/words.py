"""Labels as people type them: one form of each, and harmless wherever they are shown or opened.

On the page every label is escaped by the templates or set as text. In a CSV file a spreadsheet would run a cell that
begins like a formula, so such a cell gets an apostrophe before it.
"""

import unicodedata

from sslecho.errors import InputError

MOST_LETTERS = 80
FORMULA = ("=", "+", "-", "@", "\t", "\r")
FORMULA_WIDE = ("＝", "＋", "－", "＠")  # some spreadsheets take these for the narrow ones


def clean_label(text: str) -> str:
    """A label without what can't be seen: Unicode composed, spaces single, none at the ends. "" stands for no label.

    Raises:
        InputError: too long, or with characters that control what is shown (line feeds, direction marks, …).
    """
    word = " ".join(part for part in unicodedata.normalize("NFC", text).split(" ") if part)
    if len(word) > MOST_LETTERS:
        raise InputError(f"the name has {len(word)} characters; keep it to {MOST_LETTERS}")
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in word):
        raise InputError("the name has characters that can't be seen (line feeds, tabs, direction marks); type it anew")
    return word


def csv_cell(text: str) -> str:
    """The text as a cell that no spreadsheet runs."""
    return f"'{text}" if text.startswith((*FORMULA, *FORMULA_WIDE)) else text
