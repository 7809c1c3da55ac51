"""Worker processes that may die: only the file that killed one is lost.

Results come in the order of the tasks, whatever the number of workers.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, Generic, TypeVar

from sslecho.data.limits import Limits, Over
from sslecho.data.worker_process import Answer, Died, Ready, Worker
from sslecho.errors import SslechoError

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 16  # tasks a worker that may be begun before an earlier one is done
DEPTH = 2  # tasks a worker holds, so that it need not wait for us
MAX_FAILED_STARTS = 3
SECONDS_BETWEEN_LOOKS = 5.0  # for a worker that can't even end itself


@dataclass(frozen=True)
class _Job(Generic[T]):
    """A task, its place in the order, and whether it runs alone because a worker died on it."""

    number: int
    task: T
    alone: bool = False


class Pool:
    """Processes on this machine.

    Args:
        n_workers: how many; 0 takes one a core.
        limits: bounds of each task.

    Attributes:
        n_workers: how many there are.
    """

    def __init__(self, n_workers: int, *, limits: Limits = Limits()):  # noqa: B008  frozen
        self.n_workers = n_workers or len(os.sched_getaffinity(0))
        self._limits = limits
        self._workers: list[tuple[Worker, deque[_Job[Any]]]] = []

    def in_order(
        self, function: Callable[[T], R], tasks: Iterable[T], *, on_death: Callable[[T, str], R]
    ) -> Iterator[tuple[T, R]]:
        """Each task with its result, in order.

        Args:
            function: importable, so that a worker finds it.
            tasks: taken a few at a time.
            on_death: the result of a task on which the worker died or that went over a limit; the second
                argument is the reason, in words for the owner of a file.

        Raises:
            SslechoError: worker processes can't start.
        """
        run = _Run(self.n_workers, self._limits, function, tasks, on_death)
        self._workers = run.workers
        try:
            yield from run.results()
        finally:
            self.stop()

    def stop(self) -> None:
        """End the workers at once; what they are at is lost."""
        for worker, _ in self._workers:
            worker.end()
        self._workers.clear()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Run(Generic[T, R]):
    """One pass over the tasks.

    A task on which a worker dies is tried once more while nothing else runs: where the machine ran out of memory,
    the kernel may have taken the worker of a harmless file for that of a huge one.
    """

    def __init__(
        self,
        n_workers: int,
        limits: Limits,
        function: Callable[[T], R],
        tasks: Iterable[T],
        on_death: Callable[[T, str], R],
    ):
        self.workers: list[tuple[Worker, deque[_Job[T]]]] = []
        self._n_workers = n_workers
        self._limits = limits
        self._function = function
        self._left = enumerate(tasks)
        self._on_death = on_death
        self._put_back: deque[_Job[T]] = deque()
        self._suspects: deque[_Job[T]] = deque()
        self._done: dict[int, tuple[T, Answer]] = {}
        self._turn = 0
        self._next = 0
        self._failed_starts = 0

    def results(self) -> Iterator[tuple[T, R]]:
        while True:
            self._hand_out()
            if self._turn in self._done:
                task, answer = self._done.pop(self._turn)
                self._turn += 1
                if answer.failed:
                    raise answer.value
                yield task, answer.value
            elif any(jobs for _, jobs in self.workers):
                self._collect()
            else:
                return

    def _hand_out(self) -> None:
        if self._suspects and not any(jobs for _, jobs in self.workers):
            self._give(self._suspects.popleft(), *(self.workers[0] if self.workers else self._start()))
        if self._suspects or any(job.alone for _, jobs in self.workers for job in jobs):
            return
        for depth in range(DEPTH):
            while True:
                room = [pair for pair in self.workers if len(pair[1]) <= depth]
                if not room and len(self.workers) == self._n_workers:
                    break
                if (job := self._take()) is None:
                    return
                self._give(job, *(room[0] if room else self._start()))

    def _take(self) -> _Job[T] | None:
        if self._put_back:
            return self._put_back.popleft()
        if self._next - self._turn >= AHEAD * self._n_workers:
            return None
        for number, task in self._left:
            self._next = number + 1
            return _Job(number, task)
        return None

    def _start(self) -> tuple[Worker, deque[_Job[T]]]:
        pair = (Worker(self._function, self._limits), deque[_Job[T]]())
        self.workers.append(pair)
        return pair

    def _give(self, job: _Job[T], worker: Worker, jobs: deque[_Job[T]]) -> None:
        jobs.append(job)
        worker.give(job.task)

    def _collect(self) -> None:
        """Wait until a worker says something, or dies."""
        heard = wait([worker.connection for worker, _ in self.workers], timeout=SECONDS_BETWEEN_LOOKS)
        for worker, jobs in list(self.workers):
            if worker.connection not in heard:
                if worker.is_overdue:
                    self._bury(worker, jobs, self._limits.too_slow)
                continue
            try:
                said = worker.listen()
            except Died as death:
                self._bury(worker, jobs, str(death))
                continue
            if isinstance(said, Ready):
                self._failed_starts = 0
                continue
            self._settle(jobs.popleft(), said)
            if said.spent:
                self._let_go(worker, jobs)

    def _settle(self, job: _Job[T], answer: Answer) -> None:
        if isinstance(answer.value, Over):
            answer = Answer(self._on_death(job.task, answer.value.reason))
        self._done[job.number] = (job.task, answer)

    def _bury(self, worker: Worker, jobs: deque[_Job[T]], reason: str) -> None:
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise SslechoError(
                    "worker processes can't start: out of memory, or a damaged installation; the same command goes on"
                )
        elif jobs:
            job = jobs.popleft()
            if job.alone or reason == self._limits.too_slow:
                self._settle(job, Answer(Over(reason)))
            else:
                self._suspects.append(_Job(job.number, job.task, alone=True))
        self._let_go(worker, jobs)

    def _let_go(self, worker: Worker, jobs: deque[_Job[T]]) -> None:
        """Take back what a worker did not begin."""
        alone = [job for job in jobs if job.alone]
        self._suspects.extendleft(alone)
        self._put_back.extendleft(job for job in reversed(jobs) if not job.alone)
        jobs.clear()
        self.workers[:] = [pair for pair in self.workers if pair[0] is not worker]
        worker.end()
