"""The letterbox keeps shapes and knows the way back."""

import numpy as np
import pytest

from sslecho.data.letterbox import Letterbox


@pytest.mark.parametrize(
    ("crop", "scale", "margin"),
    [((0, 0, 800, 600), 0.32, (32, 0)), ((100, 40, 400, 640), 256 / 600, (0, 64)), ((3, 5, 67, 69), 4.0, (0, 0))],
)
def test_places_go_there_and_back(crop, scale, margin):
    box = Letterbox(crop, (256, 256))
    assert box.scale == pytest.approx(scale)
    assert box.margin == margin
    corners = np.array([[crop[0], crop[1]], [crop[2], crop[3]], [(crop[0] + crop[2]) / 2, crop[1] + 7.25]])
    stored = box.to_stored(corners)
    assert stored[0] == pytest.approx([margin[1], margin[0]])
    assert stored[1] == pytest.approx([256 - margin[1], 256 - margin[0]], abs=0.5)
    np.testing.assert_allclose(box.to_source(stored), corners, atol=1e-9)


def test_a_circle_stays_round():
    y, x = np.mgrid[0:300, 0:500]
    disk = np.where((x - 330) ** 2 + (y - 100) ** 2 < 60**2, 255, 0).astype(np.uint8)
    stored = Letterbox((50, 0, 500, 300), (128, 128))(disk)
    rows, columns = np.flatnonzero(stored.any(1)), np.flatnonzero(stored.any(0))
    assert len(rows) == pytest.approx(len(columns), abs=1)
    center = Letterbox((50, 0, 500, 300), (128, 128)).to_stored(np.array([[330.5, 100.5]]))[0]
    assert center == pytest.approx([columns.mean() + 0.5, rows.mean() + 0.5], abs=0.6)


def test_smaller_is_the_mean_of_areas():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96), dtype=np.uint8)
    stored = Letterbox((0, 0, 96, 64), (24, 24))(pixels)
    means = pixels.reshape(16, 4, 24, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(stored[4:20], means, atol=1)  # Pillow rounds twice, once a direction
    assert not stored[:4].any()
    assert not stored[20:].any()


def test_one_to_one_changes_nothing():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    np.testing.assert_array_equal(Letterbox((0, 0, 32, 32), (32, 32))(pixels), pixels)


def test_a_thin_line_keeps_a_pixel():
    assert Letterbox((0, 0, 2000, 1), (64, 64)).content_shape == (1, 64)


def test_an_empty_crop_is_refused():
    with pytest.raises(ValueError, match="x0 < x1"):
        Letterbox((5, 0, 5, 9), (64, 64))
