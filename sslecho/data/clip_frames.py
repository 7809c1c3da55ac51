"""The frames of a clip as they will be stored: cropped to the sector, blanked outside it, letterboxed."""

from collections.abc import Iterator
from itertools import chain

import numpy as np
from jaxtyping import UInt8

from sslecho.data.letterbox import Letterbox
from sslecho.data.look import WITH_FLOW, Look, same_shapes, without_flow
from sslecho.data.readers.recording import Frame


class StoredFrames:
    """Iterates over (frame as decoded, pixels as stored).

    Args:
        look: at the first frames; they are yielded first.
        rest: the frames behind them.
        size: side of a stored frame, in pixels.

    Attributes:
        letterbox: how source pixels become stored ones.
    """

    def __init__(self, look: Look, rest: Iterator[Frame], *, size: int):
        height, width = self._shape = look.start[0].pixels.shape
        sector = look.sector
        blank = sector is not None and not sector.mask.all()
        self.letterbox = Letterbox(
            sector.box if sector is not None else (0, 0, width, height),
            (size, size),
            mask=sector.mask if sector is not None and blank else None,
        )
        self._blank_flow = look.kind in WITH_FLOW
        self._frames = chain(look.start, rest)

    def __iter__(self) -> Iterator[tuple[Frame, UInt8[np.ndarray, "size size"]]]:
        for frame in self._frames:
            same_shapes([frame], self._shape)
            yield frame, self.letterbox(without_flow(frame).pixels if self._blank_flow else frame.pixels)
