"""What an objective is shown, and what it is told."""

import numpy as np
import torch

from sslecho.objectives.objective import Now
from sslecho.train.batches import Frames, known_of
from sslecho.train.pictures import load, show
from sslecho.views.fan import Fan
from sslecho.views.policies import POLICIES, Views, local_policy, policy
from sslecho.views.pose import Pose

CPU = torch.device("cpu")
NOW = Now(7, 20, 1.75)
PICTURES = np.random.default_rng(0).integers(0, 256, (12, 64, 64)).astype(np.uint8)


def frames(**more):
    return Frames(lambda rows: PICTURES[rows], np.arange(12), np.arange(12) // 3, **more)


def test_even_views_show_the_frame_and_odd_ones_its_partner():
    loaded = load(frames(), (np.array([0, 5]), np.array([2, 3])))
    whole = Views(policy("none", size=64), size=64, seed=0)
    views = show(loaded, [whole] * 4, NOW, n_draws=0, seed=0, device=CPU).views
    for view, rows in zip(views, ([0, 5], [2, 3], [0, 5], [2, 3]), strict=True):
        assert torch.allclose(view.squeeze(1), torch.from_numpy(PICTURES[rows]) / 255, atol=1e-4)


def test_every_view_has_numbers_of_its_own():
    rows = np.array([0, 5])
    whole = Views(policy("echo", size=32), size=32, seed=0)
    small = Views(local_policy("echo", size=16, min_area=0.1, max_area=0.2), size=16, seed=0)
    loaded = load(frames(), (rows, rows))
    views = show(loaded, [whole, whole, small, small], NOW, n_draws=0, seed=0, device=CPU).views
    assert [tuple(view.shape) for view in views] == [(2, 1, 32, 32)] * 2 + [(2, 1, 16, 16)] * 2
    assert not torch.equal(views[0], views[1])
    assert not torch.equal(views[2], views[3])


def test_draws_follow_seed_epoch_and_frame_and_not_the_batch():
    whole = [Views(policy("none", size=64), size=64, seed=0)]

    def draws(rows, now=NOW, seed=0):
        loaded = load(frames(), (np.array(rows), np.array(rows)))
        return show(loaded, whole, now, n_draws=3, seed=seed, device=CPU).draws

    assert draws([4, 9]).shape == (2, 3)
    assert torch.equal(draws([4, 9])[1], draws([9, 0])[0])
    assert torch.equal(draws([4]), draws([4], Now(5, 20, 1.25)))  # of the same epoch
    assert not torch.equal(draws([4]), draws([4], Now(9, 20, 2.25)))
    assert not torch.equal(draws([4]), draws([4], seed=1))


def test_labels_are_unknown_unless_given():
    rows = np.array([0, 5])
    known = known_of(rows, frames(), NOW, CPU)
    assert known.clips.tolist() == [0, 1]
    assert known.labels.tolist() == [-1, -1]
    assert known_of(rows, frames(label_of_frame=np.arange(12) - 1), NOW, CPU).labels.tolist() == [-1, 4]


def test_small_crops_show_the_share_that_is_asked_for_and_keep_the_fan():
    for name in POLICIES:
        pose, *others = local_policy(name, size=16, min_area=0.1, max_area=0.2)
        assert isinstance(pose, Pose)
        assert not any(isinstance(other, Fan) for other in others)
        drawn = pose.draw(torch.rand(500, pose.n_draws, generator=torch.Generator().manual_seed(0)))
        share = drawn["width"] * drawn["height"]
        assert 0.1 - 1e-6 <= float(share.min()) < 0.11
        assert 0.19 < float(share.max()) <= 0.2 + 1e-6
        assert len(others) == len([a for a in policy(name, size=16) if not isinstance(a, Fan)]) - 1
