"""What every augmentation must do, over all classes and all policies."""

import pkgutil
from importlib import import_module

import numpy as np
import pytest
import torch

from sslecho import views
from sslecho.api.settings import POLICIES as OFFERED
from sslecho.data.keyed import uniforms
from sslecho.views.attenuation import Attenuation
from sslecho.views.blur import Blur
from sslecho.views.cutout import Cutout
from sslecho.views.display import Display, Gamma
from sslecho.views.fan import Fan
from sslecho.views.haze import Haze
from sslecho.views.jitter import Jitter
from sslecho.views.noise import Noise
from sslecho.views.policies import POLICIES, USES, Views, policy
from sslecho.views.pose import Pose
from sslecho.views.shadow import Shadow
from sslecho.views.speckle import Despeckle, Respeckle
from sslecho.views.transform import Augmentation, Intensity, Scan
from sslecho.views.trials import trials
from tests.views.fans import OUTLINES, scans

SIZE = 48
STRONG = [
    Pose(
        SIZE, 0.5, aspect=0.1, depth=1.25, spread=1.1, rotation_deg=20.0, shift=0.1, shear=0.1, flip_x=0.5, flip_y=0.5
    ),
    Pose(SIZE, rotation_deg=30.0, about="center", keep_fan=False, shift=0.1),
    Fan(),
    Attenuation(),
    Display(),
    Gamma(),
    Shadow(),
    Haze(),
    Respeckle(),
    Despeckle(),
    Blur(max_mm=3.0),
    Jitter(),
    Noise(),
    Cutout(),
]
GRAY = [a for a in STRONG if isinstance(a, Intensity)]
TRIALS = trials(SIZE)


def name_of(thing) -> str:
    return getattr(thing, "name", None) or type(thing).__name__


def drawn(augmentation: Augmentation, n: int = 4, *, seed: int = 0) -> dict[str, torch.Tensor]:
    return augmentation.draw(torch.from_numpy(uniforms(seed, 0, np.arange(n), 0, augmentation.n_draws)))


def test_every_class_is_tried_here_and_on_the_sheet():
    for module in pkgutil.iter_modules(views.__path__):
        import_module(f"sslecho.views.{module.name}")
    every = {c for base in (Augmentation, Intensity) for c in base.__subclasses__()} - {Intensity}
    assert every == {type(a) for a in STRONG} == {type(t.augmentation) for t in TRIALS}


def test_every_policy_is_offered():
    assert OFFERED == POLICIES


@pytest.mark.parametrize("augmentation", STRONG, ids=name_of)
def test_keeps_the_contract_and_changes_something(augmentation):
    scan = scans()
    before = scan.pixels.clone()
    y = augmentation.apply(scan, drawn(augmentation)).pixels
    assert y.dtype == torch.float32
    assert y.shape == before.shape
    assert torch.isfinite(y).all()
    assert 0 <= float(y.min())
    assert float(y.max()) <= 1
    assert torch.equal(scan.pixels, before), "the input must not be written to"
    assert all(float((y - before)[k].abs().mean()) > 1e-4 for k in range(4))


@pytest.mark.parametrize("augmentation", STRONG, ids=name_of)
def test_parameters_replay_and_differ_between_pictures(augmentation):
    scan = scans().take(torch.zeros(8, dtype=torch.int64))
    params = drawn(augmentation, 8)
    y = augmentation.apply(scan, params)
    again = augmentation.apply(scan, params)
    assert torch.equal(y.pixels, again.pixels)
    assert torch.equal(y.mask, again.mask)
    assert not torch.equal(y.pixels[0], y.pixels[1])
    other = drawn(augmentation, 8, seed=1)
    assert not torch.equal(augmentation.apply(scan, other).pixels, y.pixels)


@pytest.mark.parametrize("augmentation", STRONG, ids=name_of)
def test_a_picture_does_not_depend_on_its_batch(augmentation):
    scan, params = scans(), drawn(augmentation)
    whole = augmentation.apply(scan, params)
    for k in (0, 2, 3):
        alone = augmentation.apply(scan.take(torch.tensor([k])), {n: v[k : k + 1] for n, v in params.items()})
        assert torch.allclose(alone.pixels[0], whole.pixels[k], atol=1e-6)
        assert torch.equal(alone.mask[0], whole.mask[k])


@pytest.mark.parametrize("trial", TRIALS, ids=name_of)
def test_zero_strength_is_the_identity(trial):
    scan = scans()
    y = trial.apply(scan, None)
    assert torch.allclose(y.pixels, scan.pixels, atol=2e-5)
    # Pixels whose center is on the rim to the last digit may fall either way.
    assert int((y.mask != scan.mask).sum()) <= 4
    if isinstance(trial.augmentation, Intensity):
        assert torch.equal(y.mask, scan.mask)


@pytest.mark.parametrize("trial", TRIALS, ids=name_of)
def test_every_step_changes_the_picture(trial):
    scan = scans()
    # 24 mm of depth: a quarter of a millimeter is half a pixel.
    scan = scan._replace(beams=scan.beams.cut_to(mm=torch.full((4,), 12.0)))
    still = trial.apply(scan, None).pixels
    for step, (caption, _) in enumerate(trial.steps):
        assert float((trial.apply(scan, step).pixels - still).abs().mean()) > 1e-4, caption


@pytest.mark.parametrize("augmentation", GRAY, ids=name_of)
def test_changes_of_gray_leave_what_is_outside_untouched(augmentation):
    scan = scans(outside=0.37)
    y = augmentation.apply(scan, drawn(augmentation))
    assert torch.equal(y.pixels[~scan.mask], scan.pixels[~scan.mask])
    assert torch.equal(y.mask, scan.mask)
    assert torch.equal(y.beams.outline[:3, :10], scan.beams.outline[:3, :10])


@pytest.mark.parametrize("augmentation", [a for a in STRONG if a not in GRAY], ids=name_of)
def test_changes_of_place_carry_the_mask_and_leave_zero_outside(augmentation):
    scan = scans(outside=0.37)
    ones = Scan(torch.ones_like(scan.pixels), scan.mask, scan.beams)
    params = drawn(augmentation)
    y = augmentation.apply(ones, params)
    assert float(y.pixels[~y.mask].abs().max()) == 0
    # Full inside, but where a pixel at the picture's border is averaged with what lies beyond.
    assert float((y.pixels[y.mask] > 0.49).float().mean()) > 0.995
    assert 0.05 < float(y.mask.float().mean()) < 0.95


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", POLICIES)
def test_policies_make_views(name, use):
    frames = (scans(96).pixels[:, 0] * 255).to(torch.uint8)
    maker = Views(policy(name, size=32, use=use), size=32, seed=1)
    x = maker.prepare(frames, OUTLINES)
    rows = np.arange(4)
    first = maker(x, rows, epoch=0, view=0)
    assert first.shape == (4, 1, 32, 32)
    assert 0 <= float(first.min()) <= float(first.max()) <= 1
    assert torch.equal(first, maker(x, rows, epoch=0, view=0))
    same = [torch.equal(first, maker(x, rows, epoch=e, view=v)) for e, v in ((0, 1), (1, 0))]
    assert same == [name == "none"] * 2


@pytest.mark.parametrize("name", POLICIES)
def test_a_view_depends_on_its_frame_not_on_its_batch(name):
    frames = (scans(64).pixels[:, 0] * 255).to(torch.uint8)
    maker = Views(policy(name, size=32), size=32, seed=1)
    whole = maker(maker.prepare(frames, OUTLINES), np.arange(4), epoch=3, view=1)
    part = maker(maker.prepare(frames[2:], OUTLINES[2:]), np.arange(2, 4), epoch=3, view=1)
    assert torch.allclose(whole[2:], part, atol=1e-5)


def test_nothing_is_done_to_pictures_that_are_not_chosen():
    class Seen(Exception):
        pass

    pose, *others = policy("echo", size=32)
    assert {type(a).__name__: a.probability for a in others} == {
        "Fan": 0.5, "Attenuation": 1.0, "Display": 1.0, "Gamma": 0.5, "Haze": 0.3, "Respeckle": 0.3,
        "Despeckle": 0.2, "Blur": 0.3, "Shadow": 0.3,
    }  # fmt: skip
    maker = Views((pose, Cutout(0.5)), size=32, seed=3)
    scan = Views.prepare(maker, torch.full((64, 64, 64), 200, dtype=torch.uint8))
    rows = np.arange(64)
    chosen = maker.draw(rows, epoch=0, view=0)[1][0]
    assert 16 < len(chosen) < 48
    plain = Views((pose, Cutout(0.0)), size=32, seed=3)(scan, rows, epoch=0, view=0)
    changed = (maker(scan, rows, epoch=0, view=0) != plain).flatten(1).any(1)
    assert set(torch.nonzero(changed).flatten().tolist()) <= set(chosen.tolist())
    assert int(changed.sum()) > 0.6 * len(chosen)


def test_what_each_policy_may_do():
    poses = {name: policy(name, size=32)[0] for name in POLICIES}
    assert {n: p.flip_x for n, p in poses.items() if isinstance(p, Pose)} == {
        "echo": 0, "fetal": 0.5, "lung": 0.5, "none": 0, "simclr": 0.5, "chartsias": 0, "fusc": 0.5, "madani": 0.5,
        "stfm": 0,
    }  # fmt: skip
    assert [n for n, p in poses.items() if isinstance(p, Pose) and p.flip_y] == ["madani"]
    assert not any(isinstance(a, Shadow) for a in policy("lung", size=32))
    assert any(isinstance(a, Shadow) for a in policy("echo", size=32))
    for name in POLICIES:
        (only,) = policy(name, size=32, use="grades", min_area=0.3)
        assert isinstance(only, Pose)
        assert (only.min_area, only.depth, only.spread, only.aspect) == (1, 1, 1, 0)
    with pytest.raises(KeyError):
        policy("ecko", size=32)
    with pytest.raises(KeyError):
        policy("echo", size=32, use="votes")


@pytest.mark.parametrize(("side", "size"), [(224, 32), (256, 40), (96, 40)])
def test_what_is_averaged_down_stays_under_its_outline(side, size):
    frames = torch.zeros(1, side, side, dtype=torch.uint8)
    frames[:, :, -side // 8 :] = 255  # the last eighth, which a strip that is dropped would make narrower
    views = Views(policy("none", size=size), size=size, seed=0)
    view = views(views.prepare(frames), np.arange(1), epoch=0, view=0)
    assert float(view.mean(dim=(0, 1, 2)).sum()) == pytest.approx(size / 8, abs=0.03 * size / 8)
