"""Batches: pure functions of (seed, epoch), with a clip's frames spread, or each class in pairs."""

import numpy as np
import pytest

from sslecho.data.sampler import class_batches, clip_batches, epoch_batches, lonely_classes

ROWS = np.arange(100, 160)
rng = np.random.default_rng(5)
GROUPS = rng.choice(9, 160, p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05])
LABELS = rng.choice(5, 160, p=[0.1, 0.5, 0.2, 0.1, 0.1]) - 1


def deal(kind, rows=ROWS, groups=GROUPS, labels=LABELS, **key):
    if kind == "frames":
        return epoch_batches(rows, **key)
    if kind == "clips":
        return clip_batches(rows, groups, **key)
    return class_batches(rows, groups, labels, **key)


@pytest.mark.parametrize("kind", ["frames", "clips", "classes"])
def test_batches_follow_seed_and_epoch_alone(kind):
    first = deal(kind, batch_size=8, seed=1, epoch=0)
    assert first.shape == (7, 8)
    assert set(first.ravel()) <= set(ROWS)
    assert np.array_equal(first, deal(kind, batch_size=8, seed=1, epoch=0))
    assert not np.array_equal(first, deal(kind, batch_size=8, seed=1, epoch=1))
    assert not np.array_equal(first, deal(kind, batch_size=8, seed=2, epoch=0))


@pytest.mark.parametrize("kind", ["frames", "clips"])
def test_an_epoch_shows_every_frame_once(kind):
    assert sorted(deal(kind, batch_size=5, seed=1, epoch=0).ravel()) == list(ROWS)
    rest = deal(kind, batch_size=8, seed=1, epoch=0)
    assert len(np.unique(rest)) == rest.size == 56


@pytest.mark.parametrize("case", range(60))
def test_clips_are_spread_as_evenly_as_can_be(case):
    rng = np.random.default_rng(case)
    n, n_groups = int(rng.integers(8, 200)), int(rng.integers(2, 20))
    groups = rng.choice(n_groups, n, p=rng.dirichlet(np.full(n_groups, 0.5)))
    dealt = clip_batches(np.arange(n), groups, batch_size=int(rng.integers(1, n + 1)), seed=case, epoch=3)
    for group in range(n_groups):
        count = (groups[dealt] == group).sum(axis=1)
        assert count.max() - count.min() <= 1


def test_clips_meet_others_in_every_epoch():
    groups = np.repeat(np.arange(12), 4)
    seen = set()
    for epoch in range(150):
        for batch in clip_batches(np.arange(48), groups, batch_size=6, seed=0, epoch=epoch):
            seen |= {(a, b) for a in batch for b in batch}
    # All pairs but those of one clip.
    assert len(seen) == 48 * 48 - 12 * 4 * 3


@pytest.mark.parametrize("case", range(60))
def test_every_frame_has_one_of_its_class_from_another_clip(case):
    rng = np.random.default_rng(case)
    n, n_groups = int(rng.integers(20, 200)), int(rng.integers(3, 20))
    groups = rng.choice(n_groups, n, p=rng.dirichlet(np.full(n_groups, 0.5)))
    labels = rng.choice(4, n, p=rng.dirichlet(np.full(4, 0.5))) - 1
    alone = {c for c in range(3) if len(np.unique(groups[labels == c])) == 1}
    assert set(lonely_classes(np.arange(n), groups, labels)) == alone
    for batch in class_batches(np.arange(n), groups, labels, batch_size=6, seed=case, epoch=1):
        for row in batch:
            if labels[row] >= 0 and labels[row] not in alone:
                assert any(labels[row] == labels[other] and groups[row] != groups[other] for other in batch)


def test_classes_keep_their_share_and_no_frame_comes_twice():
    labels, groups = np.repeat([0, 1], [90, 10]), np.arange(100) // 2
    dealt = class_batches(np.arange(100), groups, labels, batch_size=10, seed=0, epoch=0)
    assert sorted(dealt.ravel()) == list(range(100))


def test_a_clip_that_outweighs_its_class_gives_as_many_frames_as_the_others():
    # 30 frames of one clip and 4 of others: 4 pairs, which all batches have again and again, over different frames.
    groups, labels = np.array([0] * 30 + [1, 1, 2, 3]), np.zeros(34, dtype=np.int64)
    seen = set()
    for epoch in range(60):
        dealt = class_batches(np.arange(34), groups, labels, batch_size=8, seed=0, epoch=epoch)
        assert ((groups[dealt] == 0).sum(axis=1) == 4).all()
        assert all(len(set(batch)) == 8 for batch in dealt)
        seen |= set(dealt.ravel())
    assert seen == set(range(34))


def test_pairs_need_an_even_batch():
    with pytest.raises(ValueError, match="batch_size 7 must be even"):
        class_batches(ROWS, GROUPS, LABELS, batch_size=7, seed=0, epoch=0)
