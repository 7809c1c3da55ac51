"""Perceptual hash of the picture inside the sector: bits that resizing, gain and JPEG leave nearly alone.

Source: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2.1 (DCT based
hash): the picture is smoothed and made 32 x 32; its DCT's 8 x 8 coefficients that follow the lowest row and column are
compared with their median, a bit each. Here the picture is the sector alone; what lies in its box but outside the
sector takes the sector's mean; means over areas smooth and shrink in one step; and a second hash of 16 x 16
coefficients tells apart what the first one can't: ultrasound pictures of one kind share their low frequencies.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64, UInt64

from sslecho.data.audit.content import Content, averaging

SIDE = 32
COARSE, FINE = 8, 16  # coefficients a side: 64 and 256 bits


class Hashes(NamedTuple):
    """Two hashes a picture."""

    coarse: UInt64[np.ndarray, " n"]
    fine: UInt64[np.ndarray, "n 4"]


class Hasher:
    """Hashes frames of one clip.

    Args:
        content: the clip's sector, in frames of the shape of its mask.
    """

    def __init__(self, content: Content):
        height, width = content.mask.shape
        x0, y0, x1, y1 = content.box
        basis = _cosines()
        self._down = basis @ averaging(height, SIDE, y0, y1)
        self._across = (basis @ averaging(width, SIDE, x0, x1)).T
        self._mask = content.mask.astype(np.float32)
        self._of_mask = self._down @ self._mask @ self._across

    def __call__(self, pictures: Float32[np.ndarray, "n h w"]) -> Hashes:
        """Hashes of pictures that are 0 outside the sector."""
        means = pictures.reshape(len(pictures), -1) @ self._mask.ravel() / self._mask.sum()
        # The DCT is linear: the sector's mean is taken off its coefficients, not off every pixel.
        spectra = self._down @ pictures @ self._across - means[:, None, None] * self._of_mask
        return Hashes(_bits(spectra[:, :COARSE, :COARSE])[:, 0], _bits(spectra))


def distances(a: UInt64[np.ndarray, "*shape"], b: UInt64[np.ndarray, "*shape"]) -> Int64[np.ndarray, "*shape"]:
    """Bits in which words differ."""
    return np.bitwise_count(a ^ b).astype(np.int64)


def _bits(spectra: Float32[np.ndarray, "n k k"]) -> UInt64[np.ndarray, "n words"]:
    flat = spectra.reshape(len(spectra), -1)
    above = flat > np.median(flat, axis=1, keepdims=True)
    return np.packbits(above, axis=1).view(np.uint64)


def _cosines() -> Float32[np.ndarray, "fine side"]:
    """Rows 1 to 16 of the orthonormal DCT-II of 32 values; row 0, the mean, is left out."""
    position, frequency = np.arange(SIDE)[None], np.arange(1, FINE + 1)[:, None]
    return (np.sqrt(2 / SIDE) * np.cos(np.pi * (2 * position + 1) * frequency / (2 * SIDE))).astype(np.float32)
