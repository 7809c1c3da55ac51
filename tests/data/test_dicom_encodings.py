"""The same picture in every DICOM encoding gives the same luminance."""

import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from data.archives import dicom, fragmented, packbits, pattern, save_dicom
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from sslecho.data.readers.dicom.codecs import SYNTAXES, codec_of, codecs
from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import open_recording

DICOM = "1.2.840.10008.1.2"
NATIVE = (f"{DICOM}.1", ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
LUMA = np.array([0.299, 0.587, 0.114])


def color(seed: int = 0) -> np.ndarray:
    """A picture of 24 x 32 whose three colors differ in every corner; no lossy codec likes it."""
    noise = np.random.default_rng(seed).integers(0, 40, (24, 32))
    return np.stack(
        [pattern(seed=seed), pattern(seed=seed + 5)[:, ::-1], pattern(seed=3)[::-1] // 2 + noise], -1
    ).astype(np.uint8)


def jpeg(pixels: np.ndarray, **options) -> bytes:
    return imagecodecs.jpeg8_encode(pixels, **options)


def deflate(pixels: np.ndarray) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(pixels.tobytes()) + packer.flush()


def j2k(pixels: np.ndarray, **options) -> bytes:
    return imagecodecs.jpeg2k_encode(pixels, codecformat="J2K", **options)


RGB = {"colorspace": "RGB", "outcolorspace": "RGB"}
# Encoders that lose nothing, of uint8 gray.
LOSSLESS: dict[str, Callable[[np.ndarray], bytes]] = {
    f"{DICOM}.4.57": lambda pixels: jpeg(pixels, lossless=True, predictor=6),
    f"{DICOM}.4.70": lambda pixels: jpeg(pixels, lossless=True, predictor=1),
    f"{DICOM}.4.80": imagecodecs.jpegls_encode,
    f"{DICOM}.4.90": lambda pixels: j2k(pixels, level=0, reversible=True),
    f"{DICOM}.5": packbits,
    f"{DICOM}.4.201": lambda pixels: imagecodecs.htj2k_encode(pixels, reversible=True),
    f"{DICOM}.4.202": lambda pixels: imagecodecs.htj2k_encode(pixels, reversible=True),
    f"{DICOM}.4.110": lambda pixels: imagecodecs.jpegxl_encode(pixels, lossless=True),
    f"{DICOM}.8.1": deflate,
    f"{DICOM}.1.98": lambda pixels: pixels.tobytes(),
}
LOSSY: dict[str, Callable[[np.ndarray], bytes]] = {
    f"{DICOM}.4.50": lambda pixels: jpeg(pixels, level=95),
    f"{DICOM}.4.51": lambda pixels: jpeg(pixels, level=95),
    f"{DICOM}.4.81": lambda pixels: imagecodecs.jpegls_encode(pixels, level=2),
    f"{DICOM}.4.91": lambda pixels: j2k(pixels, level=45, reversible=False),
    f"{DICOM}.4.203": lambda pixels: imagecodecs.htj2k_encode(pixels, level=0.002, reversible=False),
    f"{DICOM}.4.111": lambda pixels: imagecodecs.jpegxl_encode_jpeg(jpeg(pixels, level=95)),
    f"{DICOM}.4.112": lambda pixels: imagecodecs.jpegxl_encode(pixels, distance=0.5),
}
COLOR_LOSSLESS: dict[str, Callable[[np.ndarray], bytes]] = LOSSLESS | {
    f"{DICOM}.4.57": lambda pixels: jpeg(pixels, lossless=True, predictor=4, **RGB),
    f"{DICOM}.4.70": lambda pixels: jpeg(pixels, lossless=True, predictor=1, **RGB),
    f"{DICOM}.4.90": lambda pixels: j2k(pixels, level=0, reversible=True, mct=True),
}


def test_every_syntax_that_decodes_is_tested():
    decoding = {uid for uid, syntax in SYNTAXES.items() if codec_of(uid).decodes and syntax.family != "video"}
    assert decoding == {*NATIVE, *LOSSLESS, *LOSSY}  # videos: test_dicom_film.py


def shown(path: Path) -> tuple[np.ndarray, np.ndarray]:
    recording = open_recording(path)
    indices = range(recording.n_frames)
    gray = np.stack([frame.pixels for frame in recording.frames(indices)])
    if not recording.is_color:
        return gray, np.repeat(gray[..., None], 3, axis=3)
    frames = list(recording.frames(indices, in_color=indices))
    np.testing.assert_allclose([frame.pixels for frame in frames], gray, atol=2)
    return gray, np.stack([frame.rgb for frame in frames if frame.rgb is not None])


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_gray_in_every_lossless_codec(tmp_path: Path, syntax: str, bits: int):
    stack = np.stack([pattern(seed=seed) for seed in range(3)])
    encode = LOSSLESS[syntax]
    data = dicom(stack)
    if bits > 8:
        stack = stack.astype(np.uint16) << (bits - 8)
        data = dicom(stack, BitsStored=bits, HighBit=bits - 1)
    if syntax.endswith((".57", ".70")) and bits > 8:
        predictor = 6 if syntax.endswith(".57") else 1

        def encode(pixels):
            return jpeg(pixels, lossless=True, predictor=predictor, bitspersample=bits)

    found, rgb = shown(save_dicom(tmp_path / "1", fragmented(data, syntax, [encode(frame) for frame in stack])))
    expected = stack * (255 / (2**bits - 1))
    np.testing.assert_allclose(found, expected, atol=0.51)
    np.testing.assert_array_equal(rgb, np.repeat(found[..., None], 3, axis=-1))


@pytest.mark.parametrize("syntax", COLOR_LOSSLESS)
def test_color_in_every_lossless_codec(tmp_path: Path, syntax: str):
    stack = np.stack([color(seed) for seed in range(2)])
    data = dicom(stack, PhotometricInterpretation="YBR_RCT" if syntax.endswith(".4.90") else "RGB")
    path = save_dicom(tmp_path / "1", fragmented(data, syntax, [COLOR_LOSSLESS[syntax](frame) for frame in stack]))
    found, rgb = shown(path)
    assert open_recording(path).is_color
    np.testing.assert_array_equal(rgb, stack)
    np.testing.assert_allclose(found, stack @ LUMA, atol=1)


@pytest.mark.parametrize("syntax", [uid for uid in COLOR_LOSSLESS if uid.endswith((".80", ".5", ".70", ".8.1"))])
def test_ybr_that_a_codec_leaves_alone(tmp_path: Path, syntax: str):
    stack = np.stack([color(seed) for seed in range(2)])
    ybr = np.stack([np.asarray(Image.fromarray(frame).convert("YCbCr")) for frame in stack])
    data = dicom(ybr, PhotometricInterpretation="YBR_FULL")
    path = save_dicom(tmp_path / "1", fragmented(data, syntax, [COLOR_LOSSLESS[syntax](frame) for frame in ybr]))
    found, rgb = shown(path)
    np.testing.assert_array_equal(found, ybr[..., 0])
    np.testing.assert_allclose(rgb, stack, atol=4)  # what the way to YBR and back costs


@pytest.mark.parametrize("syntax", LOSSY)
@pytest.mark.parametrize("is_color", [False, True])
def test_lossy_codecs_agree_with_what_they_were_given(tmp_path: Path, syntax: str, is_color: bool):
    """Far from the original by what the codec loses, and no more: a wrong color space or level would be 20 and up."""
    picture = np.asarray(Image.fromarray(color()).resize((128, 96), Image.Resampling.BICUBIC))
    picture = picture if is_color else np.asarray(Image.fromarray(picture).convert("L"))
    photometric = {".50": "YBR_FULL_422", ".91": "YBR_ICT", "111": "YBR_FULL_422"}.get(syntax[-3:], "RGB")
    data = dicom(picture, PhotometricInterpretation=photometric if is_color else "MONOCHROME2")
    found, rgb = shown(save_dicom(tmp_path / "1", fragmented(data, syntax, [LOSSY[syntax](picture)])))
    expected = picture @ LUMA if is_color else picture
    assert np.abs(found[0].astype(int) - expected).mean() < 1.5
    if is_color:
        assert np.abs(rgb[0].astype(int) - picture).mean() < 6


@pytest.mark.parametrize("bits", [8, 12])
def test_jpeg_extended_of_8_and_12_bits(tmp_path: Path, bits: int):
    picture = pattern(48, 64).astype(np.uint8 if bits == 8 else np.uint16) << (bits - 8)
    data = dicom(picture, BitsStored=bits, HighBit=bits - 1)
    encoded = jpeg(picture, level=98, bitspersample=bits)
    found, _ = shown(save_dicom(tmp_path / "1", fragmented(data, f"{DICOM}.4.51", [encoded])))
    np.testing.assert_allclose(found[0], picture * (255 / (2**bits - 1)), atol=4)


def baseline(picture: np.ndarray, *, stored: str, marker: bytes = b"", ids: bytes = b"\1\2\3") -> bytes:
    """A JPEG whose stream holds this color space, with or without what says so."""
    if stored == "ybr":
        picture = np.asarray(Image.fromarray(picture).convert("YCbCr"))
    stream = bytearray(jpeg(picture, level=97, subsampling="444", **RGB))
    # Written as RGB, so that the encoder leaves the samples alone; its Adobe marker and its ids are taken back.
    at = stream.find(b"\xff\xee")
    if at >= 0:
        del stream[at : at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")]
    frame, scan = stream.find(b"\xff\xc0"), stream.find(b"\xff\xda")
    for number, name in enumerate(ids):
        stream[frame + 10 + 3 * number] = name
        stream[scan + 5 + 2 * number] = name
    return bytes(stream[:2] + marker + stream[2:])


JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
ADOBE_YBR = ADOBE_RGB[:-1] + b"\x01"


@pytest.mark.parametrize(
    ("said", "stored", "marker", "ids"),
    [
        ("YBR_FULL", "ybr", b"", b"\1\2\3"),
        ("YBR_FULL_422", "ybr", JFIF, b"\1\2\3"),
        ("RGB", "rgb", b"", b"\1\2\3"),
        ("RGB", "rgb", b"", b"RGB"),
        # Converters change the stream and forget the header.
        ("RGB", "ybr", JFIF, b"\1\2\3"),
        ("RGB", "ybr", ADOBE_YBR, b"\1\2\3"),
        ("YBR_FULL_422", "rgb", ADOBE_RGB, b"\1\2\3"),
        ("YBR_FULL_422", "rgb", b"", b"RGB"),
    ],
)
def test_jpeg_color_is_converted_exactly_once(tmp_path: Path, said: str, stored: str, marker: bytes, ids: bytes):
    picture = np.asarray(Image.fromarray(color()).resize((64, 48), Image.Resampling.BICUBIC))
    data = dicom(picture, PhotometricInterpretation=said)
    stream = baseline(picture, stored=stored, marker=marker, ids=ids)
    found, rgb = shown(save_dicom(tmp_path / "1", fragmented(data, f"{DICOM}.4.50", [stream])))
    assert np.abs(found[0] - picture @ LUMA).mean() < 1.5
    assert np.abs(rgb[0].astype(int) - picture).mean() < 4


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_native_color_side_by_side_and_in_planes(tmp_path: Path, syntax: str, planar: int, photometric: str):
    stack = np.stack([color(seed) for seed in range(3)])[:, :23, :31]  # odd, so that frames begin within a word
    stored = stack
    if photometric != "RGB":
        stored = np.stack([np.asarray(Image.fromarray(frame).convert("YCbCr")) for frame in stack])
    data = dicom(stored, PhotometricInterpretation=photometric, PlanarConfiguration=planar)
    laid = stored.transpose(0, 3, 1, 2) if planar else stored
    data.PixelData = laid.tobytes() + b"\0" * (laid.size % 2)
    data["PixelData"].VR = "OB" if syntax != ImplicitVRLittleEndian else "OW"
    data.file_meta.TransferSyntaxUID = syntax
    found, rgb = shown(save_dicom(tmp_path / "1", data))
    np.testing.assert_allclose(found, stack @ LUMA, atol=1.1)
    np.testing.assert_allclose(rgb, stack, atol=4)  # what the way to YBR and back costs


def test_native_ybr_full_422(tmp_path: Path):
    ybr = np.asarray(Image.fromarray(color()).convert("YCbCr")).copy()
    ybr[:, 1::2, 1:] = ybr[:, ::2, 1:]  # two neighbors share their color
    stored = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1)
    data = dicom(ybr, PhotometricInterpretation="YBR_FULL_422", PixelData=stored.tobytes())
    found, rgb = shown(save_dicom(tmp_path / "1", data))
    np.testing.assert_array_equal(found[0], ybr[..., 0])
    np.testing.assert_array_equal(rgb[0], np.asarray(Image.fromarray(ybr, mode="YCbCr").convert("RGB")))


def test_big_endian_words_of_two_bytes_each(tmp_path: Path):
    """8-bit samples written as words: each two have changed places, and frames of odd size begin within a word."""
    stack = np.stack([pattern(seed=seed) for seed in range(3)])[:, :23, :31]
    data = dicom(stack)
    flat = np.append(stack.ravel(), np.zeros(stack.size % 2, np.uint8))
    data.PixelData = flat.reshape(-1, 2)[:, ::-1].tobytes()
    data["PixelData"].VR = "OW"
    data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    np.testing.assert_array_equal(shown(save_dicom(tmp_path / "1", data))[0], stack)


def test_bits_that_are_not_stored_are_left_out(tmp_path: Path):
    """12 bits in the upper part of the word, overlays and rubbish in the lower."""
    picture = pattern().astype(np.uint16) << 8 | 0xB
    found, _ = shown(save_dicom(tmp_path / "1", dicom(picture, BitsStored=12, HighBit=15)))
    np.testing.assert_allclose(found[0], pattern(), atol=1)
    signed = (pattern().astype(np.int16) - 128) & 0xFFF
    data = dicom(signed.astype(np.uint16), BitsStored=12, HighBit=11, PixelRepresentation=1)
    data.WindowCenter, data.WindowWidth = 0, 256
    found, _ = shown(save_dicom(tmp_path / "2", data))
    np.testing.assert_allclose(found[0], pattern(), atol=1)


@pytest.mark.parametrize("uid", [uid for uid in SYNTAXES if not codec_of(uid).decodes])
def test_a_codec_that_is_not_read_is_named(tmp_path: Path, uid: str):
    data = fragmented(dicom(pattern()), uid, [b"\0\1"])
    with pytest.raises(Unreadable, match=f"its codec is {SYNTAXES[uid].name}, which sslecho does not decode"):
        open_recording(save_dicom(tmp_path / "1", data))


def test_a_codec_that_is_not_installed_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sslecho.data.readers.dicom.codecs._available", lambda part: part != "JPEGLS")
    data = fragmented(dicom(pattern()), f"{DICOM}.4.80", [imagecodecs.jpegls_encode(pattern())])
    with pytest.raises(Unreadable, match="its codec is JPEG-LS Lossless; pip install imagecodecs"):
        open_recording(save_dicom(tmp_path / "1", data))
    missing = [codec for codec in codecs() if codec.cure]
    assert [codec.name for codec in missing] == ["JPEG-LS Lossless", "JPEG-LS Near-Lossless"]


@pytest.mark.parametrize("syntax", [uid for uid in LOSSLESS if not uid.endswith((".1.98", ".8.1"))])
def test_a_stream_of_another_size_is_refused(tmp_path: Path, syntax: str):
    data = fragmented(dicom(pattern(24, 32)), syntax, [LOSSLESS[syntax](pattern(23, 31))])
    recording = open_recording(save_dicom(tmp_path / "1", data))
    with pytest.raises(Unreadable, match="can't be decoded at frame 0"):
        list(recording.frames([0]))


@pytest.mark.parametrize("syntax", [*COLOR_LOSSLESS, *LOSSY])
def test_gray_is_the_same_with_and_without_color(tmp_path: Path, syntax: str):
    stack = np.stack([color(seed) for seed in range(2)])
    photometric = {".50": "YBR_FULL_422", ".91": "YBR_ICT", "2.5": "YBR_FULL"}.get(syntax[-3:], "RGB")
    encode = (COLOR_LOSSLESS | LOSSY)[syntax]
    data = fragmented(dicom(stack, PhotometricInterpretation=photometric), syntax, [encode(frame) for frame in stack])
    recording = open_recording(save_dicom(tmp_path / "1", data))
    plain = [frame.pixels for frame in recording.frames([0, 1])]
    first, second = recording.frames([0, 1], in_color=[1])
    assert first.rgb is None
    assert second.rgb is not None
    np.testing.assert_array_equal(plain, [first.pixels, second.pixels])


def test_a_jpeg_with_coarser_color_is_ybr_whatever_the_header_says(tmp_path: Path):
    picture = np.asarray(Image.fromarray(color()).resize((64, 48), Image.Resampling.BICUBIC))
    stream = bytearray(jpeg(picture, level=97, subsampling="420"))
    at = stream.find(b"\xff\xe0")  # no marker says so
    if at >= 0:
        del stream[at : at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")]
    found, _ = shown(save_dicom(tmp_path / "1", fragmented(dicom(picture), f"{DICOM}.4.50", [bytes(stream)])))
    assert np.abs(found[0] - picture @ LUMA).mean() < 1.5


def test_monochrome1_is_turned_around(tmp_path: Path):
    data = fragmented(
        dicom(pattern(), PhotometricInterpretation="MONOCHROME1"), f"{DICOM}.5", [packbits(255 - pattern())]
    )
    np.testing.assert_array_equal(shown(save_dicom(tmp_path / "1", data))[0][0], pattern())


def test_a_jpeg_ls_stream_that_is_cut_ends_at_once(tmp_path: Path):
    """CharLS would read billions of zeros after its end; that this test ends is what it tests."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8)
    for keep in range(60, 700, 40):
        stream = imagecodecs.jpegls_encode(noise)[:keep]
        recording = open_recording(save_dicom(tmp_path / "1", fragmented(dicom(noise), f"{DICOM}.4.80", [stream])))
        with pytest.raises(Unreadable, match="can't be decoded"):
            list(recording.frames([0]))


@pytest.mark.parametrize("marker", [b"", JFIF, ADOBE_YBR])
def test_a_lossless_jpeg_is_never_converted_by_its_codec(tmp_path: Path, marker: bytes):
    """Converters from baseline leave its markers in the stream, where the samples are RGB all the same."""
    stream = jpeg(color(), lossless=True, predictor=1, **RGB)
    data = fragmented(dicom(color()), f"{DICOM}.4.70", [stream[:2] + marker + stream[2:]])
    np.testing.assert_array_equal(shown(save_dicom(tmp_path / "1", data))[1][0], color())


def test_overshoots_of_lossy_wavelets_do_not_wrap_around(tmp_path: Path):
    sharp = np.kron(np.random.default_rng(0).integers(0, 2, (12, 16)), np.ones((4, 4))).astype(np.uint8) * 255
    stream = imagecodecs.htj2k_encode(sharp, level=0.05, reversible=False)
    found, _ = shown(save_dicom(tmp_path / "1", fragmented(dicom(sharp), f"{DICOM}.4.203", [stream])))
    assert 1 < np.abs(found[0].astype(int) - sharp).max() < 100


@pytest.mark.parametrize(
    "head",
    [
        [],
        [2, 64, 70],
        [0],
        [1, 63],
        [1, 2**32 - 1],
        [1, 1 << 20],
        [1, 0],
        [2**32 - 1, 64],
    ],
)
def test_a_damaged_rle_header_is_refused(tmp_path: Path, head: list[int]):
    """One of these kills a process that follows it out of the data."""
    stream = packbits(pattern())
    if head:
        stream = np.array([*head, *[0] * (16 - len(head))], "<u4").tobytes() + stream[64:]
    recording = open_recording(
        save_dicom(tmp_path / "1", fragmented(dicom(pattern()), f"{DICOM}.5", [stream if head else b"few"]))
    )
    with pytest.raises(Unreadable, match="can't be decoded at frame 0"):
        list(recording.frames([0]))


def test_rle_segments_out_of_order_are_refused(tmp_path: Path):
    stream = bytearray(packbits(color()))
    stream[4:8], stream[8:12] = stream[8:12], stream[4:8]
    recording = open_recording(save_dicom(tmp_path / "1", fragmented(dicom(color()), f"{DICOM}.5", [bytes(stream)])))
    with pytest.raises(Unreadable, match="can't be decoded at frame 0"):
        list(recording.frames([0]))
