"""PALETTE COLOR of 8 and 16 bits, whole and segmented, in both byte orders, against tables expanded by hand."""

from pathlib import Path

import numpy as np
import pytest
from data.archives import dicom, pattern, save_dicom
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from sslecho.data.readers.dicom.palette import expand
from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import open_recording

COLORS = ("Red", "Green", "Blue")
LUMA = np.array([0.299, 0.587, 0.114])


def with_palette(
    pixels: np.ndarray,
    tables: list[np.ndarray],
    *,
    bits: int,
    big: bool,
    first: int = 0,
    entries: int | None = None,
    segmented: bool = False,
) -> Dataset:
    """A picture with tables of words (16 bits) or bytes (8 bits), as they stand in a file of this byte order."""
    data = dicom(pixels, PhotometricInterpretation="PALETTE COLOR")
    for name, table in zip(COLORS, tables, strict=True):
        n_entries = len(table) if entries is None else entries
        setattr(data, f"{name}PaletteColorLookupTableDescriptor", [n_entries % 2**16, first, bits])
        words = table.astype("<u2") if bits == 16 else np.frombuffer(table.astype(np.uint8).tobytes(), "<u2")
        prefix = "Segmented" if segmented else ""
        data.add_new(
            f"{prefix}{name}PaletteColorLookupTableData", "OW", words.astype(">u2" if big else "<u2").tobytes()
        )
    data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian if big else ExplicitVRLittleEndian
    return data


def shown(path: Path) -> tuple[np.ndarray, np.ndarray]:
    recording = open_recording(path)
    shown = next(iter(recording.frames([0], in_color=[0])))
    return shown.pixels, shown.rgb if shown.rgb is not None else np.repeat(shown.pixels[..., None], 3, axis=2)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("first", [0, 40])
def test_palettes_of_8_and_16_bits(tmp_path: Path, big: bool, bits: int, first: int):
    rng = np.random.default_rng(0)
    tables = rng.integers(0, 256, (3, 200))
    data = with_palette(pattern(), list(tables * (257 if bits == 16 else 1)), bits=bits, big=big, first=first)
    gray, rgb = shown(save_dicom(tmp_path / "1", data))
    # Below the first mapped value stands the first entry, above the last the last.
    expected = tables.T[np.clip(pattern().astype(int) - first, 0, 199)]
    np.testing.assert_array_equal(rgb, expected)
    np.testing.assert_allclose(gray, expected @ LUMA, atol=0.51)


@pytest.mark.parametrize("big", [False, True])
def test_pixels_of_16_bits(tmp_path: Path, big: bool):
    """As one machine stores color: 65536 entries, which the descriptor writes as 0."""
    entries = np.random.default_rng(0).integers(0, 256, (3, 2**16))
    pixels = pattern().astype(np.uint16) * 250 + 7
    data = with_palette(pixels, list(entries * 257), bits=16, big=big)
    data.PixelData = pixels.astype(">u2" if big else "<u2").tobytes()
    _, rgb = shown(save_dicom(tmp_path / "1", data))
    np.testing.assert_array_equal(rgb, entries.T[pixels])


def test_values_of_8_bits_in_a_table_that_claims_16(tmp_path: Path):
    ramp = np.arange(256)
    gray, _ = shown(save_dicom(tmp_path / "1", with_palette(pattern(), [ramp] * 3, bits=16, big=False)))
    np.testing.assert_array_equal(gray, pattern())


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_segmented_palettes(tmp_path: Path, big: bool, bits: int):
    """Discrete, linear and indirect segments; the last does the first two over again."""
    scale = 257 if bits == 16 else 1
    words = [0, 4, *(np.array([0, 10, 30, 20]) * scale), 1, 100, 220 * scale, 0, 2, 5 * scale, 9 * scale]
    segments = [*words, 2, 2, 0, 0, 0, 46, *(np.arange(46) * scale)]
    once = [0, 10, 30, 20, *(20 + 2.0 * step for step in range(1, 101))]
    expected = np.rint([*once, 5, 9, *once, *range(46)])
    assert len(expected) == 256
    plain = np.arange(256) * scale
    data = with_palette(pattern(), [plain] * 3, bits=bits, big=big)
    for name in COLORS:
        delattr(data, f"{name}PaletteColorLookupTableData")
        table = np.array(segments)
        content = table.astype(">u2" if big else "<u2") if bits == 16 else table.astype(np.uint8)
        stored = content.tobytes() + b"\0" * (content.nbytes % 2)
        if big and bits == 8:
            stored = np.frombuffer(stored, "<u2").byteswap().tobytes()
        data.add_new(f"Segmented{name}PaletteColorLookupTableData", "OW", stored)
    gray, _ = shown(save_dicom(tmp_path / "1", data))
    np.testing.assert_allclose(gray, expected[pattern()], atol=1)


@pytest.mark.parametrize(
    "words",
    [[0, 300, 1, 2], [1, 4, 9], [2, 1], [2, 1, 0, 0], [7, 1, 1], [0, 1, 5], [], [0, 0] * 9, [2, 1, 60000, 0]],
)
def test_a_damaged_segmented_palette_is_refused(tmp_path: Path, words: list[int]):
    data = with_palette(pattern(), [np.array(words)] * 3, bits=16, big=False, entries=256, segmented=True)
    with pytest.raises(Unreadable, match="color palette is"):
        open_recording(save_dicom(tmp_path / "1", data))


def test_segments_cannot_grow_without_end():
    with pytest.raises(ValueError, match="opcode"):  # an indirect segment that leads to itself
        expand([2, 1, 0, 0], 256)
    assert len(expand([0, 1, 5, *[1, 65535, 9] * 1000], 256)) <= 2 * 2**16


@pytest.mark.parametrize("missing", ["RedPaletteColorLookupTableData", "BluePaletteColorLookupTableDescriptor"])
def test_a_palette_without_one_of_its_parts_is_refused(tmp_path: Path, missing: str):
    data = with_palette(pattern(), [np.arange(256)] * 3, bits=8, big=False)
    delattr(data, missing)
    with pytest.raises(Unreadable, match="color palette is missing or damaged"):
        open_recording(save_dicom(tmp_path / "1", data))


def test_a_palette_shorter_than_it_claims_is_refused(tmp_path: Path):
    data = with_palette(pattern(), [np.arange(200)] * 3, bits=8, big=False, entries=256)
    with pytest.raises(Unreadable, match="shorter than it claims"):
        open_recording(save_dicom(tmp_path / "1", data))


@pytest.mark.parametrize(("tint", "is_color"), [(0, False), (5, False), (60, True)])
def test_a_gray_palette_is_no_color(tmp_path: Path, tint: int, is_color: bool):
    ramp = np.arange(256)
    data = with_palette(pattern(), [ramp, ramp, np.clip(ramp + tint, 0, 255)], bits=8, big=False)
    assert open_recording(save_dicom(tmp_path / "1", data)).is_color is is_color
