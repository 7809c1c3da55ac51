"""Frames of the store as files that a browser shows: small ones for overviews, whole ones to judge by."""

import io
import threading

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from sslecho.data.store import Store
from sslecho.errors import InputError

SIDE = 160  # pixels of a small picture: sharp at 112 on most screens
QUALITY = 82
MOST_FRAMES = 400  # of a clip that is played; of longer ones every second, third … frame
NOMINAL_FPS = 25.0  # where a clip's frames have no times


class Pictures:
    """Pictures of a store's frames; several threads may ask."""

    def __init__(self, store: Store | None):
        self._store = store
        self._lock = threading.Lock()  # a store opens its shards as they are asked for, 256 at once
        if store is not None:
            n_frames = store.clips["n_frames"].to_numpy()
            self._first = np.cumsum(n_frames) - n_frames
            self._n_frames = n_frames

    def small(self, row: int) -> bytes:
        """A frame as a small JPEG."""
        picture = Image.fromarray(self._read(row))
        picture.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=QUALITY)
        return buffer.getvalue()

    def whole(self, row: int) -> bytes:
        """A frame as it is stored, without loss."""
        buffer = io.BytesIO()
        Image.fromarray(self._read(row)).save(buffer, format="PNG", compress_level=1)
        return buffer.getvalue()

    def clip(self, row: int) -> tuple[list[int], float]:
        """The rows of the clip that a frame is of, and how many of them to show a second.

        Raises:
            InputError: there is no such frame.
        """
        store = self._checked(row)
        place = int(np.searchsorted(self._first, row, side="right")) - 1
        first, n = int(self._first[place]), int(self._n_frames[place])
        step = -(-n // MOST_FRAMES)
        rows = list(range(first, first + n, step))
        times = store.frames["time_s"].slice(first, n).to_pylist()
        seconds = times[-1] - times[0] if n > 1 and None not in (times[0], times[-1]) else 0.0
        fps = (n - 1) / seconds if seconds > 0 else NOMINAL_FPS
        return rows, float(np.clip(fps / step, 1, 100))

    def _read(self, row: int) -> UInt8[np.ndarray, "h w"]:
        store = self._checked(row)
        with self._lock:
            return store.read(np.array([row]))[0]

    def _checked(self, row: int) -> Store:
        if self._store is None:
            raise InputError("the store is gone, so there are no pictures")
        if not 0 <= row < len(self._store):
            raise InputError("there is no such frame")
        return self._store
