"""The same work on a Dask cluster: the only file that knows the cluster's client.

The workers must see the sources and the store's folder under the same paths.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from sslecho.errors import InputError, MissingExtraError, SslechoError

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 64  # tasks under way on the cluster at once
SECONDS_TO_ANSWER = 20


class Cluster:
    """Workers behind a Dask scheduler.

    Args:
        address: "tcp://HOST:PORT".

    Raises:
        MissingExtraError: `distributed` is not installed.
        InputError: no scheduler answers there.
    """

    def __init__(self, address: str):
        try:
            from distributed import Client  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise MissingExtraError("--scheduler needs Dask; pip install 'sslecho[scale]'") from None
        try:
            self._client: Any = Client(address, timeout=SECONDS_TO_ANSWER, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"--scheduler {address}: no Dask scheduler answers there ({type(error).__name__}); "
                "start one with `dask scheduler`"
            ) from None

    def in_order(
        self, function: Callable[[T], R], tasks: Iterable[T], *, on_death: Callable[[T], R]
    ) -> Iterator[tuple[T, R]]:
        """Each task with its result, in order; see `workers.Pool.in_order`.

        Raises:
            SslechoError: the cluster was lost.
        """
        from distributed import KilledWorker  # pyright: ignore[reportMissingImports]
        from distributed.client import FuturesCancelledError  # pyright: ignore[reportMissingImports]

        executor = self._client.get_executor(pure=False)
        left = iter(tasks)
        running: deque[tuple[T, Future[R]]] = deque()
        while True:
            for task in left:
                running.append((task, executor.submit(function, task)))
                if len(running) >= AHEAD:
                    break
            if not running:
                return
            task, future = running.popleft()
            try:
                result = future.result()
            except KilledWorker:
                result = on_death(task)
            except (FuturesCancelledError, OSError) as error:
                raise SslechoError(
                    f"the Dask cluster was lost ({type(error).__name__}); the same command goes on"
                ) from error
            yield task, result

    def stop(self) -> None:
        """Let go of the cluster; it goes on without us."""
        self._client.close()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
