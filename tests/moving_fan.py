"""A fan of moving speckle, as ultrasound shows it, with text burned in beside it: a clip that ingest accepts."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage


def fan_mask(height: int = 240, width: int = 320) -> np.ndarray:
    """Where the fan lies: apex above the picture's middle, 70 degrees wide."""
    y, x = np.mgrid[0:height, 0:width]
    radius = np.hypot(x - width / 2, y + 0.05 * height)
    angle = np.arctan2(x - width / 2, y + 0.05 * height)
    return (radius > 0.12 * height) & (radius < 0.98 * height) & (np.abs(angle) < np.deg2rad(35))


def moving_fan(
    n_frames: int, height: int = 240, width: int = 320, *, text: str | None = None, seed: int = 0
) -> list[np.ndarray]:
    """Gray frames uint8 [height, width].

    Args:
        text: stands still at the upper left, outside the fan.
        seed: decides the speckle.
    """
    rng = np.random.default_rng(seed)
    mask = fan_mask(height, width)
    overlay = Image.new("L", (width, height))
    if text is not None:
        ImageDraw.Draw(overlay).text((3, 3), text, fill=220, font=ImageFont.load_default(size=max(9, height // 20)))
    frames = []
    for _ in range(n_frames):
        speckle = ndimage.gaussian_filter(rng.rayleigh(60, mask.shape), 0.8).clip(20, 255)
        frames.append(np.maximum(np.where(mask, speckle, 0).astype(np.uint8), np.asarray(overlay)))
    return frames
