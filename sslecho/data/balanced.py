"""Batches in which every class is as frequent as every other: the balanced, or class-aware, sampler.

Classes in turn, of a class its clips in turn, of a clip any of its frames: so a class of few clips is seen as often as
one of many, and a long clip no more often than a short one (Shen, Lin & Huang 2016, "Relay backpropagation for
effective learning of deep convolutional neural networks", section 3.2, with clips for images). A pure function of
(seed, epoch), as `sampler.py`.
"""

import numpy as np
from jaxtyping import Int64


def balanced_batches(
    rows: Int64[np.ndarray, "n"],
    clips: Int64[np.ndarray, "n_frames"],
    labels: Int64[np.ndarray, "n_frames"],
    *,
    batch_size: int,
    seed: int,
    epoch: int,
) -> Int64[np.ndarray, "n_batches batch"]:
    """An epoch's batches: as many frames as `rows` has, to full batches, of all classes equally many but for one.

    Args:
        rows: labeled frames to draw from, as rows of the store.
        clips: the clip of every frame of the store.
        labels: the class of every frame of the store.
        batch_size: frames a batch, over all processes.
    """
    rng = np.random.default_rng((seed, epoch))
    n_batches = len(rows) // batch_size
    n = n_batches * batch_size
    classes = np.unique(labels[rows])
    # Over the epoch classes differ by one frame at most; who has one more is drawn anew.
    wanted = np.full(len(classes), n // len(classes))
    wanted[rng.permutation(len(classes))[: n % len(classes)]] += 1
    drawn = [
        _of_class(rows[labels[rows] == name], clips, count, rng=rng)
        for name, count in zip(classes, wanted.tolist(), strict=True)
    ]
    return rng.permutation(np.concatenate(drawn)).reshape(n_batches, batch_size)


def _of_class(
    rows: Int64[np.ndarray, "m"], clips: Int64[np.ndarray, "n_frames"], count: int, *, rng: np.random.Generator
) -> Int64[np.ndarray, "count"]:
    """Frames of one class, its clips in turn."""
    _, clip, sizes = np.unique(clips[rows], return_inverse=True, return_counts=True)
    by_clip = rows[np.argsort(clip, kind="stable")]
    starts = np.cumsum(sizes) - sizes
    turns = -(-count // len(sizes))
    order = np.concatenate([rng.permutation(len(sizes)) for _ in range(turns)] or [np.empty(0, np.int64)])[:count]
    return by_clip[starts[order] + rng.integers(sizes[order])]
