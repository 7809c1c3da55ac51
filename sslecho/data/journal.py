"""The journal of a store that is being written: what is done, one JSON object a line, and who may go on.

The first line has the settings. A line counts once its newline is there; pixels reach the disk before the line
that speaks of them.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sslecho.errors import InputError
from sslecho.rundir import disk_error


class Journal:
    """The journal in `STORE/.writing`, locked against a second writer.

    Args:
        store: the store's folder, made where it is missing.
        header: the first line: settings, frame shape, …; a run goes on only under the same.
        standing: generation of the store that stands in the folder, 0 where there is none.
        overwrite: replace that store, or an unfinished run with other settings.

    Attributes:
        generation: one more than that of the store to be replaced.

    Raises:
        InputError: another process writes here, a store stands here, or the unfinished run had other settings.
    """

    def __init__(self, store: Path, header: Mapping[str, Any], *, standing: int, overwrite: bool):
        self._store = store
        self._folder = store / ".writing"
        self._path = self._folder / "journal.jsonl"
        self._pending: list[str] = []
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self._folder / "lock").open("w")
        except OSError as error:
            raise InputError(f"{store} can't be written ({error.strerror}); name a folder you may write to") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise InputError(
                f"{store} is being written by another process; wait for it, or name another --out"
            ) from None
        try:
            self.generation = self._start_or_go_on(json.loads(json.dumps(header)), standing, overwrite)
            self._file = self._path.open("ab", buffering=0)
        except BaseException:
            self._lock.close()
            raise

    def note(self, entry: Mapping[str, Any]) -> None:
        """Add a line; it is kept from the next `sync` on."""
        self._pending.append(json.dumps(entry, allow_nan=False, default=_plain) + "\n")

    def sync(self) -> None:
        """Return when all lines are on the disk.

        Raises:
            SslechoError: the disk is full.
        """
        lines = "".join(self._pending).encode()
        length = os.fstat(self._file.fileno()).st_size
        try:
            while lines:
                lines = lines[self._file.write(lines) :]
            os.fsync(self._file.fileno())
            self._pending = []
        except BaseException as error:
            # Written in part: cut off again, so that the next attempt does not write the same lines twice.
            os.ftruncate(self._file.fileno(), length)
            if isinstance(error, OSError):
                raise disk_error(self._path, error) from error
            raise

    def entries(self) -> Iterator[dict[str, Any]]:
        """The lines behind the first, in order, those only that are on the disk."""
        with self._path.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                yield json.loads(line)

    def close(self) -> None:
        """Let another writer in."""
        self._file.close()
        self._lock.close()

    def _start_or_go_on(self, header: dict[str, Any], standing: int, overwrite: bool) -> int:
        found = self._read_header()
        if found and found["generation"] == standing:
            found = None  # that run wrote its manifest and was stopped before it could tidy up
        if found and overwrite and (not found["overwrite"] or _changed(found["header"], header)):
            found = None
        if found:
            if _changed(found["header"], header):
                raise InputError(
                    f"{self._store} holds an unfinished run with other settings: {_changed(found['header'], header)}; "
                    "repeat the earlier settings, name another --out, or say --overwrite to start anew"
                )
            self._cut_half_line()
            return found["generation"]
        if standing and not overwrite:
            raise InputError(
                f"{self._store} holds a store already; name another --out, or say --overwrite to replace it"
            )
        first = {"generation": standing + 1, "overwrite": overwrite, "header": header}
        self._path.write_text(json.dumps(first) + "\n", encoding="utf-8")
        return standing + 1

    def _read_header(self) -> dict[str, Any] | None:
        try:
            with self._path.open(encoding="utf-8") as file:
                return json.loads(next(file))
        except (OSError, StopIteration, ValueError):
            return None

    def _cut_half_line(self) -> None:
        whole = 0
        with self._path.open("rb") as file:
            for line in file:
                whole += len(line) if line.endswith(b"\n") else 0
        os.truncate(self._path, whole)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Which settings differ, both values of each; empty where none does."""
    old, new = {**old, **old.get("settings", {})}, {**new, **new.get("settings", {})}
    keys = [key for key in {**old, **new} if key != "settings" and old.get(key) != new.get(key)]
    return "; ".join(f"{key} was {old.get(key)!r} and is now {new.get(key)!r}" for key in keys)


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    return value.item()
