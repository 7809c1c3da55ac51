"""What is covered: the heart, and as large a part of the sector without it.

Madani et al. 2018, "Fast and accurate view classification of echocardiograms using deep learning": gray masks over
every test image, and the accuracy with the heart covered against that without. Covering anything makes a picture
strange, so the drop alone proves nothing; the same area of background makes it as strange.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

CENTRAL = 0.25  # of the sector's area: what is taken for the heart where nobody says where it is
LEAST = 0.02  # of the sector's area: a smaller mask covers nothing that could be compared


class Pair(NamedTuple):
    """Two masks of the same area inside the sector, which share no pixel."""

    heart: Bool[np.ndarray, "h w"]
    background: Bool[np.ndarray, "h w"]


def pair_of(heart: Bool[np.ndarray, "h w"], sector: Bool[np.ndarray, "h w"]) -> Pair | None:
    """The heart's part of the sector, and of the rest the pixels that are farthest from it.

    Where the sector has less background than heart, only the heart's innermost pixels are covered, as many as there is
    background. None where less than `LEAST` of the sector can be covered.
    """
    inside = heart & sector
    rest = sector & ~heart
    area = min(int(inside.sum()), int(rest.sum()))
    if area < max(1, LEAST * sector.sum()):
        return None
    return Pair(_farthest(inside, area), _farthest(rest, area, start=inside))


def central(sector: Bool[np.ndarray, "h w"], share: float = CENTRAL) -> Bool[np.ndarray, "h w"]:
    """The sector's middle: an ellipse about its centroid, as wide and high to each other as the sector is, with so
    large a share of its area."""
    y, x = np.mgrid[: sector.shape[0], : sector.shape[1]]
    rows, columns = np.flatnonzero(sector.any(1)), np.flatnonzero(sector.any(0))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    away = np.hypot((y - y[sector].mean()) / height, (x - x[sector].mean()) / width)
    return _first(np.where(sector, away, np.inf), round(share * int(sector.sum())))


def box(shape: tuple[int, int], corners: tuple[float, float, float, float]) -> Bool[np.ndarray, "h w"]:
    """A rectangle of the picture.

    Args:
        corners: x0, y0, x1, y1 as shares of its width and height.
    """
    height, width = shape
    y, x = np.mgrid[:height, :width]
    x0, y0, x1, y1 = corners
    return ((x + 0.5) / width >= x0) & ((x + 0.5) / width < x1) & ((y + 0.5) / height >= y0) & ((y + 0.5) / height < y1)


def covered(
    frames: UInt8[np.ndarray, "n h w"], masks: Bool[np.ndarray, "n h w"], sectors: Bool[np.ndarray, "n h w"]
) -> UInt8[np.ndarray, "n h w"]:
    """Frames with their masks in one gray, the mean of each frame's sector."""
    n_pixels = np.maximum(sectors.sum((1, 2)), 1)
    grays = np.round((frames * sectors).sum((1, 2), dtype=np.int64) / n_pixels).astype(np.uint8)
    return np.where(masks, grays[:, None, None], frames)


def _farthest(
    part: Bool[np.ndarray, "h w"], area: int, start: Bool[np.ndarray, "h w"] | None = None
) -> Bool[np.ndarray, "h w"]:
    """So many pixels of a part, those that lie farthest from `start`, or from what is not the part."""
    if area == int(part.sum()):
        return part
    away = ndimage.distance_transform_edt(part if start is None else ~start)
    return _first(np.where(part, -np.asarray(away), np.inf), area)


def _first(order: Float[np.ndarray, "h w"], area: int) -> Bool[np.ndarray, "h w"]:
    """The pixels with the lowest values, so many; among equals the first ones."""
    mask = np.zeros(order.size, bool)
    mask[np.argsort(order, axis=None, kind="stable")[:area]] = True
    return mask.reshape(order.shape)
