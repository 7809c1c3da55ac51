"""A decoded DICOM frame of any photometric interpretation -> uint8 luma, and where asked RGB."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from pydicom import Dataset

from sslecho.data.readers.dicom.decoders import Picture
from sslecho.data.readers.dicom.header import number
from sslecho.data.readers.dicom.layout import Layout
from sslecho.data.readers.dicom.palette import palette

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
TINT = 8  # gray levels of 255 by which the colors of a palette's entry may differ before it counts as color


class Shades:
    """Turns decoded frames into gray and RGB; the same mapping for all frames of a file.

    Raises:
        Unreadable: the palette is missing or damaged.
    """

    def __init__(self, header: Dataset, layout: Layout):
        self._layout = layout
        self._table = None
        if layout.photometric == "PALETTE COLOR":
            self._table, self._first = palette(header)
            self._luma = np.rint(self._table @ np.array(LUMA)).astype(np.uint8)
        self._slope, self._offset = self._scaling(header)
        if self._table is not None:
            self.is_color = bool(np.ptp(self._table.astype(np.int64), axis=1).max() > TINT)
        else:
            self.is_color = layout.samples == 3

    def gray(self, picture: Picture) -> UInt8[np.ndarray, "h w"]:
        """Luma of a frame."""
        samples = picture.samples
        if picture.luma is not None:
            return picture.luma
        if picture.space in ("luma", "ybr"):
            # Source: DICOM PS3.3 C.7.6.3.1.2: YBR_FULL's first sample is the luma, in full range.
            return self._to_8_bits(samples if samples.ndim == 2 else np.ascontiguousarray(samples[..., 0]))
        if picture.space == "rgb":
            return np.asarray(self._merged(samples).convert("L"))
        if self._table is not None:
            return self._luma[self._entries(samples)]
        return self._scaled(samples)

    def rgb(self, picture: Picture) -> UInt8[np.ndarray, "h w 3"]:
        """A frame in color; a gray one has three times the same."""
        samples = picture.samples
        if picture.space == "rgb":
            return np.ascontiguousarray(self._of_three(samples))
        if picture.space == "ybr":
            ybr = Image.fromarray(np.ascontiguousarray(self._of_three(samples)), mode="YCbCr")
            return np.asarray(ybr.convert("RGB"))
        if self._table is not None:
            return self._table[self._entries(samples)]
        return np.repeat(self.gray(picture)[..., None], 3, axis=2)

    def _merged(self, samples: np.ndarray) -> Image.Image:
        samples = self._of_three(samples)
        if samples.strides[-1] == 1:
            return Image.fromarray(samples)
        # Color by planes; far faster than to lay the samples side by side first.
        return Image.merge("RGB", [Image.fromarray(samples[..., color]) for color in range(3)])

    def _of_three(self, samples: np.ndarray) -> UInt8[np.ndarray, "h w 3"]:
        if samples.ndim != 3 or samples.shape[2] != 3:
            raise ValueError("a color frame needs three samples a pixel")
        return self._to_8_bits(samples)

    def _to_8_bits(self, samples: np.ndarray) -> np.ndarray:
        if samples.dtype == np.uint8:
            return samples
        return (samples >> max(self._layout.bits_stored - 8, 0)).astype(np.uint8)

    def _entries(self, samples: np.ndarray) -> np.ndarray:
        """The table's entry for each stored value.

        Values below the first mapped one take the first entry, values above the last one the last.
        Source: DICOM PS3.3 C.7.6.3.1.5.
        """
        return np.clip(self._signed(samples).astype(np.int64) - self._first, 0, len(self._luma) - 1)

    def _scaled(self, samples: np.ndarray) -> UInt8[np.ndarray, "h w"]:
        if samples.ndim != 2:
            raise ValueError("a gray frame needs one sample a pixel")
        if (self._slope, self._offset) == (1.0, 0.0) and samples.dtype == np.uint8:
            gray = samples
        else:
            gray = np.clip(np.rint(self._signed(samples) * self._slope + self._offset), 0, 255).astype(np.uint8)
        return 255 - gray if self._layout.photometric == "MONOCHROME1" else gray

    def _signed(self, samples: np.ndarray) -> np.ndarray:
        """Samples with the sign that the header claims; codecs can't all store one, or store the wrong one."""
        bits = self._layout.bits_stored
        if self._layout.signed == (samples.dtype.kind == "i"):
            return samples
        values = samples.astype(np.int64) & (2**bits - 1)
        return np.where(values >= 2 ** (bits - 1), values - 2**bits, values) if self._layout.signed else values

    def _scaling(self, header: Dataset) -> tuple[float, float]:
        """slope, offset from stored values to 0..255: the window for deep pixels, else all that the bits can hold."""
        bits = self._layout.bits_stored
        center, width = number(header, "WindowCenter"), number(header, "WindowWidth")
        if bits > 8 and center is not None and width is not None and width > 1:
            # The window speaks of values after the rescale. Source: DICOM PS3.3 C.11.2.1.2.
            rescale = number(header, "RescaleSlope") or 1.0
            intercept = number(header, "RescaleIntercept") or 0.0
            slope = 255 / (width - 1)
            return slope * rescale, slope * (intercept - (center - 0.5)) + 127.5
        slope = 255 / (2**bits - 1)
        return slope, (slope * 2 ** (bits - 1) if self._layout.signed else 0.0)
