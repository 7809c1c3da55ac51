"""Which frames make a batch: a pure function of (seed, epoch), so that a resumed run goes on exactly.

The batch is that of all processes together; each takes its share of it, so that their number changes nothing.
"""

import numpy as np
from jaxtyping import Int64


def epoch_batches(
    rows: Int64[np.ndarray, "n"], *, batch_size: int, seed: int, epoch: int
) -> Int64[np.ndarray, "n_batches batch"]:
    """All frames once in random order, cut into full batches; the rest of an epoch waits for the next.

    Args:
        rows: frames to draw from, as rows of the store.
        batch_size: frames a batch, over all processes; never more than there are frames.
    """
    order = np.random.default_rng((seed, epoch)).permutation(rows)
    n_batches = len(order) // batch_size
    return order[: n_batches * batch_size].reshape(n_batches, batch_size)


def clip_batches(
    rows: Int64[np.ndarray, "n"],
    groups: Int64[np.ndarray, "n_frames"],
    *,
    batch_size: int,
    seed: int,
    epoch: int,
) -> Int64[np.ndarray, "n_batches batch"]:
    """As `epoch_batches`, with the frames of a group spread as evenly over the batches as can be.

    A group that has no more frames than there are batches is at most once in each. Frames lie in order of their groups
    and are dealt to all batches in turn, each turn in a random order of its own.

    Args:
        rows, batch_size: as above.
        groups: the group (clip, or clips that repeat a view) of every frame of the store.
    """
    rng = np.random.default_rng((seed, epoch))
    n_batches = len(rows) // batch_size
    frames = rng.permutation(rows)[: n_batches * batch_size]
    group = rng.permutation(int(groups.max()) + 1)[groups[frames]]
    order = np.argsort(group, kind="stable")
    frames, (first, end) = frames[order], _extents(group[order])
    # Of a group with more frames than batches each batch gets equally many first: these turns end with the group.
    even = np.arange(len(frames)) - first < (end - first) // n_batches * n_batches
    first, end = _extents(group[order][~even])
    dealt = np.concatenate([frames[even], frames[~even]]).reshape(batch_size, n_batches)
    batches, turn = np.empty_like(dealt), np.arange(n_batches)
    for number in range(batch_size):
        before, turn = turn, rng.permutation(n_batches)
        start = number * n_batches - int(even.sum())
        if start > 0 and first[start] < start:
            # The turn before ended with this group: batches that have it already get something else.
            has = np.isin(turn, before[first[start] - start :])
            head = turn[~has][: end[start] - start]
            turn = np.concatenate([head, turn[~np.isin(turn, head)]])
        batches[number, turn] = dealt[number]
    return np.ascontiguousarray(batches.T)


def class_batches(
    rows: Int64[np.ndarray, "n"],
    groups: Int64[np.ndarray, "n_frames"],
    labels: Int64[np.ndarray, "n_frames"],
    *,
    batch_size: int,
    seed: int,
    epoch: int,
) -> Int64[np.ndarray, "n_batches batch"]:
    """Batches of pairs of one class and of two groups, so that no frame is alone with its class.

    Classes keep their share of the frames. A frame is in one pair an epoch; frames that find no partner in another
    group wait for another epoch, and as many pairs as `len(rows) // batch_size` batches lack are shown twice.
    Frames of a class with a single group are paired among themselves, and so are unlabeled ones.

    Args:
        rows: as above.
        groups: the group (clip, or clips that repeat a view) of every frame of the store.
        labels: the class of every frame of the store, -1 where none is known.
        batch_size: as above, even.
    """
    if batch_size % 2:
        raise ValueError(f"batch_size {batch_size} must be even: frames come in pairs")
    rng = np.random.default_rng((seed, epoch))
    of_class = [rows[labels[rows] == label] for label in np.unique(labels[rows])]
    pairs = np.concatenate([_pairs(members, groups, rng, apart=bool(labels[members[0]] >= 0)) for members in of_class])
    n_batches = len(rows) // batch_size
    # Over and over the same order: no pair is twice in a batch unless there are too few for one.
    order = np.resize(rng.permutation(len(pairs)), n_batches * batch_size // 2)
    return pairs[order].reshape(n_batches, batch_size)


def lonely_classes(
    rows: Int64[np.ndarray, "n"], groups: Int64[np.ndarray, "n_frames"], labels: Int64[np.ndarray, "n_frames"]
) -> Int64[np.ndarray, "k"]:
    """Classes all of whose frames are of one group."""
    known = rows[labels[rows] >= 0]
    classes, of_pair = np.unique(np.unique(np.stack([labels[known], groups[known]]), axis=1)[0], return_counts=True)
    return classes[of_pair == 1]


def _pairs(
    members: Int64[np.ndarray, "n"], groups: Int64[np.ndarray, "n_frames"], rng: np.random.Generator, *, apart: bool
) -> Int64[np.ndarray, "m 2"]:
    """The frames of a class in random pairs, of two groups each where there are two."""
    members = rng.permutation(members)
    _, group, size = np.unique(groups[members], return_inverse=True, return_counts=True)
    if not apart or len(size) == 1:
        return members[: len(members) // 2 * 2].reshape(-1, 2)
    # Of a group that is larger than all others together, as many frames as those have.
    largest = group == np.argmax(size)
    usable = ~largest | (np.cumsum(largest) <= len(members) - size.max())
    members, group = members[usable], group[usable]
    half = len(members) // 2
    order = np.argsort(rng.permutation(len(size))[group[: 2 * half]], kind="stable")
    # No group is longer than half of them, so that frames half of them apart are of two.
    return np.stack([members[order[:half]], members[order[half:]]], axis=1)


def _extents(
    group: Int64[np.ndarray, "n"],
) -> tuple[Int64[np.ndarray, "n"], Int64[np.ndarray, "n"]]:
    """Of sorted groups, where each one's begins and ends."""
    return np.searchsorted(group, group), np.searchsorted(group, group, side="right")
