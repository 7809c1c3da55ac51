"""The pairs of clips that are alike: candidates by hash, or by embedding, that pass the comparison of pixels.

A clip takes part with its mean picture, and with its frames, of which those that follow one like them are left out.
"""

import copy
import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

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
REMEMBERED = 2048  # signatures a thread, 36 kB each
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
    pictures = _pictures(store, scanned, usable)
    tried = _candidates(pictures, patients, neighbors, seed=seed)
    most = max(MOST_COMPARED_AT_LEAST, MOST_COMPARED * len(patients))
    # By clip, so that what was just looked at is wanted again.
    wanted = sorted(list(tried.items())[:most])
    comparer = _Comparer(store, polygons_of(store), pictures)
    tasks = [wanted[start : start + PAIRS_A_TASK] for start in range(0, len(wanted), PAIRS_A_TASK)]
    pairs: list[Twin] = []
    with track("compare", total=len(wanted), unit="pairs") as progress, ThreadPoolExecutor(max(1, workers)) as pool:
        for task, twins in zip(tasks, pool.map(comparer.twins, tasks), strict=True):
            pairs += twins
            progress.advance(len(task))
    return Twins(pairs, len(tried), len(tried) - len(wanted))


class _Pictures(NamedTuple):
    """What takes part: clip, row of the frame (or MEAN) and hashes of each picture; which of them stand for clips."""

    clip: Int64[np.ndarray, " p"]
    row: Int64[np.ndarray, " p"]
    hashes: Hashes
    whole: Int64[np.ndarray, " c"]


def _pictures(store: Store, scanned: Scan, usable: Int64[np.ndarray, " m"]) -> _Pictures:
    clip_of_frame, n_frames = store.clip_of_frame, store.clips["n_frames"].to_numpy()
    kept, last_clip, last = [], -1, 0
    columns = usable.tolist(), clip_of_frame[usable].tolist(), scanned.coarse[usable].tolist()
    for row, clip, code in zip(*columns, strict=True):
        if clip != last_clip or (code ^ last).bit_count() > SAME_FRAME:
            kept.append(row)
            last_clip, last = clip, code
    rows = np.array(kept, dtype=np.int64)
    seen = np.unique(clip_of_frame[rows])
    several = seen[n_frames[seen] > 1]
    clip = np.concatenate([clip_of_frame[rows], several])
    row = np.concatenate([rows, np.full(len(several), MEAN, dtype=np.int64)])
    coarse = np.concatenate([scanned.coarse[rows], scanned.mean_coarse[several]])
    fine = np.concatenate([scanned.fine[rows], scanned.mean_fine[several]])
    return _Pictures(clip, row, Hashes(coarse, fine), np.flatnonzero((row == MEAN) | (n_frames[clip] == 1)))


def _candidates(
    pictures: _Pictures, patients: Int64[np.ndarray, " n_clips"], neighbors: Iterable[tuple[int, int]], *, seed: int
) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """For each pair of clips to compare, the nearest first, the pairs of pictures to try."""
    clip, hashes, whole = pictures.clip, pictures.hashes, pictures.whole
    near = near_pairs(hashes, clip, seed=seed)
    own = pairs_within(Hashes(hashes.coarse[whole], hashes.fine[whole]), patients[clip[whole]])
    of_clip = dict(zip(clip[whole].tolist(), whole.tolist(), strict=True))
    embedded = [(of_clip[a], of_clip[b]) for a, b in neighbors if a in of_clip and b in of_clip]
    tried: dict[tuple[int, int], list[tuple[int, int]]] = {}
    nearest: dict[tuple[int, int], int] = {}
    for a, b, distance in (
        # What a clip looks like as a whole comes before single frames: it is one comparison for all of them.
        *zip(whole[own.a].tolist(), whole[own.b].tolist(), own.distance.tolist(), strict=True),
        *((a, b, 0) for a, b in embedded),
        *zip(near.a.tolist(), near.b.tolist(), near.distance.tolist(), strict=True),
    ):
        pair = (a, b) if clip[a] < clip[b] else (b, a)
        clips = int(clip[pair[0]]), int(clip[pair[1]])
        of_pair = tried.setdefault(clips, [])
        nearest[clips] = min(distance, nearest.get(clips, distance))
        if len(of_pair) < TRIED_A_PAIR and pair not in of_pair:
            of_pair.append(pair)
    return {clips: tried[clips] for clips in sorted(tried, key=lambda clips: (nearest[clips], clips))}


class _Comparer(threading.local):
    """Compares pictures by their pixels; each thread has its own, with open files and a memory that no other uses."""

    def __init__(self, store: Store, polygons: list[Any], pictures: _Pictures):
        # Runs anew in each thread that uses the object.
        self._store = copy.copy(store)
        self._n_frames = store.clips["n_frames"].to_numpy().astype(np.int64)
        self._first = np.cumsum(self._n_frames) - self._n_frames
        self._polygons, self._pictures = polygons, pictures
        self._remembered: OrderedDict[int, Signature] = OrderedDict()

    def twins(self, wanted: list[tuple[tuple[int, int], list[tuple[int, int]]]]) -> list[Twin]:
        found = []
        for (clip_a, clip_b), tried in wanted:
            for a, b in tried:
                said = likeness(self._signature(a), self._signature(b))
                if said.alike:
                    found.append(Twin(clip_a, clip_b, self._row(a), self._row(b), said))
                    break
        return found

    def _signature(self, picture: int) -> Signature:
        if picture in self._remembered:
            self._remembered.move_to_end(picture)
            return self._remembered[picture]
        clip, row = int(self._pictures.clip[picture]), int(self._pictures.row[picture])
        shown, mask = look_at(self._store, int(self._first[clip]), int(self._n_frames[clip]), self._polygons[clip])
        if row != MEAN:
            shown = self._store.read(np.array([row]))[0].astype(np.float32) * mask
        self._remembered[picture] = signature(shown, mask)
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return self._remembered[picture]

    def _row(self, picture: int) -> int:
        """The frame to show for a picture: itself, or the middle one of the clip."""
        clip, row = int(self._pictures.clip[picture]), int(self._pictures.row[picture])
        return int(self._first[clip] + self._n_frames[clip] // 2) if row == MEAN else row
