"""Stop between two steps, not in the middle of one."""

import signal
import threading
from types import FrameType
from typing import Any


class StopRequest:
    """While active, Ctrl-C and SIGTERM are remembered, not raised: `asked` turns true and the loop ends its step.

    A second Ctrl-C stops at once. Outside the main thread signals can't be caught, so nothing is changed there.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
