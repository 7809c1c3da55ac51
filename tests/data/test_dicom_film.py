"""Videos in DICOM: the same frames as the video file that was put into it."""

from pathlib import Path

import av
import numpy as np
import pytest
from data.archives import dicom, fragmented, pattern, save_dicom, write_video
from pydicom.dataset import Dataset

from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import open_recording

H264, MPEG2, HEVC = "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.107"
FRAMES = [pattern(48, 64, seed) for seed in range(6)]


def filmed(video: bytes, syntax: str = H264, *, fragments: int = 1, **elements) -> Dataset:
    color = np.repeat(np.stack(FRAMES)[..., None], 3, axis=-1)
    said = {"PhotometricInterpretation": "YBR_PARTIAL_420", "CineRate": 20, **elements}
    return fragmented(dicom(color, **said), syntax, [video], fragments=fragments)


def encode(path: Path, codec: str, frames: list[np.ndarray]) -> bytes:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"x265-params": "log-level=none"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 8_000_000
        for pixels in frames:
            rgb = np.repeat(pixels[..., None], 3, axis=-1) if pixels.ndim == 2 else pixels
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("fragments", [1, 7])
def test_h264_of_both_ranges_in_one_or_many_fragments(tmp_path: Path, full_range: bool, fragments: int):
    video = write_video(tmp_path / "x.mp4", FRAMES, full_range=full_range).read_bytes()
    recording = open_recording(save_dicom(tmp_path / "1", filmed(video, fragments=fragments)))
    assert (recording.n_frames, recording.time_source, recording.is_color) == (6, "CineRate", True)
    for indices in ([0, 1, 2, 3, 4, 5], [2, 5]):
        found = list(recording.frames(indices, in_color=[5]))
        assert [frame.index for frame in found] == indices
        assert [frame.time_s for frame in found] == pytest.approx([index / 20 for index in indices])
        for frame in found:
            np.testing.assert_allclose(frame.pixels, FRAMES[frame.index], atol=2)
            assert frame.pixels.min() == 0  # black is 0, not 16
        np.testing.assert_allclose(found[-1].rgb, np.repeat(FRAMES[5][..., None], 3, axis=-1), atol=3)


@pytest.mark.parametrize(
    ("codec", "extension", "syntax"),
    [
        ("mpeg2video", "ts", MPEG2),
        ("mpeg2video", "mpg", MPEG2),
        ("libx264", "ts", H264),
        ("libx265", "mp4", HEVC),
    ],
)
def test_other_codecs_and_containers(tmp_path: Path, codec: str, extension: str, syntax: str):
    video = encode(tmp_path / f"x.{extension}", codec, FRAMES)
    recording = open_recording(save_dicom(tmp_path / "1", filmed(video, syntax, fragments=3)))
    found = [frame.pixels for frame in recording.frames(range(6))]
    assert np.abs(np.stack(found).astype(int) - np.stack(FRAMES)).mean() < 3


def test_gray_is_the_same_with_and_without_color(tmp_path: Path):
    rng = np.random.default_rng(0)
    colorful = [np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8) for _ in FRAMES]
    video = encode(tmp_path / "x.mp4", "libx264", colorful)
    recording = open_recording(save_dicom(tmp_path / "1", filmed(video)))
    plain = np.stack([frame.pixels for frame in recording.frames(range(6))])
    both = list(recording.frames(range(6), in_color=range(6)))
    np.testing.assert_array_equal(plain, np.stack([frame.pixels for frame in both]))
    assert all(frame.rgb is not None and np.ptp(frame.rgb, axis=2).max() > 50 for frame in both)


def test_a_film_that_ends_early_or_is_none_says_so(tmp_path: Path):
    video = write_video(tmp_path / "x.mp4", FRAMES).read_bytes()
    recording = open_recording(save_dicom(tmp_path / "1", filmed(video, NumberOfFrames=9)))
    with pytest.raises(Unreadable, match="ends before frame 6, though it claims 9 frames"):
        list(recording.frames(range(9)))
    recording = open_recording(save_dicom(tmp_path / "2", filmed(b"no video" * 99)))
    with pytest.raises(Unreadable, match="can't be decoded at frame 0"):
        list(recording.frames([0]))
    recording = open_recording(save_dicom(tmp_path / "3", filmed(video, Rows=40)))
    with pytest.raises(Unreadable, match="can't be decoded at frame 0"):
        list(recording.frames([0]))


def test_partial_colors_are_for_films_only(tmp_path: Path):
    data = dicom(np.zeros((24, 32, 3), np.uint8), PhotometricInterpretation="YBR_PARTIAL_420")
    with pytest.raises(Unreadable, match="photometric interpretation"):
        open_recording(save_dicom(tmp_path / "1", data))
