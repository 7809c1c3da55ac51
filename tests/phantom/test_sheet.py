"""Contact sheets have a place for every picture."""

import numpy as np
from PIL import Image

from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.sheet import GAP, beside, echo_sheet, fetal_sheet, grid_of


def test_grid_places_pictures_row_by_row():
    pictures = [np.full((20, 20), value, np.uint8) for value in (50, 100, 150, 200, 250)]
    sheet = np.asarray(grid_of(pictures, [""] * 5, columns=3))
    assert sheet.shape == (2 * 20 + GAP, 3 * 20 + 2 * GAP)
    assert [sheet[10, 10], sheet[10, 10 + 20 + GAP], sheet[10 + 20 + GAP, 10]] == [50, 100, 200]


def test_every_view_and_plane_is_drawn():
    echo = np.asarray(echo_sheet(size=48))
    assert echo.shape[1] == 6 * (48 + GAP) - GAP
    assert echo.shape[0] == 2 * -(-len(VIEWS) // 6) * (48 + GAP) - GAP
    fetal = np.asarray(fetal_sheet(size=48, rows=1))
    for sheet in (echo, fetal):
        for row in range(0, sheet.shape[0] - 47, 48 + GAP):
            for column in range(0, sheet.shape[1] - 47, 48 + GAP):
                assert sheet[row : row + 48, column : column + 48].std() > 10


def test_beside_takes_pictures_from_a_folder(tmp_path):
    for k in range(12):
        Image.new("L", (30, 20), 90 + k).save(tmp_path / f"{k:02d}.png")
    sheet = Image.new("L", (100, 80), 0)
    wide = np.asarray(beside(sheet, tmp_path, rows=2, columns=2))
    assert wide.shape[0] == 80
    assert wide.shape[1] > 150
    assert {91, 94, 97, 100} <= set(np.unique(wide).tolist())
