"""Stills that are graphics rather than a sector (spectral, M-mode, two or four pictures): keep their panels whole.

A panel is a rectangle. Where the file describes regions, those of traces are kept whole; in a 2-D one the sector is
looked for, because names stand in the corners that a fan leaves free. Else the rectangles around the large areas with
grain are kept. Text between and around them is cut.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from sslecho.data.readers.recording import Region
from sslecho.data.sector.evidence import WORKING_SIZE, background, dilated, labeled, opened, shrink
from sslecho.data.sector.find import find_sector
from sslecho.data.sector.polygon import Sector, box_of, convex_hull, fill_polygon

GRAIN = 6  # gray levels between neighbors
FILLED = 0.3  # of a square's pixels, that make it a part of a panel
MIN_PANEL = 0.04  # of the picture
LARGE = 0.15  # of the largest panel
FROM_PIXELS = 0.4  # confidence, a doubtful one: text that stands on a panel's background can't be told from its scale
FROM_FILE = 0.9
TRACES = ("spectral", "m-mode", "waveform")

Box = tuple[int, int, int, int]


def find_panel(frames: Sequence[UInt8[np.ndarray, "h w"]], *, regions: Sequence[Region] = ()) -> Sector | None:
    """The panels of a still, or of a clip that isn't a sector's.

    Args:
        frames: of one shape.
        regions: what the file says; all that have a box of some size are kept.

    Returns:
        The union of the panels as a mask, and the hull of them as the polygon; None where there is none.
    """
    height, width = frames[0].shape
    described = [(region.format, box) for region in regions if (box := _within(region.box, (height, width)))]
    if described:
        return _of_regions(frames, described)
    step = max(1.0, max(height, width) / WORKING_SIZE)
    shape = max(1, round(height / step)), max(1, round(width / step))
    middle = shrink(frames[len(frames) // 2], shape)
    boxes = [_source(box, step, (height, width)) for box in _panels(middle)]
    return _sector(boxes, (height, width), FROM_PIXELS, "intensity") if boxes else None


def _of_regions(
    frames: Sequence[UInt8[np.ndarray, "h w"]], described: Sequence[tuple[str | None, Box]]
) -> Sector | None:
    """The traces' rectangles and the sectors in 2-D regions; one that shows none is left out."""
    mask = np.zeros(frames[0].shape, dtype=bool)
    confidence = FROM_FILE
    for kind, (x0, y0, x1, y1) in described:
        if kind in TRACES:
            mask[y0:y1, x0:x1] = True
        elif kind == "2d":
            sector = find_sector([np.ascontiguousarray(frame[y0:y1, x0:x1]) for frame in frames])
            if sector is not None:
                mask[y0:y1, x0:x1] |= sector.mask
                confidence = min(confidence, sector.confidence)
    if not mask.any():
        return None
    ys, xs = np.nonzero(mask)
    polygon = convex_hull(np.stack([xs, ys], axis=1).astype(np.float64))
    return Sector(mask, box_of(mask), polygon, confidence, "regions")


def _within(box: Box, shape: tuple[int, int]) -> Box | None:
    x0, y0, x1, y1 = max(box[0], 0), max(box[1], 0), min(box[2], shape[1]), min(box[3], shape[0])
    return (x0, y0, x1, y1) if x1 - x0 > 8 and y1 - y0 > 8 else None


def _panels(picture: UInt8[np.ndarray, "h w"]) -> list[Box]:
    """Rectangles around large areas with grain, in pixels of the picture."""
    solid = opened(picture)
    spread = dilated(solid, 1).astype(np.int16) - solid
    grain = (spread > GRAIN) & (dilated(solid, 1) > min(background(picture) + GRAIN, 255))
    area = ndimage.uniform_filter(grain.astype(np.float32), 7) > FILLED
    labels, n_areas = labeled(area)
    boxes = []
    for number in range(1, n_areas + 1):
        x0, y0, x1, y1 = _core(labels == number)
        boxes.append((x0, y0, x1, y1))
    sizes = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes]
    least = max(MIN_PANEL * picture.size, LARGE * max(sizes, default=0))
    return [box for box, size in zip(boxes, sizes, strict=True) if size >= least]


def _core(area: Bool[np.ndarray, "h w"]) -> Box:
    """The rectangle of an area without the rows and columns that only a tenth of the usual reaches."""
    rows, columns = area.sum(axis=1), area.sum(axis=0)
    kept_rows = np.flatnonzero(rows > 0.1 * np.median(rows[rows > 0]))
    kept_columns = np.flatnonzero(columns > 0.1 * np.median(columns[columns > 0]))
    return int(kept_columns[0]), int(kept_rows[0]), int(kept_columns[-1]) + 1, int(kept_rows[-1]) + 1


def _source(box: Box, step: float, shape: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = (round(value * step) for value in box)
    return x0, y0, min(x1, shape[1]), min(y1, shape[0])


def _sector(boxes: Sequence[Box], shape: tuple[int, int], confidence: float, how: str) -> Sector:
    mask = np.zeros(shape, dtype=bool)
    corners: list[Float[np.ndarray, "4 2"]] = []
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
        corners.append(np.array([(x0, y0), (x1 - 1, y0), (x1 - 1, y1 - 1), (x0, y1 - 1)], dtype=np.float64))
    polygon = convex_hull(np.concatenate(corners))
    # Several panels are no polygon: their hull says where they lie, the mask what is kept.
    if len(boxes) == 1:
        mask = fill_polygon(polygon, shape)
    return Sector(mask, box_of(mask), polygon, confidence, how)
