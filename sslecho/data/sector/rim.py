"""What happens at a sector's rim: how well echoes reach up to it, and what is written across it."""

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from sslecho.data.sector.evidence import Evidence, dilated
from sslecho.data.sector.outline import Outline
from sslecho.data.sector.polygon import fill_polygon

INSET = 0.5  # working pixels; the polygon's own edge pixels are filled, so that this much is lost on neither side
WRITTEN_INSET = 1.5  # where something is written close by
REACH = 3.0  # working pixels: a stroke that starts outside is cut off so far into the sector


def left_out(seen: Evidence, outline: Outline) -> float:
    """Share of the sure echoes outside an outline."""
    mask = fill_polygon(outline.polygon(), seen.sure.shape)
    echoes = np.where(seen.pieces, seen.sure, 0)
    return float(1 - echoes[mask].sum() / max(float(echoes.sum()), 1e-6))


def inset(seen: Evidence, outline: Outline) -> float:
    """By how many source pixels the polygon is drawn inside the outline."""
    if not seen.still:
        return INSET  # standing letters are told from echoes one by one
    mask = fill_polygon(outline.polygon(), seen.sure.shape)
    close = dilated(mask, 1) & ~mask & seen.strokes
    return seen.step * (WRITTEN_INSET if close.any() else INSET)


def without_strokes(
    seen: Evidence, mask: Bool[np.ndarray, "h w"], core: Bool[np.ndarray, "h w"]
) -> Bool[np.ndarray, "h w"]:
    """The mask less the standing letters that reach over its rim, with a pixel around them; never less than `core`."""
    if seen.standing is None:
        return mask
    # Deep inside nothing is looked at: the near field of a held probe stands still as letters do.
    written = seen.standing & ~core
    if not (written & mask).any():
        return mask
    labels, n_pieces = ndimage.label(written, structure=np.ones((3, 3)))  # pyright: ignore[reportGeneralTypeIssues]
    outside = np.zeros(int(n_pieces) + 1, dtype=bool)
    outside[labels[~dilated(mask, 1)]] = True
    outside[0] = False
    cut = outside[labels] & mask
    return mask & (core | ~dilated(cut, 1)) if cut.any() else mask


def confidence(seen: Evidence, outline: Outline) -> float:
    """From how much of each edge is met by echoes."""
    return float(np.clip(min(support(seen, outline)) + 0.3, 0, 1))


def support(seen: Evidence, outline: Outline) -> Float[np.ndarray, " 4"]:
    """Share of the left edge, the right one, the near and the far one behind which echoes lie at once."""
    corners = outline.polygon(inset=2.0)
    height, width = seen.faint.shape
    if len(corners) < 3:
        return np.zeros(4)
    dense = ndimage.uniform_filter(seen.faint, 3)
    sides: list[list[float]] = [[], [], [], []]
    middle = corners.mean(axis=0)
    for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        length = float(np.hypot(*(stop - start)))
        n = max(1, round(length / 2))
        points = start + (stop - start) * ((np.arange(n) + 0.5) / n)[:, None]
        across, down = (start + stop) / 2 - middle
        steep = abs(stop[1] - start[1]) > abs(stop[0] - start[0])
        side = (0 if across < 0 else 1) if steep else (2 if down < 0 else 3)
        x, y = np.clip(points.round().astype(int), 0, [width - 1, height - 1]).T
        sides[side].extend((dense[y, x] > 0.25).tolist())
    return np.array([np.mean(side) if side else 1.0 for side in sides])
