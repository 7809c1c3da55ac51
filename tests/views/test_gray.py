"""Changes of gray against their equations, a pixel at a time."""

import math

import pytest
import torch

from sslecho.views.beams import At
from sslecho.views.cutout import Cutout
from sslecho.views.fan import Fan
from sslecho.views.haze import GRAIN_DB, Haze
from sslecho.views.jitter import Jitter
from sslecho.views.noise import Noise
from sslecho.views.texture import noise_bank, patches, speckle_bank
from tests.views.fans import OUTLINES, scans

SIZE = 48
PLACES = [(20, 24), (30, 27), (36, 18)]  # row and column; inside all four outlines
TEXTURE = {"top": torch.tensor([0.1, 0.4, 0.7, 0.9]), "left": torch.tensor([0.8, 0.2, 0.5, 0.3])}


def beam(outline, row, column):
    """Depth from 0 to 1 and place across from -1 to 1 of a pixel, by trigonometry."""
    x, y = (2 * column + 1) / SIZE - 1, (2 * row + 1) / SIZE - 1
    at = {name: float(outline[name]) for name in At}
    if at[At.FAR] == 0:
        depth = (y - at[At.Y0]) / (at[At.Y1] - at[At.Y0])
        return depth, 2 * (x - at[At.X0]) / (at[At.X1] - at[At.X0]) - 1
    x, y = x - at[At.APEX_X], y - at[At.APEX_Y]
    depth = (math.hypot(x, y) - at[At.NEAR]) / (at[At.FAR] - at[At.NEAR])
    return depth, 2 * (math.atan2(x, y) - at[At.LEFT]) / (at[At.RIGHT] - at[At.LEFT]) - 1


def test_haze_adds_amplitudes_that_fall_with_depth():
    scan, haze = scans(SIZE), Haze()
    strength, fall, tilt = [0.3, 0.8, 1.0, 0.6], [35.0, 50.0, 65.0, 80.0], [-6.0, 2.0, 5.0, -1.0]
    told = {"strength": strength, "fall_db": fall, "tilt_db": tilt}
    params = {**TEXTURE, **{name: torch.tensor(values) for name, values in told.items()}}
    hazy = haze.apply(scan, params).pixels
    grain = patches(speckle_bank(SIZE, SIZE, "cpu"), params, height=SIZE, width=SIZE)
    for n, outline in enumerate(OUTLINES):
        for row, column in PLACES:
            depth, across = beam(outline, row, column)
            gray = float(scan.pixels[n, 0, row, column])
            clutter_db = (
                -haze.level_db + GRAIN_DB * float(grain[n, 0, row, column]) - fall[n] * depth + tilt[n] * across
            )
            echo, clutter = 10 ** ((gray * 60 - 60) / 20), 10 ** (clutter_db / 20)
            full = 1 + 20 * math.log10(echo + clutter) / 60
            expected = min(gray + strength[n] * (full - gray), 1.0)
            assert float(hazy[n, 0, row, column]) == pytest.approx(expected, abs=2e-5)


def test_noise_is_three_times_as_strong_at_the_far_end():
    scan, strength = scans(SIZE), [0.01, 0.03, 0.05, 0.06]
    params = {**TEXTURE, "strength": torch.tensor(strength)}
    noisy = Noise().apply(scan, params).pixels
    noise = patches(noise_bank(SIZE, SIZE, "cpu"), params, height=SIZE, width=SIZE)
    for n, outline in enumerate(OUTLINES):
        for row, column in PLACES:
            depth, _ = beam(outline, row, column)
            change = strength[n] * (1 + 2 * depth) / 3 * float(noise[n, 0, row, column])
            expected = min(max(float(scan.pixels[n, 0, row, column]) + change, 0), 1)
            assert float(noisy[n, 0, row, column]) == pytest.approx(expected, abs=1e-5)


def test_jitter_keeps_the_mean_of_the_sector_where_it_changes_contrast():
    scan, brightness, contrast = scans(SIZE), [1.0, 0.7, 1.2, 0.9], [0.5, 1.3, 0.8, 1.0]
    params = {"brightness": torch.tensor(brightness), "contrast": torch.tensor(contrast)}
    changed = Jitter().apply(scan, params).pixels
    for n in range(len(OUTLINES)):
        inside = scan.mask[n, 0]
        bright = [min(brightness[n] * gray, 1.0) for gray in scan.pixels[n, 0][inside].tolist()]
        mean = sum(bright) / len(bright)
        expected = [min(max(mean + contrast[n] * (gray - mean), 0.0), 1.0) for gray in bright]
        assert changed[n, 0][inside].tolist() == pytest.approx(expected, abs=1e-5)


def test_a_cutout_is_a_square_of_its_side():
    scan = scans(SIZE)
    params = {name: torch.tensor(values) for name, values in {
        "side": [0.25, 0.125, 0.25, 0.25], "center_x": [0.0, 0.25, 0.0, -0.5], "center_y": [0.0, 0.0, 0.25, 0.5]
    }.items()}  # fmt: skip
    black = Cutout().apply(scan, params).pixels[3, 0] == 0  # the whole picture, whose grays are above 0
    rows, columns = torch.nonzero(black, as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (30, 41, 6, 17)  # a quarter of 48 pixels
    assert int(black.sum()) == 12 * 12


def test_another_device_shows_nothing_that_was_hidden():
    scan = scans(SIZE)
    hidden = scan.mask.clone()
    hidden[..., : SIZE // 2, :] = False  # as after a turn, whose box the outline does not have
    cut = Fan(1.0)
    params = cut.draw(torch.full((len(OUTLINES), cut.n_draws), 0.3))
    changed = cut.apply(scan._replace(mask=hidden, pixels=scan.pixels * hidden), params)
    assert not (changed.mask & ~hidden).any()
    assert changed.mask.any()
