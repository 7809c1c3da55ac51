"""Beams to picture and back."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from sslecho.phantom.geometry import BeamGrid, ScanConverter

GRIDS = [
    BeamGrid(0.0, 75.0, 160.0),
    BeamGrid(9.0, 82.0, 120.0),
    BeamGrid(55.0, 66.0, 110.0),
    BeamGrid(11.0, 140.0, 70.0),
]


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: f"radius{grid.radius_mm:.0f}")
def test_grid_coordinates_invert_the_points(grid):
    points = grid.points_mm.astype(np.float64)
    found = grid.to_grid(points[5:-5:7, 20::31].reshape(-1, 2))
    samples, lines = np.meshgrid(np.arange(grid.samples)[20::31], np.arange(grid.lines)[5:-5:7])
    keep = points[5:-5:7, 20::31, 1].ravel() + grid.radius_mm > 1
    np.testing.assert_allclose(found[keep, 0], samples.ravel()[keep], atol=0.02)
    np.testing.assert_allclose(found[keep, 1], lines.ravel()[keep], atol=0.02)


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: f"radius{grid.radius_mm:.0f}")
def test_a_constant_stays_constant_inside_and_black_outside(grid):
    converter = ScanConverter(grid, 96)
    picture = converter.picture(np.full((grid.lines, grid.samples), 200.4, np.float32))
    assert set(np.unique(picture[converter.mask])) <= {199, 200}
    assert not picture[~converter.mask].any()
    assert 0.15 < converter.mask.mean() < 0.9
    rim = np.concatenate([converter.mask[0], converter.mask[-1], converter.mask[:, 0], converter.mask[:, -1]])
    assert not rim.any()


def test_scan_conversion_against_a_slow_oracle():
    grid, size = BeamGrid(9.0, 82.0, 120.0, lines=24, samples=40), 64
    rng = np.random.default_rng(0)
    beams = rng.uniform(0, 255, (24, 40)).astype(np.float32)
    converter = ScanConverter(grid, size)
    picture = converter.picture(beams)
    origin_column, origin_row = converter.to_pixels(np.zeros((1, 2)))[0]
    for row, column in rng.integers(0, size, (300, 2)):
        if not converter.mask[row, column]:
            continue
        x = (column - origin_column) * converter.mm_per_pixel
        z = (row - origin_row) * converter.mm_per_pixel
        sample = (np.hypot(x, z + 9) - 9) / 3.0 - 0.5
        line = (np.degrees(np.arctan2(x, z + 9)) + 41) / (82 / 23)
        want = map_coordinates(beams, [[line], [np.clip(sample, 0, 38.999)]], order=1)[0]
        assert picture[row, column] == pytest.approx(want, abs=1.1)


def test_left_on_the_beams_is_left_on_the_picture():
    grid = BeamGrid(6.0, 76.0, 150.0)
    beams = np.zeros((grid.lines, grid.samples), np.float32)
    beams[: grid.lines // 2] = 255
    picture = ScanConverter(grid, 64).picture(beams)
    assert picture[:, :32].mean() > 20 * max(picture[:, 34:].mean(), 0.01)


def test_a_zoom_box_cuts_the_picture_and_enlarges_what_is_left():
    whole = BeamGrid(6.0, 76.0, 150.0)
    boxed = whole.boxed(0.5, 0.2, 0.8)
    assert boxed.box_mm is not None
    assert boxed.box_mm[2:] == (30.0, 120.0)
    converter, uncut = ScanConverter(boxed, 128), ScanConverter(whole, 128)
    assert converter.mm_per_pixel < 0.7 * uncut.mm_per_pixel
    rows, columns = np.nonzero(converter.mask)
    corners = converter.to_pixels(np.array([[boxed.box_mm[0], 30.0], [boxed.box_mm[1], 120.0]]))
    # The box is all that is shown, and it is shown up to its edges.
    np.testing.assert_allclose([columns.min(), rows.min()], corners[0], atol=1.01)
    np.testing.assert_allclose([columns.max(), rows.max()], corners[1], atol=1.01)
    # What lies in the box lies where the beams say: a bright spot at (10, 80) mm.
    beams = np.zeros((boxed.lines, boxed.samples), np.float32)
    sample, line = np.rint(boxed.to_grid(np.array([[10.0, 80.0]]))[0]).astype(int)
    beams[line - 1 : line + 2, sample - 2 : sample + 3] = 255
    bright = np.argwhere(converter.picture(beams) > 100).mean(axis=0)
    np.testing.assert_allclose(bright[::-1], converter.to_pixels(np.array([[10.0, 80.0]]))[0], atol=1.5)
