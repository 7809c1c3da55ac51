"""Frames as they come: none lost where none may be, the newest where they come too fast."""

import io
import threading
import time

import av
import numpy as np
import pytest
from data.archives import pattern, write_video

from sslecho.data.live import Feed, raw_frames, recorded, streamed_frames
from sslecho.data.readers.recording import Frame, Unreadable

BLACK = np.zeros((4, 6), np.uint8)


def made(n, *, times=False, error=None, held=None):
    for index in range(n):
        if held is not None and index:
            held.wait(5)
        yield Frame(index, index / 50 if times else None, BLACK)
    if error is not None:
        raise error


def test_where_nothing_may_be_dropped_the_source_waits():
    feed = Feed(made(20), fps=30.0, paced=False, drop=False).start()
    seen = []
    for arrived in feed:
        time.sleep(0.002)
        seen.append(arrived.frame.index)
    assert seen == list(range(20))
    assert feed.dropped == 0


def test_a_newer_frame_takes_the_place_of_one_that_waits():
    feed = Feed(made(30), fps=30.0, paced=False, drop=True).start()
    time.sleep(0.1)  # all of them have come by now
    seen = [arrived.frame.index for arrived in feed]
    assert seen == [29]
    assert feed.dropped == 29


def test_frames_come_at_their_times_and_not_before():
    began = time.monotonic()
    arrived = list(Feed(made(6, times=True), fps=1.0, paced=True, drop=False).start())
    assert [one.frame.index for one in arrived] == list(range(6))
    for one in arrived:
        assert one.at - began >= one.frame.index / 50


def test_what_the_source_raises_is_raised_after_the_frames_before_it():
    feed = Feed(made(3, error=Unreadable("cut short")), fps=30.0, paced=False, drop=False).start()
    seen = []
    with pytest.raises(Unreadable, match="cut short"):
        seen.extend(feed)
    feed = iter(Feed(made(3, error=Unreadable("cut short")), fps=30.0, paced=False, drop=False).start())
    assert [next(feed).frame.index for _ in range(3)] == [0, 1, 2]


def test_a_feed_that_is_stopped_reads_no_further():
    held = threading.Event()
    feed = Feed(made(100, held=held), fps=30.0, paced=False, drop=False).start()
    assert next(iter(feed)).frame.index == 0
    feed.stop()
    held.set()
    feed._thread.join(5)
    assert not feed._thread.is_alive()


class Pipe(io.RawIOBase):
    """Gives a few bytes at a time and can't go back."""

    def __init__(self, content: bytes, at_once: int = 7):
        self._content, self._at_once = io.BytesIO(content), at_once

    def read(self, n: int = -1) -> bytes:
        return self._content.read(min(n, self._at_once) if n >= 0 else self._at_once)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def test_raw_frames_are_cut_from_the_pipe_and_half_a_one_is_left_out():
    frames = np.random.default_rng(0).integers(0, 256, (3, 4, 6)).astype(np.uint8)
    seen = list(raw_frames(Pipe(frames.tobytes() + b"abc"), width=6, height=4, pixels="gray"))
    np.testing.assert_array_equal([frame.pixels for frame in seen], frames)
    assert [frame.index for frame in seen] == [0, 1, 2]


def test_raw_color_becomes_gray_and_keeps_its_color():
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3)).astype(np.uint8)
    seen = list(raw_frames(Pipe(frames.tobytes()), width=6, height=4, pixels="rgb"))
    np.testing.assert_array_equal([frame.rgb for frame in seen], frames)
    wanted = frames @ np.array([0.299, 0.587, 0.114])
    assert np.abs(np.stack([frame.pixels for frame in seen]) - wanted).max() < 1.01


def encoded(frames):
    content = io.BytesIO()
    with av.open(content, mode="w", format="matroska") as container:
        stream = container.add_stream("ffv1", rate=20)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape, "gray"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="gray")))
        container.mux(stream.encode())
    return content.getvalue()


def test_a_video_is_decoded_as_it_comes_through_the_pipe():
    frames = [pattern(48, 64, seed) for seed in range(4)]
    seen = list(streamed_frames(Pipe(encoded(frames), 4096)))
    np.testing.assert_array_equal([frame.pixels for frame in seen], frames)
    assert [frame.time_s for frame in seen] == pytest.approx([0, 0.05, 0.1, 0.15])


def test_what_is_no_video_says_how_raw_frames_are_read():
    with pytest.raises(Unreadable, match=r"can't be decoded after 0 frames.*--width and --height"):
        list(streamed_frames(Pipe(bytes(range(256)) * 20, 4096)))


def test_a_file_is_read_as_ingest_reads_it(tmp_path):
    frames = [pattern(48, 64, seed) for seed in range(3)]
    path = write_video(tmp_path / "a.mp4", frames, full_range=True)
    np.testing.assert_array_equal([frame.pixels for frame in recorded(path)[1]], frames)
    (tmp_path / "b.mp4").write_bytes(b"none")
    with pytest.raises(Unreadable):
        recorded(tmp_path / "b.mp4")
