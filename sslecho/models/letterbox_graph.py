"""`resize` as two products of matrices that are made of the picture's size: the same numbers, in any ONNX runtime.

ONNX's own Resize can't take its size from the letterbox's rule, and runtimes differ in how they low-pass filter. A
letterbox is linear and works on rows and columns apart, out = A x B^T: row i of A weighs the source's rows j by

    max(0, 1 - |j + 0.5 - (i - top + 0.5) s| / max(1, s)),   s = source rows / rows of the content,

made to sum to 1; it is 0 above and below the content. This is the triangle filter of torch's antialiased bilinear
interpolation (`torch.nn.functional.interpolate`). Height and width stay free.
"""

from typing import Any

import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from sslecho.models.encoder import height_width


def letterboxed(frames: UInt8[Tensor, "n h w"], size: int | tuple[int, int]) -> Float[Tensor, "n 1 new_h new_w"]:
    """As `sslecho.models.encoder.resize`, in operations that can be exported with a free height and width."""
    height, width = height_width(size)
    rows, columns = _counting(frames.shape[1]), _counting(frames.shape[2])
    factor = torch.minimum(height / (rows[-1] + 1), width / (columns[-1] + 1))
    vertical, horizontal = _weights(rows, height, factor), _weights(columns, width, factor)
    return (vertical @ (frames.float() / 255) @ horizontal.T).clamp(0, 1).unsqueeze(1)


def _counting(n: Any) -> Float64[Tensor, " n"]:
    """0 to n - 1; while it is exported n is a size that is left open, no number."""
    return torch.arange(n, dtype=torch.float64)


def _weights(source: Float64[Tensor, " side"], n: int, factor: Float64[Tensor, ""]) -> Float[Tensor, "n side"]:
    """What each of `n` stored rows takes of the source's rows, or columns of columns.

    Args:
        source: 0, 1, … up to the last row of the source.
        factor: stored pixels a source pixel.
    """
    side = source[-1] + 1
    content = (side * factor).round().clamp(min=1)
    place = _counting(n) - ((n - content) / 2).floor()
    step = side / content
    distance = (source[None] + 0.5 - ((place + 0.5) * step)[:, None]).abs()
    weights = (1 - distance / step.clamp(min=1)).relu()
    weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-9)
    return (weights * ((place >= 0) & (place < content))[:, None]).float()
