"""Pictures that look a little like ultrasound: blurred noise inside a fan, another one for each seed."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter

SIZE = 96


def fan(size: int = SIZE) -> np.ndarray:
    """A sector with its apex above the picture."""
    y, x = np.mgrid[:size, :size] + 0.5
    angle = np.arctan2(x - size / 2, y + size * 0.1)
    radius = np.hypot(x - size / 2, y + size * 0.1)
    return (np.abs(angle) < 0.6) & (radius < size * 0.98)


def clip(seed: int, n_frames: int = 3, size: int = SIZE) -> np.ndarray:
    """Frames [n, size, size] that move a little around one anatomy."""
    rng = np.random.default_rng(seed)
    anatomy = ndimage.gaussian_filter(rng.normal(size=(size, size)), size / 14)
    anatomy /= anatomy.std()
    frames = []
    for _ in range(n_frames):
        speckle = ndimage.gaussian_filter(rng.normal(size=(size, size)), 1.0)
        frames.append(np.clip(80 + 38 * anatomy + 20 * speckle / speckle.std(), 12, 235) * fan(size))
    return np.stack(frames).astype(np.uint8)


def with_gain(frames: np.ndarray, gain: float) -> np.ndarray:
    return np.clip(frames * gain, 0, 255).astype(np.uint8)


def through_jpeg(frames: np.ndarray, quality: int = 60) -> np.ndarray:
    def one(frame: np.ndarray) -> np.ndarray:
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer))

    return np.stack([one(frame) for frame in frames])


def resized(frames: np.ndarray, share: float) -> np.ndarray:
    """Shrunk or enlarged and brought back to the store's size, as ingest does with a smaller copy."""

    def one(frame: np.ndarray) -> np.ndarray:
        side = round(len(frame) * share)
        there = Image.fromarray(frame).resize((side, side), Image.Resampling.BICUBIC)
        return np.asarray(there.resize(frame.shape[::-1], Image.Resampling.BICUBIC))

    return np.stack([one(frame) for frame in frames])


def cut(frames: np.ndarray, pixels: int) -> np.ndarray:
    """A margin cut off and the rest enlarged, as where ingest found the copy's sector a little narrower."""

    def one(frame: np.ndarray) -> np.ndarray:
        inner = Image.fromarray(frame[: len(frame) - pixels, pixels:-pixels])
        return np.asarray(inner.resize(frame.shape[::-1], Image.Resampling.BILINEAR))

    return np.stack([one(frame) for frame in frames])


def store_of(path: Path, clips: dict[str, tuple[np.ndarray, dict[str, Any]]], *, unit: str = "patient") -> Store:
    """A store of these clips: clip_id -> frames and further columns of its row."""
    size = next(iter(clips.values()))[0].shape[1]
    with StoreWriter(path, (size, size), unit=unit) as writer:
        for clip_id, (frames, row) in clips.items():
            writer.add_clip(frames, {"clip_id": clip_id, "source_id": f"s-{clip_id}", **row})
        return writer.commit()
