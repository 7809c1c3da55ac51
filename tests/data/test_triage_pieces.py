"""Erosion, dilation and the rest against SciPy's, which are slow and sure."""

import numpy as np
import pytest
from scipy import ndimage

from sslecho.data.triage import pieces

ALL_EIGHT = np.ones((3, 3), bool)


@pytest.fixture(params=[0.3, 0.6, 0.9])
def mask(request: pytest.FixtureRequest) -> np.ndarray:
    return np.random.default_rng(int(10 * request.param)).random((23, 31)) < request.param


@pytest.mark.parametrize("square", [True, False])
def test_openings_and_erosions_are_scipys(mask: np.ndarray, square: bool):
    structure = ALL_EIGHT if square else None
    np.testing.assert_array_equal(pieces.eroded(mask, square=square), ndimage.binary_erosion(mask, structure))
    for by in (1, 2, 3):
        expected = ndimage.binary_opening(mask, structure, iterations=by)
        np.testing.assert_array_equal(pieces.opened(mask, by=by, square=square), expected)


def test_closings_are_scipys(mask: np.ndarray):
    for by in (1, 2):
        expected = ndimage.binary_fill_holes(ndimage.binary_closing(mask, iterations=by))
        np.testing.assert_array_equal(pieces.closed(mask, by=by), expected)


def test_spread_is_scipys():
    values = np.random.default_rng(0).integers(0, 256, (19, 27)).astype(np.uint8)
    np.testing.assert_array_equal(
        pieces.spread(values), ndimage.maximum_filter(values, 3) - ndimage.minimum_filter(values, 3)
    )
