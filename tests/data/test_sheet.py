"""The contact sheet."""

import numpy as np
import pytest

from sslecho.data.sheet import GAP, SheetRow, contact_sheet, labeled_sheet


def test_pictures_stand_in_rows():
    frames = np.stack([np.full((20, 30), 10 * number, np.uint8) for number in range(5)])
    sheet = np.asarray(contact_sheet(frames, columns=3))
    assert sheet.shape == (2 * (20 + GAP) + GAP, 3 * (30 + GAP) + GAP)
    for number in range(5):
        top, left = GAP + number // 3 * (20 + GAP), GAP + number % 3 * (30 + GAP)
        assert (sheet[top : top + 20, left : left + 30] == 10 * number).all()
    assert (sheet[-20 - GAP :, -30 - GAP :] == 255).all()


def test_captions_and_scale():
    frames = np.zeros((2, 64, 64), np.uint8)
    plain = contact_sheet(frames, columns=9, scale=0.5)
    assert plain.size == (2 * (32 + GAP) + GAP, 32 + 2 * GAP)
    named = np.asarray(contact_sheet(frames, columns=2, captions=["A4C", "a caption that is much too long"]))
    assert named.shape[0] > 64 + 2 * GAP
    under = named[GAP + 64 :, : GAP + 64]
    assert under.min() < 128  # ink
    assert named[GAP + 64 :, -GAP:].min() == 255  # nothing runs over the edge


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": 0}, "one column"),
        ({"columns": 1, "captions": ["a"]}, "1 captions for 2"),
        ({"columns": 1, "scale": 0.0}, "positive"),
    ],
)
def test_what_makes_no_sheet(arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        contact_sheet(np.zeros((2, 4, 4), np.uint8), **arguments)
    with pytest.raises(ValueError, match="at least one frame"):
        contact_sheet(np.zeros((0, 4, 4), np.uint8), columns=2)


def test_groups_have_headings_and_a_wider_gap():
    rows = [SheetRow(f"row {n}", "", np.full((3, 40, 40), 100 + n, np.uint8)) for n in range(2)]
    plain, grouped = (np.asarray(labeled_sheet(rows, groups=groups)) for groups in ((), [("two", 2), ("one", 1)]))
    head = grouped.shape[0] - plain.shape[0]
    assert head > 10
    assert grouped.shape[1] - plain.shape[1] == 4 * GAP
    assert grouped[: head + GAP].min() < 128  # ink
    columns = np.flatnonzero((grouped[head + GAP :] == 101).any(0))
    assert len(columns) == 120
    assert sorted(np.diff(columns))[-2:] == [GAP + 1, 5 * GAP + 1]
    with pytest.raises(ValueError, match="headings for 2 of 3 frames"):
        labeled_sheet(rows, groups=[("two", 2)])
