"""Clips with color flow whose every colored pixel is known, as DICOM and as video."""

from pathlib import Path

import av
import numpy as np
from moving_fan import moving_fan
from scipy import ndimage


def flow_at(number: int, height: int, width: int) -> np.ndarray:
    """Where flow is painted in a frame: an ellipse inside the fan that wanders."""
    y, x = np.mgrid[0:height, 0:width]
    across, down = width * 0.47 + number % 9, height * 0.55 + number % 7
    return ((x - across) / (0.09 * height)) ** 2 + ((y - down) / (0.07 * height)) ** 2 < 1


def flow_clip(n_frames: int, height: int = 120, width: int = 160, *, first: int = 0, seed: int = 0) -> np.ndarray:
    """A moving fan with red and blue flow painted over it, uint8 [n, height, width, 3].

    Args:
        first: the frame in which color is switched on.
        seed: decides speckle and flow.
    """
    rng = np.random.default_rng(seed)
    frames = []
    for number, gray in enumerate(moving_fan(n_frames, height, width, seed=seed)):
        speed = ndimage.gaussian_filter(rng.normal(size=gray.shape), 3)
        speed = speed / np.abs(speed).max()
        bright, pale = 60 + 190 * np.abs(speed), 75 * np.abs(speed)
        toward = np.stack([bright, pale, 0 * pale], axis=-1)
        away = np.stack([0 * pale, 2 * pale, bright], axis=-1)
        painted = np.where((speed > 0)[..., None], toward, away).astype(np.uint8)
        here = flow_at(number, height, width) & (number >= first)
        frames.append(np.where(here[..., None], painted, gray[..., None]))
    return np.stack(frames)


def write_color_video(path: Path, frames: np.ndarray, *, pixels: str = "yuv420p") -> Path:
    """H.264 without quantization; `pixels` says how much of the color is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=20, options={"qp": "0"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=pixels)
            picture.pts = number
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
