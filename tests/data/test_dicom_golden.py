"""Real DICOM files: one picture in several encodings is one luminance, and other decoders see the same."""

import json
from pathlib import Path

import numpy as np
import pytest
from data.dicom_golden import figures

from sslecho.data.readers.dicom import cine
from sslecho.data.readers.recording import Recording
from sslecho.data.readers.sniff import open_recording

GOLDEN = json.loads((Path(__file__).parent / "dicom_golden.json").read_text())
PYDICOM, DATA = "pydicom__", "pydicom-data__"
# One picture each, losslessly; of those with several frames the first. US1_UNCI is none of US1_UNCR's: it was decoded
# from the lossy US1_J2KI.
SAME = {
    "palette": [
        f"{DATA}OBXXXX1A{name}.dcm" for name in ("", "_expb", "_rle", "_2frame", "_expb_2frame", "_rle_2frame")
    ],
    "segmented palette": [f"{DATA}gdcm-US-ALOKA-16.dcm", f"{DATA}gdcm-US-ALOKA-16_big.dcm"],
    "planes": [f"{DATA}color-pl.dcm", f"{DATA}color-px.dcm"],
    "YBR_RCT": [f"{DATA}US1_UNCR.dcm", f"{PYDICOM}examples_jpeg2k.dcm"],
    "YBR_ICT, the decoded": [f"{DATA}US1_UNCI.dcm", f"{DATA}US1_J2KI.dcm"],
    "8, 16 and 32 bits": [
        *(f"{DATA}SC_rgb_{name}.dcm" for name in ("16bit", "16bit_2frame", "32bit", "32bit_2frame", "expb_2frame")),
        *(f"{DATA}SC_rgb_expb_{name}.dcm" for name in ("16bit", "16bit_2frame", "32bit", "32bit_2frame")),
        *(f"{PYDICOM}SC_rgb_{name}.dcm" for name in ("rle", "rle_2frame", "rle_16bit", "rle_32bit", "jpeg_gdcm")),
    ],
    "YBR_FULL and 4:2:2, native": [f"{DATA}SC_ybr_full_uncompressed.dcm", f"{PYDICOM}SC_ybr_full_422_uncompressed.dcm"],
    "small and odd": [f"{PYDICOM}SC_rgb_small_odd_big_endian.dcm", f"{PYDICOM}SC_rgb_small_odd_jpeg.dcm"],
    "signed, 16 bits": [
        f"{PYDICOM}MR_small_{name}.dcm" for name in ("bigendian", "RLE", "jp2klossless", "jpeg_ls_lossless")
    ],
    "ten frames, 12 bits": [
        f"{DATA}emri_small{name}.dcm" for name in ("", "_RLE", "_big_endian", "_jpeg_2k_lossless", "_jpeg_ls_lossless")
    ],
}


@pytest.fixture
def files(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Every file by its name; the other modalities are let in, for their encodings' sake."""
    monkeypatch.setattr(cine, "MODALITIES", cine.MODALITIES | {"MR", "CT", "NM", "CR", "RTDOSE"})
    return {path.name: path for path in (real_data / "us_dicom").rglob("*.dcm")}


def first(recording: Recording) -> np.ndarray:
    return next(iter(recording.frames([0]))).pixels.astype(int)


@pytest.mark.parametrize("picture", SAME)
def test_one_picture_in_several_encodings(files: dict[str, Path], picture: str):
    names = SAME[picture]
    expected = first(open_recording(files[names[0]]))
    assert expected.std() > 5
    for name in names[1:]:
        assert np.abs(first(open_recording(files[name])) - expected).max() <= 2, name


def test_all_frames_in_several_encodings(files: dict[str, Path]):
    stacks = [
        np.stack([frame.pixels for frame in open_recording(files[name]).frames(range(10))]).astype(int)
        for name in SAME["ten frames, 12 bits"]
    ]
    assert len({frame.tobytes() for frame in stacks[0]}) > 5
    for stack in stacks[1:]:
        np.testing.assert_array_equal(stack, stacks[0])


@pytest.mark.parametrize("name", GOLDEN)
def test_other_decoders_see_the_same(files: dict[str, Path], name: str):
    """Rounding, and colors that RGB can't show but luma can, cost a little."""
    found = figures(first(open_recording(files[name])).astype(float))
    np.testing.assert_allclose(found, GOLDEN[name], atol=0.6)


def test_luma_and_color_are_of_one_picture(files: dict[str, Path]):
    n_color = 0
    for path in files.values():
        try:
            recording = open_recording(path)
        except cine.Unreadable:
            continue
        rgb = next(iter(recording.frames([0], in_color=[0]))).rgb
        assert (rgb is not None) == recording.is_color
        if rgb is not None:
            n_color += 1
            assert rgb.shape == (*first(recording).shape, 3)
            assert np.abs(rgb @ np.array([0.299, 0.587, 0.114]) - first(recording)).mean() < 1
    assert n_color > 30


def test_every_file_is_read_but_those_of_single_bits(files: dict[str, Path]):
    refused = {}
    for name, path in files.items():
        try:
            recording = open_recording(path)
            assert sum(1 for _ in recording.frames(range(recording.n_frames))) == recording.n_frames
        except cine.Unreadable as error:
            refused[name] = str(error)
    assert len(files) == 82
    assert {name.split("__")[1].split("_")[0] for name in refused} == {"liver"}


def test_what_the_ultrasound_files_say(files: dict[str, Path]):
    dual = open_recording(files[f"{DATA}gdcm-US-ALOKA-16.dcm"])
    assert dual.modes == {"b-mode", "dual"}
    assert [region.data for region in dual.regions] == ["tissue", "tissue", "gray bar"]
    assert dual.spacing_mm == pytest.approx(0.382653)
    cine_loop = open_recording(files[f"{PYDICOM}examples_ybr_color.dcm"])
    assert (cine_loop.n_frames, cine_loop.time_source, cine_loop.modes) == (30, "FrameTime", {"b-mode"})
    assert open_recording(files[f"{DATA}OBXXXX1A.dcm"]).modes == {"b-mode"}
    assert open_recording(files[f"{DATA}color-pl.dcm"]).modes == {"b-mode", "colour"}
