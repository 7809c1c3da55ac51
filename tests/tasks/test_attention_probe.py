"""Attention over frames: its equations, where it begins, that it finds the frames that tell, and what it refuses."""

import numpy as np
import pytest
import torch

from sslecho.errors import InputError
from sslecho.tasks.attention_probe import AttentionProbe, pooled
from sslecho.tasks.probe import LinearProbe


def made(seed, *, n_clips=90, n_frames=(3, 9), telling=1):
    """Clips of three classes in which few frames tell the class; these are marked by a direction of their own."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n_clips)
    frames, clips, tells = [], [], []
    for clip, label in enumerate(y):
        count = int(rng.integers(*n_frames))
        x = 0.5 * rng.normal(size=(count, 12))
        told = rng.permutation(count) < telling
        x[told, label] += 2
        x[told, 5] += 2
        x[~told, rng.integers(3)] += 2  # the others point at any class
        frames.append(x), clips.append(np.full(count, clip)), tells.append(told)
    return np.concatenate(frames), y, np.concatenate(clips), np.concatenate(tells), np.arange(n_clips) // 3


def test_pooling_is_that_of_the_equation():
    rng = np.random.default_rng(0)
    x, u, clip = rng.normal(size=(7, 3)), rng.normal(size=3) * 4, np.array([1, 0, 1, 2, 1, 2, 1])
    found = pooled(torch.tensor(x), torch.tensor(clip), torch.tensor(u), 3).numpy()
    for c in range(3):
        weights = [np.exp(x[f] @ u) for f in range(7) if clip[f] == c]
        wanted = sum(w * x[f] for w, f in zip(weights, np.flatnonzero(clip == c), strict=True)) / sum(weights)
        np.testing.assert_allclose(found[c], wanted, rtol=1e-10)


def test_without_freedom_it_is_the_mean_over_frames():
    x, y, clips, _, groups = made(1)
    probe = AttentionProbe(freedoms=(0.0,)).fit(x, y, clips=clips, groups=groups)
    assert (probe.query_ == 0).all()
    share = probe.attention(x, clips=clips)
    np.testing.assert_allclose(share, 1 / np.bincount(clips)[clips])
    order = np.random.default_rng(0).permutation(len(x))
    np.testing.assert_allclose(
        probe.predict_proba(x[order], clips=clips[order]), probe.predict_proba(x, clips=clips), atol=1e-9
    )


def test_it_finds_the_frames_that_tell_and_beats_the_mean():
    x, y, clips, _, groups = made(2, n_clips=240)
    probe = AttentionProbe().fit(x, y, clips=clips, groups=groups)
    assert probe.chosen_ > 0
    assert probe.was_chosen_
    new, truth, of, tells, _ = made(3, n_clips=240)
    share = probe.attention(new, clips=of)
    np.testing.assert_allclose(np.bincount(of, weights=share), 1)
    assert np.bincount(of, weights=share * tells).mean() > 0.6  # one frame of five or so
    means = np.stack([new[of == c].mean(0) for c in range(240)])
    linear = LinearProbe().fit(np.stack([x[clips == c].mean(0) for c in range(240)]), y, groups=groups)
    assert (probe.predict(new, clips=of) == truth).mean() > (linear.predict(means) == truth).mean() + 0.1


def test_where_all_frames_tell_the_mean_is_as_good_and_is_taken():
    x, y, clips, _, groups = made(4, telling=99)
    assert AttentionProbe().fit(x, y, clips=clips, groups=groups).chosen_ == 0


def test_it_is_chosen_on_the_patients_that_are_given():
    x, y, clips, _, _ = made(5, n_clips=240)
    other, named, of, _, _ = made(6)
    chosen = AttentionProbe().fit(x, y, clips=clips, val=(other, named, of))
    assert chosen.chosen_ > 0
    # With names that tell nothing all candidates are as bad as each other, or nearly: the choice follows them.
    wrong = AttentionProbe().fit(x, y, clips=clips, val=(other, np.full(len(named), 7), of))
    assert (wrong.chosen_, wrong.was_chosen_) == (0, False)


def test_what_was_fitted_comes_back_from_its_arrays():
    x, y, clips, _, groups = made(7)
    names = np.array(["a", "b", "c"])[y]
    probe = AttentionProbe(freedoms=(0.1,)).fit(x, names, clips=clips, groups=groups)
    again = AttentionProbe.from_tensors(probe.to_tensors(), classes=["a", "b", "c"], chosen=probe.chosen_)
    np.testing.assert_array_equal(again.predict_proba(x, clips=clips), probe.predict_proba(x, clips=clips))
    assert set(again.predict(x, clips=clips)) <= {"a", "b", "c"}


def test_what_is_wrong_is_said():
    x, y, clips, _, _ = made(8, n_clips=9)
    with pytest.raises(InputError, match="each frame needs its clip's number"):
        AttentionProbe().fit(x, y, clips=clips[:-1])
    with pytest.raises(InputError, match="1 of 10 clips have no frame, the first is number 9"):
        AttentionProbe().fit(x, [*y, 0], clips=clips)
    with pytest.raises(InputError, match="freedoms is"):
        AttentionProbe(freedoms=(-1.0,)).fit(x, y, clips=clips)
