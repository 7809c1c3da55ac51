"""Readers: a known picture written in each format comes back."""

from pathlib import Path

import av
import numpy as np
import pytest
from data.archives import dicom, fragmented, pattern, save_dicom, write_png, write_video
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    MPEG4HP42STEREO,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import READERS, open_recording, reader_of


def read(path: Path, indices: list[int] | None = None) -> list[np.ndarray]:
    recording = open_recording(path)
    wanted = list(range(recording.n_frames)) if indices is None else indices
    frames = list(recording.frames(wanted))
    assert [frame.index for frame in frames] == wanted
    return [frame.pixels for frame in frames]


def color(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([pattern(seed=seed), pattern(seed=seed + 5)[:, ::-1], rng.integers(0, 256, (24, 32))], -1).astype(
        np.uint8
    )


def luma(rgb: np.ndarray) -> np.ndarray:
    return rgb @ np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("extension", ["png", "bmp", "tif", "PNG"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_lossless_pictures(tmp_path: Path, extension: str, mode: str):
    if extension == "bmp" and mode == "LA":
        return  # the format has no such pixels
    path = tmp_path / f"x.{extension}"
    Image.fromarray(pattern()).convert(mode).save(path)
    np.testing.assert_allclose(read(path)[0], pattern(), atol=1)


def test_color_becomes_luma_and_16_bits_become_8(tmp_path: Path):
    Image.fromarray(color()).save(tmp_path / "x.png")
    np.testing.assert_allclose(read(tmp_path / "x.png")[0], luma(color()), atol=1)
    Image.fromarray(pattern().astype(np.uint16) * 257).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read(tmp_path / "deep.png")[0], pattern())
    Image.fromarray(pattern()).save(tmp_path / "x.jpg", quality=95)
    np.testing.assert_allclose(read(tmp_path / "x.jpg")[0], pattern(), atol=12)
    Image.fromarray(color()).convert("CMYK").save(tmp_path / "x.tif")
    np.testing.assert_allclose(read(tmp_path / "x.tif")[0], luma(color()), atol=1)


def test_what_is_transparent_is_black(tmp_path: Path):
    rgba = np.dstack([color(), np.full((24, 32), 255, np.uint8)])
    rgba[:, 16:, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "x.png")
    assert not read(tmp_path / "x.png")[0][:, 16:].any()


def test_a_turned_picture_is_set_upright(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pattern()).save(tmp_path / "x.png", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "x.png")[0], np.rot90(pattern(), -1))


def test_pages_are_frames(tmp_path: Path):
    pages = [Image.fromarray(pattern(seed=seed)) for seed in range(4)]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    for found, seed in zip(read(tmp_path / "x.tif", [1, 3]), [1, 3], strict=True):
        np.testing.assert_array_equal(found, pattern(seed=seed))


def test_numbers_without_a_range_are_refused(tmp_path: Path):
    Image.fromarray(pattern().astype(np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(Unreadable, match="32-bit numbers"):
        read(tmp_path / "x.tif")


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("extension", ["mp4", "mkv", "avi", "mov"])
def test_video_in_limited_and_full_range(tmp_path: Path, extension: str, full_range: bool):
    frames = [pattern(48, 64, seed) for seed in range(5)]
    path = write_video(tmp_path / f"x.{extension}", frames, full_range=full_range, rate=20)
    recording = open_recording(path)
    assert recording.n_frames == 5
    found = list(recording.frames([0, 2, 4]))
    assert [frame.index for frame in found] == [0, 2, 4]
    assert recording.time_source == "pts"
    assert [frame.time_s for frame in found] == pytest.approx([0, 0.1, 0.2], abs=2e-3)
    for frame, seed in zip(found, [0, 2, 4], strict=True):
        np.testing.assert_allclose(frame.pixels, frames[seed], atol=2)
        assert frame.pixels.min() == 0  # black is 0, not 16


def test_a_gif_moves(tmp_path: Path):
    frames = [Image.fromarray(pattern(seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:], duration=[40, 80, 40])
    recording = open_recording(tmp_path / "x.gif")
    found = list(recording.frames(range(recording.n_frames)))
    assert [frame.time_s for frame in found] == pytest.approx([0, 0.04, 0.12])
    for frame, seed in zip(found, range(3), strict=True):
        np.testing.assert_allclose(frame.pixels, pattern(seed=seed), atol=2)


def test_wide_pixels_and_turned_video_are_shown_as_meant(tmp_path: Path):
    path = tmp_path / "x.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"qp": "0", "aspect": "2:1"})
        stream.height, stream.width, stream.pix_fmt = 24, 32, "yuv420p"
        stream.set_display_rotation(90)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pattern(), format="gray")))
        container.mux(stream.encode())
    pixels = read(path)[0]
    assert pixels.shape == (64, 24)
    wide = np.asarray(Image.fromarray(pattern()).resize((64, 24)))
    np.testing.assert_allclose(pixels, np.rot90(wide), atol=12)


@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_dicom_in_every_native_encoding(tmp_path: Path, syntax):
    stack = np.stack([pattern(seed=seed) for seed in range(3)])
    data = dicom(stack, FrameTime=25)
    if syntax is not None:
        data.file_meta.TransferSyntaxUID = syntax
        data["PixelData"].VR = "OW" if syntax == ImplicitVRLittleEndian else "OB"
    path = save_dicom(tmp_path / "1.2.840.99", data)
    assert reader_of(path) == "dicom_file"
    np.testing.assert_array_equal(np.stack(read(path)), stack)
    np.testing.assert_array_equal(read(path, [2])[0], stack[2])


def test_dicom_gray_inverted_color_and_deep(tmp_path: Path):
    inverted = dicom(255 - pattern(), PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(read(save_dicom(tmp_path / "1", inverted))[0], pattern())
    np.testing.assert_allclose(read(save_dicom(tmp_path / "2", dicom(color())))[0], luma(color()), atol=1)
    planes = dicom(color(), PlanarConfiguration=1, PixelData=color().transpose(2, 0, 1).tobytes())
    np.testing.assert_allclose(read(save_dicom(tmp_path / "3", planes))[0], luma(color()), atol=1)
    deep = dicom(pattern().astype(np.uint16) * 16, BitsStored=12, HighBit=11)
    np.testing.assert_allclose(read(save_dicom(tmp_path / "4", deep))[0], pattern(), atol=1)
    windowed = dicom(pattern().astype(np.uint16) * 4, BitsStored=12, HighBit=11, WindowCenter=510, WindowWidth=1021)
    np.testing.assert_allclose(read(save_dicom(tmp_path / "5", windowed))[0], pattern(), atol=1)


def test_dicom_ybr_is_converted_once(tmp_path: Path):
    ybr = np.asarray(Image.fromarray(color()).convert("YCbCr"))
    data = dicom(ybr, PhotometricInterpretation="YBR_FULL")
    np.testing.assert_allclose(read(save_dicom(tmp_path / "1", data))[0], luma(color()), atol=2)


@pytest.mark.parametrize("big", [False, True])
def test_dicom_palette_of_8_and_16_bits(tmp_path: Path, big: bool):
    tables = np.random.default_rng(0).integers(0, 256, (3, 256), dtype=np.uint8)
    expected = luma(tables.T[pattern()])
    for bits, entries in ((16, tables.astype(np.uint16) * 257), (8, tables)):
        data = dicom(pattern(), PhotometricInterpretation="PALETTE COLOR")
        data.SamplesPerPixel = 1
        for name, table in zip(("Red", "Green", "Blue"), entries, strict=True):
            setattr(data, f"{name}PaletteColorLookupTableDescriptor", [256, 0, bits])
            words = table if bits == 16 else table.view("<u2")
            data.add_new(f"{name}PaletteColorLookupTableData", "OW", words.astype(">u2" if big else "<u2").tobytes())
        if big:
            data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        np.testing.assert_allclose(read(save_dicom(tmp_path / f"{bits}", data))[0], expected, atol=1)


@pytest.mark.parametrize(
    ("elements", "source", "times"),
    [
        ({"FrameTime": 25, "CineRate": 10}, "FrameTime", [0, 0.025, 0.05]),
        ({"FrameTimeVector": [0, 30, 50], "FrameTime": 25}, "FrameTimeVector", [0, 0.03, 0.08]),
        (
            {"FrameTimeVector": [0, 30, 50], "FrameTime": 25, "FrameIncrementPointer": 0x00181063},
            "FrameTime",
            [0, 0.025, 0.05],
        ),
        ({"FrameTimeVector": [0, 30], "CineRate": 10}, "CineRate", [0, 0.1, 0.2]),
        ({"RecommendedDisplayFrameRate": 20}, "RecommendedDisplayFrameRate", [0, 0.05, 0.1]),
        ({"FrameTime": 0}, None, [None] * 3),
        ({}, None, [None] * 3),
    ],
)
def test_dicom_times_are_read_never_guessed(tmp_path: Path, elements, source, times):
    path = save_dicom(tmp_path / "1", dicom(np.stack([pattern()] * 3), **elements))
    recording = open_recording(path)
    assert recording.time_source == source
    assert [frame.time_s for frame in recording.frames([0, 1, 2])] == pytest.approx(times)


def region(**elements) -> Dataset:
    data = Dataset()
    said = {"RegionSpatialFormat": 1, "PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3}
    for name, value in {**said, "PhysicalDeltaX": 0.02, "PhysicalDeltaY": 0.02, **elements}.items():
        setattr(data, name, value)
    return data


@pytest.mark.parametrize(
    ("regions", "spacing"),
    [
        ([region()], 0.2),
        ([region(RegionSpatialFormat=3, PhysicalUnitsXDirection=4), region()], 0.2),
        ([region(), region(PhysicalDeltaX=0.03, PhysicalDeltaY=0.03)], None),
        ([region(PhysicalUnitsXDirection=4)], None),
        ([region(PhysicalDeltaY=0.04)], None),
        ([region(PhysicalDeltaY=-0.02)], 0.2),
        ([], None),
    ],
)
def test_dicom_spacing_only_where_regions_agree_on_centimeters(tmp_path: Path, regions, spacing):
    path = save_dicom(tmp_path / "1", dicom(pattern(), SequenceOfUltrasoundRegions=regions))
    assert open_recording(path).spacing_mm == spacing


def test_dicom_says_where_it_comes_from(tmp_path: Path):
    data = dicom(pattern(), patient="7", StudyInstanceUID="1.2.3", InstitutionName="Ward", Manufacturer="Maker")
    origin = open_recording(save_dicom(tmp_path / "1", data)).origin
    assert (origin.study, origin.site, origin.device) == ("1.2.3", "Ward", "Maker")
    other = open_recording(save_dicom(tmp_path / "2", dicom(pattern(), patient="7", IssuerOfPatientID="B"))).origin
    assert origin.patient != other.patient
    assert open_recording(save_dicom(tmp_path / "3", dicom(pattern(), patient=None))).origin.patient is None


def test_dicom_without_preamble_or_group_2_is_found_by_content(tmp_path: Path):
    data = dicom(pattern())
    del data.file_meta
    data.save_as(tmp_path / "x.img", implicit_vr=True, little_endian=True, enforce_file_format=False)
    np.testing.assert_array_equal(read(tmp_path / "x.img")[0], pattern())


def test_dicom_named_like_a_picture_is_dicom(tmp_path: Path):
    assert reader_of(save_dicom(tmp_path / "x.jpg", dicom(pattern()))) == "dicom_file"


def unreadable_dicoms() -> dict[str, tuple[Dataset, str]]:
    report = dicom(pattern())
    del report.Rows
    codec = fragmented(dicom(pattern()), MPEG4HP42STEREO, [b"film"])
    bare = fragmented(dicom(pattern()), JPEGLSLossless, [b"no picture"])
    bare.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    bare["PixelData"].is_undefined_length = True
    return {
        "report": (report, "without a picture"),
        "another modality": (dicom(pattern(), Modality="MR"), "its modality is MR, not ultrasound"),
        "a strange modality": (dicom(pattern(), Modality="DOE JANE"), "its modality is of another kind"),
        "a codec": (codec, "its codec is MPEG-4 AVC/H.264 Stereo High Profile, which sslecho does not decode"),
        "no fragment": (bare, "can't be decoded at frame 0"),
        "huge": (dicom(pattern(), Rows=60000, Columns=60000), "more than the limit"),
        "cut short": (dicom(np.stack([pattern()] * 2), NumberOfFrames=9), r"cut short: it claims 9 frames but holds 2"),
        "odd photometric": (dicom(pattern(), PhotometricInterpretation="ARGB"), "photometric interpretation"),
    }


@pytest.mark.parametrize("name", unreadable_dicoms())
def test_dicom_that_cannot_be_used_says_why(tmp_path: Path, name: str):
    data, reason = unreadable_dicoms()[name]
    with pytest.raises(Unreadable, match=reason):
        read(save_dicom(tmp_path / "1", data))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.png", b"", "empty"),
        ("a.png", b"no picture", "no picture that can be opened"),
        ("a.mp4", b"no video" * 99, "no video that can be opened"),
        ("a.txt", b"notes", "no picture, video or DICOM"),
        ("a", b"\x08\x00" + b"rubbish" * 99, "DICOM"),
        ("a.dcm", bytes(128) + b"DICM" + b"\xff" * 300, "DICOM"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, name: str, content: bytes, reason: str):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unreadable, match=reason) as caught:
        read(tmp_path / name)
    assert str(tmp_path) not in str(caught.value)


def test_a_picture_cut_short_and_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = write_png(tmp_path / "x.png", pattern(240, 320)).read_bytes()
    (tmp_path / "x.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unreadable, match="can't be decoded"):
        read(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600)
    with pytest.raises(Unreadable, match="bomb"):
        read(write_png(tmp_path / "big.png"))


def test_the_readers_have_names():
    assert list(READERS) == ["dicom_file", "image_file", "metaimage_file", "nifti_file", "video_file"]
    assert all(callable(READERS[name]) for name in READERS)
