"""Videos: times, turns, ranges and pixel formats come out as they were meant; what is damaged says so."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.reformatter import VideoReformatter
from data.archives import pattern, write_video
from PIL import Image

from sslecho.data.readers.recording import Frame, Unreadable
from sslecho.data.readers.sniff import open_recording, reader_of
from sslecho.data.readers.video_file import Turn, color, full_range, luma, shown

SHAPE = (48, 64)


def picture(seed: int = 0) -> np.ndarray:
    """Color without symmetry; smooth, for chroma of a quarter of the pixels."""
    gray = pattern(*SHAPE)
    return np.stack([np.roll(gray, seed, 1), gray[:, ::-1] // 2, gray[::-1]], axis=-1)


def bt601(rgb: np.ndarray) -> np.ndarray:
    return rgb @ np.array([0.299, 0.587, 0.114])


def write(
    path: Path,
    frames: list[np.ndarray],
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times_ms: list[int] | None = None,
    options: dict[str, str] | None = None,
    prepare=None,
) -> Path:
    """A video of gray or RGB frames in limited range, of qp 0 unless told else."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=20, options={"qp": "0"} if options is None else options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if times_ms is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if prepare is not None:
            prepare(stream)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="gray" if pixels.ndim == 2 else "rgb24")
            frame = frame.reformat(format=pix_fmt, dst_color_range="MPEG")
            frame.pts = number if times_ms is None else times_ms[number]
            frame.time_base = Fraction(1, 20) if times_ms is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read(path: Path, **options) -> list[Frame]:
    recording = open_recording(path)
    found = list(recording.frames(range(recording.n_frames), **options))
    assert len(found) == recording.n_frames
    return found


def times(path: Path) -> list[float | None]:
    return [frame.time_s for frame in read(path)]


@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_times_of_a_variable_frame_rate(tmp_path: Path, extension: str):
    at = [0, 33, 100, 110, 500]
    path = write(tmp_path / f"x.{extension}", [pattern(*SHAPE, seed) for seed in range(5)], times_ms=at)
    assert times(path) == pytest.approx([0, 0.033, 0.1, 0.11, 0.5], abs=1e-9)
    assert [frame.time_s for frame in open_recording(path).frames([2, 4])] == pytest.approx([0.1, 0.5])


def test_times_start_at_the_first_frame_that_is_shown(tmp_path: Path):
    frames = [pattern(*SHAPE, seed) for seed in range(5)]
    late = write(tmp_path / "late.mp4", frames, times_ms=[500, 600, 700, 800, 900])
    assert times(late) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    # MP4's edit list leaves out what lies before time 0; the other two are no frames of the clip.
    early = write(tmp_path / "early.mp4", frames, times_ms=[-200, -100, 0, 150, 200])
    found = read(early)
    assert [frame.time_s for frame in found] == pytest.approx([0, 0.15, 0.2])
    np.testing.assert_allclose(found[0].pixels, frames[2], atol=2)


def test_times_of_frames_that_are_decoded_out_of_order(tmp_path: Path):
    frames = [pattern(*SHAPE, seed) for seed in range(12)]
    found = read(write(tmp_path / "x.mp4", frames, options={"bf": "3", "qp": "4"}))
    assert [frame.time_s for frame in found] == pytest.approx(np.arange(12) / 20)
    for frame, expected in zip(found, frames, strict=True):
        np.testing.assert_allclose(frame.pixels, expected, atol=8)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [("x.h264", "libx264", {}), ("x.m2v", "mpeg2video", {}), ("x.avi", "libx264", {"bf": "3"})],
)
def test_unknown_times_stay_unknown(tmp_path: Path, name: str, codec: str, options: dict[str, str]):
    """Streams without a container have no clock, and AVI none for frames that are decoded out of order."""
    path = write(tmp_path / name, [pattern(*SHAPE, seed) for seed in range(12)], codec=codec, options=options)
    assert reader_of(path) == "video_file"
    assert open_recording(path).time_source is None
    assert times(path) == [None] * 12


def turned(pixels: np.ndarray, degrees: int, mirrored: bool) -> np.ndarray:
    pixels = np.rot90(pixels, degrees // 90)
    return pixels[:, ::-1] if mirrored else pixels


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_turned_and_mirrored_video_is_shown_upright(tmp_path: Path, degrees: int, mirrored: bool):
    """The file holds the picture turned; its display matrix says how to turn it (90 is counterclockwise)."""
    path = tmp_path / "x.mp4"
    write(path, [pattern(*SHAPE)], prepare=lambda stream: stream.set_display_rotation(degrees, hflip=mirrored))
    np.testing.assert_allclose(read(path)[0].pixels, turned(pattern(*SHAPE), degrees, mirrored), atol=2)


def test_color_is_turned_like_gray(tmp_path: Path):
    path = tmp_path / "x.mp4"
    turn = lambda stream: stream.set_display_rotation(90)  # noqa: E731
    write(path, [picture()] * 3, pix_fmt="yuv444p", prepare=turn)
    recording = open_recording(path)
    assert recording.is_color
    plain, colored, _ = recording.frames([0, 1, 2], in_color=[1])
    assert plain.rgb is None
    assert colored.rgb is not None
    assert colored.rgb.shape == (*colored.pixels.shape, 3)
    np.testing.assert_allclose(colored.rgb, np.rot90(picture()), atol=4)
    np.testing.assert_allclose(colored.pixels, bt601(np.rot90(picture())), atol=2)


LUMA = "yuv420p yuv422p yuv444p yuv411p yuv410p yuv440p nv12 yuyv422 uyvy422 yuv420p10le yuv444p12le p010le".split()
OTHERS = "gray gray10le gray12le gray16le rgb24 bgr24 bgr0 rgba gbrp gbrp10le rgb48le ya8".split()


@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("name", LUMA + OTHERS)
def test_every_pixel_format_gives_the_same_luma(name: str, is_full: bool):
    for source in (pattern(*SHAPE), picture()):
        if source.ndim == 3 and name.startswith(("gray", "ya")):
            continue
        frame = av.VideoFrame.from_ndarray(source, format="gray" if source.ndim == 2 else "rgb24")
        frame = frame.reformat(format=name, dst_color_range="JPEG" if is_full else "MPEG", dst_colorspace="ITU601")
        frame.color_range = 1 + is_full if name in LUMA else 0
        expected = source if source.ndim == 2 else bt601(source)
        np.testing.assert_allclose(luma(frame, VideoReformatter()).astype(float), expected, atol=2)


@pytest.mark.parametrize("name", ["yuv444p", "yuv444p12le", "rgb24", "gbrp", "bgra"])
def test_color_of_pixel_formats(name: str):
    frame = av.VideoFrame.from_ndarray(picture(), format="rgb24")
    frame = frame.reformat(format=name, dst_color_range="MPEG", dst_colorspace="ITU601")
    np.testing.assert_allclose(color(frame, VideoReformatter()).astype(int), picture(), atol=3)


def test_full_range_is_the_exact_formula_within_a_gray_level():
    limited = np.arange(256, dtype=np.uint8)[None]
    exact = np.clip((np.arange(256) - 16) * 255 / 219, 0, 255)
    np.testing.assert_allclose(full_range(limited)[0], exact, atol=1)
    assert full_range(limited)[0, [0, 16, 235, 255]].tolist() == [0, 0, 255, 255]


def test_palettes_and_transparency():
    indices = pattern(*SHAPE)
    palette = np.full((256, 4), 255, np.uint8)  # ARGB
    palette[:, 1:] = np.random.default_rng(0).integers(0, 256, (256, 3))
    palette[:20, 0] = 0
    frame = av.VideoFrame.from_ndarray((indices, palette), format="pal8")
    expected = bt601(np.where(palette[:, :1] > 0, palette[:, 1:], 0)[indices])
    np.testing.assert_allclose(luma(frame, VideoReformatter()).astype(float), expected, atol=2)
    rgba = np.dstack([picture(), np.full(SHAPE, 255, np.uint8)])
    rgba[:, 40:, 3] = 0
    frame = av.VideoFrame.from_ndarray(rgba, format="rgba")
    assert not luma(frame, VideoReformatter())[:, 40:].any()
    np.testing.assert_allclose(luma(frame, VideoReformatter())[:, :40].astype(float), bt601(picture())[:, :40], atol=2)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "options"),
    [
        ("x.mpg", "mpeg2video", "yuv420p", {"flags": "+ildct+ilme", "qmin": "1", "qmax": "2"}),
        ("x.ts", "mpeg2video", "yuv420p", {"qmin": "1", "qmax": "2"}),
        ("x.wmv", "wmv2", "yuv420p", {"qmin": "1", "qmax": "2"}),
        ("x.webm", "libvpx-vp9", "yuv420p", {"lossless": "1"}),
        ("x.mov", "mjpeg", "yuvj422p", {"qmin": "1", "qmax": "2"}),
        ("x.mkv", "ffv1", "gray10le", {}),
        ("x.avi", "rawvideo", "yuyv422", {}),
        ("x.flv", "flv1", "yuv420p", {"qmin": "1", "qmax": "2"}),
    ],
)
def test_containers_and_codecs(tmp_path: Path, name: str, codec: str, pix_fmt: str, options: dict[str, str]):
    frames = [pattern(*SHAPE, seed) for seed in range(6)]
    path = write(tmp_path / name, frames, codec=codec, pix_fmt=pix_fmt, options=options)
    assert open_recording(path).is_color == (not pix_fmt.startswith("gray"))
    found = read(path.rename(tmp_path / "renamed.jpg"))
    assert [frame.time_s for frame in found] == pytest.approx(np.arange(6) / 20, abs=2e-3)
    for frame, expected in zip(found, frames, strict=True):
        assert np.abs(frame.pixels - expected.astype(float)).mean() < 3


def test_odd_sizes(tmp_path: Path):
    pixels = pattern(47, 63)
    found = read(write(tmp_path / "x.mkv", [pixels], pix_fmt="yuv444p"))[0].pixels
    np.testing.assert_allclose(found, pixels, atol=2)


@pytest.mark.parametrize(("aspect", "shape"), [(2.0, (48, 128)), (0.5, (48, 32)), (1.0, SHAPE)])
def test_pixels_become_square(aspect: float, shape: tuple[int, int]):
    wide = shown(pattern(*SHAPE), Turn(False, False, False), aspect=aspect)
    expected = Image.fromarray(pattern(*SHAPE)).resize(shape[::-1], Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(wide, np.asarray(expected))


def test_impossible_pixels_are_refused(tmp_path: Path):
    def squash(stream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(5, 1)

    path = write(tmp_path / "x.mp4", [pattern(*SHAPE)], prepare=squash)
    with pytest.raises(Unreadable, match="more than 4 times as wide"):
        open_recording(path)


def test_the_moving_stream_is_read_not_the_cover(tmp_path: Path):
    path = tmp_path / "x.mp4"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("png", rate=1)
        cover.height, cover.width, cover.pix_fmt = 16, 16, "rgb24"
        cover.disposition = Disposition.attached_pic
        stream = container.add_stream("libx264", rate=20, options={"qp": "0"})
        stream.height, stream.width, stream.pix_fmt = *SHAPE, "yuv420p"
        container.mux(cover.encode(av.VideoFrame.from_ndarray(picture()[:16, :16], format="rgb24")))
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(pattern(*SHAPE, number), format="gray").reformat(format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert [frame.pixels.shape for frame in read(path)] == [SHAPE] * 3


def test_sound_alone_is_no_video(tmp_path: Path):
    path = tmp_path / "x.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(Unreadable, match="no video stream"):
        open_recording(path)


def noise(n_frames: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, SHAPE, dtype=np.uint8) for _ in range(n_frames)]


def test_a_video_cut_short_says_how_much_is_there(tmp_path: Path):
    path = tmp_path / "x.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=20, options={"qp": "10"})
        stream.height, stream.width, stream.pix_fmt = *SHAPE, "yuv420p"
        for pixels in noise(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="gray").reformat(format="yuv420p")))
        container.mux(stream.encode())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(Unreadable, match=r"cut short: 19 of its 30 frames"):
        open_recording(path)


def test_an_avi_cut_short_is_refused(tmp_path: Path):
    """Its table of contents stood at the end; what is left names one frame."""
    path = write(tmp_path / "x.avi", noise(30), codec="mjpeg", pix_fmt="yuvj420p", options={})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(Unreadable, match=r"cut short or damaged: after \d+ frames"):
        open_recording(path)


@pytest.mark.parametrize("with_table", [False, True])
def test_all_fragments_are_counted(tmp_path: Path, with_table: bool):
    path = tmp_path / "x.mp4"
    frames = [pattern(*SHAPE, seed) for seed in range(12)]
    with av.open(str(path), "w", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        stream = container.add_stream("libx264", rate=20, options={"qp": "0", "g": "4"})
        stream.height, stream.width, stream.pix_fmt = *SHAPE, "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="gray").reformat(format="yuv420p")))
        container.mux(stream.encode())
    content = path.read_bytes()
    if not with_table:
        path.write_bytes(content[: content.rindex(b"mfra") - 4])
    for frame, expected in zip(read(path), frames, strict=True):
        np.testing.assert_allclose(frame.pixels, expected, atol=2)


def test_damaged_frames_are_refused_not_painted_over(tmp_path: Path):
    path = write(tmp_path / "x.mkv", noise(20), options={"qp": "10"})
    content = bytearray(path.read_bytes())
    for place in np.random.default_rng(0).integers(len(content) // 3, len(content), 20):
        content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=r"frame \d+ of \d+"):
        read(path)


def test_frames_that_change_their_size_are_refused(tmp_path: Path):
    small, large = (
        write(tmp_path / f"{side}.m2v", [pattern(side, side)] * 3, codec="mpeg2video", options={}) for side in (32, 64)
    )
    (tmp_path / "x.m2v").write_bytes(small.read_bytes() + large.read_bytes())
    with pytest.raises(Unreadable, match="differ in size"):
        read(tmp_path / "x.m2v")


def test_a_playlist_opens_nothing(tmp_path: Path):
    """FFmpeg takes text for a video that names other files, and addresses."""
    write_video(tmp_path / "secret.ts", [pattern(*SHAPE)] * 3)
    (tmp_path / "x.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n")
    (tmp_path / "y.mp4").write_text("ffconcat version 1.0\nfile secret.ts\n")
    for name in ("x.mp4", "y.mp4"):
        with pytest.raises(Unreadable, match="no video that can be opened"):
            open_recording(tmp_path / name)
