"""What speaks for ultrasound at each pixel: echoes change from frame to frame and have grain; a screen's don't.

All of it comes from three reductions over the clip (darkest, brightest, and the brightest of three frames after an
opening), so that a long clip costs little more than a short one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8
from PIL import Image
from scipy import ndimage

WORKING_SIZE = 256  # the sector is looked for in a picture of this size
MOST_FRAMES = 16  # a clip's further frames tell nothing new
MIN_FRAMES_FOR_MOTION = 5
MIN_MOVING_SHARE = 0.35  # of the area with grain; below, the clip is taken as frozen
CHUNK = 8  # gray levels above the background that an echo must have left after the opening
STROKE = 50  # gray levels above the background that a stroke must have
LIT = 24  # gray levels above the background that the edge of a stroke must have
GRAIN = 6  # gray levels between neighbors
# A lossy codec is told from small changes where nothing but the codec can have changed anything.
SMALL_CHANGE, LOSSY_SHARE = 3, 0.003
LOSSLESS_CHANGE = 1  # gray levels that an echo changes by
LOSSY_FAINT, LOSSY_SURE = 6, 8  # the same where blocks shimmer that straddle the sector's rim …
SHIMMER, NEARBY = 0.2, 7  # … by less than this share of what is brightest within so many working pixels
LARGE_PIECE = 0.1  # of what moves in the largest piece
NEAR_PIECE = 0.01  # of the same, for the top of the fan
STILL_REACH = 10  # working pixels: what a still shows farther from its pieces is no echo
STANDING_WEIGHT = np.float32(0.8)  # of grain that doesn't move, beside echoes that do


@dataclass(frozen=True)
class Evidence:
    """Maps of working size.

    Attributes:
        shape: height and width of the source.
        step: source pixels a working pixel.
        sure: 0..1, the share of a pixel that is surely echo.
        faint: 0..1, the same by a low threshold.
        strokes: letters, traces, ticks outside the tissue.
        pieces: large connected areas of echoes.
        still: whether nothing moves, so that brightness alone has spoken.
        bright: the brightest value of each source pixel.
        ground: the gray of what is not scanned.
        lossy: whether a codec has changed small things.
        change: by how much each source pixel changes; 0 where the region shuts it out.
    """

    shape: tuple[int, int]
    step: float
    sure: Float32[np.ndarray, "h w"]
    faint: Float32[np.ndarray, "h w"]
    strokes: Bool[np.ndarray, "h w"]
    pieces: Bool[np.ndarray, "h w"]
    still: bool
    bright: UInt8[np.ndarray, "source_h source_w"]
    ground: int
    lossy: bool
    change: UInt8[np.ndarray, "source_h source_w"]


def gather(frames: Sequence[UInt8[np.ndarray, "h w"]], within: Bool[np.ndarray, "h w"] | None = None) -> Evidence:
    """Look at a clip.

    Args:
        frames: of one clip, all of one shape.
        within: source pixels that count at all; None for all.
    """
    height, width = frames[0].shape
    step = max(1.0, max(height, width) / WORKING_SIZE)
    shape = max(1, round(height / step)), max(1, round(width / step))
    bright, change = _range(frames)
    ground = background(shrink(bright, shape))
    whole = bright
    if within is not None:
        bright, change = np.where(within, bright, np.uint8(ground)), np.where(within, change, np.uint8(0))
    small = shrink(bright, shape)
    solid = np.zeros(shape, np.uint8)
    for k in np.unique(np.linspace(0, len(frames) - 1, 3).round().astype(int)):
        # Opened before it is shrunk, too: blurred letters would run into one block.
        sharp = frames[k] if step == 1 else opened(frames[k])
        np.maximum(solid, opened(shrink(sharp, shape)), out=solid)
    chunks = solid > min(min(ground, background(solid)) + CHUNK, 255)
    if within is not None:
        chunks &= shrink(within.astype(np.uint8), shape) > 0
    strokes = (small > min(ground + STROKE, 255)) & ~dilated(chunks, 1)
    spread = dilated(small, 1) - eroded(small, 1)
    # Bars and boxes of the screen are flat; what is written on them goes with them.
    flat = dilated(eroded(chunks & (spread <= 2), 2), 6)
    grain = ndimage.uniform_filter(((spread > GRAIN) & chunks & ~flat).astype(np.float32), 3) > 0.6
    drawn = dilated(strokes, 4) | flat

    lossy = _is_lossy(change)
    faint = _share(change > (LOSSY_FAINT if lossy else LOSSLESS_CHANGE), shape)
    moving = np.where(chunks & ~drawn, faint, np.float32(0))
    still = len(frames) < MIN_FRAMES_FOR_MOTION or moving.sum() < MIN_MOVING_SHARE * grain.sum()
    if still:
        faint = sure = _share(bright > min(ground + (LOSSY_SURE if ground or lossy else CHUNK), 255), shape)
        moving = grain.astype(np.float32)
    elif lossy:
        limit = np.maximum(np.float32(LOSSY_SURE), dilated(small, NEARBY) * np.float32(SHIMMER))
        sure = (shrink(change, shape) > limit).astype(np.float32)
    else:
        sure = faint
    pieces = _large_pieces(moving, grain)
    if still:
        drawn = drawn | ~dilated(pieces, STILL_REACH)
    standing_grain = np.where(pieces & grain & chunks, STANDING_WEIGHT, np.float32(0))
    faint, sure = (np.maximum(np.where(drawn, np.float32(0), share), standing_grain) for share in (faint, sure))
    return Evidence((height, width), step, sure, faint, strokes, pieces, bool(still), whole, ground, lossy, change)


def background(picture: UInt8[np.ndarray, "h w"]) -> int:
    """The gray of what is not scanned: the commonest value of the picture's rim, or of its dark tenth."""
    rim = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    counts: Int[np.ndarray, " n"] = np.bincount(picture.ravel(), minlength=256)
    tenth = int(np.searchsorted(np.cumsum(counts), 0.1 * picture.size))
    return min(int(np.bincount(rim).argmax()), tenth)


def shrink(picture: UInt8[np.ndarray, "h w"], shape: tuple[int, int]) -> UInt8[np.ndarray, "small_h small_w"]:
    """Made smaller by averaging areas."""
    if picture.shape == shape:
        return picture
    return np.asarray(Image.fromarray(picture).resize((shape[1], shape[0]), Image.Resampling.BOX))


def dilated(picture: np.ndarray, radius: int) -> np.ndarray:
    """Maximum over a square; of any type. Much faster at these sizes than a general filter."""
    return _extreme(picture, radius, np.maximum)


def eroded(picture: np.ndarray, radius: int) -> np.ndarray:
    """Minimum over a square."""
    return _extreme(picture, radius, np.minimum)


def opened(picture: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Without strokes that are up to two pixels wide."""
    return dilated(eroded(picture, 1), 1)


def labeled(pieces: Bool[np.ndarray, "h w"]) -> tuple[Int[np.ndarray, "h w"], int]:
    """The number of its connected piece for each pixel (0: none; corners connect), and how many there are."""
    labels, n_pieces = ndimage.label(pieces, structure=np.ones((3, 3)))  # pyright: ignore[reportGeneralTypeIssues]
    return np.asarray(labels), int(n_pieces)


def _extreme(picture: np.ndarray, radius: int, which: np.ufunc) -> np.ndarray:
    """The extreme of a square around each pixel: of runs along an axis, each made of two runs half as long.

    Beyond the picture its rim is repeated, which changes no extreme.
    """
    # As bytes, for which the extremes are vectorized.
    found = picture.view(np.uint8) if picture.dtype == bool else picture
    for axis in (0, 1):
        found = np.pad(found, [(radius, radius) if axis == other else (0, 0) for other in (0, 1)], mode="edge")
        run, whole = 1, 2 * radius + 1
        while run < whole:
            step = min(run, whole - run)
            # New arrays throughout: in place, NumPy would copy what overlaps.
            found = which(found[:-step], found[step:]) if axis == 0 else which(found[:, :-step], found[:, step:])
            run += step
    return found.view(bool) if picture.dtype == bool else found


def _range(
    frames: Sequence[UInt8[np.ndarray, "h w"]],
) -> tuple[UInt8[np.ndarray, "h w"], UInt8[np.ndarray, "h w"]]:
    """The brightest value of each pixel, and by how much it changes."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), MOST_FRAMES)).round().astype(int))
    bright = frames[chosen[0]].copy()
    dark = bright.copy()
    for k in chosen[1:]:
        np.maximum(bright, frames[k], out=bright)
        np.minimum(dark, frames[k], out=dark)
    return bright, bright - dark


def _is_lossy(change: UInt8[np.ndarray, "h w"]) -> bool:
    some = change[::4]
    small = np.count_nonzero((some > 0) & (some <= SMALL_CHANGE))
    return bool(small > LOSSY_SHARE * (some.size - np.count_nonzero(some)))


def _share(truth: Bool[np.ndarray, "h w"], shape: tuple[int, int]) -> Float32[np.ndarray, "small_h small_w"]:
    return shrink(truth.view(np.uint8) * np.uint8(255), shape).astype(np.float32) / np.float32(255)


def _large_pieces(moving: Float32[np.ndarray, "h w"], grain: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The piece in which most moves, and those with not much less: a shadow may cut a sector in two."""
    dense = ndimage.uniform_filter(np.maximum(moving, grain), 5) > 0.4
    labels, n_pieces = labeled(dense)
    mass = np.bincount(labels.ravel(), weights=moving.ravel(), minlength=n_pieces + 1)
    mass[0] = 0
    if mass.max() < 1:
        return np.zeros_like(grain)
    kept = mass >= max(LARGE_PIECE * mass.max(), 1)
    kept[0] = False
    # The near field hardly moves: what stands still right above the rest is the fan's top.
    first, _, last, _ = np.quantile(np.flatnonzero(kept[labels].any(axis=0)), [0.25, 0.5, 0.75, 1])
    areas = np.bincount(labels.ravel(), minlength=n_pieces + 1)
    rows, columns = (
        np.bincount(labels.ravel(), weights=where.ravel()) / np.maximum(areas, 1) for where in np.indices(labels.shape)
    )
    middle = (rows[kept] * areas[kept]).sum() / areas[kept].sum()
    kept |= (areas >= NEAR_PIECE * mass.max()) & (rows < middle) & (columns > first) & (columns < last)
    kept[0] = False
    return kept[labels]
