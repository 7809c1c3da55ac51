"""Find the scanned sector of a clip, from its pixels, and blank all that lies outside: names, logos, scales.

What moves and is bright is tissue; what stands still is drawn by the machine. The sector is the convex hull of
the large connected pieces of it, after an opening that tears letters and lines off. A curved probe's sector
is hollow at the top, so the part of the hull nearer to its apex than any tissue is cut away too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image, ImageDraw
from scipy import ndimage

WORKING_SIZE = 256  # the sector is looked for in a picture of this size
MOVES = 2.5  # gray levels of standard deviation over a clip; JPEG and H.264 leave standing text below that
STANDS_OUT = 8  # gray levels above the background
FLAT = 2  # gray levels between neighbors
MIN_FRAMES_FOR_MOTION = 5
MIN_MOVING_SHARE = 0.35  # of the bright area; below, the clip is taken as frozen
MIN_AREA = 0.05  # of the picture
MIN_SOLIDITY = 0.35  # the pieces' area over their hull's; dark chambers in a good fan leave 0.43
SURE_SOLIDITY = 0.75  # below, what moves is believed alone
LARGE_PIECE = 0.1  # of the largest piece's area
WHOLE = 0.97  # of the picture: nothing is left to blank


@dataclass(frozen=True)
class Sector:
    """A sector in source pixels.

    Attributes:
        mask: what lies inside.
        box: x0, y0, x1, y1 of the mask.
    """

    mask: Bool[np.ndarray, "h w"]
    box: tuple[int, int, int, int]

    def blank(self, pixels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
        """The picture with black outside the sector."""
        return np.where(self.mask, pixels, np.uint8(0))


def find_sector(frames: Sequence[UInt8[np.ndarray, "h w"]]) -> Sector | None:
    """The sector that all frames of a clip share.

    Args:
        frames: some or all frames of one clip, all of one shape.

    Returns:
        The sector, which may fill the picture; None where nothing like a fan or a rectangle stands out.
    """
    height, width = frames[0].shape
    step = max(1.0, max(height, width) / WORKING_SIZE)
    shape = max(1, round(height / step)), max(1, round(width / step))
    small = np.stack([_shrink(frame, shape) for frame in frames]).astype(np.float32)
    bright = small.max(axis=0)
    tissue = (bright > _background(bright) + STANDS_OUT) & _textured(bright)
    candidates = [_large_pieces(tissue)]
    if len(small) >= MIN_FRAMES_FOR_MOTION:
        moving = ndimage.binary_closing(small.std(axis=0) > MOVES, iterations=2) & tissue
        if moving.sum() >= MIN_MOVING_SHARE * tissue.sum():
            pieces = _large_pieces(moving)
            # The near field hardly moves: what stands still is taken in as long as the whole looks like a sector.
            standing = candidates[0] & ~_touching(candidates[0], pieces)
            candidates = [pieces | standing, pieces]
    hulls = [found for candidate in candidates if (found := _hull_of(candidate)) is not None]
    if not hulls:
        return None
    piece, filled = next((hull for hull in hulls if _solidity(*hull) >= SURE_SOLIDITY), hulls[-1])
    if filled.sum() > WHOLE * filled.size:
        return Sector(np.ones((height, width), dtype=bool), (0, 0, width, height))
    filled &= ~_hollow(piece, filled)
    # One working pixel inward: a letter that touches the edge must not leave a rim.
    filled = ndimage.binary_erosion(filled, border_value=1)
    full = Image.fromarray(np.where(filled, 255, 0).astype(np.uint8)).resize((width, height), Image.Resampling.BILINEAR)
    mask = np.asarray(full) > 127
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Sector(mask, (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))


def convex_hull(points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "m 2"]:
    """Corners of the convex hull, in order around it.

    Source: A. M. Andrew, "Another efficient algorithm for convex hulls in two dimensions", 1979.
    """
    ordered = sorted({(float(x), float(y)) for x, y in points})

    def half(path: list[tuple[float, float]]) -> list[tuple[float, float]]:
        corners: list[tuple[float, float]] = []
        for x, y in path:
            while len(corners) > 1:
                (x0, y0), (x1, y1) = corners[-2:]
                if (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0:
                    break
                corners.pop()
            corners.append((x, y))
        return corners[:-1]

    return np.array(half(ordered) + half(ordered[::-1]) or ordered, dtype=np.float64)


def fill_polygon(corners: Float[np.ndarray, "n 2"], shape: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Pixels whose centers lie in a polygon of (x, y) corners, its edge included."""
    image = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in corners], fill=1, outline=1)
    return np.array(image, dtype=bool)


def _shrink(frame: UInt8[np.ndarray, "h w"], shape: tuple[int, int]) -> UInt8[np.ndarray, "small_h small_w"]:
    if frame.shape == shape:
        return frame
    return np.asarray(Image.fromarray(frame).resize((shape[1], shape[0]), Image.Resampling.BOX))


def _background(bright: Float[np.ndarray, "h w"]) -> float:
    """The gray of what is not scanned: the commonest value of the picture's rim, or of its dark tenth."""
    rim = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    values, counts = np.unique(rim.round(), return_counts=True)
    return float(min(values[counts.argmax()], np.quantile(bright, 0.1)))


def _textured(bright: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Where neighbors differ: echoes always do, the bars and boxes of a machine's screen don't."""
    return ndimage.maximum_filter(bright, 3) - ndimage.minimum_filter(bright, 3) > FLAT


def _large_pieces(tissue: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The largest connected piece, and those that are not much smaller: a shadow may cut a sector in two."""
    # The order is important. 1. Strokes of letters vanish, before 2. would make them one block. 2. The holes of
    # speckle are filled. 3. What hangs on by a thread tears off.
    without_strokes = ndimage.binary_opening(np.pad(tissue, 4), structure=_disk(1.5))
    closed = ndimage.binary_closing(without_strokes, iterations=2)
    solid = ndimage.binary_fill_holes(closed)
    opened = ndimage.binary_opening(solid, structure=_disk(4.0))[4:-4, 4:-4]
    labels, n_pieces = _label(opened)
    if not n_pieces:
        return np.zeros_like(tissue)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return (sizes >= LARGE_PIECE * sizes.max())[labels]


def _label(pieces: Bool[np.ndarray, "h w"]) -> tuple[Int[np.ndarray, "h w"], int]:
    labels, n_pieces = ndimage.label(pieces)  # pyright: ignore[reportGeneralTypeIssues]
    return labels, int(n_pieces)


def _touching(pieces: Bool[np.ndarray, "h w"], others: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Those pieces that share a pixel with others."""
    labels, n_pieces = _label(pieces)
    shared = np.zeros(n_pieces + 1, dtype=bool)
    shared[labels[others]] = True
    shared[0] = False
    return shared[labels]


def _hull_of(piece: Bool[np.ndarray, "h w"]) -> tuple[Bool[np.ndarray, "h w"], Bool[np.ndarray, "h w"]] | None:
    """The pieces and their filled hull; None where that is no sector."""
    if piece.sum() < MIN_AREA * piece.size:
        return None
    filled = fill_polygon(convex_hull(_outline(piece)), piece.shape)
    if _solidity(piece, filled) < MIN_SOLIDITY:
        return None
    return piece, filled


def _solidity(piece: Bool[np.ndarray, "h w"], filled: Bool[np.ndarray, "h w"]) -> float:
    return float(piece.sum() / filled.sum())


def _disk(radius: float) -> Bool[np.ndarray, "d d"]:
    steps = np.arange(-int(radius), int(radius) + 1)
    return steps[:, None] ** 2 + steps[None] ** 2 <= radius**2


def _outline(piece: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "n 2"]:
    """The first and last pixel of each row, as (x, y): all that a convex hull needs."""
    rows = np.flatnonzero(piece.any(axis=1))
    first = piece[rows].argmax(axis=1)
    last = piece.shape[1] - 1 - piece[rows, ::-1].argmax(axis=1)
    return np.concatenate([np.stack([first, rows], 1), np.stack([last, rows], 1)]).astype(np.float64)


def _hollow(piece: Bool[np.ndarray, "h w"], filled: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The part of the hull above a curved probe's face: nearer to the apex than 999 of 1000 tissue pixels."""
    nothing = np.zeros_like(filled)
    rows = np.flatnonzero(filled.any(axis=1))
    # The two sides of a fan, from the rows between its upper corners and its widest place.
    left = filled[rows].argmax(axis=1).astype(np.float64)
    right = (filled.shape[1] - 1 - filled[rows, ::-1].argmax(axis=1)).astype(np.float64)
    widest = int(np.argmax(right - left))
    if widest < 16:
        return nothing
    part = slice(widest // 8, widest * 7 // 8)
    left_slope, left_start = np.polyfit(rows[part], left[part], 1)
    right_slope, right_start = np.polyfit(rows[part], right[part], 1)
    if right_slope - left_slope < 0.2:
        return nothing  # nearly parallel sides: a linear probe has no apex
    apex_y = (left_start - right_start) / (right_slope - left_slope)
    apex_x = left_start + left_slope * apex_y
    y, x = np.indices(filled.shape)
    radius = np.hypot(y - apex_y, x - apex_x)
    if apex_y > rows[0] + 2:
        return nothing
    return filled & (radius < np.quantile(radius[piece], 0.001) - 1)
