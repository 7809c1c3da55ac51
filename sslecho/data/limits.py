"""What one file may cost: time and memory, enforced inside the process that reads it.

Time has two bounds. The soft one is an exception in the main thread, which a read from a pipe, a loop in Python and
most decoders let through. The hard one, a little later, ends the process from a thread that needs no interpreter:
C code that never comes back can't be stopped otherwise. Memory has one: an allocation beyond it fails, long before
the machine runs out and kills whomever it likes.
"""

import faulthandler
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

T = TypeVar("T")
R = TypeVar("R")
GRACE_S = 10.0  # between the soft and the hard bound
REPEAT_S = 1.0  # the exception comes again where a destructor or a callback swallowed it
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Limits:
    """Bounds for one file; None is no bound.

    Attributes:
        seconds: wall-clock time, > 0.
        memory_mb: what it may add to the process's writable memory, in MiB, > 0.
        grace_s: seconds between the exception and the end of the process.
    """

    seconds: float | None = 600.0
    memory_mb: int | None = 4096
    grace_s: float = GRACE_S

    def __post_init__(self) -> None:
        for name in ("seconds", "memory_mb"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} {value!r} must be > 0, or None for no limit")

    @property
    def too_slow(self) -> str:
        """The reason for a file that takes too long."""
        return f"reading it took longer than {self.seconds:g} s; --max-seconds allows more, with --overwrite"

    @property
    def too_big(self) -> str:
        """The reason for a file that needs too much memory."""
        if self.memory_mb is None:
            return "reading it needs more memory than there is"
        said = f"reading it needs more than {self.memory_mb} MB of memory"
        return f"{said}; --max-memory-mb allows more, with --overwrite"


@dataclass(frozen=True)
class Over:
    """In place of a result: the task went over a limit, or its process died on it.

    Attributes:
        reason: why, in words for the file's owner.
    """

    reason: str


class TimeIsUp(BaseException):
    """The soft bound of time; not an Exception, so that no reader takes it for a fault of its decoder."""


def limited(function: Callable[[T], R], task: T, limits: Limits) -> R | Over:
    """Run a function under limits, in the main thread of a process that may be ended.

    Args:
        function: what it raises is raised here, MemoryError apart.
        task: its argument.
        limits: the bounds.

    Returns:
        Its result, or Over with the reason. Where the hard bound of time is reached, the process ends.
    """
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("limits work in the main thread only")
    try:
        with _at_most_mb(limits.memory_mb):
            _set_clock(limits.seconds, limits.grace_s)
            try:
                return function(task)
            finally:
                _stop_clock()
    except TimeIsUp:
        _stop_clock()  # once more: it may have rung while the first attempt was under way
        return Over(limits.too_slow)
    except MemoryError:
        return Over(limits.too_big)


def writable_bytes() -> int | None:
    """Size of this process's private writable memory; None where the system does not tell."""
    try:
        lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:")]
    return sizes[0] if sizes else None


def offer_to_the_kernel() -> None:
    """Where memory runs out all the same, a worker goes before the user's own programs."""
    try:
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    except OSError:
        return


def _set_clock(seconds: float | None, grace_s: float) -> None:
    if seconds is None:
        return
    # Without the interpreter's lock, hence also while C code holds it; the traceback may name files.
    faulthandler.dump_traceback_later(seconds + grace_s, exit=True, file=_nowhere())
    signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT_S)


def _stop_clock() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    faulthandler.cancel_dump_traceback_later()


def _ring(*_: object) -> NoReturn:
    raise TimeIsUp


@contextmanager
def _at_most_mb(memory_mb: int | None) -> Iterator[None]:
    """Let writable memory grow by so much: relative to what the process has, or a leak would be a later file's."""
    base = writable_bytes()
    if memory_mb is None or base is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = base + memory_mb * 2**20
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


_NOWHERE: list[int] = []


def _nowhere() -> int:
    """A descriptor that swallows what is written; opened once."""
    if not _NOWHERE:
        _NOWHERE.append(os.open(os.devnull, os.O_WRONLY))
    return _NOWHERE[0]
