"""Single values of a DICOM header, read so that a damaged one is None rather than an exception."""

import math
import struct
from typing import Any

from pydicom import Dataset

# A value is parsed when it is asked for, so this is where a damaged one shows.
VALUE_ERRORS = (
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    OverflowError,
    NotImplementedError,
    struct.error,
)

TWO_D = 1  # RegionSpatialFormat (0018,6012): 2D (tissue or flow)
CENTIMETERS = 3  # PhysicalUnitsXDirection (0018,6024), PhysicalUnitsYDirection (0018,6026)
SQUARE = 0.02  # relative difference up to which a pixel counts as square


def value(data: Dataset, name: str) -> Any:
    """The value of an element; None where it is absent, empty or damaged."""
    try:
        found = data.get(name)
    except VALUE_ERRORS:
        return None
    return None if found in (None, "") else found


def text(data: Dataset, name: str) -> str | None:
    """A value as text without padding."""
    found = value(data, name)
    return (str(found).strip(" \0") or None) if found is not None else None


def number(data: Dataset, name: str) -> float | None:
    """A value as a finite number; the first of several."""
    found = numbers(data, name)
    return found[0] if found else None


def numbers(data: Dataset, name: str) -> list[float]:
    """All values of an element as finite numbers; empty where one of them is none."""
    found = value(data, name)
    if found is None:
        return []
    try:
        said = [
            float(item) for item in (found if isinstance(found, list | tuple) or hasattr(found, "append") else [found])
        ]
    except VALUE_ERRORS:
        return []
    return said if all(math.isfinite(item) for item in said) else []


def spacing_mm(data: Dataset) -> float | None:
    """Size of a pixel from the ultrasound regions, where all 2D regions agree and say centimeters.

    Source: DICOM PS3.3 C.8.5.5, US Region Calibration. A region of another unit (seconds, cm/s) or format says
    nothing about size, and neither does a pixel that is not square.
    """
    regions = value(data, "SequenceOfUltrasoundRegions")
    found = set()
    for region in regions if regions is not None else []:
        if number(region, "RegionSpatialFormat") != TWO_D:
            continue
        units = number(region, "PhysicalUnitsXDirection"), number(region, "PhysicalUnitsYDirection")
        x_cm, y_cm = number(region, "PhysicalDeltaX"), number(region, "PhysicalDeltaY")
        if units != (CENTIMETERS, CENTIMETERS) or not x_cm or not y_cm:
            return None
        if abs(abs(x_cm) - abs(y_cm)) > SQUARE * abs(x_cm):
            return None
        found.add(round(10 * abs(x_cm), 6))
    return found.pop() if len(found) == 1 else None
