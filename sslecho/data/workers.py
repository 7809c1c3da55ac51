"""Worker processes that may die: only the file that killed one is lost.

Results come in the order of the tasks, whatever the number of workers.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from sslecho.errors import SslechoError

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 4  # tasks a worker that may be done before an earlier one is


class Pool:
    """Processes on this machine.

    Args:
        n_workers: how many; 0 takes one a core.
    """

    def __init__(self, n_workers: int):
        self._n_workers = n_workers or len(os.sched_getaffinity(0))
        self._executor: Executor | None = None

    def in_order(
        self, function: Callable[[T], R], tasks: Iterable[T], *, on_death: Callable[[T], R]
    ) -> Iterator[tuple[T, R]]:
        """Each task with its result, in order.

        Args:
            function: importable, so that a worker finds it.
            tasks: taken a few at a time.
            on_death: the result of a task on which the worker died.
        """
        left = iter(tasks)
        running: deque[tuple[T, Future[R]]] = deque()
        while True:
            for task in left:
                running.append((task, self._submit(function, task)))
                if len(running) >= AHEAD * self._n_workers:
                    break
            if not running:
                return
            task, future = running.popleft()
            try:
                result = future.result()
            except BrokenProcessPool:
                suspects = deque([(task, future), *running])
                running = deque(self._try_alone(function, suspects, on_death))
                continue
            yield task, result

    def _try_alone(
        self, function: Callable[[T], R], suspects: Iterable[tuple[T, Future[R]]], on_death: Callable[[T], R]
    ) -> Iterator[tuple[T, Future[R]]]:
        """Find out which task kills its worker: each that was under way gets a worker of its own."""
        self.stop()
        alone = Pool(1)
        for task, future in suspects:
            if not (future.done() and not future.cancelled() and future.exception() is None):
                future = Future()
                try:
                    future.set_result(alone._submit(function, task).result())
                except BrokenProcessPool:
                    alone.stop()
                    _refuse_dead_machine()
                    future.set_result(on_death(task))
            yield task, future
        alone.stop()

    def stop(self) -> None:
        """End the workers at once; what they are at is lost."""
        if self._executor is None:
            return
        processes = list((getattr(self._executor, "_processes", None) or {}).values())
        for process in processes:
            process.terminate()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._executor = None

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _submit(self, function: Callable[[T], R], task: T) -> "Future[R]":
        if self._executor is None:
            # Forked workers would inherit threads and locks in mid-use; spawned ones start clean.
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(
                self._n_workers, mp_context=context, initializer=_start_worker, initargs=(os.getpid(),)
            )
        with _without_main():
            try:
                return self._executor.submit(function, task)
            except BrokenProcessPool as error:
                future: Future[R] = Future()
                future.set_exception(error)
                return future


def _refuse_dead_machine() -> None:
    """Raise where a worker can't even say its number: then the files are not at fault."""
    with Pool(1) as pool:
        try:
            pool._submit(abs, -1).result()
        except BrokenProcessPool as error:
            raise SslechoError(
                "worker processes can't start: out of memory, or a damaged installation; the same command goes on"
            ) from error


@contextmanager
def _without_main() -> Iterator[None]:
    """Keep spawned workers from running the user's script again, as they would without a `__main__` guard in it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _start_worker(parent: int) -> None:
    # Ctrl-C reaches every process of a terminal; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # C libraries write to stderr what they find wrong, now and then with names in it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> Any:
    """End when the parent has been killed, which a waiting worker would never notice."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
