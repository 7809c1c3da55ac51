"""Connected pieces of a mask, and its holes and rims, with types that a checker can follow."""

import numpy as np
from jaxtyping import Bool, Int32
from scipy import ndimage

ALL_EIGHT = np.ones((3, 3), bool)


def number_pieces(mask: Bool[np.ndarray, "h w"], *, diagonal: bool = True) -> tuple[Int32[np.ndarray, "h w"], int]:
    """A number from 1 for every piece, 0 elsewhere, and how many there are."""
    numbers = np.zeros(mask.shape, np.int32)
    ndimage.label(mask, ALL_EIGHT if diagonal else None, output=numbers)
    return numbers, int(numbers.max(initial=0))


def areas(numbers: Int32[np.ndarray, "h w"], *, of: Bool[np.ndarray, "h w"] | None = None) -> np.ndarray:
    """Pixels of each piece, [n]; with `of`, only those that lie in it too."""
    counted = numbers.ravel() if of is None else numbers[of]
    return np.bincount(counted, minlength=int(numbers.max(initial=0)) + 1)[1:]


def boxes(numbers: Int32[np.ndarray, "h w"]) -> list[tuple[slice, slice]]:
    """Rows and columns of each piece."""
    return [(found[0], found[1]) for found in ndimage.find_objects(numbers) if found is not None]


def opened(mask: Bool[np.ndarray, "h w"], *, by: int = 1, square: bool = False) -> Bool[np.ndarray, "h w"]:
    """Without what is thinner than about 2 x `by` + 1 pixels."""
    return _repeated(_repeated(mask, np.logical_and, by, square), np.logical_or, by, square)


def closed(mask: Bool[np.ndarray, "h w"], *, by: int) -> Bool[np.ndarray, "h w"]:
    """With gaps of up to about 2 x `by` pixels and all holes filled."""
    joined = _repeated(_repeated(mask, np.logical_or, by, False), np.logical_and, by, False)
    return np.asarray(ndimage.binary_fill_holes(joined), bool)


def grown(
    mask: Bool[np.ndarray, "h w"], *, by: int, within: Bool[np.ndarray, "h w"] | None = None
) -> Bool[np.ndarray, "h w"]:
    """Dilated, not beyond `within`."""
    return np.asarray(ndimage.binary_dilation(mask, iterations=by, mask=within), bool)


def eroded(mask: Bool[np.ndarray, "h w"], *, square: bool = False) -> Bool[np.ndarray, "h w"]:
    """Without its rim of one pixel."""
    return _repeated(mask, np.logical_and, 1, square)


def spread(values: np.ndarray) -> np.ndarray:
    """Largest minus smallest value within 3 x 3 pixels, in the input's type."""
    return _of_neighbors(values, np.maximum, True) - _of_neighbors(values, np.minimum, True)


def _repeated(mask: Bool[np.ndarray, "h w"], which: np.ufunc, times: int, square: bool) -> Bool[np.ndarray, "h w"]:
    """Dilation (`logical_or`) or erosion (`logical_and`); what lies outside the picture is empty."""
    for _ in range(times):
        mask = _of_neighbors(mask, which, square)
        if which is np.logical_and:
            mask[[0, -1]] = mask[:, [0, -1]] = False
    return mask


def _of_neighbors(values: np.ndarray, which: np.ufunc, square: bool) -> np.ndarray:
    """The extreme over the 3 x 3 pixels around each (`square`) or the cross of five: 20 times as fast as SciPy's."""
    out = values.copy()
    which(out[1:], values[:-1], out=out[1:])
    which(out[:-1], values[1:], out=out[:-1])
    sideways = out.copy() if square else values
    which(out[:, 1:], sideways[:, :-1], out=out[:, 1:])
    which(out[:, :-1], sideways[:, 1:], out=out[:, :-1])
    return out
