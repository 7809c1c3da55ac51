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
