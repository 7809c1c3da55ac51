"""Pictures: depths, palettes, transparency, turns, pages and animations come out as they were meant."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from data.archives import pattern
from PIL import Image, PngImagePlugin

from sslecho.data.readers.blocks import delays_s, significant_bits
from sslecho.data.readers.depth import Extremes, range_of, to_gray
from sslecho.data.readers.recording import Frame, Unreadable
from sslecho.data.readers.sniff import open_recording, reader_of

COLORS = np.stack([pattern(), pattern(seed=9)[:, ::-1] // 2, pattern()[::-1]], axis=-1)


def read(path: Path, **options) -> list[Frame]:
    recording = open_recording(path)
    return list(recording.frames(range(recording.n_frames), **options))


def bt601(rgb: np.ndarray) -> np.ndarray:
    return rgb @ np.array([0.299, 0.587, 0.114])


def deep(bits: int) -> np.ndarray:
    """Gray of so many bits, as devices write it into 16: unscaled."""
    return (pattern().astype(np.uint32) * (2**bits - 1) // 255).astype(np.uint16)


@pytest.mark.parametrize("extension", ["png", "tif"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_a_picture_of_fewer_bits_than_its_file_does_not_turn_black(tmp_path: Path, bits: int, extension: str):
    Image.fromarray(deep(bits)).save(tmp_path / f"x.{extension}")
    np.testing.assert_allclose(read(tmp_path / f"x.{extension}")[0].pixels, pattern(), atol=1)


def test_a_dark_deep_picture_stays_dark(tmp_path: Path):
    """12 bits that are used to a quarter are 10 bits at most wrong: nothing is stretched to its own maximum."""
    Image.fromarray(deep(16) // 3).save(tmp_path / "x.png")
    np.testing.assert_allclose(read(tmp_path / "x.png")[0].pixels, pattern() // 3, atol=1)


def test_all_pages_share_one_depth(tmp_path: Path):
    """The first page alone would pass for 10 bits."""
    pages = [Image.fromarray(deep(12) // 5), Image.fromarray(deep(12))]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    dark, bright = (frame.pixels for frame in read(tmp_path / "x.tif"))
    np.testing.assert_allclose(dark, pattern() // 5, atol=1)
    np.testing.assert_allclose(bright, pattern(), atol=1)
    np.testing.assert_array_equal(next(iter(open_recording(tmp_path / "x.tif").frames([1]))).pixels, bright)


def test_what_the_file_says_of_its_depth_is_believed_unless_pixels_deny_it(tmp_path: Path):
    Image.fromarray(deep(12) // 8).save(tmp_path / "x.tif", tiffinfo={281: 4095})
    np.testing.assert_allclose(read(tmp_path / "x.tif")[0].pixels, pattern() // 8, atol=1)
    for name, pixels, expected in (("low", deep(12) // 8, pattern() // 8), ("high", deep(16), pattern())):
        path = tmp_path / f"{name}.png"
        Image.fromarray(pixels).save(path, pnginfo=_chunk(b"sBIT", bytes([12])))
        assert significant_bits(path) == 12
        np.testing.assert_allclose(read(path)[0].pixels, expected, atol=1)


def _chunk(kind: bytes, content: bytes) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add(kind, content)
    return info


@pytest.mark.parametrize(
    ("low", "high", "is_float", "expected"),
    [(0, 255, False, 256), (0, 256, False, 1024), (3, 4095, False, 4096), (0, 4096, False, 16384), (0, 1, True, 1),
     (-1e-7, 1.0000001, True, 1),
     (0, 1.5, True, 255), (0, 255, True, 255)],
)  # fmt: skip
def test_the_rule_of_depth(low: float, high: float, is_float: bool, expected: int):
    assert range_of(Extremes(low, high), is_float=is_float).white == expected


@pytest.mark.parametrize(
    ("low", "high", "is_float"), [(-1, 9, False), (0, 2**16, False), (0, 257, True), (-0.5, 1, True)]
)
def test_numbers_whose_range_nothing_tells(low: float, high: float, is_float: bool):
    with pytest.raises(Unreadable, match="whose range is unknown; save it with 8 or 16 bits"):
        range_of(Extremes(low, high), is_float=is_float)


def test_depth_against_a_slow_oracle():
    numbers = np.random.default_rng(0).integers(0, 4096, (9, 7), dtype=np.uint16)
    found = to_gray(numbers, range_of(Extremes(0, 4095), is_float=False))
    assert found.tolist() == [[int(number) // 16 for number in row] for row in numbers]
    floats = np.random.default_rng(1).random((9, 7)).astype(np.float32)
    found = to_gray(floats, range_of(Extremes(0, 1), is_float=True))
    assert found.tolist() == [[round(float(number) * 255) for number in row] for row in floats]


def test_16_bit_color_that_uses_few_bits_is_refused_not_black(tmp_path: Path):
    """Pillow hands on the upper byte of 16-bit color, so a 12-bit picture is all but black."""
    _write_rgb16(tmp_path / "dark.png", COLORS.astype(np.uint16) * 16)
    with pytest.raises(Unreadable, match="16-bit colors.*darkest sixteenth"):
        read(tmp_path / "dark.png")
    _write_rgb16(tmp_path / "full.png", COLORS.astype(np.uint16) * 257)
    np.testing.assert_allclose(read(tmp_path / "full.png")[0].pixels, bt601(COLORS), atol=1)


def _write_rgb16(path: Path, pixels: np.ndarray) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("extension", ["png", "gif", "bmp", "tif"])
def test_palettes_of_color_and_of_gray(tmp_path: Path, extension: str):
    table = np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8)
    for name, colors in (("color", table), ("gray", np.repeat(table[:, :1], 3, axis=1))):
        image = Image.fromarray(pattern()).convert("P")
        image.putpalette(colors.tobytes())
        path = tmp_path / f"{name}.{extension}"
        image.save(path)
        assert open_recording(path).is_color == (name == "color")
        (frame,) = read(path, in_color=[0])
        np.testing.assert_allclose(frame.pixels, bt601(colors[pattern()]), atol=1)
        if name == "color":
            np.testing.assert_array_equal(frame.rgb, colors[pattern()])


def test_a_palette_with_transparency(tmp_path: Path):
    image = Image.fromarray(pattern()).convert("P")
    image.putpalette(np.arange(256).repeat(3).astype(np.uint8).tobytes())
    image.save(tmp_path / "x.png", transparency=int(pattern()[5, 7]))
    found = read(tmp_path / "x.png")[0].pixels
    np.testing.assert_array_equal(found, np.where(pattern() == pattern()[5, 7], 0, pattern()))


@pytest.mark.parametrize("mode", ["1", "LA", "RGBA", "CMYK", "YCbCr", "LAB", "L"])
def test_modes(tmp_path: Path, mode: str):
    path = tmp_path / ("x.png" if mode in ("1", "LA", "RGBA", "L") else "x.tif")
    if mode == "1":
        bits = pattern() > 100
        Image.fromarray(bits).save(path)
        np.testing.assert_array_equal(read(path)[0].pixels, np.where(bits, 255, 0))
    elif mode == "LAB":
        Image.merge("LAB", [Image.fromarray(pattern()), *[Image.new("L", (32, 24), 128)] * 2]).save(path)
        found = read(path)[0].pixels  # L* is no luma; but it rises with it
        assert (np.diff(found.ravel()[pattern().ravel().argsort()].astype(int)) >= 0).all()
    else:
        Image.fromarray(COLORS).convert("RGB").convert("L" if mode in ("LA", "L") else mode).convert(mode).save(path)
        np.testing.assert_allclose(read(path)[0].pixels, bt601(COLORS), atol=2)
    assert open_recording(path).is_color == (mode not in ("1", "L", "LA"))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", ["png", "jpg", "tif", "webp"])
def test_turned_pictures_are_set_upright(tmp_path: Path, extension: str, orientation: int):
    """EXIF: what was done to the picture, by its number; the oracle is the standard's table."""
    upright = pattern()
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.T,
        6: np.rot90(upright, 1), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if extension == "webp" else {"quality": 98} if extension == "jpg" else {}
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / f"x.{extension}", exif=exif, **options)
    found = read(tmp_path / f"x.{extension}")[0].pixels
    np.testing.assert_allclose(found, upright, atol=8 if extension == "jpg" else 1)


def test_pages_of_other_sizes_are_no_clip(tmp_path: Path):
    pages = [Image.fromarray(pattern()), Image.fromarray(pattern(24, 33))]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(Unreadable, match="pages differ in size"):
        read(tmp_path / "x.tif")


def test_an_mpo_is_its_first_picture(tmp_path: Path):
    Image.fromarray(pattern()).save(
        tmp_path / "x.jpg", "MPO", save_all=True, append_images=[Image.fromarray(pattern(60, 80))]
    )
    (frame,) = read(tmp_path / "x.jpg")
    assert frame.pixels.shape == (24, 32)


FORMATS = {"gif": {}, "png": {}, "webp": {"lossless": True}}


@pytest.mark.parametrize("extension", FORMATS)
def test_animations_move_at_their_own_times(tmp_path: Path, extension: str):
    frames = [Image.fromarray(pattern(seed=3 * seed)) for seed in range(4)]
    path = tmp_path / f"x.{extension}"
    options = {"save_all": True, "append_images": frames[1:], "duration": [40, 80, 200, 30], **FORMATS[extension]}
    frames[0].save(path, **options)
    assert delays_s(path) == pytest.approx([0.04, 0.08, 0.2, 0.03])
    recording = open_recording(path)
    assert (recording.n_frames, recording.time_source) == (4, "frame delays")
    found = read(path.rename(tmp_path / "renamed.mp4"))
    assert [frame.time_s for frame in found] == pytest.approx([0, 0.04, 0.12, 0.32])
    for frame, seed in zip(found, range(4), strict=True):
        np.testing.assert_allclose(frame.pixels, pattern(seed=3 * seed), atol=2)


def test_an_animation_without_delays_has_no_times(tmp_path: Path):
    """0 means "as fast as you can"; that programs show it for 0.1 s is a guess."""
    frames = [Image.fromarray(pattern(seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert open_recording(tmp_path / "x.gif").time_source is None
    assert [frame.time_s for frame in read(tmp_path / "x.gif")] == [None] * 3


@pytest.mark.parametrize(
    ("disposal", "rest"),
    [(1, "stays"), (2, "cleared"), (3, "restored")],
)
def test_ways_of_a_gif_to_dispose_of_a_frame(tmp_path: Path, disposal: int, rest: str):
    """A patch is drawn at the left and disposed of; then one at the right is drawn."""
    path = tmp_path / "x.gif"
    path.write_bytes(_gif(disposal))
    _, second, third = (frame.pixels for frame in read(path))
    assert second[4, 4] == 200
    assert third[4, 12] == 120
    assert third[4, 4] == {"stays": 200, "cleared": 0, "restored": 40}[rest]
    assert third[4, 8] == 40  # neither patch ever lay here


def _gif(disposal: int) -> bytes:
    """16 x 8 pixels of 40; a patch of 200 at x = 2..6, disposed of as told; a patch of 120 at x = 10..14."""
    table = bytes(value for gray in (0, 40, 200, 120) for value in (gray,) * 3)
    parts = [b"GIF89a" + (16).to_bytes(2, "little") + (8).to_bytes(2, "little") + bytes([0x91, 0, 0]) + table]
    for left, top, width, height, index, what in ((0, 0, 16, 8, 1, 1), (2, 2, 5, 4, 2, disposal), (10, 2, 5, 4, 3, 1)):
        parts.append(b"\x21\xf9\x04" + bytes([what << 2]) + (10).to_bytes(2, "little") + b"\0\0")
        box = b"".join(number.to_bytes(2, "little") for number in (left, top, width, height))
        parts.append(b"\x2c" + box + b"\0\x02" + _lzw([index] * (width * height)) + b"\0")
    return b"".join(parts) + b"\x3b"


def _lzw(indices: list[int]) -> bytes:
    """Without compression: a clear code before every second pixel keeps codes at 3 bits."""
    codes = [code for place, index in enumerate(indices) for code in ([4, index] if place % 2 == 0 else [index])] + [5]
    bits = sum(code << (3 * place) for place, code in enumerate(codes))
    content = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    return b"".join(bytes([len(content[at : at + 255])]) + content[at : at + 255] for at in range(0, len(content), 255))


def test_the_picture_for_programs_without_animations_is_no_frame(tmp_path: Path):
    frames = [Image.fromarray(pattern(seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / "x.png", save_all=True, append_images=frames[1:], default_image=True, duration=50)
    found = read(tmp_path / "x.png")
    assert [frame.time_s for frame in found] == pytest.approx([0, 0.05])
    np.testing.assert_array_equal(found[0].pixels, pattern(seed=1))


def test_jpeg_2000(tmp_path: Path):
    Image.fromarray(pattern()).save(tmp_path / "x.jp2")
    assert reader_of(tmp_path / "x.jp2") == "image_file"
    np.testing.assert_array_equal(read(tmp_path / "x.jp2")[0].pixels, pattern())


def test_color_only_where_it_is_asked_for(tmp_path: Path):
    frames = [Image.fromarray(np.roll(COLORS, seed, 1)) for seed in range(3)]
    frames[0].save(tmp_path / "x.tif", save_all=True, append_images=frames[1:])
    found = read(tmp_path / "x.tif", in_color=[1])
    assert [frame.rgb is None for frame in found] == [True, False, True]
    np.testing.assert_array_equal(found[1].rgb, np.roll(COLORS, 1, 1))


@pytest.mark.parametrize("start", [b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP"])
def test_damaged_blocks_tell_no_times(tmp_path: Path, start: bytes):
    for seed in range(20):
        noise = np.random.default_rng(seed).integers(0, 256, 300, dtype=np.uint8).tobytes()
        (tmp_path / "x").write_bytes(start + noise)
        assert delays_s(tmp_path / "x") is None or all(delay > 0 for delay in delays_s(tmp_path / "x"))
