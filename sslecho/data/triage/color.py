"""Colour that is blood or muscle in motion, told from tinted gray maps, colour bars, headers, letters and ECG lines.

Colour is measured as chroma: (Cb, Cr) of BT.601, 0 for gray. A gray map with a tint has one hue for all brightnesses,
so its chroma is a function of luma alone and can be taken off; flow is what is left.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy import ndimage

from sslecho.data.triage import pieces

LIT = 8.0  # luma above which a pixel can show a hue
BINS = 32
# Chroma. Gray maps stored as JPEG or H.264 stay below 8; the darkest red of a flow map has 40.
STRONG, WEAK = 20.0, 11.0
NO_COLOR = 24  # gray levels between channels; chroma is .53 of that at most, less than SPECK
PASTEL = 0.18  # of the luma: less chroma than that is a white with a cast, not flow
TINT_LEAST = 1.2  # median chroma from which a brightness counts as tinted
TINT_SHARE, TINT_AGREES, TINT_FITS = 0.7, 0.9, 0.6  # of the lit pixels; of their hues; of pixels that it explains
TINT_MOST = 0.8  # saturation: gray maps keep some of every channel, flow does not
BAR_WIDTH = 0.08  # of the picture's side: a colour bar is at most so wide,
BAR_FILLED = 0.85  # fills so much of its bounding box,
BAR_LONG = 2.0  # is so many times as long as wide,
BAR_LEAST = 0.06  # and so long against the picture's side
# One paint: nearly all values as near to the median as noise; or most within FLAT on a surface with upright edges or at
# the picture's rim, with letters on it. Slow flow is dull too, but has neither.
PAINT_NOISE, PAINT_SHARE = 3, 0.85
FLAT, FLAT_SHARE = 12, 0.5
SMALL = 0.02  # of the picture: headers and charts are larger
NEAR, SPECK = 0.15, 14.0  # of the picture's side around flow, and the chroma that counts as flow there
ROOT = 0.15  # least share of a flow that is red or blue rather than yellow, green or cyan


@dataclass(frozen=True)
class Colored:
    """What of a picture is in colour.

    Args:
        flow: pixels of flow.
        bars: pixels of colour bars.
        painted: pixels of flat coloured surfaces (headers, charts).
        chroma: what is left after the tint of the gray map.
    """

    flow: Bool[np.ndarray, "h w"]
    bars: Bool[np.ndarray, "h w"]
    painted: Bool[np.ndarray, "h w"]
    chroma: Float32[np.ndarray, "h w"]


def flow_mask(rgb: UInt8[np.ndarray, "h w 3"]) -> Bool[np.ndarray, "h w"]:
    """Pixels that show flow (or tissue velocity), after a tint of the gray map has been taken off.

    Made for blanking: specks and threads near certain flow count, and so may a letter or the box's edge there. Far from
    any flow letters, lines, colour bars and large painted surfaces are not part of it.
    """
    found = sort_colors(rgb)
    if not (found.flow | found.painted).any():
        return found.flow
    # Slow flow may be as even as paint. No clip is called colour for that alone, but where one is, it must go.
    numbers, _ = pieces.number_pieces(found.painted)
    even = np.isin(numbers, 1 + np.flatnonzero(pieces.areas(numbers) <= SMALL * numbers.size))
    seeds = found.flow | even
    seeds &= ~_without_root(seeds, rgb)
    if not seeds.any():
        return seeds
    away = np.asarray(ndimage.distance_transform_edt(~seeds))
    return seeds | ((away <= NEAR * min(rgb.shape[:2])) & (found.chroma > SPECK) & ~found.bars)


def sort_colors(rgb: UInt8[np.ndarray, "h w 3"]) -> Colored:
    """Divide the coloured pixels of a picture into flow and graphics."""
    height, width, _ = rgb.shape
    if not _may_be_colored(rgb):
        nothing = np.zeros((height, width), bool)
        return Colored(nothing, nothing, nothing, np.zeros((height, width), np.float32))
    chroma, luma = residual_chroma(rgb)
    empty = np.zeros(chroma.shape, bool)
    strong = chroma > np.maximum(STRONG, PASTEL * luma)
    if not strong.any():
        return Colored(empty, empty, empty, chroma)
    thick = pieces.opened(strong, square=True)  # letters and lines are thinner
    parts, _ = pieces.number_pieces(thick)
    flow, bars, painted = empty.copy(), empty.copy(), empty.copy()
    for number, where in enumerate(pieces.boxes(parts), start=1):
        part = parts[where] == number
        kind = (
            bars if _is_bar(part, rgb.shape) else painted if _is_painted(part, rgb[where], where, rgb.shape) else flow
        )
        kind[where] |= part
    # The rim of a flow is mixed with gray: grow into weaker colour, but not far.
    flow &= ~_without_root(flow, rgb)
    reach = max(2, min(rgb.shape[:2]) // 100)
    if flow.any():
        flow = pieces.grown(flow, by=reach, within=(chroma > WEAK) & ~bars & ~painted)
    return Colored(flow, bars, painted, chroma)


def _may_be_colored(rgb: UInt8[np.ndarray, "h w 3"]) -> bool:
    """Whether any two channels differ by as much as the least flow; gray maps in a lossy codec don't."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    most = np.maximum(np.maximum(red, green), blue)
    return bool((most - np.minimum(np.minimum(red, green), blue)).max() > NO_COLOR)


def residual_chroma(
    rgb: UInt8[np.ndarray, "h w 3"],
) -> tuple[Float32[np.ndarray, "h w"], Float32[np.ndarray, "h w"]]:
    """Chroma after the gray map's tint, and luma."""
    values = rgb.astype(np.float32)
    luma = values @ np.array([0.299, 0.587, 0.114], np.float32)
    cb, cr = 0.564 * (values[..., 2] - luma), 0.713 * (values[..., 0] - luma)
    tint = _tint(values, luma, cb, cr)
    if tint is None:
        return np.hypot(cb, cr).astype(np.float32), luma
    centers, tint_cb, tint_cr = tint
    left = np.hypot(cb - np.interp(luma, centers, tint_cb), cr - np.interp(luma, centers, tint_cr))
    return left.astype(np.float32), luma


def _tint(
    values: np.ndarray, luma: np.ndarray, cb: np.ndarray, cr: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Chroma as a function of luma, where it has one hue throughout; None where there is none."""
    # Painted surfaces are as flat as no echo is; a blue header must not pass for the hue of the gray map.
    grainy = pieces.spread(luma) > 1
    lit = (luma > LIT) & grainy
    n_lit = int(lit.sum())
    if n_lit < 64:
        return None
    bins = np.minimum((luma[lit] * (BINS / 256)).astype(int), BINS - 1)
    order = np.argsort(bins, kind="stable")
    counts = np.bincount(bins, minlength=BINS)
    starts = np.concatenate([[0], np.cumsum(counts)])
    lit_cb, lit_cr, lit_luma = cb[lit][order], cr[lit][order], luma[lit][order]
    found, weights = [], []
    for k in range(BINS):
        if counts[k] < max(12, 0.0003 * n_lit):
            continue
        one = slice(starts[k], starts[k + 1])
        found.append((np.median(lit_luma[one]), np.median(lit_cb[one]), np.median(lit_cr[one])))
        weights.append(counts[k])
    if not found:
        return None
    table, weight = np.array(found), np.array(weights) / n_lit
    size = np.hypot(table[:, 1], table[:, 2])
    tinted = size >= TINT_LEAST
    if weight[tinted].sum() < TINT_SHARE:
        return None
    hue = np.stack([table[tinted, 1], table[tinted, 2]], axis=1) / size[tinted, None]
    if np.linalg.norm(np.average(hue, axis=0, weights=weight[tinted])) < TINT_AGREES:
        return None
    middle = lit & (luma > 40) & (luma < 220)
    if middle.any():
        most = values[middle].max(axis=1)
        if np.median((most - values[middle].min(axis=1)) / most) > TINT_MOST:
            return None
    left = np.hypot(
        cb[lit] - np.interp(luma[lit], table[:, 0], table[:, 1]),
        cr[lit] - np.interp(luma[lit], table[:, 0], table[:, 2]),
    )
    if np.mean(left < WEAK) < TINT_FITS:
        return None
    # Black has no hue.
    return np.r_[0, table[:, 0]], np.r_[0, table[:, 1]], np.r_[0, table[:, 2]]


def _is_bar(part: Bool[np.ndarray, "h w"], shape: tuple[int, ...]) -> bool:
    height, width = part.shape
    narrow, long = min(height, width), max(height, width)
    side = shape[1] if width < height else shape[0]
    long_side = shape[0] if width < height else shape[1]
    return bool(
        narrow <= BAR_WIDTH * side
        and long >= max(BAR_LONG * narrow, BAR_LEAST * long_side)
        and part.mean() >= BAR_FILLED
    )


def _without_root(flow: Bool[np.ndarray, "h w"], rgb: UInt8[np.ndarray, "h w 3"]) -> Bool[np.ndarray, "h w"]:
    """Parts that are yellow, green, cyan or magenta throughout, as letters and calipers are.

    A flow map runs from dark red to yellow and from dark blue to cyan (power maps: red to yellow), and fast flow lies
    within slower flow.
    """
    out = np.zeros(flow.shape, bool)
    parts, n = pieces.number_pieces(pieces.grown(flow, by=2))
    if n == 0:
        return out
    values = rgb.astype(np.int16)
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    root = flow & (((red > blue + 20) & (green < 0.7 * red)) | ((blue > red + 20) & (green < 0.85 * blue)))
    rootless = 1 + np.flatnonzero(pieces.areas(parts, of=root) < ROOT * pieces.areas(parts, of=flow))
    return flow & np.isin(parts, rootless)


def _is_painted(
    part: Bool[np.ndarray, "h w"], rgb: UInt8[np.ndarray, "h w 3"], where: tuple[slice, slice], shape: tuple[int, ...]
) -> bool:
    """A header or a chart: mostly one paint."""
    values = rgb[part].astype(np.int16)
    off = np.abs(values - np.median(values, axis=0)).max(axis=1)
    if np.mean(off <= PAINT_NOISE) >= PAINT_SHARE and len(values) >= 60:
        return True
    rim = where[0].start <= 1 or where[1].start <= 1 or where[0].stop >= shape[0] - 1 or where[1].stop >= shape[1] - 1
    return bool(np.mean(off <= FLAT) >= FLAT_SHARE and (rim or part.mean() >= BAR_FILLED))
