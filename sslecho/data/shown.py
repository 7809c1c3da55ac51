"""Which frames of a store a page that is passed on may show: of each item one, and none that may hold a name."""

import numpy as np
from jaxtyping import Bool, Int64

from sslecho.data.store import Store

SECTOR_ONLY = ("mask", "whole")  # black outside the sector, or nothing is outside


def may_be_shown(store: Store) -> Bool[np.ndarray, " n_clips"]:
    """Clips that show nothing but the sector.

    A clip whose sector was not cut out (`ingest --sector off`), or that has what looks like text inside it, may hold a
    name. The tools of whoever works with the store, such as `check`, `review` and the sheets that clusters are named
    by, show them all the same.
    """
    sectors, texts = store.column("sector").tolist(), store.column("text_inside").tolist()
    return np.array([sector in SECTOR_ONLY and not text for sector, text in zip(sectors, texts, strict=True)], bool)


def standing_for(store: Store, rows: Int64[np.ndarray, " n"], *, level: str) -> Int64[np.ndarray, " n"]:
    """The frame that stands for each item: the frame itself, or the middle one of its clip.

    Args:
        rows: of each item a frame of its clip, as a row of the store.
        level: "frame" or "clip".
    """
    if level == "frame":
        return rows
    clip = store.clip_of_frame[rows]
    first, n_frames = (store.clips[name].to_numpy().astype(np.int64) for name in ("first_frame", "n_frames"))
    return first[clip] + n_frames[clip] // 2
