"""The log of a review: every action is a row in SQLite, and what stands now is all of them in order.

    meta(key, value)                        which run is reviewed, the version
    words(code, word)                       the labels that were typed, numbered
    events(id, at, kind, said, undone)      the actions
    changes(event, field, ids, before, after)   what each of them changed, as int32 arrays

An action is one transaction, and it is told to the user after its commit: what was shown as saved is on the disk,
whenever the process or the machine stops (WAL, synchronous = FULL). To undo is to mark the event and to write its
`before` back, so that everything can be undone, and done again until something else is done.
"""

import datetime
import sqlite3
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Int32

from sslecho.errors import InputError, SslechoError

VERSION = "1"
TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS words (code INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, said TEXT NOT NULL,
  undone INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS changes (
  event INTEGER NOT NULL REFERENCES events(id), field TEXT NOT NULL, ids BLOB NOT NULL, before BLOB NOT NULL,
  after BLOB NOT NULL, PRIMARY KEY (event, field));
"""
NOTHING = -1
T = TypeVar("T")
Change = tuple[Int32[np.ndarray, " _"], Int32[np.ndarray, " _"]]  # the places of a field, and what they are to hold
Start = Callable[[Callable[[str | None], int]], Mapping[str, Int32[np.ndarray, " _"]]]


class Event(NamedTuple):
    """An action that was saved."""

    id: int
    at: str
    kind: str
    said: str
    undone: bool


class Log:
    """A review's log, opened for writing; only one process may have it open. Make it with `open`.

    Attributes:
        state: the fields as they stand, an int32 array each; change them with `act` alone.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path):
        self._connection, self._path = connection, path
        self.state: dict[str, Int32[np.ndarray, " _"]] = {}
        self._kept: dict[str, tuple[list[np.ndarray], Any]] = {}
        self._words = [word for _, word in connection.execute("SELECT code, word FROM words ORDER BY code")]
        self._codes = {word: code for code, word in enumerate(self._words)}

    @classmethod
    def open(cls, path: Path, *, identity: str, start: Start) -> "Log":
        """Open the log, made where it is missing, and do again what it holds.

        Args:
            path: the file; its folder must be there.
            identity: says what is reviewed.
            start: gives the fields before the first action; it is handed `code_of`, for labels.

        Raises:
            InputError: the log is of another run, another process has it open, or the folder can't be written.
        """
        connection = None
        try:
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
            # Exclusive: the lock is the kernel's and goes with the process; a second one is refused at once.
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
                connection.execute(f"PRAGMA {pragma}")
            connection.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT;")
        except sqlite3.DatabaseError as error:
            if connection is not None:
                connection.close()
            raise _cant_open(path, error) from None
        _same_run(connection, path, identity)
        log = cls(connection, path)
        log.state = {name: values.astype(np.int32) for name, values in start(log.code_of).items()}
        for field, ids, after in connection.execute(
            "SELECT field, ids, after FROM changes JOIN events ON event = id WHERE NOT undone ORDER BY id"
        ):
            log._write(field, _unpacked(ids), _unpacked(after))
        return log

    def close(self) -> None:
        """Let the next process in."""
        self._connection.close()

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def code_of(self, word: str | None) -> int:
        """The number of a label; -1 for none. A new one is saved."""
        if not word:
            return NOTHING
        if word not in self._codes:
            code = len(self._words)
            self._committed([("INSERT INTO words VALUES (?, ?)", (code, word))])
            self._words.append(word)
            self._codes[word] = code
        return self._codes[word]

    def word(self, code: int) -> str | None:
        """The label of a number."""
        return None if code < 0 else self._words[code]

    @property
    def words(self) -> list[str]:
        """All labels by their numbers."""
        return self._words

    def act(self, kind: str, said: str, changes: Mapping[str, Change]) -> int | None:
        """Save an action, then do it; what had been undone can't be done again after it.

        Args:
            kind: a word for it.
            said: a sentence for the history.
            changes: of each field the places and what they are to hold.

        Returns:
            The event's number; None where nothing would change.

        Raises:
            SslechoError: it can't be saved, and was not done.
        """
        wanted = []
        for field, (ids, after) in changes.items():
            before = self._read(field, ids)
            differs = before != after
            if differs.any():
                wanted.append((field, ids[differs], before[differs], after[differs]))
        if not wanted:
            return None
        number = (self.last or 0) + 1
        rows: list[tuple[str, tuple]] = [
            ("DELETE FROM changes WHERE event >= ?", (number,)),
            ("DELETE FROM events WHERE id >= ?", (number,)),
            ("INSERT INTO events (id, at, kind, said) VALUES (?, ?, ?, ?)", (number, _now(), kind, said)),
        ]
        rows += [
            ("INSERT INTO changes VALUES (?, ?, ?, ?, ?)", (number, field, _packed(i), _packed(b), _packed(a)))
            for field, i, b, a in wanted
        ]
        self._committed(rows)
        for field, ids, _, after in wanted:
            self._write(field, ids, after)
        return number

    def kept(self, name: str, fields: Sequence[str], make: Callable[[], T]) -> T:
        """What `make` makes of these fields, made anew only after one of them has changed."""
        of = [self.state[field] for field in fields]
        held = self._kept.get(name)
        if held is None or any(a is not b for a, b in zip(held[0], of, strict=True)):
            held = self._kept[name] = (of, make())
        return held[1]

    def undo(self) -> Event | None:
        """Take the last action back; None where nothing is left."""
        return self._turn("SELECT * FROM events WHERE NOT undone ORDER BY id DESC LIMIT 1", undone=True)

    def redo(self) -> Event | None:
        """Do again what was undone last; None where there is nothing."""
        return self._turn("SELECT * FROM events WHERE undone ORDER BY id LIMIT 1", undone=False)

    def events(self, *, most: int, before: int | None = None) -> list[Event]:
        """The actions, the latest first, the undone ones among them."""
        bound = before if before is not None else 1 << 62
        found = self._connection.execute(
            "SELECT * FROM events WHERE id < ? ORDER BY id DESC LIMIT ?", (bound, most)
        ).fetchall()
        return [Event(number, at, kind, said, bool(undone)) for number, at, kind, said, undone in found]

    @property
    def last(self) -> int | None:
        """The number of the last action that stands; None where nothing was done."""
        return self._connection.execute("SELECT max(id) FROM events WHERE NOT undone").fetchone()[0]

    @property
    def can(self) -> tuple[bool, bool]:
        """Whether there is something to undo, and something to do again."""
        n_done, n_undone = self._connection.execute(
            "SELECT coalesce(sum(NOT undone), 0), coalesce(sum(undone), 0) FROM events"
        ).fetchone()
        return bool(n_done), bool(n_undone)

    def _turn(self, query: str, *, undone: bool) -> Event | None:
        row = self._connection.execute(query).fetchone()
        if row is None:
            return None
        self._committed([("UPDATE events SET undone = ? WHERE id = ?", (int(undone), row[0]))])
        column = "before" if undone else "after"
        for field, ids, values in self._connection.execute(
            f"SELECT field, ids, {column} FROM changes WHERE event = ?", (row[0],)
        ):
            self._write(field, _unpacked(ids), _unpacked(values))
        number, at, kind, said, _ = row
        return Event(number, at, kind, said, undone)

    def _committed(self, rows: list[tuple[str, tuple]]) -> None:
        """All of it on the disk, or nothing."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for statement, values in rows:
                self._connection.execute(statement, values)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise SslechoError(
                f"{self._path.name} can't be written ({error}): this was not saved; "
                "make room, or mend the disk, and do it again"
            ) from error

    def _read(self, field: str, ids: Int32[np.ndarray, " m"]) -> Int32[np.ndarray, " m"]:
        values = self.state[field]
        inside = ids < len(values)
        return np.where(inside, values[np.where(inside, ids, 0)] if len(values) else NOTHING, NOTHING).astype(np.int32)

    def _write(self, field: str, ids: Int32[np.ndarray, " m"], after: Int32[np.ndarray, " m"]) -> None:
        values = self.state[field]
        top = int(ids.max(initial=-1)) + 1
        if top > len(values):
            values = np.concatenate([values, np.full(top - len(values), NOTHING, np.int32)])
        else:
            values = values.copy()  # a page that is being drawn keeps what it has
        values[ids] = after
        self.state[field] = values


def _same_run(connection: sqlite3.Connection, path: Path, identity: str) -> None:
    meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    if not meta:
        connection.executemany("INSERT INTO meta VALUES (?, ?)", [("version", VERSION), ("identity", identity)])
        return
    if meta.get("version") != VERSION:
        problem = f"{path} was written by another version of sslecho ({meta.get('version')}, here {VERSION})"
    elif meta.get("identity") != identity:
        problem = f"{path} is the review of another clustering, whose items or clusters were others"
    else:
        return
    connection.close()
    raise InputError(f"{problem}; move it away, or name another --out")


def _cant_open(path: Path, error: sqlite3.Error) -> InputError:
    if "locked" in str(error):
        return InputError(f"{path} is open in another `sslecho review`; use that one, or stop it first")
    if isinstance(error, sqlite3.OperationalError):
        return InputError(f"{path} can't be opened ({error}); name another --out, a folder that you may write to")
    return InputError(f"{path} is no review ({error}); move it away, or name another --out")


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _packed(values: Int32[np.ndarray, " m"]) -> bytes:
    return zlib.compress(values.astype("<i4").tobytes(), 1)


def _unpacked(content: bytes) -> Int32[np.ndarray, " m"]:
    return np.frombuffer(zlib.decompress(content), "<i4").astype(np.int32)
