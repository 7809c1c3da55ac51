"""A decoded DICOM frame of any photometric interpretation -> uint8 luma."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from pydicom import Dataset

from sslecho.data.readers.dicom.header import number, text
from sslecho.data.readers.dicom.palette import luma_table
from sslecho.data.readers.recording import Unreadable

# pydicom hands YBR_FULL and YBR_FULL_422 over as RGB; JPEG 2000 decoders undo YBR_ICT and YBR_RCT themselves.
COLOR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


class GrayScale:
    """Turns a frame as pydicom decodes it into gray; the same mapping for all frames of a file.

    Raises:
        Unreadable: a photometric interpretation that has no luma, or no description of the pixels.
    """

    def __init__(self, header: Dataset):
        self._photometric = text(header, "PhotometricInterpretation") or ""
        self._bits = int(number(header, "BitsStored") or number(header, "BitsAllocated") or 0)
        self._signed = number(header, "PixelRepresentation") == 1
        self._table = None
        if self._photometric == "PALETTE COLOR":
            self._table, self._first = luma_table(header)
        elif self._photometric not in (*COLOR, "MONOCHROME1", "MONOCHROME2"):
            raise Unreadable("its photometric interpretation is none that ultrasound uses")
        if not 1 <= self._bits <= 32:
            raise Unreadable("it does not say how many bits its pixels have")
        self._slope, self._offset = self._scaling(header)

    def __call__(self, pixels: np.ndarray) -> UInt8[np.ndarray, "h w"]:
        if self._photometric in COLOR:
            if pixels.ndim != 3 or pixels.shape[2] != 3:
                raise ValueError("a color frame needs three samples a pixel")
            if pixels.dtype != np.uint8:
                pixels = (pixels >> max(self._bits - 8, 0)).astype(np.uint8)
            return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))
        if pixels.ndim != 2:
            raise ValueError("a gray frame needs one sample a pixel")
        if self._table is not None:
            # Values below the first mapped one take the first entry, values above the last one the last.
            # Source: DICOM PS3.3 C.7.6.3.1.5.
            return self._table[np.clip(pixels.astype(np.int64) - self._first, 0, len(self._table) - 1)]
        if (self._slope, self._offset) == (1.0, 0.0) and pixels.dtype == np.uint8:
            gray = pixels
        else:
            gray = np.clip(np.rint(pixels * self._slope + self._offset), 0, 255).astype(np.uint8)
        return 255 - gray if self._photometric == "MONOCHROME1" else gray

    def _scaling(self, header: Dataset) -> tuple[float, float]:
        """slope, offset from stored values to 0..255: the window for deep pixels, else all that the bits can hold."""
        center, width = number(header, "WindowCenter"), number(header, "WindowWidth")
        if self._bits > 8 and center is not None and width is not None and width > 1:
            # The window speaks of values after the rescale. Source: DICOM PS3.3 C.11.2.1.2.
            rescale = number(header, "RescaleSlope") or 1.0
            intercept = number(header, "RescaleIntercept") or 0.0
            slope = 255 / (width - 1)
            return slope * rescale, slope * (intercept - (center - 0.5)) + 127.5
        slope = 255 / (2**self._bits - 1)
        return slope, (slope * 2 ** (self._bits - 1) if self._signed else 0.0)
