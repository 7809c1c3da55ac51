"""One worker: a process of its own that does tasks in turn and may die on one.

A fresh interpreter rather than a fork, which would inherit threads and locks in mid-use; started by hand rather than
by `multiprocessing`, which runs the user's script again and refuses to start from a cluster's worker.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from sslecho.data.limits import Limits, Over, limited, offer_to_the_kernel, writable_bytes
from sslecho.errors import SslechoError

BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from sslecho.data.worker_process import serve; serve(int(sys.argv[2]))"
)
# Workers are as many as there are cores; threads within them would only get in each other's way.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# Pictures come and go by the hundred: memory that is given back to the system must be cleared before it is used again.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
# A worker that a leaking decoder has made so much bigger is replaced.
MAX_GROWTH_BYTES = 2**30
SECONDS_TO_END = 10.0
IDLE_S = 30.0  # a cluster's workers live on after a run; what they started does not
_OWN = threading.local()


@dataclass(frozen=True)
class Ready:
    """The worker's first word: it has started."""


@dataclass(frozen=True)
class Answer:
    """What became of a task.

    Attributes:
        value: its result, Over, or the exception that the function raised.
        failed: whether `value` is that exception.
        spent: the worker ends after this answer; tasks that wait for it are not begun.
    """

    value: Any
    failed: bool = False
    spent: bool = False


class Died(Exception):
    """The worker's process has ended; the message is a reason, in words for the owner of the file it was at."""


class Worker:
    """The near end of a worker.

    Args:
        function: what it does to each task; importable, so that the process finds it.
        limits: bounds of each task.
        idle_s: the process ends after so long without a task; None waits for ever.

    Attributes:
        tasks: what it was given and has not answered, in order; it is at the first.
        ready: it has started.
    """

    def __init__(self, function: Callable[[Any], Any], limits: Limits, *, idle_s: float | None = None):
        self.tasks: deque[Any] = deque()
        self.ready = False
        self._limits = limits
        self._began = time.monotonic()
        self.connection, far = Pipe()
        paths = [path or os.getcwd() for path in sys.path]  # noqa: PTH109  a path's text is what is wanted
        try:
            # Its stderr is closed: C libraries write to it what they find wrong, now and then with names in it.
            self._process = subprocess.Popen(
                [sys.executable, "-c", BOOT, json.dumps(paths), str(far.fileno())],
                pass_fds=(far.fileno(),),
                env={**ONE_THREAD, **KEEP_MEMORY, **os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            self.connection.close()
            raise SslechoError(
                f"a worker process can't be started ({error.strerror}); the same command goes on once that is mended"
            ) from error
        finally:
            far.close()
        self._send((function, limits, idle_s))

    def give(self, task: Any) -> None:
        """Hand it a further task."""
        if not self.tasks:
            self._began = time.monotonic()
        self.tasks.append(task)
        self._send(task)

    def listen(self) -> Ready | Answer:
        """Wait for its next word. An answer's task is no longer in `tasks`.

        Raises:
            Died: its process has ended; `tasks` are those without an answer.
        """
        try:
            said = self.connection.recv()
        except (EOFError, OSError):
            raise Died(self._why()) from None
        if isinstance(said, Ready):
            self.ready = True
        else:
            self.tasks.popleft()
        self._began = time.monotonic()
        return said

    @property
    def out_of_time(self) -> bool:
        """Whether the task it is at has had its time, so that another attempt would only take as long again."""
        return self._limits.seconds is not None and time.monotonic() - self._began >= self._limits.seconds

    @property
    def is_overdue(self) -> bool:
        """Whether it has not even ended itself at the hard bound of time: stopped, or waiting for a dead disk."""
        late = None if self._limits.seconds is None else self._limits.seconds + 2 * self._limits.grace_s
        return self.ready and bool(self.tasks) and late is not None and time.monotonic() - self._began > late

    def end(self) -> None:
        """End the process at once; what it is at is lost."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):  # it waits for a dead disk, and will go when that answers
            self._process.wait(timeout=SECONDS_TO_END)
        self.connection.close()

    def __del__(self) -> None:
        if hasattr(self, "_process"):
            self.end()

    def _send(self, what: Any) -> None:
        try:
            self.connection.send(what)
        except OSError:
            return  # it has died; `listen` will say so

    def _why(self) -> str:
        slow = self.out_of_time
        self._process.kill()  # where it only closed its end
        code = self._process.wait()
        if slow:
            return self._limits.too_slow
        if code == -signal.SIGKILL:
            return (
                "its worker was killed, as a machine without memory left does; --max-memory-mb limits what a file takes"
            )
        said = signal.strsignal(-code) if code < 0 else None
        return f"the decoder crashed on it ({(said or 'the process ended').lower()})"


def serve(handle: int) -> None:
    """The far end: do tasks until the near end closes.

    Args:
        handle: descriptor of this end of the pipe.
    """
    # Ctrl-C reaches every process of a terminal; the near end alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    offer_to_the_kernel()
    connection = Connection(handle)
    function, limits, idle_s = connection.recv()
    connection.send(Ready())
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, waiting), daemon=True).start()
    at_first = writable_bytes() or 0
    while True:
        try:
            task = waiting.get(timeout=idle_s)
        except queue.Empty:
            os._exit(0)
        answer = _do(function, task, limits, at_first)
        try:
            connection.send(answer)
        except (TypeError, AttributeError, ValueError) as error:
            answer = Answer(SslechoError(f"a result can't be handed over ({error})"), failed=True)
            connection.send(answer)
        if answer.spent:
            os._exit(0)


def isolated(function: Callable[[Any], Any], task: Any, limits: Limits) -> Answer:
    """Do a task in a worker of this thread's own: what kills it does not kill this process.

    A task on which a worker died is tried once more, in a fresh one: the first may have been the victim of another.
    """
    reason = ""
    for _ in range(2):
        worker = _own_worker(function, limits)
        worker.give(task)
        try:
            while not isinstance(said := worker.listen(), Answer):
                continue
        except Died as death:
            _OWN.worker, reason = None, str(death)
            if reason == limits.too_slow:
                break
            continue
        if said.spent:
            worker.end()
            _OWN.worker = None
        return said
    return Answer(Over(reason))


def _own_worker(function: Callable[[Any], Any], limits: Limits) -> Worker:
    worker = getattr(_OWN, "worker", None)
    if worker is not None and getattr(_OWN, "duty", None) != (function, limits):
        worker.end()
        worker = None
    if worker is None:
        worker = Worker(function, limits, idle_s=IDLE_S)
        _OWN.worker, _OWN.duty = worker, (function, limits)
    return worker


def _do(function: Callable[[Any], Any], task: Any, limits: Limits, at_first: int) -> Answer:
    try:
        value, failed = limited(function, task, limits), False
    except Exception as error:
        # An exception of a class of its own may not come to life again on the other side.
        known = type(error).__module__ == "builtins" or isinstance(error, SslechoError)
        value, failed = error if known else SslechoError(f"{type(error).__name__} can't be handed over"), True
        value.add_note(traceback.format_exc())  # the traceback itself does not cross over
    return Answer(value, failed, spent=(writable_bytes() or 0) - at_first > MAX_GROWTH_BYTES)


def _receive(connection: Connection, waiting: "queue.SimpleQueue[Any]") -> None:
    """Take tasks as they come, so that the near end never waits to hand one over; end where it has been killed."""
    while True:
        try:
            waiting.put(connection.recv())
        except (EOFError, OSError):
            os._exit(1)
