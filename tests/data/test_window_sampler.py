"""Which windows an epoch has: fair, drawn from the bank as STFM draws, and a function of seed, epoch and bank."""

import numpy as np
import pytest

from sslecho.data.window_sampler import Selecting, WindowSampler, best_segments

SIZES = [100, 1, 45]  # frames of the clips: 5, 1 and 3 segments
CLIP = np.repeat(np.arange(3), SIZES)
LABEL = np.repeat([0, 1, 0], SIZES)
EVERY = np.arange(len(CLIP))


def sampler(**more):
    return WindowSampler(EVERY, CLIP, LABEL, **{"copies": np.array([1, 1, 1]), **more})


def drawn(given, epochs, **how):
    """Centers of many epochs."""
    batches = [given.batches(batch_size=1, seed=3, epoch=epoch, **how) for epoch in epochs]
    return np.concatenate(batches).ravel()


def test_an_epoch_has_as_many_windows_of_a_clip_as_copies_anywhere_in_it():
    given = sampler(copies=np.array([2, 3, 1]))
    assert len(given.rows) == 6
    found = given.batches(batch_size=3, seed=0, epoch=4)
    assert found.shape == (2, 3)
    assert np.bincount(CLIP[found.ravel()]).tolist() == [2, 3, 1]
    many = drawn(sampler(), range(2000))
    of_first = many[CLIP[many] == 0]
    assert np.bincount(of_first // 10, minlength=10) == pytest.approx(200, abs=60)  # over 4 sd


def test_without_copies_every_center_is_one_and_only_centers_are_drawn():
    some = np.array([2, 3, 100, 120, 121])
    given = WindowSampler(some, CLIP, LABEL, copies=None)
    assert sorted(given.batches(batch_size=5, seed=0, epoch=0).ravel().tolist()) == some.tolist()
    placed = WindowSampler(some, CLIP, LABEL, copies=np.array([4, 4, 4]))
    assert set(drawn(placed, range(20)).tolist()) == set(some.tolist())


def test_balanced_clips_come_class_by_class():
    given = sampler(copies=np.array([2, 2, 2]), balanced=True)
    many = drawn(given, range(60))
    assert np.bincount(LABEL[many]).tolist() == [180, 180]
    assert np.bincount(CLIP[many])[[0, 2]] == pytest.approx(90, abs=17)  # over 4 sd


@pytest.mark.parametrize("epsilon", [0.2, 0.8, 0.0, 1.0])
def test_after_the_first_epochs_the_best_segment_comes_with_one_less_epsilon_and_its_share(epsilon):
    given = sampler(selecting=Selecting(epsilon, random_epochs=5))
    assert given.n_segments == 9
    bank = np.array([0.1, 0.2, 0.9, 0.3, -0.1, 0.4, 0.2, 0.8, 0.1], np.float32)
    n = 3000
    many = drawn(given, range(5, 5 + n), confidence=bank)
    for clip, best, n_segments in ((0, 2, 5), (2, 7, 3)):
        segment = given.segment_of_frame[many[CLIP[many] == clip]]
        expected = 1 - epsilon + epsilon / n_segments
        sd = np.sqrt(expected * (1 - expected) / n)
        assert (segment == best).mean() == pytest.approx(expected, abs=4.5 * sd + 1e-12)
        own = np.unique(given.segment_of_frame[CLIP == clip])
        assert set(segment.tolist()) == (set(own.tolist()) if epsilon > 0 else {best})
    assert (many[CLIP[many] == 1] == 100).all()  # a clip of one frame


def test_the_first_epochs_take_any_segment():
    given = sampler(selecting=Selecting(0.0, random_epochs=5))
    bank = np.linspace(0, 1, 9).astype(np.float32)
    first = [given.batches(batch_size=3, seed=seed, epoch=4, confidence=bank).ravel() for seed in range(500)]
    many = np.concatenate(first)
    segment = given.segment_of_frame[many[CLIP[many] == 0]]
    assert np.bincount(segment) == pytest.approx(100, abs=41)
    later = given.batches(batch_size=3, seed=0, epoch=5, confidence=bank).ravel()
    assert sorted(given.segment_of_frame[later].tolist()) == [4, 5, 8]


def test_draws_are_a_function_of_seed_epoch_and_bank():
    given, bank = sampler(selecting=Selecting(0.3, random_epochs=0)), np.linspace(1, 0, 9).astype(np.float32)

    def once(seed=1, epoch=7, confidence=bank):
        return given.batches(batch_size=3, seed=seed, epoch=epoch, confidence=confidence).tolist()

    assert once() == once()
    assert len({str(once(**how)) for how in ({}, {"seed": 2}, {"epoch": 8}, {"confidence": bank[::-1].copy()})}) == 4
    with pytest.raises(ValueError, match="none was given"):
        given.batches(batch_size=3, seed=1, epoch=7)


def test_of_equally_sure_segments_the_first_is_best():
    found = best_segments(np.array([0.5, 0.5, 0.2, 0.2, 0.7], np.float32), np.array([0, 0, 2, 2, 2]), 4)
    assert found[[0, 2]].tolist() == [0, 4]
