"""One pass over all frames of a store: what every later question needs, a few numbers a frame.

A million frames are 56 MB of these; the frames themselves are read once, in order, and forgotten.
"""

import copy
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8, UInt64

from sslecho.data.audit.content import content_of, frames_that_stand_for, polygons_of
from sslecho.data.audit.phash import hashes_of
from sslecho.data.store import Store
from sslecho.progress import track

FRAMES_A_TASK = 512
FRAMES_AT_ONCE = 64
BRIGHT = 8  # gray levels; below, nothing is seen
SATURATED = 250  # gray levels; above, the gray curve has no steps left


@dataclass(frozen=True)
class Scan:
    """What the pixels say; shares are of the sector's pixels.

    Attributes:
        checksum: 128 bits a frame, of all its stored pixels (BLAKE2b): equal where the pixels are.
        coarse, fine: the frames' perceptual hashes.
        spread: standard deviation of a frame's gray inside the sector.
        bright, saturated: shares of a frame's sector that are above black, and that are white.
        moved: mean change of gray since the clip's frame before; infinity for its first frame.
        mean_coarse, mean_fine: hashes of each clip's mean picture.
        area: each clip's sector as a share of the stored picture.
    """

    checksum: UInt64[np.ndarray, "n_frames 2"]
    coarse: UInt64[np.ndarray, " n_frames"]
    fine: UInt64[np.ndarray, "n_frames 4"]
    spread: Float32[np.ndarray, " n_frames"]
    bright: Float32[np.ndarray, " n_frames"]
    saturated: Float32[np.ndarray, " n_frames"]
    moved: Float32[np.ndarray, " n_frames"]
    mean_coarse: UInt64[np.ndarray, " n_clips"]
    mean_fine: UInt64[np.ndarray, "n_clips 4"]
    area: Float32[np.ndarray, " n_clips"]


def scan(store: Store, *, workers: int = 1) -> Scan:
    """Read every frame once.

    Args:
        store: the store.
        workers: threads; they don't decide the result.

    Raises:
        SslechoError: a shard can't be read.
    """
    polygons = polygons_of(store)
    n_frames = store.clips["n_frames"].to_numpy().astype(np.int64)
    first = np.cumsum(n_frames) - n_frames
    tasks = _in_pieces(n_frames)

    def work(clips: range) -> list[Scan]:
        # A store's open files belong to one thread.
        own = copy.copy(store)
        return [_scan_clip(own, int(first[clip]), int(n_frames[clip]), polygons[clip]) for clip in clips]

    parts: list[Scan] = []
    with track("check", total=len(store), unit="frames") as progress, ThreadPoolExecutor(max(1, workers)) as pool:
        for clips, found in zip(tasks, pool.map(work, tasks), strict=True):
            parts += found
            progress.advance(int(n_frames[clips.start : clips.stop].sum()))
    return Scan(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Scan)))


def look_at(
    store: Store, first: int, n_frames: int, polygon: list[float] | None
) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """A clip's mean picture, 0 outside its sector, and that sector."""
    frames = store.read(first + frames_that_stand_for(n_frames))
    mask = content_of(frames, polygon)
    return frames.mean(axis=0, dtype=np.float32) * mask, mask


def _in_pieces(n_frames: Int64[np.ndarray, " n_clips"]) -> list[range]:
    """The clips in order, so many at a time as hold about `FRAMES_A_TASK` frames."""
    piece = np.cumsum(n_frames) // FRAMES_A_TASK
    starts = np.flatnonzero(np.diff(piece, prepend=-1))
    return [range(int(a), int(b)) for a, b in zip(starts, [*starts[1:], len(n_frames)], strict=True)]


def _scan_clip(store: Store, first: int, n_frames: int, polygon: list[float] | None) -> Scan:
    mean, inside = look_at(store, first, n_frames, polygon)
    of_mean = hashes_of(mean[None], inside)
    parts, before = [], None
    for start in range(0, n_frames, FRAMES_AT_ONCE):
        frames = store.read(first + np.arange(start, min(n_frames, start + FRAMES_AT_ONCE)))
        parts.append(_facts(frames, inside, before))
        before = frames[-1]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    area = np.array([inside.mean()], dtype=np.float32)
    return Scan(**joined, mean_coarse=of_mean.coarse, mean_fine=of_mean.fine, area=area)


def _facts(
    frames: UInt8[np.ndarray, "n h w"],
    inside: Bool[np.ndarray, "h w"],
    before: UInt8[np.ndarray, "h w"] | None,
) -> dict[str, np.ndarray]:
    shown = np.where(inside, frames, np.uint8(0))
    n_inside = np.float32(inside.sum())
    pictures = shown.astype(np.float32)
    flat = pictures.reshape(len(frames), -1)
    mean = flat.sum(axis=1) / n_inside
    square = np.einsum("ni,ni->n", flat, flat) / n_inside
    hashes = hashes_of(pictures, inside)
    moved = np.full(len(frames), np.inf, dtype=np.float32)
    earlier = (
        shown[:-1] if before is None else np.concatenate([np.where(inside, before, np.uint8(0))[None], shown[:-1]])
    )
    later = shown[len(shown) - len(earlier) :]
    change = np.maximum(later, earlier) - np.minimum(later, earlier)
    moved[len(shown) - len(earlier) :] = change.sum(axis=(1, 2), dtype=np.float32) / n_inside
    checksums = b"".join(hashlib.blake2b(frame.data, digest_size=16).digest() for frame in frames)
    return {
        "checksum": np.frombuffer(checksums, dtype=np.uint64).reshape(-1, 2),
        "coarse": hashes.coarse,
        "fine": hashes.fine,
        "spread": np.sqrt(np.maximum(square - mean * mean, 0)).astype(np.float32),
        "bright": (np.count_nonzero(shown > BRIGHT, axis=(1, 2)) / n_inside).astype(np.float32),
        "saturated": (np.count_nonzero(shown >= SATURATED, axis=(1, 2)) / n_inside).astype(np.float32),
        "moved": moved,
    }
