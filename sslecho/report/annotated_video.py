"""A video of frames with what was said of them below, written while they come.

It shows the frames as the model sees them: cropped to the sector and blanked outside it, so that no name burned in
beside it is in the video.
"""

import queue
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

SIDE = 384  # of the picture in the video, in pixels
STRIP = 76  # height of the text below
INK, MUTED, LOOK = (235, 240, 244), (150, 162, 175), (230, 175, 90)
TICKS = 1000  # a second: dropped frames leave gaps, and the video keeps its time
WAITING = 8  # frames that may wait for the encoder


class AnnotatedVideo:
    """Encodes H.264 in a thread of its own; a context manager, after which the file is whole."""

    def __init__(self, path: Path):
        self._path = path
        self._queue: queue.Queue[Any] = queue.Queue(WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._encode, name="video", daemon=True)

    def __enter__(self) -> "AnnotatedVideo":
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def add(self, pixels: UInt8[np.ndarray, "h w"], lines: list[tuple[str, bool]], time_s: float) -> None:
        """Append a frame; waits while many are still to be encoded.

        Args:
            lines: two at most, each with whether it is one that a person should look at.
            time_s: when it is shown; later than the last one.
        """
        if self._error is None:
            self._queue.put((pixels, lines, time_s))

    def _encode(self) -> None:
        try:
            self._encode_all()
        except BaseException as error:  # raised where the video is closed; frames that still come are let go
            self._error = error
            while self._queue.get() is not None:
                pass

    def _encode_all(self) -> None:
        large, small = ImageFont.load_default(26), ImageFont.load_default(17)
        with av.open(str(self._path), mode="w", format="mp4") as container:
            stream: Any = container.add_stream("libx264", rate=TICKS, options={"crf": "21", "preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = SIDE, SIDE + STRIP, "yuv420p"
            stream.codec_context.thread_count = 1
            stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
            last = -1
            while (item := self._queue.get()) is not None:
                pixels, lines, time_s = item
                frame = av.VideoFrame.from_image(_drawn(pixels, lines, (large, small)))
                last = max(last + 1, round(time_s * TICKS))
                frame.pts, frame.time_base = last, Fraction(1, TICKS)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())


def _drawn(pixels: UInt8[np.ndarray, "h w"], lines: list[tuple[str, bool]], fonts: tuple[Any, Any]) -> Image.Image:
    canvas = Image.new("RGB", (SIDE, SIDE + STRIP))
    picture = Image.fromarray(pixels)
    scale = SIDE / max(picture.size)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BILINEAR)
    canvas.paste(picture, ((SIDE - picture.width) // 2, (SIDE - picture.height) // 2))
    draw = ImageDraw.Draw(canvas)
    for (words, look), font, top, ink in zip(lines, fonts, (6, 44), (INK, MUTED), strict=False):
        draw.text((12, SIDE + top), words, font=font, fill=LOOK if look else ink)
    return canvas
