"""Dates leave as days since a patient's first study and as a tenth of the archive."""

import numpy as np
import pytest

from sslecho.data.calendar import Calendar, shifted_day
from sslecho.data.identity import Identity

ONE, TWO = Identity(b"\x01" * 32), Identity(b"\x02" * 32)


def test_days_differ_as_dates_do_and_hide_which_they_are():
    first, later = shifted_day(ONE, "20200228"), shifted_day(ONE, "20200301")
    assert first is not None
    assert later is not None
    assert later - first == 2  # a leap year
    assert shifted_day(TWO, "20200228") != first
    assert [shifted_day(ONE, said) for said in (None, "", "2020", "20201341", "unknown")] == [None] * 5


def test_day_counts_from_the_patients_first_study_and_period_from_the_archives():
    rng = np.random.default_rng(3)
    days = rng.permutation(50) * 7
    rows = [
        {"clip_id": f"c{number}", "patient_id": f"p{number % 20}", "study_id": f"s{number}", "day": int(day)}
        for number, day in enumerate(days)
    ]
    rows.append({"clip_id": "twin", "patient_id": "p0", "study_id": "s0", "day": int(days[0])})
    calendar = Calendar(rows)
    placed = [calendar.placed(row) for row in rows]
    for row, said in zip(rows, placed, strict=True):
        own = [other["day"] for other in rows if other["patient_id"] == row["patient_id"]]
        assert said["day"] == row["day"] - min(own)
        # The oracle: how many of the 50 studies came before, in tenths.
        assert said["period"] == sum(int(day) < row["day"] for day in days) * 10 // 50
    assert {said["period"] for said in placed} == set(range(10))


@pytest.mark.parametrize("row", [{"clip_id": "a", "patient_id": "p", "day": None}, {"clip_id": "a", "patient_id": "p"}])
def test_no_date_no_day(row: dict):
    assert Calendar([row]).placed(row) == {**row, "day": None, "period": None}


def test_an_unknown_patient_has_a_period_and_no_day():
    row = {"clip_id": "a", "patient_id": None, "study_id": "s", "day": 5}
    assert Calendar([row]).placed(row) == {**row, "day": None, "period": 0}


def test_shifted_dates_order_nobody():
    row = {"clip_id": "a", "patient_id": "p", "study_id": "s", "day": 5}
    assert Calendar([row], true_dates=False).placed(row) == {**row, "day": 0, "period": None}
