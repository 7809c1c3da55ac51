"""The same work on a Dask cluster: the only file that knows the cluster's client.

The workers must see the sources and the store's folder under the same paths, and have the same sslecho. Each file is
read in a process of its own beside the cluster's worker: what kills it does not kill the worker, so a bad file costs
the cluster nothing and the limits are those of `sslecho.data.limits`.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from sslecho.data.limits import Limits, Over
from sslecho.data.worker_process import Answer, isolated
from sslecho.errors import InputError, MissingExtraError, SslechoError

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 64  # tasks under way on the cluster at once, or more where it has many workers
AHEAD_PER_THREAD = 4
SECONDS_TO_ANSWER = 20
SECONDS_WITHOUT_WORKERS = 600
ATTEMPTS = 3  # Dask gives a task up when four workers were lost while it was there: never that file's doing here


class Cluster:
    """Workers behind a Dask scheduler.

    Args:
        address: "tcp://HOST:PORT".
        limits: bounds of each task.

    Raises:
        MissingExtraError: `distributed` is not installed.
        InputError: no scheduler answers there.
    """

    def __init__(self, address: str, *, limits: Limits = Limits()):  # noqa: B008  frozen
        try:
            from distributed import Client  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise MissingExtraError("--scheduler needs Dask; pip install 'sslecho[scale]'") from None
        # It tells of every connection it loses, with addresses and tracebacks; what matters is raised below.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._address = address
        self._limits = limits
        try:
            self._client: Any = Client(address, timeout=SECONDS_TO_ANSWER, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"--scheduler {address}: no Dask scheduler answers there ({type(error).__name__}); "
                "start one with `dask scheduler`"
            ) from None

    @property
    def n_workers(self) -> int:
        """Threads of all workers that are there now; at least 1."""
        return max(1, self._n_threads())

    def in_order(
        self, function: Callable[[T], R], tasks: Iterable[T], *, on_death: Callable[[T, str], R]
    ) -> Iterator[tuple[T, R]]:
        """Each task with its result, in order; see `workers.Pool.in_order`.

        Raises:
            SslechoError: the cluster was lost, has no workers, or loses them all the time.
        """
        left = iter(tasks)
        running: deque[tuple[T, Any]] = deque()
        ahead = max(AHEAD, AHEAD_PER_THREAD * self.n_workers)
        while True:
            while len(running) < ahead and (task := next(left, None)) is not None:
                running.append((task, self._submit(function, task)))
            if not running:
                return
            task, future = running.popleft()
            answer = self._result(function, task, future)
            if answer.failed:
                raise answer.value
            if isinstance(answer.value, Over):
                yield task, on_death(task, answer.value.reason)
            else:
                yield task, answer.value

    def stop(self) -> None:
        """Let go of the cluster; it goes on without us."""
        self._client.close(timeout=2)

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _submit(self, function: Callable[[T], R], task: T) -> Any:
        self._refuse_lost()
        # Not pure: Dask must not take two tasks for one. The key is random, so that its logs name nothing.
        return self._client.submit(isolated, function, task, self._limits, pure=False)

    def _result(self, function: Callable[[T], R], task: T, future: Any) -> Answer:
        from distributed import KilledWorker  # pyright: ignore[reportMissingImports]

        for _ in range(ATTEMPTS):
            try:
                return self._waited_for(future)
            except KilledWorker:
                future = self._submit(function, task)
            except (CancelledError, OSError) as error:
                raise self._lost(type(error).__name__) from error
        raise SslechoError(
            f"the workers of --scheduler {self._address} are lost again and again (restarted, or killed for the memory "
            "they take?); the same command goes on once that is mended"
        )

    def _waited_for(self, future: Any) -> Answer:
        waited = 0
        while True:
            try:
                return future.result(timeout=SECONDS_TO_ANSWER)
            except TimeoutError:
                self._refuse_lost()
                waited = 0 if self._n_threads() else waited + SECONDS_TO_ANSWER
                if waited >= SECONDS_WITHOUT_WORKERS:
                    raise SslechoError(
                        f"--scheduler {self._address} has had no workers for {waited} s; start some with "
                        f"`dask worker {self._address}`, and the same command goes on"
                    ) from None

    def _n_threads(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except OSError as error:
            raise self._lost(type(error).__name__) from error

    def _refuse_lost(self) -> None:
        if self._client.status not in ("running", "connecting"):
            raise self._lost(self._client.status)

    def _lost(self, how: str) -> SslechoError:
        return SslechoError(
            f"the Dask cluster at {self._address} was lost ({how}); "
            "the same command goes on, there or without --scheduler"
        )
