"""Any picture into a square one, never warped: cropped, scaled by one factor, centered, black at the sides.

The scaler is the video decoder's own: the mean of areas in a third of the time that Pillow needs, and within one
gray level of the exact mean where Pillow's box is up to a seventh of the range off.
"""

from dataclasses import dataclass
from functools import cached_property

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from jaxtyping import Bool, Float, UInt8

SCALER = VideoReformatter()  # keeps its tables as long as the sizes stay the same


@dataclass(frozen=True, eq=False)
class Letterbox:
    """Where a part of a source picture lies in the stored one.

    Args:
        crop: x0, y0, x1, y1 in source pixels, the second corner outside.
        frame_shape: height and width of the stored picture.
        mask: of the source picture: what is kept. All else is black before anything is averaged, so that no
            pixel outside has any part in a stored one.
    """

    crop: tuple[int, int, int, int]
    frame_shape: tuple[int, int]
    mask: Bool[np.ndarray, "h w"] | None = None

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
        x0, y0, x1, y1 = self.crop
        content = pixels[y0:y1, x0:x1]
        if self._kept_bits is not None:
            content = content & self._kept_bits  # a tenth of the time of np.where
        height, width = self.content_shape
        top, left = self.margin
        stored = np.zeros(self.frame_shape, dtype=np.uint8)
        stored[top : top + height, left : left + width] = _scaled(content, height, width)
        return stored

    @cached_property
    def _kept_bits(self) -> UInt8[np.ndarray, "crop_h crop_w"] | None:
        """All bits of the pixels inside the mask, none of those outside."""
        if self.mask is None:
            return None
        x0, y0, x1, y1 = self.crop
        return np.where(self.mask[y0:y1, x0:x1], np.uint8(255), np.uint8(0))

    def to_stored(self, xy: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Source coordinates (x, y; pixel edges at whole numbers) in the stored picture."""
        return (xy - np.array(self.crop[:2])) * self.scale + np.array(self.margin[::-1])

    def to_source(self, xy: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """The way back from stored to source coordinates."""
        return (xy - np.array(self.margin[::-1])) / self.scale + np.array(self.crop[:2])


def _scaled(pixels: UInt8[np.ndarray, "h w"], height: int, width: int) -> UInt8[np.ndarray, "new_h new_w"]:
    if pixels.shape == (height, width):
        return pixels
    frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(pixels), format="gray")
    method = "AREA" if height < pixels.shape[0] else "BILINEAR"
    return SCALER.reformat(frame, width=width, height=height, interpolation=method).to_ndarray()
