"""Beams against their equations, pixel by pixel in plain Python."""

from dataclasses import replace
from math import atan2, cos, hypot, radians, sin

import numpy as np
import pytest
import torch

from sslecho.views.attenuation import Attenuation
from sslecho.views.beams import At, Beams, angle_of
from sslecho.views.display import Display
from sslecho.views.fan import Fan
from sslecho.views.pose import Pose
from sslecho.views.shadow import Shadow
from sslecho.views.transform import Scan
from sslecho.views.trials import trials
from tests.views.fans import OUTLINES, scans

SIZE = 64


def fan_point(outline: torch.Tensor, r: float, theta: float) -> tuple[float, float]:
    """Where the beam at an angle is at a radius."""
    return float(outline[At.APEX_X]) + r * sin(theta), float(outline[At.APEX_Y]) + r * cos(theta)


def dots(points: list[tuple[float, float]], size: int = 256) -> torch.Tensor:
    """A picture for each point with a small bright disk there."""
    centers = (torch.arange(size) * 2.0 + 1) / size - 1
    return torch.stack([((centers[None, :] - x) ** 2 + (centers[:, None] - y) ** 2 < 0.03**2) for x, y in points])[
        :, None
    ].float()


def found(pixels: torch.Tensor) -> tuple[float, float]:
    """The middle of what is bright."""
    size = pixels.shape[-1]
    centers = (torch.arange(size) * 2.0 + 1) / size - 1
    weight = pixels[0]
    return float((weight.sum(0) * centers).sum() / weight.sum()), float((weight.sum(1) * centers).sum() / weight.sum())


def test_depth_across_and_inside():
    beams = Beams.of_stored(OUTLINES)
    depth, across = beams.depth(9, 9), beams.across(9, 9)
    inside = beams.inside(*beams.places(9, 9))
    for n, o in enumerate(OUTLINES.tolist()):
        for row in range(9):
            for col in range(9):
                x, y = (2 * col + 1) / 9 - 1, (2 * row + 1) / 9 - 1
                within = o[At.X0] <= x <= o[At.X1] and o[At.Y0] <= y <= o[At.Y1]
                if o[At.FAR] > 0:
                    r, t = hypot(x - o[0], y - o[1]), atan2(x - o[0], y - o[1])
                    d = (r - o[At.NEAR]) / (o[At.FAR] - o[At.NEAR])
                    a = (2 * t - o[At.LEFT] - o[At.RIGHT]) / (o[At.RIGHT] - o[At.LEFT])
                    within = within and o[At.NEAR] <= r <= o[At.FAR] and o[At.LEFT] <= t <= o[At.RIGHT]
                else:
                    d = (y - o[At.Y0]) / (o[At.Y1] - o[At.Y0])
                    a = (2 * x - o[At.X0] - o[At.X1]) / (o[At.X1] - o[At.X0])
                assert float(depth[n, 0, row, col]) == pytest.approx(d, abs=1e-5)
                assert float(across[n, 0, row, col]) == pytest.approx(a, abs=1e-5)
                assert bool(inside[n, 0, row, col]) == within


@pytest.mark.parametrize(
    ("depth", "spread", "angle"), [(1.2, 1, 0), (0.85, 1, 0), (1, 1.08, 0), (1, 1, 9), (1.1, 0.95, -7)]
)
def test_a_point_of_a_beam_lands_where_the_equation_says(depth, spread, angle):
    outline = OUTLINES[1]  # a fan with a near arc, off the middle
    near, mid = float(outline[At.NEAR]), (float(outline[At.LEFT]) + float(outline[At.RIGHT])) / 2
    r, theta = 1.3, 0.1
    source = fan_point(outline, r, theta)
    pose = Pose(256, spread=1.1, keep_fan=False)
    still = trials(256)[0].neutral
    values = still | {"depth": depth, "spread": spread, "angle_deg": float(angle)}
    params = {name: torch.tensor([float(value)]) for name, value in values.items()}
    scan = Scan(dots([source]), torch.ones(1, 1, 256, 256, dtype=torch.bool), Beams.of_stored(outline[None]))
    x, y = found(pose.apply(scan, params).pixels[0])
    # Turned and spread about the apex, then scaled about the middle of the probe's face.
    turned = fan_point(outline, r, mid + (theta - mid) * spread - radians(angle))
    face = fan_point(outline, near, mid)
    expected = [f + depth * (t - f) for f, t in zip(face, turned, strict=True)]
    assert (x, y) == pytest.approx(expected, abs=0.004)


def test_angles_are_those_of_atan2():
    theta = torch.linspace(-torch.pi / 2, torch.pi / 2, 4001, dtype=torch.float64)
    for radius in (1e-3, 0.4, 3.0):
        x, y = ((radius * f(theta)).float().view(1, 1, 1, -1) for f in (torch.sin, torch.cos))
        assert float((angle_of(x, y).flatten().double() - theta).abs().max()) < 5e-7
    x, y = (
        torch.tensor([0.0, 0.0, 0.3, -0.3]).view(1, 1, 1, -1),
        torch.tensor([0.0, -1.0, -1.0, -1.0]).view(1, 1, 1, -1),
    )
    angles = angle_of(x, y).flatten().tolist()
    assert angles[0] == 0  # the apex itself
    assert angles[2] == pytest.approx(torch.pi / 2, abs=0.02) == -angles[3]


def test_crop_shift_and_mirror_move_where_they_say():
    x = torch.zeros(1, 1, 64, 64)
    x[..., 20:24, 40:44] = 1
    scan = Scan(x, torch.ones_like(x, dtype=torch.bool), Beams.of_stored(OUTLINES[3:]))
    trial = trials(64)[0]
    still = trial.params(None, 1)
    moved = trial.augmentation.apply(scan, {**still, "shift_x": torch.tensor([0.125])}).pixels  # of 64 pixels
    assert torch.allclose(moved[..., 20:24, 32:36], torch.ones(4, 4), atol=1e-4)
    mirrored = trial.augmentation.apply(scan, {**still, "mirror_x": torch.tensor([-1.0])}).pixels
    assert torch.allclose(mirrored, x.flip(-1), atol=1e-4)
    half = {"width": torch.tensor([0.5]), "height": torch.tensor([0.5])}
    cropped = trial.augmentation.apply(scan, {**still, **half, "center_x": torch.tensor([0.5])}).pixels
    assert float(cropped[0, 0, 11, 19]) == pytest.approx(1)  # (22, 42) is 6 right of 32 + 4, and 10 above 32
    assert float(cropped.sum()) == pytest.approx(4 * 16, rel=0.15)


def test_the_outline_stays_upright_when_the_probe_rocks():
    trial = trials(SIZE)[0]
    scan = scans(SIZE).take(torch.tensor([0]))
    turned = trial.augmentation.apply(scan, {**trial.params(None, 1), "angle_deg": torch.tensor([10.0])})
    # What turned out of the sector is cut off, and where nothing turned in it is black.
    assert not (turned.mask & ~scan.mask).any()
    lost = (float(scan.mask.sum()) - float(turned.mask.sum())) / float(scan.mask.sum())
    assert 0.08 < lost < 0.2  # 10 of 83 degrees, of a fan whose corners the box cuts off
    assert torch.equal(turned.beams.inside(*turned.beams.places(SIZE, SIZE)) & turned.mask, turned.mask)


@pytest.mark.parametrize("keep_fan", [True, False])
@pytest.mark.parametrize("spread", [1.08, 1 / 1.08])
def test_the_beams_of_a_spread_rectangle_are_those_of_its_mask(spread, keep_fan):
    trial = trials(SIZE)[0]
    assert isinstance(trial.augmentation, Pose)
    pose = replace(trial.augmentation, keep_fan=keep_fan)
    spread_rectangle = {**trial.params(None, 1), "spread": torch.tensor([spread])}
    scan = pose.apply(scans(96).take(torch.tensor([2])), spread_rectangle)
    assert torch.equal(scan.beams.inside(*scan.beams.places(SIZE, SIZE)), scan.mask)
    across = scan.across[scan.mask]
    assert (float(across.min()), float(across.max())) == pytest.approx((-1, 1), abs=0.06)
    assert (int(scan.mask.sum()) > int(scans(SIZE).mask[2].sum())) == (spread > 1 and not keep_fan)


@pytest.mark.parametrize("size", [(48, 80), (80, 48), 64])
def test_other_shapes_are_letterboxed(size):
    height, width = (size, size) if isinstance(size, int) else size
    scan = scans(96)
    none = Pose(size).apply(scan, trials(size)[0].params(None, 4))
    assert none.pixels.shape == (4, 1, height, width)
    side = min(height, width)
    square = Pose(side).apply(scan, trials(side)[0].params(None, 4))
    top, left = (height - side) // 2, (width - side) // 2
    middle = none.pixels[..., top : top + side, left : left + side]
    assert torch.allclose(middle, square.pixels, atol=1e-5)
    assert float(none.pixels.sum()) == pytest.approx(float(middle.sum()))
    rim = none.mask.clone()
    rim[..., top : top + side, left : left + side] = False
    assert not rim.any()


def test_attenuation_depends_on_the_depth_along_the_beam_alone():
    scan = scans(96)
    flat = scan._replace(pixels=torch.full_like(scan.pixels, 0.5))
    sliders = torch.tensor([3.0, -4.0, 1.0, -2.0])
    change = Attenuation().apply(flat, {f"slider_{k}_db": sliders[k].expand(4) for k in range(4)}).pixels - 0.5
    for n in range(4):
        d = flat.depth[n][flat.mask[n]].double().clamp(0, 1)
        # de Casteljau: the same curve by repeated linear interpolation.
        points = [sliders[k].double().expand(len(d)) for k in range(4)]
        while len(points) > 1:
            points = [(1 - d) * a + d * b for a, b in zip(points, points[1:], strict=False)]
        assert np.allclose(change[n][flat.mask[n]].numpy(), points[0].numpy() / 60, atol=1e-5)


def test_a_shadow_lies_along_its_beams():
    scan = scans(96)
    flat = scan._replace(pixels=torch.full_like(scan.pixels, 0.9))
    values = {"loss_db": 24.0, "center": 0.3, "width": 0.1, "start": 0.1}
    loss = 0.9 - Shadow().apply(flat, {n: torch.full((4,), v) for n, v in values.items()}).pixels
    deep = flat.mask & (flat.depth > 0.25)
    assert torch.allclose(loss[deep & ((flat.across - 0.3).abs() < 0.02)], torch.tensor(0.4), atol=1e-2)
    assert float(loss[flat.mask & ((flat.across - 0.3).abs() > 0.2)].max()) < 1e-4
    assert float(loss[flat.mask & (flat.depth < 0.1)].max()) == 0


def test_gain_is_in_decibels_of_the_displayed_range():
    scan = scans(16).take(torch.tensor([3]))
    flat = scan._replace(pixels=torch.full_like(scan.pixels, 0.5))

    def gray(gain: float, shown: float) -> float:
        params = {"gain_db": torch.tensor([gain]), "range_db": torch.tensor([shown])}
        return float(Display().apply(flat, params).pixels.mean())

    assert gray(6, 60) == pytest.approx(0.5 + 6 / 60, abs=1e-5)
    # 10 dB below tissue's gray: a range of 45 dB shows that as 10 / 45 of the scale.
    assert gray(0, 45) == pytest.approx(2 / 3 - 10 / 45, abs=1e-5)


def test_another_device_takes_what_it_says():
    scan = scans(96)
    whole = dict.fromkeys(("left", "right", "near", "far", "bottom", "sides"), 0.0)
    for part, share in {"left": 0.3, "near": 0.1, "far": 0.2}.items():
        params = {f"cut_{name}": torch.full((4,), share if name == part else value) for name, value in whole.items()}
        kept = Fan().apply(scan, params).mask
        place = {"left": scan.across > -1 + share, "near": scan.depth > share, "far": scan.depth < 1 - share}[part]
        if part == "left":  # of a rectangle, half of it on one side is a quarter of its width
            place[2:] = scan.across[2:] > -1 + share
        assert int((kept != (scan.mask & place)).sum()) <= 8, part
