"""What an objective is shown, and what it is told."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sslecho.objectives.objective import Now
from sslecho.objectives.simclr import nt_xent
from sslecho.train.batches import Frames, known_of, row_batches
from sslecho.train.pictures import load, show
from sslecho.views.fan import Fan
from sslecho.views.policies import POLICIES, Views, local_policy, policy
from sslecho.views.pose import Pose

CPU = torch.device("cpu")
NOW = Now(7, 20, 1.75)
PICTURES = np.random.default_rng(0).integers(0, 256, (12, 64, 64)).astype(np.uint8)


def frames(**more):
    return Frames(lambda rows: PICTURES[rows], np.arange(12), np.arange(12) // 3, **more)


def pictures_of(rows, partners):
    pictures = load(frames(), (rows, partners))
    assert pictures is not None
    return pictures


def test_even_views_show_the_frame_and_odd_ones_its_partner():
    loaded = pictures_of(np.array([0, 5]), np.array([2, 3]))
    whole = Views(policy("none", size=64), size=64, seed=0)
    views = show(loaded, [whole] * 4, NOW, n_draws=0, seed=0, device=CPU).views
    for view, rows in zip(views, ([0, 5], [2, 3], [0, 5], [2, 3]), strict=True):
        assert torch.allclose(view.squeeze(1), torch.from_numpy(PICTURES[rows]) / 255, atol=1e-4)


def test_every_view_has_numbers_of_its_own():
    rows = np.array([0, 5])
    whole = Views(policy("echo", size=32), size=32, seed=0)
    small = Views(local_policy("echo", size=16, min_area=0.1, max_area=0.2), size=16, seed=0)
    loaded = pictures_of(rows, rows)
    views = show(loaded, [whole, whole, small, small], NOW, n_draws=0, seed=0, device=CPU).views
    assert [tuple(view.shape) for view in views] == [(2, 1, 32, 32)] * 2 + [(2, 1, 16, 16)] * 2
    assert not torch.equal(views[0], views[1])
    assert not torch.equal(views[2], views[3])


def test_draws_follow_seed_epoch_and_frame_and_not_the_batch():
    whole = [Views(policy("none", size=64), size=64, seed=0)]

    def draws(rows, now=NOW, seed=0):
        loaded = pictures_of(np.array(rows), np.array(rows))
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


ROWS = np.arange(3, 60)
STORE = Frames(
    lambda rows: PICTURES[rows % 12],
    ROWS,
    np.arange(60) // 3,
    np.arange(60) // 3,
    np.arange(60) // 3 % 4 - 1,
    repeat_of_frame=np.arange(60) // 6,
    time_s=np.arange(60) * 0.1,
    max_gap_s=0.25,
)


def steps(kind, *, start=0, rank=0, world=1, epochs=3):
    frames = replace(STORE, batches=kind)
    return list(row_batches(frames, batch_size=8, epochs=epochs, seed=4, start=start, rank=rank, world=world))


@pytest.mark.parametrize("kind", ["frames", "clips", "classes"])
def test_the_joint_batch_is_the_same_for_any_number_of_processes(kind):
    whole = steps(kind)
    assert len(whole) == 3 * 7
    for world in (2, 4):
        shares = [steps(kind, rank=rank, world=world) for rank in range(world)]
        for step, (rows, partners) in enumerate(whole):
            joint = [np.stack([share[step][which] for share in shares], axis=1).ravel() for which in (0, 1)]
            assert np.array_equal(joint[0], rows)
            assert np.array_equal(joint[1], partners)


@pytest.mark.parametrize("kind", ["frames", "clips", "classes"])
def test_a_run_that_goes_on_sees_the_batches_that_it_would_have(kind):
    whole = steps(kind)
    for start in range(len(whole)):
        for (rows, partners), (rows_again, partners_again) in zip(whole[start:], steps(kind, start=start), strict=True):
            assert np.array_equal(rows, rows_again)
            assert np.array_equal(partners, partners_again)
    assert any((rows != partners).any() for rows, partners in whole)


def test_kinds_of_batches_keep_their_promise():
    assert all(np.bincount(STORE.alike[rows]).max() == 1 for rows, _ in steps("clips"))
    assert not all(np.bincount(STORE.alike[rows]).max() == 1 for rows, _ in steps("frames"))
    labels = STORE.label_of_frame
    assert labels is not None
    for rows, _ in steps("classes"):
        for label in set(labels[rows].tolist()) - {-1}:
            assert len(np.unique(STORE.clip_of_frame[rows[labels[rows] == label]])) >= 2


def test_classes_without_labels_are_refused():
    with pytest.raises(ValueError, match="batches of classes need labels"):
        next(row_batches(frames(batches="classes"), batch_size=2, epochs=1, seed=0, start=0, rank=0, world=1))


def test_repeats_get_exactly_no_gradient_from_each_other_and_other_views_do():
    """One patient: clips 0 and 2 are repeats, clips 1 and 3 other views; a frame of each in one batch."""
    repeat = np.array([0, 1, 0, 3])[np.arange(12) // 3]
    known = known_of(np.array([0, 3, 6, 9]), frames(repeat_of_frame=repeat), NOW, CPU)
    # Each view has a direction of its own, so that its gradient names, one by one, those that it is pulled by.
    z = torch.diag(torch.tensor([1.0, 2.0, 0.5, 1.5, 0.7, 1.2, 3.0, 0.9])).requires_grad_()
    nt_xent(z[:4], z[4:], known.clips, temperature=0.5).backward()
    assert z.grad is not None
    frame = torch.arange(8) % 4
    pulled = z.grad != 0
    own = (frame[:, None] == frame) & ~torch.eye(8, dtype=torch.bool)
    repeats = (frame[:, None] % 2 == 0) & (frame % 2 == 0) & (frame[:, None] != frame)
    assert repeats.sum() == 8
    assert not pulled[repeats].any()
    assert pulled[own].all()
    assert pulled[frame[:, None] % 2 != frame % 2].all()
    assert pulled[(frame[:, None] == 1) & (frame == 3)].all()


def test_frames_that_are_their_own_partners_are_read_once():
    alone = replace(STORE, partner_group=None)
    for rows, partners in row_batches(alone, batch_size=8, epochs=1, seed=0, start=0, rank=1, world=2):
        assert partners is rows
        pictures = load(alone, (rows, partners))
        assert pictures is not None
        assert pictures.partner_pictures is pictures.pictures
