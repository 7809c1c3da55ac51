"""NIfTI: every version, byte order and number type gives the picture upright, with its spacing and times if said."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from data.archives import pattern
from PIL import Image

from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import open_recording, reader_of

CODES = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768, "u8": 1280}


def stack(n_frames: int = 3) -> np.ndarray:
    """Frames, rows, columns."""
    return np.stack([pattern(seed=seed) for seed in range(n_frames)])


def write(
    path: Path,
    frames: np.ndarray,
    *,
    version: int = 1,
    order: str = "<",
    dim: tuple[int, ...] | None = None,
    pixdim: tuple[float, ...] = (0.3, 0.3, 1.0, 1.0),
    units: int = 2,
    slope: float = 0.0,
    intercept: float = 0.0,
    shown: tuple[float, float] = (0, 0),
    code: int | None = None,
) -> Path:
    """As nifti1.h and nifti2.h lay it out: x is fastest in the file, then y, then the frames."""
    name = frames.dtype.str[1:]
    code = CODES[name] if code is None else code
    dim = dim if dim is not None else (frames.shape[2], frames.shape[1], frames.shape[0])
    dims = [len(dim), *dim, *[1] * (7 - len(dim))]
    steps = [1.0, *pixdim, *[0.0] * (7 - len(pixdim))]
    header = bytearray(352 if version == 1 else 544)
    if version == 1:
        struct.pack_into(f"{order}i", header, 0, 348)
        struct.pack_into(f"{order}8h", header, 40, *dims)
        struct.pack_into(f"{order}hh", header, 70, code, 8 * frames.itemsize)
        struct.pack_into(f"{order}8f", header, 76, *steps)
        struct.pack_into(f"{order}3f", header, 108, 352, slope, intercept)
        header[123] = units
        struct.pack_into(f"{order}2f", header, 124, shown[1], shown[0])
        header[344:348] = b"n+1\0"
    else:
        struct.pack_into(f"{order}i", header, 0, 540)
        header[4:12] = b"n+2\0\r\n\x1a\n"
        struct.pack_into(f"{order}hh", header, 12, code, 8 * frames.itemsize)
        struct.pack_into(f"{order}8q", header, 16, *dims)
        struct.pack_into(f"{order}8d", header, 104, *steps)
        struct.pack_into(f"{order}q2d", header, 168, 544, slope, intercept)
        struct.pack_into(f"{order}2d", header, 192, shown[1], shown[0])
        struct.pack_into(f"{order}i", header, 500, units)
    content = bytes(header) + frames.astype(frames.dtype.newbyteorder(order)).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def read(path: Path, indices: list[int] | None = None) -> np.ndarray:
    recording = open_recording(path)
    return np.stack([frame.pixels for frame in recording.frames(indices or range(recording.n_frames))])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_versions_and_byte_orders(tmp_path: Path, name: str, version: int, order: str):
    path = write(tmp_path / name, stack(), version=version, order=order)
    assert reader_of(path) == "nifti_file"
    recording = open_recording(path)
    assert recording.n_frames == 3
    assert recording.spacing_mm == pytest.approx(0.3)
    assert recording.time_source is None
    assert not recording.is_color
    np.testing.assert_array_equal(read(path), stack())
    np.testing.assert_array_equal(read(path, [1, 2]), stack()[1:])


def test_the_first_axis_is_to_the_right_and_the_second_down(tmp_path: Path):
    """As CAMUS lies on disk: an array of nibabel's, [x, y, frame], whose picture is the transpose."""
    fan = np.zeros((40, 60), np.uint8)
    fan[0, 30] = 255  # the probe, at the top
    fan[-1, 10:50] = 200  # the arc, at the bottom
    as_nibabel_has_it = np.stack([fan.T] * 2, axis=-1)
    on_disk = as_nibabel_has_it.flatten(order="F").reshape(2, 40, 60)
    np.testing.assert_array_equal(read(write(tmp_path / "x.nii", on_disk))[0], fan)


@pytest.mark.parametrize("name", ["i2", "u2", "i4", "u4", "u8", "f4", "f8"])
def test_number_types(tmp_path: Path, name: str):
    deep = stack().astype(name) if name[0] == "f" else (stack().astype(np.uint16) * 16).astype(name)  # 12 bits
    np.testing.assert_allclose(read(write(tmp_path / "x.nii", deep)), stack(), atol=1)


def test_floats_of_0_to_1_and_scaled_numbers(tmp_path: Path):
    np.testing.assert_array_equal(read(write(tmp_path / "1.nii", stack() / np.float64(255))), stack())
    unit = write(tmp_path / "unit.nii", stack(), slope=1 / 255)
    np.testing.assert_allclose(read(unit), stack(), atol=1)
    halves = write(tmp_path / "2.nii", stack() // 2, slope=2.0, intercept=1.0)
    np.testing.assert_allclose(read(halves), stack(), atol=1)
    windowed = write(tmp_path / "3.nii", stack().astype(np.int16) * 4 - 300, shown=(-300, 720))
    np.testing.assert_allclose(read(windowed), stack(), atol=1)


@pytest.mark.parametrize(("low", "reason"), [(-5, "from -5 to 250, whose range is unknown"), (np.nan, "NaN")])
def test_numbers_that_are_no_picture(tmp_path: Path, low: float, reason: str):
    numbers = stack().astype(np.float32)
    numbers = np.where(numbers > 250, 250, numbers)
    numbers[2, 3, 4] = low
    with pytest.raises(Unreadable, match=reason):
        read(write(tmp_path / "x.nii", numbers.astype(np.float32)))


@pytest.mark.parametrize(("code", "channels"), [(128, 3), (2304, 4)])
def test_color(tmp_path: Path, code: int, channels: int):
    rgb = np.random.default_rng(0).integers(0, 256, (2, 24, 32, channels), dtype=np.uint8)
    if channels == 4:
        rgb[..., 3] = 255
        rgb[:, :, 16:, 3] = 0
    path = write(tmp_path / "x.nii", rgb, code=code, dim=(32, 24, 2))
    recording = open_recording(path)
    assert recording.is_color
    plain, colored = recording.frames([0, 1], in_color=[1])
    expected = rgb[1, ..., :3] * (rgb[1, ..., 3:] > 0) if channels == 4 else rgb[1]
    assert plain.rgb is None
    np.testing.assert_array_equal(colored.rgb, expected)
    np.testing.assert_allclose(colored.pixels, expected @ np.array([0.299, 0.587, 0.114]), atol=1)


@pytest.mark.parametrize(
    ("pixdim", "units", "spacing", "shape"),
    [
        ((0.3, 0.3), 2, 0.3, (24, 32)),
        ((0.3, 0.305), 2, 0.3, (24, 32)),
        ((0.0003, 0.0003), 1, 0.3, (24, 32)),
        ((300, 300), 3, 0.3, (24, 32)),
        ((0.3, 0.3), 0, None, (24, 32)),
        ((1, 1), 2, None, (24, 32)),
        ((0.308, 0.154), 2, 0.154, (24, 64)),  # CAMUS
        ((0.1, 0.25), 2, 0.1, (60, 32)),
        ((0.308, 0.154), 0, None, (24, 64)),
        ((0, 0), 2, None, (24, 32)),
        ((-0.3, 0.3), 2, 0.3, (24, 32)),
        ((float("nan"), 0.3), 2, None, (24, 32)),
    ],
)
def test_spacing_only_where_it_is_said_and_pixels_become_square(tmp_path: Path, pixdim, units, spacing, shape):
    path = write(tmp_path / "x.nii", stack(), pixdim=pixdim, units=units)
    assert open_recording(path).spacing_mm == (None if spacing is None else pytest.approx(spacing))
    expected = Image.fromarray(pattern(seed=1)).resize(shape[::-1], Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(read(path)[1], np.asarray(expected))


@pytest.mark.parametrize(
    ("dim", "step", "units", "times"),
    [
        ((32, 24, 1, 3), 0.02, 2 | 8, [0, 0.02, 0.04]),
        ((32, 24, 1, 3), 20, 2 | 16, [0, 0.02, 0.04]),
        ((32, 24, 1, 3), 1, 2 | 8, None),  # what every program writes that knows nothing
        ((32, 24, 1, 3), 0.02, 2, None),
        ((32, 24, 3), 0.02, 2 | 8, None),  # the third axis has no clock
    ],
)
def test_times_only_where_they_are_said(tmp_path: Path, dim, step, units, times):
    recording = open_recording(write(tmp_path / "x.nii", stack(), dim=dim, pixdim=(0.3, 0.3, 1, step), units=units))
    assert recording.time_source == (None if times is None else "time step")
    assert [frame.time_s for frame in recording.frames([0, 1, 2])] == (
        [None] * 3 if times is None else pytest.approx(times)
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"dim": (32, 24, 1, 3), "code": 32}, "no picture"),
        ({"dim": (16, 24, 2, 3)}, "volume over time"),
        ({"dim": (32, 24, 1, 1, 3)}, "more than four axes"),
        ({"dim": (32, 24, 0)}, "gives no shape"),
        ({"dim": (32, 24, 30)}, "cut short: 3 of its 30 frames"),
        ({"dim": (30000, 30000, 1)}, "more than the limit"),
        ({"pixdim": (3.0, 0.1)}, "more than 4 times as wide"),
    ],
)
def test_headers_that_make_no_clip(tmp_path: Path, options, reason: str):
    with pytest.raises(Unreadable, match=reason):
        open_recording(write(tmp_path / "x.nii", stack(), **options))


def test_packed_files_cut_short_and_bombs(tmp_path: Path):
    whole = write(tmp_path / "x.nii.gz", np.random.default_rng(0).integers(0, 256, (9, 24, 32), np.uint8)).read_bytes()
    (tmp_path / "x.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Unreadable, match="cut short|damaged"):
        read(tmp_path / "x.nii.gz")
    with pytest.raises(Unreadable, match="claims more frames"):
        open_recording(write(tmp_path / "y.nii.gz", stack(), dim=(32, 24, 30000)))


def test_half_of_a_pair_says_so(tmp_path: Path):
    content = bytearray(write(tmp_path / "x.nii", stack()).read_bytes())
    content[344:348] = b"ni1\0"
    (tmp_path / "x.hdr").write_bytes(content[:348])
    with pytest.raises(Unreadable, match="one half of a NIfTI pair"):
        open_recording(tmp_path / "x.hdr")


def test_damaged_headers_are_refused_in_our_words(tmp_path: Path):
    whole = write(tmp_path / "x.nii", stack()).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(whole)
        for place in rng.integers(4, 344, 4):
            content[place] = rng.integers(0, 256)
        (tmp_path / "x.nii").write_bytes(content)
        try:
            frames = read(tmp_path / "x.nii")
        except Unreadable as error:
            assert str(error).startswith("it")  # noqa: PT017
        else:
            assert frames.dtype == np.uint8
