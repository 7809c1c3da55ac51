"""Any picture into a square one, never warped: cropped, scaled by one factor, centered, black at the sides."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image


@dataclass(frozen=True)
class Letterbox:
    """Where a part of a source picture lies in the stored one.

    Args:
        crop: x0, y0, x1, y1 in source pixels, the second corner outside.
        frame_shape: height and width of the stored picture.
    """

    crop: tuple[int, int, int, int]
    frame_shape: tuple[int, int]

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.crop
        if not (0 <= x0 < x1 and 0 <= y0 < y1):
            raise ValueError(f"crop {self.crop} must be x0, y0, x1, y1 with x0 < x1 and y0 < y1, none negative")

    @property
    def scale(self) -> float:
        """Stored pixels a source pixel."""
        x0, y0, x1, y1 = self.crop
        return min(self.frame_shape[0] / (y1 - y0), self.frame_shape[1] / (x1 - x0))

    @property
    def content_shape(self) -> tuple[int, int]:
        """Height and width of the picture within the stored frame; the rest is black."""
        x0, y0, x1, y1 = self.crop
        return max(1, round((y1 - y0) * self.scale)), max(1, round((x1 - x0) * self.scale))

    @property
    def margin(self) -> tuple[int, int]:
        """Black rows above and black columns left of the picture."""
        return (
            (self.frame_shape[0] - self.content_shape[0]) // 2,
            (self.frame_shape[1] - self.content_shape[1]) // 2,
        )

    def __call__(self, pixels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "stored_h stored_w"]:
        """The stored picture; made smaller by averaging areas, larger by linear interpolation."""
        height, width = self.content_shape
        top, left = self.margin
        resample = Image.Resampling.BOX if self.scale < 1 else Image.Resampling.BILINEAR
        content = Image.fromarray(pixels).resize((width, height), resample, box=self.crop)
        stored = np.zeros(self.frame_shape, dtype=np.uint8)
        stored[top : top + height, left : left + width] = np.asarray(content)
        return stored

    def to_stored(self, xy: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Source coordinates (x, y; pixel edges at whole numbers) in the stored picture."""
        return (xy - np.array(self.crop[:2])) * self.scale + np.array(self.margin[::-1])

    def to_source(self, xy: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """The way back from stored to source coordinates."""
        return (xy - np.array(self.margin[::-1])) / self.scale + np.array(self.crop[:2])
