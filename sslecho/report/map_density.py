"""So many points that they hide each other, as a picture: how many lie at a place, and which colors they have there."""

import numpy as np
from jaxtyping import Float, Float32, UInt8
from matplotlib.axes import Axes

SHADED_FROM = 100_000  # points; fewer are drawn one by one
CELLS = 720  # along a side: a cell is a dot of a third of a millimeter in a column's width
FAINTEST = 0.28  # opacity of a cell with a single point


def draw_density(axes: Axes, points: Float32[np.ndarray, "n 2"], colors: UInt8[np.ndarray, "n 3"]) -> None:
    """Shade the axes, whose limits are set: the mean color of a cell's points, the more opaque the more there are."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    image = density_image(points, colors, extent=(left, right, bottom, top))
    axes.imshow(image, extent=(left, right, bottom, top), origin="lower", interpolation="nearest", aspect="auto")


def density_image(
    points: Float32[np.ndarray, "n 2"],
    colors: UInt8[np.ndarray, "n 3"],
    *,
    extent: tuple[float, float, float, float],
    cells: int = CELLS,
) -> Float[np.ndarray, "cells cells 4"]:
    """Red, green, blue and opacity of each cell, in [0, 1], the lowest row first.

    Opacity rises with the rank of a cell's count among all counts, so that neither thin groups vanish nor one dense
    group takes the whole scale.

    Args:
        extent: left, right, bottom, top; points outside are left out.
        cells: along each side.
    """
    left, right, bottom, top = extent
    across = np.floor((points[:, 0] - left) / (right - left) * cells).astype(np.int64)
    up = np.floor((points[:, 1] - bottom) / (top - bottom) * cells).astype(np.int64)
    inside = (across >= 0) & (across < cells) & (up >= 0) & (up < cells)
    cell = (up * cells + across)[inside]
    counts = np.bincount(cell, minlength=cells * cells)
    filled = counts > 0
    image = np.zeros((cells * cells, 4))
    for channel in range(3):
        total = np.bincount(cell, weights=colors[inside, channel], minlength=cells * cells)
        image[filled, channel] = total[filled] / counts[filled] / 255
    different, rank = np.unique(counts[filled], return_inverse=True)
    image[filled, 3] = FAINTEST + (1 - FAINTEST) * rank / max(len(different) - 1, 1)
    return image.reshape(cells, cells, 4)
