"""Dates of studies become days and periods; no date is in the store, and splits by time divide at periods."""

import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from data.archives import contents, dicom, pattern, save_dicom, write_png

import sslecho
from sslecho.data.ingest import ingest
from sslecho.data.store import Store
from sslecho.errors import InputError

pytestmark = pytest.mark.usefixtures("here")

FIRST = datetime.date(2011, 2, 27)
# 20 studies of 10 patients, two of each, days after FIRST.
VISITS = np.sort(np.random.default_rng(2).permutation(20).reshape(10, 2) * 11).tolist()


def date_of(days: int) -> str:
    return (FIRST + datetime.timedelta(days=days)).strftime("%Y%m%d")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Every study has a clip or two."""
    folder = tmp_path / "archive"
    for patient, days in enumerate(VISITS):
        for visit, day in enumerate(days):
            for clip in range(1 + (patient + visit) % 2):
                data = dicom(
                    pattern(seed=patient + clip),
                    patient=f"P-{patient}",
                    StudyInstanceUID=f"1.2.3.{patient}.{visit + 1}",
                    StudyDate=date_of(day),
                    SeriesDate=date_of(day),
                    AcquisitionDateTime=date_of(day) + "101112",
                )
                save_dicom(folder / f"{patient:02d}-{visit}-{clip}", data)
    return folder


def run(source: Path, **settings) -> Store:
    what = {"sector": "off", "size": 32, **settings}
    store, _ = ingest([source], source.parent / "store", **what)
    assert store is not None
    return store


def expected(source: Path) -> tuple[list[int], list[int]]:
    """Days and periods, clip by clip, by counting."""
    studies = [day for days in VISITS for day in days]
    days, periods = [], []
    for file in sorted(source.iterdir()):
        patient, visit, _ = map(int, file.name.split("-"))
        day = VISITS[patient][visit]
        days.append(day - min(VISITS[patient]))
        periods.append(10 * sum(other < day for other in studies) // len(studies))
    return days, periods


def test_days_since_the_patients_first_study_and_tenths_of_the_archive(source: Path):
    store = run(source)
    days, periods = expected(source)
    assert store.column("day").tolist() == days
    assert store.column("period").tolist() == periods
    assert len(set(days)) > 6
    assert set(periods) == set(range(10))


def test_no_date_is_in_the_store_nor_a_number_that_is_one(source: Path):
    store = run(source, keep=("series_description",))
    dates = {FIRST + datetime.timedelta(days=day) for visits in VISITS for day in visits}
    words = [date.strftime(shape).encode() for date in dates for shape in ("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%Y/%m")]
    for folder in (store.path, store.path.with_name("store.key")):
        for name, content in contents(folder).items():
            assert not any(word in content for word in words), name
    # Parquet packs its columns: look at the values, too. None is a date's number in any common count of days.
    numbers = {date.toordinal() for date in dates} | {(date - datetime.date(1970, 1, 1)).days for date in dates}
    for file in store.path.rglob("*.parquet"):
        with pq.ParquetFile(file) as table:
            for name, column in table.read().to_pydict().items():
                assert not any(value in numbers for value in column if isinstance(value, int)), name
                assert not any(word.decode() in value for word in words for value in column if isinstance(value, str))


def test_the_key_does_not_show_in_days_and_periods(source: Path, tmp_path: Path):
    store = run(source)
    other, _ = ingest([source], tmp_path / "other", sector="off", size=32)
    assert other is not None
    assert other.column("patient_id").tolist() != store.column("patient_id").tolist()
    for name in ("day", "period"):
        assert other.column(name).tolist() == store.column(name).tolist()


def test_a_split_by_time_keeps_the_latest_for_the_test(source: Path):
    store = sslecho.split(run(source), by="time", test=0.2, val=0.2)
    split, period, patient = (store.column(name) for name in ("split", "period", "patient_id"))
    assert set(split) == {"train", "val", "test"}
    first = {one: min(period[patient == one]) for one in set(patient)}
    when = {name: {first[one] for one in set(patient[split == name])} for name in ("train", "val", "test")}
    # Within a tenth chance decides.
    assert max(when["train"]) <= min(when["val"]) <= max(when["val"]) <= min(when["test"])
    assert max(when["train"]) < max(when["test"])
    for one in set(patient):
        assert len(set(split[patient == one])) == 1


def test_clips_without_a_date_have_neither_and_change_nothing_for_others(source: Path):
    before = run(source)
    save_dicom(source / "x-none", dicom(pattern(seed=1), patient="P-1", StudyInstanceUID="1.9"))
    wrong = dicom(pattern(seed=2), patient="P-2", StudyInstanceUID="1.8", StudyDate="20111231")
    path = save_dicom(source / "y-wrong", wrong)
    path.write_bytes(path.read_bytes().replace(b"20111231", b"20111341"))  # a thirteenth month
    store = run(source, overwrite=True)
    for name in ("day", "period"):
        assert store.column(name).tolist() == [*before.column(name).tolist(), None, None]


def test_without_any_date_there_is_no_split_by_time(tmp_path: Path):
    for number in range(4):
        write_png(tmp_path / f"archive/p{number}/a.png", pattern(seed=number))
    store = run(tmp_path / "archive", patient_from="folder")
    assert store.column("period").tolist() == [None] * 4
    with pytest.raises(InputError, match="4 of 4 clips have no period, so nobody knows who came first"):
        sslecho.split(store, by="time")


def test_an_unknown_patient_has_a_period_and_no_day(source: Path):
    store = run(source, patient_from="unknown")
    assert store.column("day").tolist() == [None] * store.clips.num_rows
    assert store.column("period").tolist() == expected(source)[1]
