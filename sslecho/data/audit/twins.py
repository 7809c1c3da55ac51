"""The pairs of clips that are alike: candidates by hash, or by embedding, that pass the comparison of pixels.

A clip takes part with its mean picture, and with its frames, of which those that follow one like them are left out.
"""

import copy
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from sslecho.data.audit.candidates import near_pairs, pairs_within
from sslecho.data.audit.content import polygons_of
from sslecho.data.audit.likeness import Likeness, Signature, likeness, signature
from sslecho.data.audit.phash import Hashes
from sslecho.data.audit.scan import Scan, look_at
from sslecho.data.store import Store
from sslecho.progress import track

SAME_FRAME = 3  # bits of 64; a frame that is no farther from the last one taken adds nothing
TRIED_A_PAIR = 3  # pictures of two clips that are compared before they count as different
MOST_COMPARED = 4  # comparisons a clip, on average, and
MOST_COMPARED_AT_LEAST = 50_000  # in all; the nearest candidates come first
REMEMBERED = 1024  # signatures a thread
PAIRS_A_TASK = 256
MEAN = -1  # in place of a frame: the clip's mean picture


class Twin(NamedTuple):
    """Two clips that are alike, a < b by row, and the rows of the frames that show it."""

    a: int
    b: int
    row_a: int
    row_b: int
    likeness: Likeness


class Twins(NamedTuple):
    """The pairs, and how many candidates were not compared as there were too many."""

    pairs: list[Twin]
    n_candidates: int
    n_not_compared: int


def find_twins(
    store: Store,
    scanned: Scan,
    *,
    patients: Int64[np.ndarray, " n_clips"],
    neighbors: Iterable[tuple[int, int]] = (),
    usable: Int64[np.ndarray, " m"],
    workers: int = 1,
    seed: int = 0,
) -> Twins:
    """Find the pairs of clips that are alike.

    Args:
        store: the store.
        scanned: what was found by `scan`.
        patients: a number for each clip's patient; -1 where none is known.
        neighbors: pairs of clips that embeddings bring together: more candidates.
        usable: rows of frames that show something; blank ones are all alike.
        workers: threads; they don't decide the result.
        seed: decides which bits the search of hashes draws.
    """
    n_frames = store.clips["n_frames"].to_numpy().astype(np.int64)
    first = np.cumsum(n_frames) - n_frames
    clip_of, frame_of, hashes = _pictures(scanned, store.clip_of_frame, n_frames, usable)
    found = near_pairs(hashes, clip_of, seed=seed)
    means = np.flatnonzero((frame_of == MEAN) | (n_frames[clip_of] == 1))
    own = pairs_within(Hashes(hashes.coarse[means], hashes.fine[means]), patients[clip_of[means]])
    picture_of_clip = dict(zip(clip_of[means].tolist(), means.tolist(), strict=True))
    embedded = [
        (picture_of_clip[a], picture_of_clip[b]) for a, b in neighbors if a in picture_of_clip and b in picture_of_clip
    ]
    tried: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for a, b in (
        *zip(found.a.tolist(), found.b.tolist(), strict=True),
        *zip(means[own.a].tolist(), means[own.b].tolist(), strict=True),
        *embedded,
    ):
        pictures = (a, b) if clip_of[a] < clip_of[b] else (b, a)
        of_pair = tried.setdefault((int(clip_of[pictures[0]]), int(clip_of[pictures[1]])), [])
        if len(of_pair) < TRIED_A_PAIR and pictures not in of_pair:
            of_pair.append(pictures)
    most = max(MOST_COMPARED_AT_LEAST, MOST_COMPARED * len(n_frames))
    wanted = sorted(list(tried.items())[:most])
    look = _Looker(first, n_frames, polygons_of(store), clip_of, frame_of)
    tasks = [wanted[start : start + PAIRS_A_TASK] for start in range(0, len(wanted), PAIRS_A_TASK)]
    pairs: list[Twin] = []
    with track("compare", total=len(wanted), unit="pairs") as progress, ThreadPoolExecutor(max(1, workers)) as pool:
        for task, twins in zip(tasks, pool.map(lambda task: look.compare(copy.copy(store), task), tasks), strict=True):
            pairs += twins
            progress.advance(len(task))
    return Twins(pairs, len(tried), len(tried) - len(wanted))


def _pictures(
    scanned: Scan, clip_of_frame: np.ndarray, n_frames: np.ndarray, usable: np.ndarray
) -> tuple[Int64[np.ndarray, " p"], Int64[np.ndarray, " p"], Hashes]:
    """Clip, row of the frame (or MEAN) and hashes of every picture that takes part."""
    kept, last_clip, last = [], -1, 0
    for row, clip, code in zip(
        usable.tolist(), clip_of_frame[usable].tolist(), scanned.coarse[usable].tolist(), strict=True
    ):
        if clip != last_clip or (code ^ last).bit_count() > SAME_FRAME:
            kept.append(row)
            last_clip, last = clip, code
    rows = np.array(kept, dtype=np.int64)
    seen = np.unique(clip_of_frame[rows]) if len(rows) else rows
    several = seen[n_frames[seen] > 1]
    clip_of = np.concatenate([clip_of_frame[rows], several]).astype(np.int64)
    frame_of = np.concatenate([rows, np.full(len(several), MEAN, dtype=np.int64)])
    coarse = np.concatenate([scanned.coarse[rows], scanned.mean_coarse[several]])
    fine = np.concatenate([scanned.fine[rows], scanned.mean_fine[several]])
    return clip_of, frame_of, Hashes(coarse, fine)


class _Looker:
    """Compares pictures by their pixels, with the latest of them remembered."""

    def __init__(
        self,
        first: np.ndarray,
        n_frames: np.ndarray,
        polygons: list,
        clip_of: np.ndarray,
        frame_of: np.ndarray,
    ):
        self._first, self._n_frames, self._polygons = first, n_frames, polygons
        self._clip_of, self._frame_of = clip_of, frame_of

    def compare(self, store: Store, wanted: list[tuple[tuple[int, int], list[tuple[int, int]]]]) -> list[Twin]:
        remembered: OrderedDict[int, Signature] = OrderedDict()
        found = []
        for (clip_a, clip_b), pictures in wanted:
            best: tuple[Likeness, int, int] | None = None
            for a, b in pictures:
                said = likeness(self._signature(store, a, remembered), self._signature(store, b, remembered))
                if said.alike and (best is None or said.detail_r > best[0].detail_r):
                    best = said, a, b
            if best is not None:
                found.append(Twin(clip_a, clip_b, self._row(best[1]), self._row(best[2]), best[0]))
        return found

    def _signature(self, store: Store, picture: int, remembered: OrderedDict[int, Signature]) -> Signature:
        if picture in remembered:
            remembered.move_to_end(picture)
            return remembered[picture]
        clip, row = int(self._clip_of[picture]), int(self._frame_of[picture])
        shown, content = look_at(store, int(self._first[clip]), int(self._n_frames[clip]), self._polygons[clip])
        if row != MEAN:
            shown = store.read(np.array([row]))[0].astype(np.float32) * content.mask
        remembered[picture] = signature(shown, content)
        if len(remembered) > REMEMBERED:
            remembered.popitem(last=False)
        return remembered[picture]

    def _row(self, picture: int) -> int:
        """The frame to show for a picture: itself, or the middle one of the clip."""
        clip, row = int(self._clip_of[picture]), int(self._frame_of[picture])
        return int(self._first[clip] + self._n_frames[clip] // 2) if row == MEAN else row
