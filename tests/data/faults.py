"""A disk that fails, fills up, or dies with the process at the k-th thing that is asked of it.

`open`, the functions of `os` and the writer of tables are replaced, so that every write, sync, rename, truncation and
removal passes here first. A process that is killed does nothing more to its disk; "killed" does the same here: from
the k-th call on, each raises, also those with which the program would tidy up.
"""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow.parquet as pq
import pytest

CALLS = ("fsync", "ftruncate", "truncate", "replace", "rename", "unlink", "mkdir", "rmdir", "link")


class Killed(BaseException):
    """In place of the end of the process."""


class Disk:
    """Counts what is asked of the disk, and fails once or for good.

    Args:
        kind: "ENOSPC" or "EIO" once, or "killed" from then on.
        at: which call fails, from 1; 0 counts only.

    Attributes:
        n_calls: how many there were.
        failed: what the call that failed was.
    """

    def __init__(self, kind: str = "killed", at: int = 0):
        self.n_calls = 0
        self.failed: str | None = None
        self._kind = kind
        self._at = at

    def ask(self, what: str) -> None:
        self.n_calls += 1
        if not self._at or self.n_calls < self._at:
            return
        if self._kind == "killed":
            self.failed = self.failed or what
            raise Killed
        if self.n_calls == self._at:
            self.failed = what
            number = getattr(errno, self._kind)
            raise OSError(number, os.strerror(number))


class File:
    """A file open for writing whose writes are counted; half of the write that fails reaches the disk."""

    def __init__(self, file: Any, disk: Disk):
        self._file, self._disk = file, disk

    def write(self, content: Any) -> int:
        try:
            self._disk.ask("write")
        except BaseException:
            if self._disk.n_calls == self._disk._at:
                self._file.write(content[: len(content) // 2])
                self._file.flush()
            raise
        return self._file.write(content)

    def truncate(self, size: int | None = None) -> int:
        self._disk.ask("truncate")
        return self._file.truncate(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)


@contextmanager
def failing(disk: Disk) -> Iterator[None]:
    """Let everything in this process that writes meet this disk."""
    real_open, real_writer = io.open, pq.ParquetWriter

    def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if not set(mode) & set("wax+"):
            return real_open(file, mode, *args, **kwargs)
        if not isinstance(file, int):
            disk.ask("open")
        return File(real_open(file, mode, *args, **kwargs), disk)

    class Writer(real_writer):
        def __init__(self, where: Any, *args: Any, **kwargs: Any):
            disk.ask("open a table")
            super().__init__(where, *args, **kwargs)

        def write_table(self, *args: Any, **kwargs: Any) -> None:
            disk.ask("write a table")
            super().write_table(*args, **kwargs)

    def counted(name: str) -> Any:
        real = getattr(os, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            disk.ask(name)
            return real(*args, **kwargs)

        return call

    real_os_open = os.open

    def os_open(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & os.O_CREAT:
            disk.ask("create")
        return real_os_open(path, flags, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "open", opened)
        patch.setattr(pq, "ParquetWriter", Writer)
        patch.setattr(os, "open", os_open)
        for name in CALLS:
            patch.setattr(os, name, counted(name))
        yield
