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


def mean_of_areas(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The slow oracle: each stored pixel is the mean over its share of the source, parts of pixels by their share."""

    def shares(n_stored: int, n_source: int) -> np.ndarray:
        low = np.arange(n_stored)[:, None] * n_source / n_stored
        source = np.arange(n_source)[None]
        overlap = np.minimum(low + n_source / n_stored, source + 1) - np.maximum(low, source)
        return np.clip(overlap, 0, None) * n_stored / n_source

    return shares(height, pixels.shape[0]) @ pixels.astype(float) @ shares(width, pixels.shape[1]).T


@pytest.mark.parametrize(
    ("crop", "size"),
    [((0, 0, 96, 64), 24), ((0, 0, 800, 600), 256), ((61, 20, 738, 593), 256), ((3, 5, 402, 599), 128),
     ((10, 10, 270, 280), 256)],
)  # fmt: skip
def test_smaller_is_the_mean_of_areas(crop, size):
    x0, y0, x1, y1 = crop
    pixels = np.random.default_rng(0).integers(0, 256, (600, 800), dtype=np.uint8)
    box = Letterbox(crop, (size, size))
    (height, width), (top, left) = box.content_shape, box.margin
    stored = box(pixels)
    difference = stored[top : top + height, left : left + width] - mean_of_areas(pixels[y0:y1, x0:x1], height, width)
    assert np.abs(difference).max() <= 1.5
    assert np.abs(difference).mean() < 0.5
    assert abs(difference.mean()) < 0.1
    stored[top : top + height, left : left + width] = 0
    assert not stored.any()


def test_larger_is_linear_between_pixels():
    ramp = np.tile(np.arange(0, 240, 8, dtype=np.uint8), (30, 1))
    stored = Letterbox((0, 0, 30, 30), (90, 90))(ramp)
    np.testing.assert_allclose(stored[45, 6:-6], (np.arange(90)[6:-6] - 1) * 8 / 3, atol=2)


def fan(height: int = 600, width: int = 800) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return (np.abs(np.arctan2(x - width / 2, y + 40)) < 0.6) & (np.hypot(x - width / 2, y + 40) < 0.95 * height)


@pytest.mark.parametrize("size", [64, 256, 700])
def test_what_lies_outside_the_mask_has_no_part_in_any_stored_pixel(size):
    """White text right at the edge, or noise: not a bit of the stored picture may change."""
    mask = fan()
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    crop = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    rng = np.random.default_rng(0)
    tissue = rng.integers(0, 256, mask.shape, dtype=np.uint8)
    box = Letterbox(crop, (size, size), mask)
    alone = box(np.where(mask, tissue, np.uint8(0)))
    for outside in (np.full_like(tissue, 255), rng.integers(0, 256, mask.shape, dtype=np.uint8)):
        np.testing.assert_array_equal(box(np.where(mask, tissue, outside)), alone)
    unmasked = Letterbox(crop, (size, size))(np.where(mask, tissue, np.uint8(255)))
    assert (unmasked != alone).any()


def test_a_pixel_inside_the_mask_keeps_its_gray():
    mask = fan()
    flat = np.full(mask.shape, 200, np.uint8)
    stored = Letterbox((0, 0, 800, 600), (256, 256), mask)(flat)
    assert stored[100:160, 120:136].min() == stored[100:160, 120:136].max() == 200
    assert set(np.unique(stored)) >= {0, 200}


def test_the_same_pixels_give_the_same_picture():
    """Also when other sizes came between: the scaler keeps tables."""
    pixels = np.random.default_rng(0).integers(0, 256, (600, 800), dtype=np.uint8)
    box = Letterbox((10, 20, 790, 580), (256, 256), fan())
    first = box(pixels)
    Letterbox((0, 0, 333, 222), (64, 64))(pixels)
    np.testing.assert_array_equal(box(pixels.copy()), first)
    np.testing.assert_array_equal(box(np.asfortranarray(pixels)), first)


def test_one_to_one_changes_nothing():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    np.testing.assert_array_equal(Letterbox((0, 0, 32, 32), (32, 32))(pixels), pixels)


def test_a_thin_line_keeps_a_pixel():
    assert Letterbox((0, 0, 2000, 1), (64, 64)).content_shape == (1, 64)


def test_an_empty_crop_is_refused():
    with pytest.raises(ValueError, match="x0 < x1"):
        Letterbox((5, 0, 5, 9), (64, 64))
