"""Clips of which one side stays dark, with a name burned in beside them: alone they are in doubt."""

import numpy as np
from moving_fan import moving_fan
from PIL import Image, ImageDraw, ImageFont

DARK_FROM = 90  # of 160 columns


def name_tag(height: int = 120, width: int = 160) -> np.ndarray:
    """Letters at the right, above and below the fan, uint8 [height, width]."""
    page = Image.new("L", (width, height))
    font = ImageFont.load_default(size=height * 9 / 120)
    for x, y, text in ((100, 2, "DOE^JANE"), (110, 108, "1957")):
        ImageDraw.Draw(page).text((x * width / 160, y * height / 120), text, fill=220, font=font)
    return np.asarray(page)


def tagged_clip(n_frames: int, height: int = 120, width: int = 160, *, seed: int = 0) -> np.ndarray:
    """A clear clip with a name beside it, uint8 [n, height, width]."""
    return np.maximum(np.stack(moving_fan(n_frames, height, width, seed=seed)), name_tag(height, width))


def bare_dim_clip(
    n_frames: int, height: int = 120, width: int = 160, *, dark: int = DARK_FROM, seed: int = 0
) -> np.ndarray:
    """A clip with no name beside it, in which nothing echoes from the column `dark` on."""
    frames = np.stack(moving_fan(n_frames, height, width, seed=seed))
    frames[:, :, dark * width // 160 :] = 0
    return frames


def dim_clip(n_frames: int, height: int = 120, width: int = 160, *, dark: int = DARK_FROM, seed: int = 0) -> np.ndarray:
    """The same with a name beside it."""
    return np.maximum(bare_dim_clip(n_frames, height, width, dark=dark, seed=seed), name_tag(height, width))
