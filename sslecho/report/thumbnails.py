"""A stored frame as a small picture inside a page."""

import base64
import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image


def jpeg(frame: UInt8[np.ndarray, "h w"], *, side: int, quality: int = 82) -> bytes:
    """A frame, no larger than `side` pixels, as a JPEG without metadata."""
    picture = Image.fromarray(frame)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=quality)
    return buffer.getvalue()


def jpeg_address(frame: UInt8[np.ndarray, "h w"], *, side: int, quality: int = 82) -> str:
    """The same in a data address."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(frame, side=side, quality=quality)).decode()
