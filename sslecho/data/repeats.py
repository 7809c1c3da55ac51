"""Which clips of a patient are near-identical repeats of one view: no loss may have to tell them apart.

Two clips are repeats if Pearson's r of their small mean pictures, inside the sector that both have, is above a
threshold where one is moved by up to `MOST_MOVED` pixels each way to where it fits best: between repeats the probe
moves a little. Only clips of one patient are compared, so the work does not grow with the square of all clips.

Repeats of repeats are repeats (single linkage): the groups are what keeps *every* pair above the threshold out of the
negatives, which no tighter linkage does. At r > .9 (benchmarks/quality/repeats.py: 60 simulated patients, 97 real
clips of the heart in 5 blocks of files, 162 of the lung):

    phantom   46 % of 147 pairs of one view are found (29 % unless moved), none of 1472 pairs of two views is joined
    echo      75 % of clips have a twin (72 % unless moved)
    lung      13 % of clips have a twin (7 % unless moved)

At r > .8 89 % of the phantom's repeats are found, with 4 of 1472 wrong. The search of copies in `audit/` has other
aims: between patients, of any size and outline, and of detail, which a moved probe changes.
"""

import copy
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64, Int64
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sslecho.data.audit.content import polygons_of
from sslecho.data.audit.scan import look_at
from sslecho.data.store import Store
from sslecho.progress import track

SIDE = 32
MOST_MOVED = 2  # pixels of 32; at 3 nothing more is found in the phantom
LEAST_COMMON = 0.5  # of two sectors' union; below, pictures are not alike
AT_ONCE = 512  # clips that are compared with all others of a patient, so that memory stays small


def owners(store: Store) -> Int64[np.ndarray, " n_clips"]:
    """A number for each clip's patient, or sweep where no patient is known; a clip without either is alone."""
    known = zip(store.column("patient_id"), store.column("unit_id"), store.column("clip_id"), strict=True)
    names = [str(next(word for word in words if word is not None)) for words in known]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def repeats_of(
    store: Store, clips: Int64[np.ndarray, " m"], *, threshold: float, workers: int = 1
) -> Int64[np.ndarray, " n_clips"]:
    """For every clip of the store the first clip of its group of repeats; itself where it has none.

    Args:
        store: the store.
        clips: clips that are compared, as rows of the clips' table; the others stay alone.
        threshold: r above, below 1.
        workers: threads; they don't decide the result.

    Raises:
        SslechoError: a shard can't be read.
    """
    owner = owners(store)[clips]
    order = np.argsort(owner, kind="stable")
    bounds = np.append(np.flatnonzero(np.diff(owner[order], prepend=-1)), len(order))
    several = [clips[order[a:b]] for a, b in pairwise(bounds.tolist()) if b - a > 1]
    group = np.arange(store.clips.num_rows, dtype=np.int64)
    polygons, n_frames = polygons_of(store), store.clips["n_frames"].to_numpy().astype(np.int64)
    first = np.cumsum(n_frames) - n_frames

    def work(members: Int64[np.ndarray, " k"]) -> Int64[np.ndarray, " k"]:
        own = copy.copy(store)  # a store's open files belong to one thread
        seen = [look_at(own, int(first[i]), int(n_frames[i]), polygons[i]) for i in members]
        small = [_small(picture, mask) for picture, mask in seen]
        return _groups(np.stack([x for x, _ in small]), np.stack([m for _, m in small]), threshold)

    with (
        track("find repeats", total=sum(map(len, several)), unit="clips") as progress,
        ThreadPoolExecutor(max(1, workers)) as pool,
    ):
        for members, found in zip(several, pool.map(work, several), strict=True):
            group[members] = members[found]
            progress.advance(len(members))
    return group


def correlation(
    a: Float64[np.ndarray, "n h w"],
    a_mask: Bool[np.ndarray, "n h w"],
    b: Float64[np.ndarray, "k h w"],
    b_mask: Bool[np.ndarray, "k h w"],
) -> Float64[np.ndarray, "n k"]:
    """Pearson's r of all pairs of pictures, each pair inside its common mask; 0 where there is too little of it.

    Args:
        a, b: pictures that are 0 outside their masks.
    """
    x, y = a.reshape(len(a), -1), b.reshape(len(b), -1)
    p, q = (mask.reshape(len(mask), -1).astype(np.float64) for mask in (a_mask, b_mask))
    common = p @ q.T
    n = np.maximum(common, 1.0)
    sum_x, sum_y = x @ q.T, p @ y.T
    covariance = x @ y.T - sum_x * sum_y / n
    spread = ((x * x) @ q.T - sum_x**2 / n) * (p @ (y * y).T - sum_y**2 / n)
    enough = common >= LEAST_COMMON * (p.sum(1)[:, None] + q.sum(1) - common)
    # Gray levels are up to 255: a product of sums of squares below 1e-3 is an even ground, or rounding.
    usable = enough & (spread > 1e-3)
    return np.where(usable, covariance / np.sqrt(np.where(usable, spread, 1.0)), 0.0)


def moved(pictures: np.ndarray, down: int, right: int) -> np.ndarray:
    """Pictures [n, h, w] moved by whole pixels; what comes in is 0."""
    h, w = pictures.shape[1:]
    result = np.zeros_like(pictures)
    result[:, max(down, 0) : h + min(down, 0), max(right, 0) : w + min(right, 0)] = pictures[
        :, max(-down, 0) : h + min(-down, 0), max(-right, 0) : w + min(-right, 0)
    ]
    return result


def _small(
    picture: np.ndarray, mask: Bool[np.ndarray, "h w"]
) -> tuple[Float64[np.ndarray, "side side"], Bool[np.ndarray, "side side"]]:
    size, box = (SIDE, SIDE), Image.Resampling.BOX
    covered = np.asarray(Image.fromarray(mask.astype(np.float32)).resize(size, box)) > 0.5
    return np.asarray(Image.fromarray(picture).resize(size, box)).astype(np.float64) * covered, covered


def _groups(
    pictures: Float64[np.ndarray, "n side side"], masks: Bool[np.ndarray, "n side side"], threshold: float
) -> Int64[np.ndarray, " n"]:
    """For each picture the first of its group."""
    n, reach = len(pictures), range(-MOST_MOVED, MOST_MOVED + 1)
    pairs = []
    for start in range(0, n, AT_ONCE):
        block = slice(start, start + AT_ONCE)
        alike = np.zeros((len(pictures[block]), n), dtype=bool)
        for down in reach:
            for right in reach:
                x, m = moved(pictures[block], down, right), moved(masks[block], down, right)
                alike |= correlation(x, m, pictures, masks) > threshold
        pairs.append(np.argwhere(alike) + np.array([start, 0]))
    a, b = np.concatenate(pairs).T
    label = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(n, n)), directed=False)[1]
    first = np.unique(label, return_index=True)[1]
    return first[label].astype(np.int64)
