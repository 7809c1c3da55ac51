"""Find the scanned sector of a clip and blank all that lies outside: names, logos, scales.

What moves and has grain is tissue (`evidence`); the fan or the rectangle that explains it best is the sector
(`starts`, `score`). A fan's geometry holds where the picture is dark: its far field, the side behind a rib. Where no
such shape fits, the convex hull of what echoes is taken, with little confidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from sslecho.data.readers.recording import Region
from sslecho.data.sector import rim
from sslecho.data.sector.evidence import Evidence, dilated, gather
from sslecho.data.sector.outline import Outline
from sslecho.data.sector.polygon import Sector, box_of, convex_hull, fewer_corners, fill_polygon, rows_ends
from sslecho.data.sector.score import Fans, Score, climb_box, climb_fans
from sslecho.data.sector.starts import starts

CONFIDENT = 0.85  # of the benchmark's clips, one in eleven lies below
FOR_ECHO = 8.0  # weight of an echo left out, in dark pixels taken in
FOR_STROKE = 2.0  # further weight of a letter taken in
MIN_AREA = 0.03  # of the picture, that echoes must fill
WHOLE = 0.97  # of the picture: nothing is left to blank
BOX_FIRST = 0.01  # a rectangle that scores no more than this share worse than the best fan is believed
CORNER = 0.1  # of a rectangle's sides: three of its corners must hold echoes
TURN_GAIN = 0.04  # in score, of edges that turn on their own
CUT_GAIN = 0.01  # in score, of each side that cuts a fan
LENT_LOSS = 0.5  # in score, that a lent outline may cost by the dark it takes in; of echoes it may lose …
LENT_OUT = 0.02  # … this share
MOST_CUT = 0.07  # of an outline, that may be cut off around letters …
MUCH_CUT = 0.8  # … and the confidence where it is more
HULL_ABOVE = 0.12  # share of the echoes that may lie outside a fan before the hull is taken

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class Fit:
    """An outline in working pixels, and its score."""

    outline: Outline
    score: float


def find_sector(
    frames: Sequence[UInt8[np.ndarray, "h w"]],
    *,
    regions: Sequence[Region] = (),
    outlines: Sequence[Outline] = (),
) -> Sector | None:
    """The sector that all frames of a clip share.

    Args:
        frames: some or all frames of one clip, all of one shape.
        regions: what the file says; its largest 2-D region bounds the search.
        outlines: sectors of other clips of the same device; the one that explains this clip best is taken over
            where the clip's own is doubtful.

    Returns:
        The sector, which may fill the picture; None where nothing like a fan or a rectangle stands out.
    """
    shape = frames[0].shape
    region = _largest(regions, shape)
    within = None
    if region is not None:
        within = np.zeros(shape, dtype=bool)
        within[region[1] : region[3], region[0] : region[2]] = True
    seen = gather(frames, within)
    if seen.pieces.sum() < MIN_AREA * (seen.pieces.size if within is None else within.mean() * seen.pieces.size):
        return None
    weights = FOR_ECHO * seen.sure + seen.faint - 1 - FOR_STROKE * seen.strokes
    score = Score(weights)
    hull = convex_hull(rows_ends(seen.pieces))
    if len(hull) < 3:
        return None
    how = "regions" if region is not None else "intensity" if seen.still else "motion"
    if fill_polygon(hull, seen.pieces.shape).sum() > WHOLE * seen.pieces.size:
        return _whole(shape)
    fit = _own(seen, hull, weights, score)
    found = _sector(seen, fit.outline, how, region)
    if found is None or found.confidence < CONFIDENT:
        lent = _lent(seen, score, outlines, shape)
        if lent is not None and lent.score > fit.score - LENT_LOSS * abs(fit.score):
            found = _sector(seen, lent.outline, "outline", region) or found
    if found is not None and rim.BARE_FROM < found.confidence < CONFIDENT and rim.is_bare(seen, fit.outline, hull):
        found = replace(found, confidence=rim.BARE, how=found.how if found.how == "outline" else "bare")
    if rim.left_out(seen, fit.outline) > HULL_ABOVE:
        found = _from_hull(seen, hull, how) or found
    return found


def _largest(regions: Sequence[Region], shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """The box of the largest 2-D region, within the picture."""
    boxes = []
    for region in regions:
        x0, y0, x1, y1 = region.box
        box = max(x0, 0), max(y0, 0), min(x1, shape[1]), min(y1, shape[0])
        if region.format == "2d" and box[2] - box[0] > 8 and box[3] - box[1] > 8:
            boxes.append(box)
    return max(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]), default=None)


def _own(seen: Evidence, hull: Float[np.ndarray, "corners 2"], weights: Float[np.ndarray, "h w"], score: Score) -> Fit:
    """The fan or the rectangle that scores best."""
    shape = seen.pieces.shape
    quick = Score(weights, every=4)
    fans, box = starts(seen.pieces, hull, quick)
    picture = (-0.5, -0.5, shape[1] - 0.5, shape[0] - 0.5)
    box, box_score = climb_box(score, box, steps=(4.0, 2.0, 1.0, 0.5))
    box = np.clip(box, -0.5, [shape[1] - 0.5, shape[0] - 0.5] * 2)
    rectangle = Fit(Outline(shape, tuple(box[0].tolist())), float(box_score[0]))
    if not len(fans):
        return rectangle
    fans, _ = climb_fans(quick, fans, steps=(8.0, 4.0), free=False)
    first = int(score.fans(fans).argmax())
    fans, scores = climb_fans(score, fans[first : first + 1], steps=(4.0, 2.0, 1.0, 0.5), free=False)
    if rectangle.score > scores[0] - BOX_FIRST * abs(scores[0]) and _has_corners(seen, rectangle.outline):
        return rectangle
    if rim.confidence(seen, _fan(shape, fans, picture)) < CONFIDENT:
        turned, turned_scores = climb_fans(score, fans, steps=(4.0, 2.0, 1.0, 0.5), free=True)
        believed = (rim.support(seen, _fan(shape, turned, picture))[:2] > 0.8).all()
        if believed and turned_scores[0] > (1 + TURN_GAIN) * scores[0]:
            fans, scores = turned, turned_scores
    clip = _cut(seen, score, fans, float(scores[0]), picture)
    if clip != picture:
        fans, scores = climb_fans(score, fans, steps=(4.0, 2.0, 1.0, 0.5), free=False, clip=clip)
    return Fit(_fan(shape, fans, clip), float(scores[0]))


def _fan(shape: tuple[int, int], fans: Fans, clip: Rectangle) -> Outline:
    x, y, left, right, near, far = fans[0].tolist()
    return Outline(shape, clip, (x, y), (left, right), (near, far))


def _cut(seen: Evidence, score: Score, fans: Fans, uncut: float, picture: Rectangle) -> Rectangle:
    """Where a zoomed fan is cut off: sides of the rectangle around the echoes, if echoes lie all along them."""
    x0, y0, x1, y1 = box_of(seen.pieces)
    sides = (x0 - 0.5, y0 - 0.5, x1 - 0.5, y1 - 0.5)
    clip = picture
    inside = fill_polygon(_fan(seen.pieces.shape, fans, picture).polygon(), seen.pieces.shape)
    dense = dilated(seen.faint, 1) > 0.25
    for side in range(4):
        tried = _with(picture, side, sides[side])
        if score.fans(fans, tried)[0] < uncut + CUT_GAIN * abs(uncut):
            continue
        line = (np.s_[:, x0 + 2], np.s_[y0 + 2], np.s_[:, x1 - 3], np.s_[y1 - 3])[side]
        across = inside[line]
        if across.sum() > 0.2 * len(across) and dense[line][across].mean() > 0.6:
            clip = _with(clip, side, sides[side])
    return clip


def _with(box: Rectangle, side: int, value: float) -> Rectangle:
    x0, y0, x1, y1 = (value if k == side else old for k, old in enumerate(box))
    return x0, y0, x1, y1


def _has_corners(seen: Evidence, rectangle: Outline) -> bool:
    x0, y0, x1, y1 = rectangle.clip
    wide, high = CORNER * (x1 - x0), CORNER * (y1 - y0)
    filled = 0
    for left in (x0, x1 - wide):
        for top in (y0, y1 - high):
            part = seen.faint[max(0, round(top)) : round(top + high) + 1, max(0, round(left)) : round(left + wide) + 1]
            filled += bool(part.size and part.mean() > 0.12)
    return filled >= 3


def _lent(seen: Evidence, score: Score, outlines: Sequence[Outline], shape: tuple[int, ...]) -> Fit | None:
    """The best of other clips' outlines of this picture size."""
    best = None
    for outline in outlines:
        if outline.shape != tuple(shape):
            continue
        small = outline.scaled(1 / seen.step)
        if small.apex is None:
            value = float(score.boxes(np.array([small.clip]))[0])
        else:
            fan = np.array([[*small.apex, *small.angles, *small.radii]])
            value = float(score.fans(fan, small.clip)[0])
        if (best is None or value > best.score) and rim.left_out(seen, small) <= LENT_OUT:
            best = Fit(small, value)
    return best


def _sector(seen: Evidence, small: Outline, how: str, region: tuple[int, int, int, int] | None) -> Sector | None:
    """An outline of working size as a sector of the source, kept clear of what is written at its rim."""
    outline = small.scaled(seen.step)
    outline = Outline(seen.shape, outline.clip, outline.apex, outline.angles, outline.radii)
    if region is not None:
        x0, y0, x1, y1 = outline.clip
        clip = max(x0, region[0] - 0.5), max(y0, region[1] - 0.5), min(x1, region[2] - 0.5), min(y1, region[3] - 0.5)
        outline = Outline(seen.shape, clip, outline.apex, outline.angles, outline.radii)
    polygon = outline.polygon(inset=rim.inset(seen, small))
    if len(polygon) < 3:
        return None
    polygon = fewer_corners(polygon)
    drawn = fill_polygon(polygon, seen.shape)
    mask = rim.without_strokes(seen, drawn)
    if not mask.any():
        return None
    confidence = rim.confidence(seen, small)
    if how == "outline":
        confidence = (1 + confidence) / 2  # other clips have spoken for it already
    if mask.sum() < (1 - MOST_CUT) * drawn.sum():
        confidence = min(confidence, MUCH_CUT)
    return Sector(mask, box_of(mask), polygon, confidence, how, outline)


def _from_hull(seen: Evidence, hull: Float[np.ndarray, "corners 2"], how: str) -> Sector | None:
    polygon = fewer_corners((hull + 0.5) * seen.step - 0.5)
    mask = fill_polygon(polygon, seen.shape)
    return Sector(mask, box_of(mask), polygon, 0.1, how) if mask.any() else None


def _whole(shape: tuple[int, ...]) -> Sector:
    height, width = shape
    corners = np.array([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)], dtype=np.float64)
    outline = Outline((height, width), (-0.5, -0.5, width - 0.5, height - 0.5))
    return Sector(np.ones((height, width), dtype=bool), (0, 0, width, height), corners, 1.0, "whole", outline)
