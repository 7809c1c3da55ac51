"""What a DICOM file says besides its pixels: times, regions, kind, weak labels, date. Never a name."""

import re
from pathlib import Path

import numpy as np
import pytest
from data.archives import dicom, pattern, save_dicom
from pydicom.dataset import Dataset

from sslecho.data.readers.dicom.hints import VOCABULARY, known_words
from sslecho.data.readers.recording import Recording, Region
from sslecho.data.readers.sniff import open_recording

HEIGHT, WIDTH = 24, 32


def item(**elements) -> Dataset:
    data = Dataset()
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def region(x0: int, y0: int, x1: int, y1: int, *, kind: int = 1, data: int = 1, units: int = 3, **elements) -> Dataset:
    """As DICOM has it: the second corner is the last pixel within."""
    said = {
        "RegionLocationMinX0": x0,
        "RegionLocationMinY0": y0,
        "RegionLocationMaxX1": x1,
        "RegionLocationMaxY1": y1,
        "RegionSpatialFormat": kind,
        "RegionDataType": data,
        "PhysicalUnitsXDirection": units,
        "PhysicalUnitsYDirection": units,
        "PhysicalDeltaX": 0.02,
        "PhysicalDeltaY": 0.03,
    }
    return item(**{**said, **elements})


def opened(tmp_path: Path, **elements) -> Recording:
    n_frames = elements.pop("frames", 1)
    return open_recording(save_dicom(tmp_path / "1", dicom(np.stack([pattern()] * n_frames), **elements)))


def test_it_keeps_the_protocol(tmp_path: Path):
    recording = opened(tmp_path)
    assert isinstance(recording, Recording)
    assert recording.regions == ()
    assert recording.modes == frozenset()
    assert recording.hints == {}
    assert recording.is_color is False


@pytest.mark.parametrize(
    ("elements", "source", "times"),
    [
        # The pointer's target comes first, whichever it is.
        ({"FrameIncrementPointer": 0x00181063, "FrameTime": 25, "FrameTimeVector": [0, 30, 50]}, "FrameTime", 0.05),
        (
            {"FrameIncrementPointer": 0x00181065, "FrameTime": 25, "FrameTimeVector": [0, 30, 50]},
            "FrameTimeVector",
            0.08,
        ),
        ({"FrameIncrementPointer": [0x00181063, 0x00540080], "FrameTime": 25}, "FrameTime", 0.05),
        # A target that is not there, or can't be believed: what comes next.
        ({"FrameIncrementPointer": 0x00181063, "CineRate": 10}, "CineRate", 0.2),
        ({"FrameIncrementPointer": 0x00181065, "FrameTimeVector": [0, 30], "FrameTime": 25}, "FrameTime", 0.05),
        ({"FrameIncrementPointer": 0x00181063, "FrameTime": 0, "RecommendedDisplayFrameRate": 20},
         "RecommendedDisplayFrameRate", 0.1),
        # A target that is no time: slices do not follow each other in time, whatever else the header says.
        ({"FrameIncrementPointer": 0x00182005, "FrameTime": 25, "CineRate": 10}, None, None),
        ({"FrameIncrementPointer": 0x00540080}, None, None),
        # Without a pointer.
        ({"FrameTimeVector": [0, 30, 50], "FrameTime": 25}, "FrameTimeVector", 0.08),
        ({"FrameTimeVector": [30, 30, 50], "CineRate": 10}, "FrameTimeVector", 0.08),
        ({"FrameTimeVector": [0, -30, 50], "CineRate": 10}, "CineRate", 0.2),
        ({"FrameTimeVector": [0, 0, 0], "CineRate": 10}, "CineRate", 0.2),
        ({"FrameTime": 25, "CineRate": 10}, "FrameTime", 0.05),
        ({"CineRate": 10, "RecommendedDisplayFrameRate": 20}, "CineRate", 0.2),
        ({"CineRate": 0}, None, None),
        ({}, None, None),
    ],
)  # fmt: skip
def test_times_come_from_the_pointers_target_and_are_never_guessed(tmp_path: Path, elements, source, times):
    recording = opened(tmp_path, frames=3, **elements)
    assert recording.time_source == source
    found = [frame.time_s for frame in recording.frames([0, 2])]
    assert found == ([None, None] if times is None else pytest.approx([0, times]))


def test_a_still_has_no_times(tmp_path: Path):
    recording = opened(tmp_path, FrameTime=25, FrameIncrementPointer=0x00181063)
    assert recording.time_source is None
    assert next(iter(recording.frames([0]))).time_s is None


def test_all_regions_in_their_order_with_corners_outside(tmp_path: Path):
    damaged = item(RegionSpatialFormat=1, RegionLocationMinX0=3)
    recording = opened(
        tmp_path,
        SequenceOfUltrasoundRegions=[
            region(2, 1, 20, 15),
            damaged,
            region(0, 16, 31, 23, kind=4, data=10, units=4),
            region(0, 0, 90, 90, kind=3, data=3, units=7),  # clipped to the picture
            region(40, 2, 50, 9),  # outside
            region(9, 9, 4, 4),  # upside down
            region(1, 2, 1, 2, kind=5, data=14),
            region(3, 4, 5, 6, kind=99, data=99),
        ],
    )
    assert recording.regions == (
        Region((2, 1, 21, 16), "2d", "tissue", (0.2, 0.3)),
        Region((0, 16, 32, 24), "waveform", "ecg", None),
        Region((0, 0, 32, 24), "spectral", "spectral", None),
        Region((1, 2, 2, 3), "graphics", "color bar", (0.2, 0.3)),
        Region((3, 4, 6, 7), None, None, (0.2, 0.3)),
    )


@pytest.mark.parametrize(
    ("elements", "modes"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TTE", "0001"]}, {"b-mode"}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "TTE", "0011"]}, {"b-mode", "colour"}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "0002"]}, {"m-mode"}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "0004"]}, {"spectral"}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "0009"]}, {"b-mode", "spectral"}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "0020"]}, {"colour", "m-mode"}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "0040"]}, {"other"}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "0101"]}, {"b-mode", "colour"}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "GERMAN"]}, set()),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "CONTRAST", "0001"]}, {"b-mode", "contrast"}),
        ({"ImageType": "ORIGINAL"}, set()),
        ({"ContrastBolusAgent": "SonoVue"}, {"contrast"}),
        ({"ContrastBolusAgentSequence": [item(CodeValue="1")]}, {"contrast"}),
        ({"ContrastBolusAgent": ""}, set()),
        ({"UltrasoundColorDataPresent": 1}, {"colour"}),
        ({"UltrasoundColorDataPresent": 0}, set()),
        # Machines say so for a blue title bar: a word that is more exact has priority.
        ({"UltrasoundColorDataPresent": 1, "ImageType": ["ORIGINAL", "PRIMARY", "TTE", "0001"]}, {"b-mode"}),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.2"}, {"other"}),
    ],
)
def test_modes_are_what_the_tags_claim(tmp_path: Path, elements, modes):
    assert opened(tmp_path, **elements).modes == modes


TISSUE = region(0, 0, 31, 23)
QUARTERS = [region(16 * x, 12 * y, 16 * x + 15, 12 * y + 11) for y in (0, 1) for x in (0, 1)]


@pytest.mark.parametrize(
    ("regions", "modes"),
    [
        ([TISSUE], {"b-mode"}),
        ([TISSUE, region(8, 6, 20, 16, data=2)], {"b-mode", "colour"}),  # a color box in its tissue is no second pane
        ([region(0, 0, 31, 11), region(0, 12, 31, 23, kind=3, data=3)], {"b-mode", "spectral"}),
        ([region(0, 0, 31, 11), region(0, 12, 31, 23, kind=2)], {"b-mode", "m-mode"}),
        ([region(0, 0, 15, 23), region(16, 0, 31, 23)], {"b-mode", "dual"}),
        ([region(0, 0, 15, 23), region(16, 0, 31, 23, data=2)], {"b-mode", "colour", "dual"}),
        (QUARTERS, {"b-mode", "quad"}),
        (QUARTERS[:3], {"b-mode"}),
        ([TISSUE, region(30, 0, 31, 7, data=13)], {"b-mode"}),  # a gray bar
        ([region(0, 0, 27, 23), region(30, 0, 31, 2)], {"b-mode"}),  # too small for a pane
    ],
)
def test_modes_from_regions(tmp_path: Path, regions, modes):
    assert opened(tmp_path, SequenceOfUltrasoundRegions=regions).modes == modes


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Apical 4CH rest", "apical 4ch rest"),
        ("A4C_REST", "a4c rest"),
        ("PLAX|AV zoom", "plax zoom"),
        ("Parasternal Long-Axis", "parasternal long axis"),
        ("4-Chamber, peak (Dr. Miller)", "4-chamber peak"),
        ("DOE JANE 19990101 MRN 4711", ""),
        ("stress echo for Mrs Smith, 2024-03-05", "stress echo"),
        ("Müller, apikal", ""),
        ("", ""),
        # A surname that is a word of the list passes as that word: known, and said in the module's docstring.
        ("LONG^JOHN", "long"),
    ],
)
def test_hints_are_words_of_a_fixed_list(tmp_path: Path, said: str, words: str):
    assert known_words(said) == words
    hints = opened(tmp_path, SeriesDescription=said, StageName=said[:16], ViewName=said[:16]).hints
    assert hints.get("series_description", "") == words
    assert set(hints) <= {"series_description", "stage_name", "view_name"}


CANARIES = [
    "CANARYNAME",
    "Doe^Jane^Q",
    "MRN00012345",
    "19700203",
    "1970-02-03",
    "02.03.1970",
    "+49 30 123",
    "A123456789",
]
CANARIES += ["St. Elsewhere", "O'Brien-Canary", "jane.doe@example.org", "1.2.840.113619.2.55", "canary\\canary"]


@pytest.mark.parametrize("canary", CANARIES)
def test_no_canary_gets_through(tmp_path: Path, canary: str):
    code = item(CodeValue=canary[:16], CodingSchemeDesignator="SCT", CodeMeaning=canary)
    other = item(CodeValue="399371001", CodingSchemeDesignator=canary[:16], CodeMeaning=canary)
    for view in (code, other):
        recording = opened(
            tmp_path,
            SeriesDescription=f"{canary} apical {canary}",
            StageName=canary[:16],
            ViewName=canary[:16],
            ViewCodeSequence=[view],
            PatientName="CANARYNAME",
        )
        assert recording.hints == {"series_description": "apical"}


@pytest.mark.parametrize(
    ("scheme", "value", "found"),
    [
        ("SCT", "399371001", "SCT:399371001"),
        ("SRT", "G-A19B", "SCT:399232001"),
        ("SNM3", "R-40B0E", "SCT:443698002"),
        ("DCM", "130681", "DCM:130681"),
        ("SCT", "399371002", None),
        ("SCT", "19700203", None),
        ("LN", "19700-2", None),
        ("DCM", "130682-", None),
        ("99ACME", "399371001", None),
    ],
)
def test_a_coded_view(tmp_path: Path, scheme: str, value: str, found: str | None):
    view = item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning="Jane Doe")
    hints = opened(tmp_path, ViewCodeSequence=[view]).hints
    assert hints == ({} if found is None else {"view_code": found})


def test_the_vocabulary_is_lower_case_and_holds_no_number_that_could_be_a_date():
    assert all(word == word.lower() and not re.search(r"\d{2}", word) for word in VOCABULARY)


@pytest.mark.parametrize(
    ("elements", "date"),
    [
        ({"StudyDate": "20240229", "AcquisitionDate": "20230101"}, "20240229"),
        ({"AcquisitionDate": "20230101"}, "20230101"),
        ({"StudyDate": "2024.02.29"}, None),
        ({"StudyDate": ""}, None),
        ({}, None),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_the_date_of_the_study(tmp_path: Path, elements, date):
    assert opened(tmp_path, **elements).origin.date == date
