"""Frames as an MP4 file in memory."""

import io
from fractions import Fraction

import numpy as np
from jaxtyping import UInt8


def video_bytes(
    frames: UInt8[np.ndarray, "n h w"] | UInt8[np.ndarray, "n h w 3"], frame_time_ms: float, *, quality: int = 16
) -> bytes:
    """H.264 in MP4; sides are padded to even numbers, as 4:2:0 asks for.

    Args:
        quality: x264's constant rate factor; lower is better.
    """
    import av

    n, h, w = frames.shape[:3]
    padded = np.zeros((n, h + h % 2, w + w % 2, *frames.shape[3:]), np.uint8)
    padded[:, :h, :w] = frames
    content = io.BytesIO()
    with av.open(content, mode="w", format="mp4") as container:
        rate = Fraction(1000 / frame_time_ms).limit_denominator(100)
        # One thread: with several the bytes would depend on the machine.
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(quality), "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = padded.shape[2], padded.shape[1], "yuv420p"
        for frame in padded:
            picture = av.VideoFrame.from_ndarray(frame, format="gray" if frames.ndim == 3 else "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return content.getvalue()
