"""DICOM frame by frame: where each lies, how much memory that takes, and what happens where the file ends early."""

import struct
import tracemalloc
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from data.archives import dicom, fragmented, packbits, pattern, save_dicom
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from sslecho.data.readers.dicom.inflate import Inflating
from sslecho.data.readers.dicom.opening import open_header
from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import open_recording

STACK = np.stack([pattern(seed=seed) for seed in range(7)])


def read(path: Path, indices: list[int]) -> np.ndarray:
    return np.stack([frame.pixels for frame in open_recording(path).frames(indices)])


@pytest.mark.parametrize("table", ["basic", "extended", "none"])
@pytest.mark.parametrize("fragments", [1, 3])
def test_frames_are_found_with_every_offset_table(tmp_path: Path, table: str, fragments: int):
    frames = [imagecodecs.jpegls_encode(frame) for frame in STACK]
    path = save_dicom(
        tmp_path / "1", fragmented(dicom(STACK), JPEGLSLossless, frames, table=table, fragments=fragments)
    )
    for indices in ([0, 1, 2, 3, 4, 5, 6], [6], [2, 5]):
        np.testing.assert_array_equal(read(path, indices), STACK[indices])


@pytest.mark.parametrize("table", ["basic", "extended"])
@pytest.mark.parametrize("fragments", [1, 2])
def test_an_offset_table_that_points_elsewhere_is_not_believed(tmp_path: Path, table: str, fragments: int):
    frames = [imagecodecs.jpegls_encode(frame) for frame in STACK]
    data = fragmented(dicom(STACK), JPEGLSLossless, frames, table=table, fragments=fragments, shift=2)
    np.testing.assert_array_equal(read(save_dicom(tmp_path / "1", data), [0, 3, 6]), STACK[[0, 3, 6]])


def test_rle_of_several_fragments_needs_a_table(tmp_path: Path):
    frames = [packbits(frame) for frame in STACK]
    data = fragmented(dicom(STACK), RLELossless, frames, table="basic", fragments=2)
    np.testing.assert_array_equal(read(save_dicom(tmp_path / "1", data), [1, 6]), STACK[[1, 6]])


def test_a_single_frame_in_many_fragments(tmp_path: Path):
    data = fragmented(dicom(STACK[0]), RLELossless, [packbits(STACK[0])], table="none", fragments=5)
    np.testing.assert_array_equal(read(save_dicom(tmp_path / "1", data), [0])[0], STACK[0])


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_an_encapsulated_file_that_is_cut_gives_the_frames_before_the_cut(tmp_path: Path, keep: float):
    frames = [imagecodecs.jpegls_encode(frame) for frame in STACK]
    path = save_dicom(tmp_path / "1", fragmented(dicom(STACK), JPEGLSLossless, frames, table="none"))
    content = path.read_bytes()
    start = content.find(frames[0])
    path.write_bytes(content[: start + int(keep * (len(content) - start))])
    found = []
    with pytest.raises(Unreadable, match="ends before frame|can't be decoded at frame"):
        found.extend(frame.pixels for frame in open_recording(path).frames(range(7)))
    assert len(found) == pytest.approx(7 * keep, abs=1)
    for number, pixels in enumerate(found):
        np.testing.assert_array_equal(pixels, STACK[number])


def test_a_native_file_that_is_cut_is_refused_when_it_is_opened(tmp_path: Path):
    path = save_dicom(tmp_path / "1", dicom(STACK))
    path.write_bytes(path.read_bytes()[: -2 * STACK[0].size - 9])
    with pytest.raises(Unreadable, match="cut short: it claims 7 frames but holds 4"):
        open_recording(path)


def test_a_deflated_file_that_is_cut_says_where(tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (9, 64, 64), dtype=np.uint8)
    data = dicom(noise)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = save_dicom(tmp_path / "1", data)
    path.write_bytes(path.read_bytes()[: -3 * 64 * 64])
    recording = open_recording(path)
    np.testing.assert_array_equal(next(iter(recording.frames([2]))).pixels, noise[2])
    with pytest.raises(Unreadable, match="ends before frame 8, though it claims 9 frames"):
        list(recording.frames([8]))


def test_a_compressed_frame_far_larger_than_its_pixels_is_refused(tmp_path: Path):
    data = fragmented(dicom(STACK[0]), JPEGLSLossless, [bytes(2**21)], table="none")
    with pytest.raises(Unreadable, match="can't be decoded at frame 0"):
        read(save_dicom(tmp_path / "1", data), [0])


def test_a_claim_of_billions_of_frames_costs_nothing(tmp_path: Path):
    frames = [imagecodecs.jpegls_encode(frame) for frame in STACK]
    data = fragmented(dicom(STACK), JPEGLSLossless, frames, table="none")
    data.NumberOfFrames, data.FrameTime = 2_000_000_000, 25
    recording = open_recording(save_dicom(tmp_path / "1", data))
    assert next(iter(recording.frames([6]))).time_s == pytest.approx(0.15)
    with pytest.raises(Unreadable, match="ends before frame 7"):
        list(recording.frames([7]))


def test_pixels_that_contradict_the_transfer_syntax(tmp_path: Path):
    data = dicom(STACK[0])
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data["PixelData"].is_undefined_length = False
    path = tmp_path / "1"
    written = save_dicom(tmp_path / "0", dicom(STACK[0])).read_bytes()
    path.write_bytes(written.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"))
    with pytest.raises(Unreadable, match="not stored the way its transfer syntax says"):
        open_recording(path)


def test_inflating_reads_and_seeks_like_a_file(tmp_path: Path):
    import io
    import zlib

    content = np.random.default_rng(1).integers(0, 7, 400_000, dtype=np.uint8).tobytes()
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = b"before" + packer.compress(content) + packer.flush() + b"after"
    path = tmp_path / "x"
    path.write_bytes(packed)
    with path.open("rb") as file:
        stream = io.BufferedReader(Inflating(file, 6), 2**12)
        for offset, n_bytes in ((0, 10), (5, 100_000), (399_990, 100), (3, 3), (250_000, 1), (249_000, 2000)):
            stream.seek(offset)
            assert stream.read(n_bytes) == content[offset : offset + n_bytes]
        stream.seek(500_000)
        assert stream.read(5) == b""


@pytest.mark.parametrize("kind", ["native", "big endian", "deflated", "encapsulated"])
def test_a_long_cine_needs_the_memory_of_a_frame(tmp_path: Path, kind: str):
    """The peak of Python's own memory while 200 frames of 0.25 MB are read, one after the other."""
    texture = np.random.default_rng(0).integers(0, 256, (560, 512), dtype=np.uint8)
    stack = np.stack([texture[number % 48 :][:512] for number in range(200)])
    data = dicom(stack)
    if kind == "encapsulated":
        data = fragmented(data, RLELossless, [packbits(stack[0])] * len(stack), table="none")
    elif kind == "deflated":
        data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    elif kind == "big endian":
        data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        data["PixelData"].VR = "OW"
    path = save_dicom(tmp_path / "1", data)
    assert stack.nbytes > 50e6
    del stack, data
    next(iter(open_recording(path).frames([1])))  # imports
    tracemalloc.start()
    try:
        n_frames = sum(1 for _ in open_recording(path).frames(range(200)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert n_frames == 200
    assert peak < 3e6


def test_large_private_elements_are_skipped_not_read(tmp_path: Path):
    data = dicom(STACK[0])
    data.add_new(0x00290010, "LO", "MAKER")
    data.add_new(0x00291001, "OB", bytes(20_000_000))
    path = save_dicom(tmp_path / "1", data)
    del data
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(read(path, [0])[0], STACK[0])
        assert tracemalloc.get_traced_memory()[1] < 3e6
    finally:
        tracemalloc.stop()


def test_names_never_get_into_memory(tmp_path: Path):
    data = dicom(STACK[0], PatientName="CANARY^JANE", PatientBirthDate="19990101", ReferringPhysicianName="CANARY")
    header = open_header(save_dicom(tmp_path / "1", data)).header
    assert "CANARY" not in str(header)
    assert "PatientName" not in header


@pytest.mark.parametrize("extension", ["jpg.dcm", "bin", "txt", "avi", ""])
@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_dicom_is_found_by_content_with_and_without_preamble(tmp_path: Path, extension: str, syntax: str | None):
    data = dicom(STACK[:2])
    if syntax is not None:
        data.file_meta.TransferSyntaxUID = syntax
    content = save_dicom(tmp_path / "0", data).read_bytes()
    path = tmp_path / f"x.{extension}".rstrip(".")
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path, [0, 1]), STACK[:2])
    bare = tmp_path / "bare.dcm"
    bare.write_bytes(content[132:])
    np.testing.assert_array_equal(read(bare, [0, 1]), STACK[:2])
    # Without file meta information the encoding has to be told from the first element.
    (length,) = struct.unpack("<L", content[140:144])
    bare.write_bytes(content[144 + length :])
    np.testing.assert_array_equal(read(bare, [0, 1]), STACK[:2])


def test_a_directory_says_what_it_is(tmp_path: Path):
    data = dicom(STACK[0], SOPClassUID="1.2.840.10008.1.3.10")
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    del data.Rows
    with pytest.raises(Unreadable, match="it is a DICOM directory; the files that it lists are read by themselves"):
        open_recording(save_dicom(tmp_path / "DICOMDIR", data))
