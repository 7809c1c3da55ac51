"""MetaImage: header and pixels in one file or two; nothing outside the header's folder is ever read."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from data.archives import pattern
from PIL import Image

from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import open_recording, reader_of


def stack(n_frames: int = 3) -> np.ndarray:
    return np.stack([pattern(seed=seed) for seed in range(n_frames)])


def header(**fields: object) -> bytes:
    """Fields in the usual order; None leaves one out."""
    usual = {
        "ObjectType": "Image",
        "NDims": 3,
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "ElementSpacing": "0.3 0.3 1.5",
        "DimSize": "32 24 3",
        "ElementType": "MET_UCHAR",
        "ElementDataFile": None,
    }
    data_file = fields.pop("ElementDataFile", "LOCAL")
    lines = [f"{name} = {value}" for name, value in {**usual, **fields}.items() if value is not None]
    return "\n".join([*lines, f"ElementDataFile = {data_file}", ""]).encode()


def write_local(path: Path, frames: np.ndarray, **fields: object) -> Path:
    path.write_bytes(header(**fields) + frames.tobytes())
    return path


def read(path: Path, indices: list[int] | None = None) -> np.ndarray:
    recording = open_recording(path)
    return np.stack([frame.pixels for frame in recording.frames(indices or range(recording.n_frames))])


def test_one_file_and_two(tmp_path: Path):
    local = write_local(tmp_path / "x.mha", stack())
    (tmp_path / "x.mhd").write_bytes(header(ElementDataFile="x.raw"))
    (tmp_path / "x.raw").write_bytes(stack().tobytes())
    for path in (local, tmp_path / "x.mhd"):
        assert reader_of(path) == "metaimage_file"
        recording = open_recording(path)
        assert (recording.n_frames, recording.spacing_mm, recording.time_source) == (3, 0.3, None)
        np.testing.assert_array_equal(read(path), stack())
        np.testing.assert_array_equal(read(path, [2]), stack()[2:])


def test_packed_pixels(tmp_path: Path):
    packed = zlib.compress(stack().tobytes())
    (tmp_path / "x.mha").write_bytes(header(CompressedData="True", CompressedDataSize=len(packed)) + packed)
    (tmp_path / "x.mhd").write_bytes(header(CompressedData="True", ElementDataFile="x.zraw"))
    (tmp_path / "x.zraw").write_bytes(packed)
    for name in ("x.mha", "x.mhd"):
        np.testing.assert_array_equal(read(tmp_path / name), stack())
        np.testing.assert_array_equal(read(tmp_path / name, [1]), stack()[1:2])
    (tmp_path / "x.zraw").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(Unreadable, match="cut short: it ends in frame"):
        read(tmp_path / "x.mhd")
    (tmp_path / "x.zraw").write_bytes(b"\0" * len(packed))
    with pytest.raises(Unreadable, match="packed pixels are damaged"):
        read(tmp_path / "x.mhd")


def test_large_packed_frames_come_in_pieces(tmp_path: Path):
    frames = np.random.default_rng(0).integers(0, 256, (3, 1100, 1200), dtype=np.uint8)
    packed = zlib.compress(frames.tobytes(), 1)
    path = tmp_path / "x.mha"
    path.write_bytes(header(CompressedData="True", DimSize="1200 1100 3") + packed)
    np.testing.assert_array_equal(read(path, [0, 2]), frames[[0, 2]])


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("kind", "dtype"), [("MET_USHORT", "u2"), ("MET_SHORT", "i2"), ("MET_INT", "i4")])
def test_types_and_byte_orders(tmp_path: Path, kind: str, dtype: str, big: bool):
    deep = (stack().astype(np.uint16) * 16).astype((">" if big else "<") + dtype)  # 12 bits
    path = write_local(tmp_path / "x.mha", deep, ElementType=kind, BinaryDataByteOrderMSB=big)
    np.testing.assert_array_equal(read(path), stack())


def test_color(tmp_path: Path):
    rgb = np.random.default_rng(0).integers(0, 256, (3, 24, 32, 3), dtype=np.uint8)
    path = write_local(tmp_path / "x.mha", rgb, ElementNumberOfChannels=3)
    recording = open_recording(path)
    assert recording.is_color
    colored = next(iter(recording.frames([1], in_color=[1])))
    np.testing.assert_array_equal(colored.rgb, rgb[1])
    np.testing.assert_allclose(colored.pixels, rgb[1] @ np.array([0.299, 0.587, 0.114]), atol=1)


def test_pixels_that_are_wide_become_square(tmp_path: Path):
    """CAMUS: 0.308 mm to the right, 0.154 mm down."""
    path = write_local(tmp_path / "x.mha", stack(), ElementSpacing="0.308 0.154 1.54")
    assert open_recording(path).spacing_mm == pytest.approx(0.154)
    expected = Image.fromarray(pattern(seed=1)).resize((64, 24), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(read(path)[1], np.asarray(expected))


@pytest.mark.parametrize("spacing", [None, "1 1 1", "0 0 0"])
def test_spacing_that_is_not_said(tmp_path: Path, spacing: str | None):
    path = write_local(tmp_path / "x.mha", stack(), ElementSpacing=spacing)
    assert open_recording(path).spacing_mm is None


def test_a_header_before_the_pixels(tmp_path: Path):
    (tmp_path / "x.raw").write_bytes(b"h" * 77 + stack().tobytes())
    for size in (77, -1):
        (tmp_path / "x.mhd").write_bytes(header(ElementDataFile="x.raw", HeaderSize=size))
        np.testing.assert_array_equal(read(tmp_path / "x.mhd"), stack())


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.raw", "..", "a/x.raw", "a\\x.raw", "C:x.raw", "file:x.raw", "."])
def test_pixels_outside_the_folder_are_never_read(tmp_path: Path, name: str):
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    for place in (tmp_path / "x.raw", folder / "a" / "x.raw"):
        place.write_bytes(stack().tobytes())
    (folder / "x.mhd").write_bytes(header(ElementDataFile=name))
    with pytest.raises(Unreadable, match="no plain file name; the pixels must lie in the header's folder"):
        open_recording(folder / "x.mhd")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"ElementDataFile": "gone.raw"}, "not beside it"),
        ({"ElementDataFile": "LIST"}, "spread over several files"),
        ({"ElementDataFile": "x%03d.raw 1 3 1"}, "spread over several files"),
        ({"ObjectType": "Mesh"}, "without a picture"),
        ({"ElementType": "MET_STRANGE"}, "no picture"),
        ({"ElementNumberOfChannels": 2}, "another number of channels"),
        ({"BinaryData": "False"}, "written as text"),
        ({"DimSize": "32"}, "gives no shape"),
        ({"DimSize": "32 -24 3"}, "gives no shape"),
        ({"DimSize": "32 24 three"}, "must hold numbers"),
        ({"DimSize": "32 24 2 2"}, "volume over time"),
        ({"DimSize": "32 24 9"}, "cut short: 3 of its 9 frames"),
        ({"DimSize": "32000 24000 1"}, "more than the limit"),
        ({"ElementSpacing": "5 0.1 1"}, "more than 4 times as wide"),
        ({"HeaderSize": -7}, "HeaderSize is negative"),
        ({"CompressedData": "True", "DimSize": "32 24 99999"}, "claims more frames"),
    ],
)
def test_headers_that_make_no_clip(tmp_path: Path, fields: dict[str, object], reason: str):
    with pytest.raises(Unreadable, match=reason) as caught:
        open_recording(write_local(tmp_path / "x.mha", stack(), **fields))
    assert "gone" not in str(caught.value)


def test_a_header_without_an_end(tmp_path: Path):
    (tmp_path / "x.mhd").write_bytes(b"ObjectType = Image\nNDims = 2\n" + b"x" * 100_000)
    with pytest.raises(Unreadable, match="names no ElementDataFile"):
        open_recording(tmp_path / "x.mhd")
