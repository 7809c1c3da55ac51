"""What happens at a sector's rim: how well echoes reach up to it, and what is written across it."""

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from sslecho.data.sector.evidence import LIT, Evidence, dilated, eroded, labeled, shrink
from sslecho.data.sector.outline import Outline
from sslecho.data.sector.polygon import box_of, fill_polygon

INSET = 0.75  # source pixels; half of one is given back, because the polygon's edge itself is filled
STILL_INSET = 1.5  # working pixels, of a still where something is written close by
MARGIN = 40  # source pixels around the sector, in which something written counts
CLEAR = 3.0  # working pixels that are kept clear around what is written outside
# Where nothing ever echoes, the true rim lies further inside. That is looked for up to so many working pixels inside …
BAND, SHALLOW = 6.0, 2.0
NEAR, FAR = 6.0, 20.0  # … and in the band within so many of what is written outside, in the shallow one within so many
VOID, LOSSY_VOID = 8, 12  # gray levels above the background that no echo stays below in all frames
FLAT, LOSSY_FLAT = 3, 6  # gray levels between neighbors in a bar of the screen …
SATURATED = 250  # … that is not tissue at the end of the scale
THREAD = 2  # source pixels; half the width of what is left
# What shows that nothing is written at all.
BARE = 0.9  # confidence then …
BARE_FROM = 0.3  # … unless hardly anything speaks for the outline
AROUND = 3  # working pixels around the echoes, where nothing need be a dot
DOT, JOINED = 4, 2  # working pixels: size of a scale's dots, and half the gap of letters that are one line
FAINT = 8  # gray levels above the background, of an echo
LOST = 0.003  # of the echoes that may lie outside the outline


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
    return seen.step * STILL_INSET if (dilated(mask, 1) & ~mask & seen.strokes).any() else INSET


def without_strokes(seen: Evidence, mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The mask kept clear of what is written outside it, and of what is written where its true rim lies inside it.

    Letters end where the true sector begins. Where the outline is too large, they therefore reach into it, with
    dark pixels between and around them that no frame ever fills.
    """
    rows, columns = (slice(max(0, start - MARGIN), stop + MARGIN) for start, stop in _extent(mask))
    inside, bright, change = mask[rows, columns], seen.bright[rows, columns], seen.change[rows, columns]
    written = bright > min(seen.ground + LIT, 255)
    # Right beyond the rim lies tissue where the outline is a little small; a still's is drawn inside it.
    slop = max(1, round((1 + STILL_INSET if seen.still else 1) * seen.step))
    outside = written & ~dilated(inside, slop) & (change <= np.maximum(bright // 2, np.uint8(10)))
    if not outside.any():
        return mask
    outside |= written & ~inside & dilated(outside, slop + 1)
    cut = dilated(outside, max(2, round(CLEAR * seen.step)))
    if not seen.still:
        void = inside & (bright <= min(seen.ground + (LOSSY_VOID if seen.lossy else VOID), 255))
        band, shallow = (dilated(~inside, round(depth * seen.step)) for depth in (BAND, SHALLOW))
        quiet = change <= (np.maximum(bright // 5, np.uint8(10)) if seen.lossy else 0)
        spread = dilated(bright, 1) - eroded(bright, 1)
        bar = written & quiet & (spread <= (LOSSY_FLAT if seen.lossy else FLAT)) & (bright < SATURATED)
        cut |= dilated((void & band & dilated(outside, round(NEAR * seen.step))) | (bar & shallow), 2)
        cut |= dilated(void & shallow & dilated(written, 2) & dilated(outside, round(FAR * seen.step)), 1)
    kept = inside & ~cut
    # Nothing hangs on by a thread.
    kept &= dilated(eroded(kept, THREAD), THREAD) | ~dilated(cut, 2 * THREAD)
    made = np.zeros_like(mask)
    made[rows, columns] = kept
    return made


def _extent(mask: Bool[np.ndarray, "h w"]) -> tuple[tuple[int, int], tuple[int, int]]:
    x0, y0, x1, y1 = box_of(mask)
    return (y0, y1), (x0, x1)


def confidence(seen: Evidence, outline: Outline) -> float:
    """How likely the outline is right, from how much of each edge is met by echoes.

    A logistic fit on phantom clips of twelve geometries (not those of the benchmark): the chance of an
    intersection over union of at least 0.92.
    """
    left, right, near, far = support(seen, outline)
    odds = 2.4 * min(left, right) + 2.3 * max(left, right) + 1.0 * near + 1.7 * far - 3.2
    return float(1 / (1 + np.exp(-odds)))


def is_bare(seen: Evidence, outline: Outline, hull: Float[np.ndarray, "corners 2"]) -> bool:
    """Whether nothing but echoes and the dots of a scale is shown, and all of them within the outline.

    Then nothing is written that a wrong outline might keep, and no echo that it might cut.
    """
    small = shrink(seen.bright, seen.pieces.shape)
    lit = small > min(seen.ground + LIT, 255)
    echoes = dilated(fill_polygon(hull, lit.shape), AROUND)
    beyond = dilated(lit & ~echoes, JOINED)
    labels, n_pieces = labeled(beyond)
    for rows, columns in ndimage.find_objects(labels, max_label=n_pieces):
        if max(rows.stop - rows.start, columns.stop - columns.start) > DOT + 2 * JOINED:
            return False
    faint = small > min(seen.ground + FAINT, 255)
    lost = faint & echoes & ~dilated(fill_polygon(outline.polygon(), lit.shape), 1)
    return bool(lost.sum() <= LOST * faint.sum())


def support(seen: Evidence, outline: Outline) -> Float[np.ndarray, " 4"]:
    """Share of the left edge, the right one, the near and the far one behind which echoes lie at once."""
    corners = outline.polygon(inset=2.0)
    if len(corners) < 3:
        return np.zeros(4)
    ahead = np.roll(corners, -1, axis=0) - corners
    # A sample each other pixel along every side.
    counts = np.maximum(1, np.hypot(*ahead.T).round().astype(int) // 2)
    side = np.repeat(np.arange(len(corners)), counts)
    along = (np.arange(len(side)) - np.repeat(np.cumsum(counts) - counts, counts) + 0.5) / counts[side]
    points = corners[side] + ahead[side] * along[:, None]
    height, width = seen.faint.shape
    x, y = np.clip(points.round().astype(int), 0, [width - 1, height - 1]).T
    met = ndimage.uniform_filter(seen.faint, 3)[y, x] > 0.25
    middle = corners + ahead / 2 - corners.mean(axis=0)
    steep = np.abs(ahead[:, 1]) > np.abs(ahead[:, 0])
    edge = np.where(steep, np.where(middle[:, 0] < 0, 0, 1), np.where(middle[:, 1] < 0, 2, 3))[side]
    return np.array([met[edge == k].mean() if (edge == k).any() else 1.0 for k in range(4)])
