"""Which frames `pretrain` looks at while it trains, and which labels it may look at.

Validation clips ask for their neighbors among the training clips. Their labels are only watched: no method learns from
them, and the test split is not touched. A clip whose frames have several labels counts as a clip of each.
"""

from typing import NamedTuple

import numpy as np

from sslecho.data.store import Store
from sslecho.metrics.labels import MISSING, encode
from sslecho.train.health import Sample

MOST_ASKED, MOST_GALLERY = 500, 1500  # clips; a balanced accuracy is then known to a few percent
FRAMES_PER_CLIP = 4
MOST_FRAMES = 512  # where no neighbors are asked for


class Watched(NamedTuple):
    """What is looked at; where no accuracy can be told, `problem` says why, and the cure."""

    sample: Sample
    problem: str | None


def watched(store: Store, rows: np.ndarray, seed: int) -> Watched:
    """Choose the clips to look at.

    Args:
        rows: frames that are trained on.
        seed: decides who is left out where there are too many.
    """
    rng = np.random.default_rng(seed)
    split, label, unit = (store.column(name, level="frame")[rows] for name in ("split", "label", "unit_id"))
    problem = _problem(split, label)
    if problem is not None:
        chosen = np.sort(_some(np.arange(len(rows)), MOST_FRAMES, rng))
        alone = np.arange(len(chosen))
        return Watched(Sample(rows[chosen], alone, label[chosen], unit[chosen], np.zeros(len(chosen), bool)), problem)
    codes, names = encode(label)
    clip = np.unique(store.clip_of_frame[rows] * (len(names) + 1) + codes, return_inverse=True)[1]
    first = np.unique(clip, return_index=True)[1]
    labeled = codes[first] != MISSING
    asks = _some(np.flatnonzero(labeled & (split[first] == "val")), MOST_ASKED, rng)
    gallery = _some(np.flatnonzero(labeled & (split[first] == "train")), MOST_GALLERY, rng)
    clips = np.concatenate([asks, gallery])
    of_clip = [_spread_over(np.flatnonzero(clip == number)) for number in clips]
    sample = Sample(
        rows[np.concatenate(of_clip)],
        np.repeat(np.arange(len(clips)), [len(frames) for frames in of_clip]),
        label[first][clips],
        unit[first][clips],
        np.arange(len(clips)) < len(asks),
    )
    return Watched(sample, None)


def _problem(split: np.ndarray, label: np.ndarray) -> str | None:
    """Why no accuracy can be told, and the cure; None where it can. It enters the result, so it names no path."""
    labeled = encode(label).codes != MISSING
    if not labeled.any():
        return "no frame has a label; ingest with --labels, or `sslecho probe` the encoder later"
    if not (split == "val").any():
        return "there are no validation patients; run `sslecho split STORE --val 0.2`"
    for name in ("val", "train"):
        if not (labeled & (split == name)).any():
            return f"no frame of the {name} split has a label; label some, or split anew"
    asked = labeled & (split == "val")
    if len(set(label[asked])) < 2:
        return "all labels of the val split are the same; label further clips, or split anew"
    return None


def _some(positions: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return positions if len(positions) <= most else np.sort(rng.choice(positions, most, replace=False))


def _spread_over(frames: np.ndarray) -> np.ndarray:
    """A few of a clip's frames, evenly spread over it: neighbors in time show the same."""
    if len(frames) <= FRAMES_PER_CLIP:
        return frames
    return frames[((np.arange(FRAMES_PER_CLIP) + 0.5) * len(frames) / FRAMES_PER_CLIP).astype(np.int64)]
