"""What every augmentation must do, over all classes and all policies."""

import inspect

import numpy as np
import pytest
import torch

from sslecho.views import geometry, intensity
from sslecho.views.geometry import Fan, Pose
from sslecho.views.intensity import Blur, Display, Shadow, Speckle
from sslecho.views.keyed import uniforms
from sslecho.views.policies import POLICIES, Views, policy
from sslecho.views.transform import Augmentation

STRONG = [
    Pose(48, min_area=0.5, aspect=0.1, rotation_deg=20.0, shift=0.1, flip_x=0.5, flip_y=0.5),
    Fan(1.0),
    Display(gain_db=10.0, contrast=0.3, gamma=1.5, attenuation_db=8.0),
    Shadow(1.0),
    Speckle(1.0),
    Blur(1.0, max_sigma=0.03),
]
ZERO = [Pose(48), Fan(0.0), Display(), Shadow(0.0), Speckle(0.0), Blur(0.0)]


def fan_frames(n: int = 8, size: int = 48) -> torch.Tensor:
    """Speckled 70 degree sectors with black outside, [n, 1, size, size]."""
    generator = torch.Generator().manual_seed(5)
    x = 0.2 + 0.7 * torch.rand(n, 1, size, size, generator=generator)
    across = torch.linspace(-1, 1, size).view(1, 1, 1, -1)
    down = torch.linspace(0, 2, size).view(1, 1, -1, 1)
    return x * (torch.atan2(across.abs(), down) < 0.61) * ((across**2 + down**2).sqrt() < 1.9)


def numbers(augmentation: Augmentation, n: int = 8, *, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(uniforms(seed, 0, np.arange(n), 0, augmentation.n_draws))


def test_every_class_is_tried_here():
    found = {
        thing
        for module in (geometry, intensity)
        for _, thing in inspect.getmembers(module, inspect.isclass)
        if issubclass(thing, Augmentation) and thing is not Augmentation
    }
    assert found == {type(a) for a in STRONG} == {type(a) for a in ZERO}


@pytest.mark.parametrize("augmentation", STRONG, ids=lambda a: type(a).__name__)
def test_keeps_the_contract_and_changes_something(augmentation):
    x = fan_frames()
    before = x.clone()
    y = augmentation.apply(x, augmentation.draw(numbers(augmentation)))
    assert y.dtype == torch.float32
    assert y.shape == x.shape
    assert torch.isfinite(y).all()
    assert 0 <= float(y.min())
    assert float(y.max()) <= 1
    assert torch.equal(x, before), "the input must not be written to"
    assert float((y - x).abs().mean()) > 1e-3


@pytest.mark.parametrize("augmentation", STRONG, ids=lambda a: type(a).__name__)
def test_parameters_replay_and_differ_between_frames(augmentation):
    x = fan_frames(1).expand(8, -1, -1, -1).contiguous()
    params = augmentation.draw(numbers(augmentation))
    y = augmentation.apply(x, params)
    assert torch.equal(y, augmentation.apply(x, params))
    assert not torch.equal(y[0], y[1])


@pytest.mark.parametrize("augmentation", ZERO, ids=lambda a: type(a).__name__)
def test_zero_strength_is_the_identity(augmentation):
    x = fan_frames()
    y = augmentation.apply(x, augmentation.draw(numbers(augmentation)))
    assert torch.allclose(y, x, atol=2e-6)


@pytest.mark.parametrize("augmentation", [a for a in STRONG if not isinstance(a, Pose)], ids=lambda a: type(a).__name__)
def test_nothing_lights_up_outside_the_sector(augmentation):
    x = fan_frames()
    y = augmentation.apply(x, augmentation.draw(numbers(augmentation)))
    assert float(y[x == 0].abs().max()) == 0


def test_pose_moves_where_it_says():
    x = torch.zeros(1, 1, 64, 64)
    x[..., 20:24, 40:44] = 1
    still = Pose(64).draw(torch.full((1, 9), 0.5))
    shifted = Pose(64).apply(x, {**still, "shift_x": torch.tensor([0.25])})  # 8 pixels: the picture is 2 wide
    assert torch.allclose(shifted[..., 20:24, 32:36], torch.ones(4, 4), atol=1e-4)
    mirrored = Pose(64).apply(x, {**still, "mirror_x": torch.tensor([-1.0])})
    assert torch.allclose(mirrored, x.flip(-1), atol=1e-5)
    turned = Pose(64).apply(x, {**still, "angle": torch.deg2rad(torch.tensor([10.0]))})
    rows, columns = torch.nonzero(turned[0, 0] > 0.5, as_tuple=True)
    # About the top center (31.5, -0.5): the distance to it stays.
    radius = ((rows.float().mean() + 0.5) ** 2 + (columns.float().mean() - 31.5) ** 2).sqrt()
    assert float(radius) == pytest.approx((22**2 + 10**2) ** 0.5, abs=0.7)


def test_gain_is_in_decibels_of_a_60_db_display():
    x = torch.full((1, 1, 8, 8), 0.5)
    params = Display(gain_db=6.0).draw(torch.tensor([[1.0, 0.5, 0.5, 0.5]]))
    assert float(Display(gain_db=6.0).apply(x, params).mean()) == pytest.approx(0.5 + 6 / 60, abs=1e-5)


@pytest.mark.parametrize("name", POLICIES)
def test_policies_make_views(name):
    frames = (fan_frames(6, 96)[:, 0] * 255).to(torch.uint8)
    views = Views(policy(name, size=32), size=32, seed=1)
    x = views.prepare(frames)
    rows = np.arange(6)
    first = views(x, rows, epoch=0, view=0)
    assert first.shape == (6, 1, 32, 32)
    assert torch.equal(first, views(x, rows, epoch=0, view=0))
    same = [torch.equal(first, views(x, rows, epoch=e, view=v)) for e, v in ((0, 1), (1, 0))]
    assert same == [name == "none"] * 2


def test_a_view_depends_on_its_frame_not_on_its_batch():
    frames = (fan_frames(6, 64)[:, 0] * 255).to(torch.uint8)
    views = Views(policy("echo", size=32), size=32, seed=1)
    whole = views(views.prepare(frames), np.arange(6), epoch=3, view=1)
    part = views(views.prepare(frames[4:]), np.arange(4, 6), epoch=3, view=1)
    assert torch.allclose(whole[4:], part, atol=1e-6)


def test_adult_echo_is_never_mirrored():
    poses = {name: next(a for a in policy(name, size=32) if isinstance(a, Pose)) for name in POLICIES}
    assert poses["echo"].flip_x == 0
    assert poses["fetal"].flip_x == 0.5
    assert all(pose.flip_y == 0 for pose in poses.values())
