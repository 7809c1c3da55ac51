"""Perceptual hash of the picture inside the sector: bits that resizing, gain and JPEG leave nearly alone.

Source: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2.1 (DCT based
hash): the picture is smoothed and made 32 x 32; its DCT's 8 x 8 coefficients that follow the lowest row and column are
compared with their median, a bit each. Here the picture is the sector alone, in the window that `content` sets; what
lies in it but outside the sector takes the sector's mean; means over areas smooth and shrink in one step; and a second
hash of 16 x 16 coefficients tells apart what the first one can't: pictures of one kind share their low frequencies.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt64

from sslecho.data.audit.content import Windows

SIDE = 32
COARSE, FINE = 8, 16  # coefficients a side: 64 and 256 bits


class Hashes(NamedTuple):
    """Two hashes a picture."""

    coarse: UInt64[np.ndarray, " n"]
    fine: UInt64[np.ndarray, "n 4"]


def hashes_of(pictures: Float32[np.ndarray, "n h w"], mask: Bool[np.ndarray, "h w"]) -> Hashes:
    """Hashes of pictures of one clip.

    Args:
        pictures: 0 outside the mask.
        mask: the clip's sector.
    """
    windows, basis, inside = Windows(pictures), _cosines(), mask.astype(np.float32)
    down, across = basis @ windows.rows(SIDE), (basis @ windows.columns(SIDE)).transpose(0, 2, 1)
    means = pictures.sum(axis=(1, 2)) / inside.sum()
    spectra = down @ (pictures - means[:, None, None] * inside) @ across
    return Hashes(_bits(spectra[:, :COARSE, :COARSE])[:, 0], _bits(spectra))


def distances(a: UInt64[np.ndarray, "..."], b: UInt64[np.ndarray, "..."]) -> Int64[np.ndarray, "..."]:
    """Bits in which words differ; shapes are broadcast."""
    return np.bitwise_count(a ^ b).astype(np.int64)


def _bits(spectra: Float32[np.ndarray, "n k k"]) -> UInt64[np.ndarray, "n words"]:
    flat = spectra.reshape(len(spectra), -1)
    above = flat > np.median(flat, axis=1, keepdims=True)
    return np.packbits(above, axis=1).view(np.uint64)


def _cosines() -> Float32[np.ndarray, "fine side"]:
    """Rows 1 to 16 of the orthonormal DCT-II of 32 values; row 0, the mean, is left out."""
    position, frequency = np.arange(SIDE)[None], np.arange(1, FINE + 1)[:, None]
    return (np.sqrt(2 / SIDE) * np.cos(np.pi * (2 * position + 1) * frequency / (2 * SIDE))).astype(np.float32)
