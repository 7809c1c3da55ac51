"""The frames of a clip as they will be stored: cropped to the sector, blanked outside it, letterboxed."""

from collections.abc import Iterator, Sequence
from functools import cached_property, reduce
from itertools import chain

import numpy as np
from jaxtyping import Bool, UInt8

from sslecho.data.letterbox import Letterbox
from sslecho.data.look import WITH_FAN, WITH_FLOW, LeftOut, Look, flow_of, same_shapes, shows_new_flow, without_flow
from sslecho.data.readers.recording import Frame

LATE = "color is switched on in the course of it"


class StoredFrames:
    """Iterates over (frame as decoded, pixels as stored).

    Args:
        look: at the first frames; they are yielded first.
        rest: the frames behind them.
        size: side of a stored frame, in pixels.
        kinds: the kinds of clips to take.

    Attributes:
        letterbox: how source pixels become stored ones.
        kind: what the clip is after the frames that were yielded: "colour" from the first flow on.

    Raises:
        LeftOut: while iterating; there is flow in later frames, and "colour" is not among the kinds to take.
    """

    def __init__(self, look: Look, rest: Iterator[Frame], *, size: int, kinds: Sequence[str]):
        height, width = self._shape = look.start[0].pixels.shape
        sector = look.sector
        blank = sector is not None and not sector.mask.all()
        self.letterbox = Letterbox(
            sector.box if sector is not None else (0, 0, width, height),
            (size, size),
            mask=sector.mask if sector is not None and blank else None,
        )
        self.kind = look.kind
        self._kinds = kinds
        self._start = look.start
        self._rest = rest

    def __iter__(self) -> Iterator[tuple[Frame, UInt8[np.ndarray, "size size"]]]:
        for frame in chain(self._start, self._watched()):
            yield frame, self.letterbox(without_flow(frame).pixels if self.kind in WITH_FLOW else frame.pixels)

    def _watched(self) -> Iterator[Frame]:
        """The later frames; flow in one of them makes the clip another kind."""
        for frame in self._rest:
            same_shapes([frame], self._shape)
            without = self.kind in WITH_FAN and self.kind not in WITH_FLOW
            if without and frame.rgb is not None and shows_new_flow(frame.rgb, self._known):
                if "colour" not in self._kinds:
                    raise LeftOut("colour", LATE)
                self.kind = "colour"
            yield frame

    @cached_property
    def _known(self) -> Bool[np.ndarray, "a b"]:
        """What is in color in the first frames."""
        nothing = flow_of(np.zeros((*self._shape, 3), dtype=np.uint8))
        return reduce(np.logical_or, [flow_of(frame.rgb) for frame in self._start if frame.rgb is not None], nothing)
