"""Stop between two steps, not in the middle of one."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from sslecho.errors import Interrupted


class StopRequest:
    """While active, Ctrl-C and SIGTERM are remembered, not raised: `asked` turns true and the loop ends its step.

    A second Ctrl-C stops at once. Outside the main thread signals can't be caught, so nothing is changed there.
    """

    def __init__(self) -> None:
        self.asked = False
        self._cut_short = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def cuts_short(self) -> Iterator[None]:
        """Leave the block at once when asked to stop: for what changes nothing and may take long."""
        self._cut_short = not self.asked
        try:
            yield
        except Interrupted:
            pass
        finally:
            self._cut_short = False

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self._cut_short:
            raise Interrupted("stopped")
