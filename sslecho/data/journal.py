"""The journal of a store that is being written: what is done, one JSON object a line, and who may go on.

The first line has the settings. A line counts once its newline is there; pixels reach the disk before the line
that speaks of them.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sslecho.data.lock import StoreLock
from sslecho.data.tidy import remove_parts, sync_folder
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
        SslechoError: the disk is full or fails.
    """

    def __init__(self, store: Path, header: Mapping[str, Any], *, standing: int, overwrite: bool):
        self._store = store
        self._path = store / ".writing" / "journal.jsonl"
        self._pending: list[str] = []
        self._lock = StoreLock(store)
        try:
            self.generation = self._start_or_go_on(json.loads(json.dumps(header)), standing, overwrite)
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            self._lock.release()
            raise disk_error(self._path, error) from error
        except BaseException:
            self._lock.release()
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
            with suppress(OSError):
                os.ftruncate(self._file.fileno(), length)
            if isinstance(error, OSError):
                raise disk_error(self._path, error) from error
            raise

    def entries(self) -> Iterator[dict[str, Any]]:
        """The lines behind the first, in order, those only that are on the disk.

        Raises:
            SslechoError: the disk fails.
        """
        try:
            with self._path.open(encoding="utf-8") as file:
                next(file)
                for line in file:
                    yield json.loads(line)
        except OSError as error:
            raise disk_error(self._path, error) from error

    def close(self) -> None:
        """Let another writer in."""
        self._file.close()
        self._lock.release()

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
        # Whoever starts anew may do so because files, or what reads them, have changed.
        remove_parts(self._store)
        first = {"generation": standing + 1, "overwrite": overwrite, "header": header}
        with self._path.open("wb") as file:
            file.write((json.dumps(first) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())
        for folder in (self._path.parent, self._store):
            sync_folder(folder)
        return standing + 1

    def _read_header(self) -> dict[str, Any] | None:
        try:
            with self._path.open(encoding="utf-8") as file:
                found = json.loads(next(file))
        except (FileNotFoundError, StopIteration, ValueError):
            return None
        return found if isinstance(found, dict) and found.keys() >= {"generation", "overwrite", "header"} else None

    def _cut_half_line(self) -> None:
        """Keep the lines up to the first that was not written whole."""
        whole = 0
        with self._path.open("rb") as file:
            for line in file:
                if not _is_whole(line):
                    break
                whole += len(line)
        os.truncate(self._path, whole)


def _is_whole(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Which settings differ, both values of each; empty where none does."""
    old, new = {**old, **old.get("settings", {})}, {**new, **new.get("settings", {})}
    keys = [key for key in {**old, **new} if key != "settings" and old.get(key) != new.get(key)]
    return "; ".join(f"{key} was {old.get(key)!r} and is now {new.get(key)!r}" for key in keys)


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    return value.item()
