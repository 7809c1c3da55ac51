"""The sector of a clip of a store as a mask of its stored pixels: drawn from its polygon, or found again in its frames.

A store of `--sector mask` has polygons, and black around them. One of `--sector off` shows what lies outside; there the
sector is sought in the frames, and where it is uncertain nobody knows what is outside.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from sslecho.data.sector import CONFIDENT, fill_polygon, find_sector
from sslecho.data.store import Store

MOST_FRAMES = 16  # of a clip, evenly spread: the finder takes no more
# Of the picture's side: nearer to the sector nothing counts as outside, lest echoes at its rim do. At 0.03 the views of
# 60 simulated patients without any mark were told from what was left (balanced accuracy .64), at 0.06 they were not.
RIM = 0.06


class StoredSector(NamedTuple):
    """Where a clip's sector is.

    Attributes:
        mask: of stored pixels; None where it is not known.
        frames: in which it was found; None where nothing outside it was stored.
    """

    mask: Bool[np.ndarray, "h w"] | None
    frames: UInt8[np.ndarray, "n h w"] | None


class StoredSectors:
    """Of any clip of a store; a quarter of a second each where it has to be found."""

    def __init__(self, store: Store):
        self._store = store
        self._words, self._polygons = store.column("sector"), store.column("sector_polygon")
        self._n_frames = store.clips["n_frames"].to_numpy()
        self._first = np.cumsum(self._n_frames) - self._n_frames

    def of(self, clip: int) -> StoredSector:
        """Of one clip, by its row."""
        word, polygon = self._words[clip], self._polygons[clip]
        if word == "off":
            frames = self._store.read(self._spread(clip))
            sector = find_sector(list(frames))
            sure = sector is not None and sector.confidence >= CONFIDENT
            return StoredSector(sector.mask if sure and sector is not None else None, frames)
        if word == "mask" and polygon is not None:
            # A stored polygon's whole numbers are edges of pixels, those of `fill_polygon` are centers.
            mask = fill_polygon(np.array(polygon).reshape(-1, 2) - 0.5, self._store.frame_shape)
            return StoredSector(mask, None)
        return StoredSector(np.ones(self._store.frame_shape, bool) if word == "whole" else None, None)

    def _spread(self, clip: int) -> Int64[np.ndarray, " n"]:
        n_frames = int(self._n_frames[clip])
        spread = np.linspace(0, n_frames - 1, min(n_frames, MOST_FRAMES)).round().astype(np.int64)
        return int(self._first[clip]) + spread


def reach_of(store: Store) -> int:
    """How far around a sector nothing counts as outside, in stored pixels."""
    return max(1, round(RIM * max(store.frame_shape)))
