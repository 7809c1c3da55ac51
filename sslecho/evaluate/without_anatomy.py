"""Two pictures of a clip that hold no anatomy: the outline of its sector, and what lies outside of it.

Both are 24 x 24 pixels, as the baseline "pixels" sees frames. Whoever names a view from them has not seen the heart.
A store of `--sector mask` has outlines, drawn into its frames, and black around them. One of `--sector off` has the
surroundings and no outline. What lies outside is then what is well away from the sector that is found in its frames;
clips in which it is uncertain are left out. The outline that is found there says nothing of a shortcut: no encoder saw
it, and where the finder errs, it errs by what it sees in the sector.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8

from sslecho.data.sector.evidence import dilated
from sslecho.data.store import Store
from sslecho.data.stored_sectors import StoredSectors, reach_of
from sslecho.models.baselines import PIXELS_SIDE, PixelEncoder
from sslecho.progress import track


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
    sectors, reach = StoredSectors(store), reach_of(store)
    with track("sectors", total=len(clips), unit="clips") as progress:
        for place, clip in enumerate(clips.tolist()):
            mask, frames = sectors.of(clip)
            if mask is not None and frames is None:
                found.outline[place], found.has_outline[place] = _small(mask[None] * np.uint8(255))[0], True
            elif mask is not None and frames is not None:
                outside = frames * ~dilated(mask, reach)
                found.outside[place], found.has_outside[place] = _small(outside).mean(0), True
            progress.advance()
    return found


def _small(pictures: UInt8[np.ndarray, "n h w"]) -> Float32[np.ndarray, "n 576"]:
    return PixelEncoder().encode(torch.from_numpy(pictures)).numpy()
