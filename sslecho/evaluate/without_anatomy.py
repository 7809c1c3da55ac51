"""Two pictures of a clip that hold no anatomy: the outline of its sector, and what lies outside of it.

Both are 24 x 24 pixels, as the baseline "pixels" sees frames. Whoever names a view from them has not seen the heart.
A store of `--sector mask` has outlines, drawn into its frames, and black around them. One of `--sector off` has the
surroundings and no outline. What lies outside is then what is well away from the sector that is found in its frames;
clips in which it is uncertain are left out. The outline that is found there says nothing of a shortcut: no encoder saw
it, and where the finder errs, it errs by what it sees in the sector.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8

from sslecho.data.sector import CONFIDENT, fill_polygon, find_sector
from sslecho.data.sector.evidence import dilated
from sslecho.data.store import Store
from sslecho.models.baselines import PIXELS_SIDE, PixelEncoder
from sslecho.progress import track

MOST_FRAMES = 16  # of a clip, evenly spread: the finder takes no more
# Of the picture's side: nearer to the sector nothing counts as outside, lest echoes at its rim do. At 0.03 the views of
# 60 simulated patients without any mark were told from what was left (balanced accuracy .64), at 0.06 they were not.
RIM = 0.06


class WithoutAnatomy(NamedTuple):
    """Features of m clips, and which clips have them."""

    outline: Float32[np.ndarray, "m 576"]
    has_outline: Bool[np.ndarray, " m"]
    outside: Float32[np.ndarray, "m 576"]
    has_outside: Bool[np.ndarray, " m"]


def without_anatomy(store: Store, clips: Int64[np.ndarray, " m"]) -> WithoutAnatomy:
    """Draw both pictures.

    Args:
        clips: rows of the store's clips.
    """
    found = WithoutAnatomy(
        np.zeros((len(clips), PIXELS_SIDE**2), np.float32),
        np.zeros(len(clips), bool),
        np.zeros((len(clips), PIXELS_SIDE**2), np.float32),
        np.zeros(len(clips), bool),
    )
    reach = max(1, round(RIM * max(store.frame_shape)))
    for place, (mask, frames) in enumerate(_looked_at(store, clips)):
        if mask is None:
            continue
        if frames is None:
            found.outline[place], found.has_outline[place] = _small(mask[None] * np.uint8(255))[0], True
        else:
            outside = frames * ~dilated(mask, reach)
            found.outside[place], found.has_outside[place] = _small(outside).mean(0), True
    return found


def _looked_at(
    store: Store, clips: Int64[np.ndarray, " m"]
) -> Iterator[tuple[Bool[np.ndarray, "h w"] | None, UInt8[np.ndarray, "n h w"] | None]]:
    """Each clip's sector, None where it is not known; and its frames where they show what lies outside."""
    words, polygons = store.column("sector"), store.column("sector_polygon")
    n_frames = store.clips["n_frames"].to_numpy()
    first = np.cumsum(n_frames) - n_frames
    with track("sectors", total=len(clips), unit="clips") as progress:
        for clip in clips:
            if words[clip] == "off":
                spread = np.linspace(0, n_frames[clip] - 1, min(n_frames[clip], MOST_FRAMES)).round().astype(np.int64)
                frames = store.read(first[clip] + spread)
                sector = find_sector(list(frames))
                sure = sector is not None and sector.confidence >= CONFIDENT
                yield (sector.mask if sure and sector is not None else None), frames
            elif words[clip] == "mask" and polygons[clip] is not None:
                # A stored polygon's whole numbers are edges of pixels, those of `fill_polygon` are centers.
                yield fill_polygon(np.array(polygons[clip]).reshape(-1, 2) - 0.5, store.frame_shape), None
            else:
                yield (np.ones(store.frame_shape, bool) if words[clip] == "whole" else None), None
            progress.advance()


def _small(pictures: UInt8[np.ndarray, "n h w"]) -> Float32[np.ndarray, "n 576"]:
    return PixelEncoder().encode(torch.from_numpy(pictures)).numpy()
