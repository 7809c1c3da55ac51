"""What the map's page holds of its points, packed as its script unpacks it: names once, codes and numbers as bytes."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped

from sslecho.report.map import categories, is_scale


def packed(values: Sequence[Any]) -> dict[str, Any]:
    """A column: a scale as float32 with NaN for nothing; else its names, and a code a point, 0 for nothing."""
    known = [value for value in values if value is not None]
    if is_scale(values):
        numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float32)
        return {"kind": "scale", "low": float(min(known)), "high": float(max(known)), "values": as_bytes(numbers)}
    names = categories(values)
    code = {name: number for number, name in enumerate(names, start=1)}
    width = np.min_scalar_type(len(names))
    codes = np.array([0 if value is None else code[str(value)] for value in values], dtype=width)
    return {"kind": "names", "names": names, "bytes": codes.itemsize, "codes": as_bytes(codes)}


def as_bytes(array: Shaped[np.ndarray, "..."]) -> str:
    """The array's bytes, lowest first, in base64."""
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()


def in_script(content: Mapping[str, Any]) -> str:
    """JSON that can stand inside a `<script>`: nothing in it ends the script or begins a comment of HTML."""
    said = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return said.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
