"""Labels, unit ids and clip ids as integer codes.

Conventions: a missing label is None or NaN, and its code is -1. Names are sorted, so the codes do not depend on the
order of the items; strings and integers may stand in one column, and 1 and "1" are two names.
"""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64, Shaped

from sslecho.errors import InputError

MISSING = -1


class Codes(NamedTuple):
    """`names[codes[i]]` is the label of item i; `codes[i]` is -1 where it has none."""

    codes: Int64[np.ndarray, "n"]
    names: list[Any]


def encode(labels: Shaped[np.ndarray, "n"] | Sequence[Any]) -> Codes:
    """Labels as codes 0, 1, …, in the sorted order of their names; -1 where a label is missing.

    Args:
        labels: strings or integers; None or NaN where there is none.
    """
    values = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    found: dict[Hashable, int] = {}
    codes = np.fromiter(
        # Only NaN differs from itself.
        (MISSING if value is None or value != value else found.setdefault(value, len(found)) for value in values),
        np.int64,
        count=len(values),
    )
    names = sorted(found, key=lambda name: (not isinstance(name, int), name if isinstance(name, int) else str(name)))
    rank = np.full(len(found) + 1, MISSING, np.int64)  # the last entry answers the code -1
    for position, name in enumerate(names):
        rank[found[name]] = position
    return Codes(rank[codes], names)


def encode_groups(ids: Shaped[np.ndarray, "n"] | Sequence[Any], *, what: str) -> Int64[np.ndarray, "n"]:
    """Unit or clip ids as codes 0, 1, …; every item must have one.

    Raises:
        InputError: an item has no id; `what` ("unit_id") names the column.
    """
    codes = encode(ids).codes
    n_missing = int((codes == MISSING).sum())
    if n_missing:
        raise InputError(
            f"{what} is missing for {n_missing} of {len(codes)} items, and every item must belong to one; "
            "give the column at ingest (--patient-from), or say --patient-from unknown so that groups = clips"
        )
    return codes
