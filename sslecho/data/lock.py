"""One writer a store: a lock that tells who holds it, and that a dead process can't hold.

The lock is the kernel's (flock) and goes with its process; the file's content only says whom to wait for. It names
no user and no host.
"""

import errno
import fcntl
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from sslecho.errors import InputError
from sslecho.rundir import disk_error

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
ATTEMPTS = 100
FAILING = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # the disk's fault, not that of who named the folder


class StoreLock:
    """The lock in `STORE/.writing`, from its making to `release`.

    Args:
        store: the store's folder; it and `.writing` in it are made where they are missing.

    Raises:
        InputError: another process writes here (which, and since when), or the folder can't be written.
        SslechoError: the disk is full or fails.
    """

    def __init__(self, store: Path):
        self._handle = -1
        folder = store / ".writing"
        self._path = folder / "lock"
        for attempt in range(ATTEMPTS):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError as error:
                if isinstance(error, FileNotFoundError) and attempt + 1 < ATTEMPTS:
                    continue  # the writer before us has just removed its folder
                if error.errno in FAILING:
                    raise disk_error(store, error) from error
                raise InputError(
                    f"{store} can't be written ({error.strerror}); name a folder you may write to"
                ) from None
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_the_one_there():
                    break
            except BlockingIOError:
                who = _said_by(self._handle)
                self.release()
                raise InputError(f"{store} is being written by {who}; wait for it, or name another --out") from None
            except OSError as error:
                self.release()
                raise InputError(
                    f"{store} can't be locked ({error.strerror}); name an --out on a disk that has locks"
                ) from None
            self.release()  # a lock on a file that its owner has removed keeps no one out
        _say_who(self._handle)

    def release(self) -> None:
        """Let another writer in; a second call does nothing."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __del__(self) -> None:
        self.release()

    def _is_the_one_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._handle), self._path.stat())
        except FileNotFoundError:
            return False


def _say_who(handle: int) -> None:
    said = json.dumps({"pid": os.getpid(), "since": int(time.time()), "machine": _machine()})
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, said.encode(), 0)
    except OSError:
        return  # a full disk; the lock holds all the same


def _said_by(handle: int) -> str:
    """Who holds the lock, as far as it has said so."""
    try:
        said: dict[str, Any] = json.loads(os.pread(handle, 1024, 0))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(said["since"]))
        where = "on this machine" if said["machine"] == _machine() else "on another machine"
        return f"process {int(said['pid'])} {where}, since {since}"
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return "another process"


def _machine() -> str | None:
    """Tells this machine, until it is started anew, from others without naming it."""
    try:
        return hashlib.sha256(BOOT_ID.read_bytes()).hexdigest()[:16]
    except OSError:
        return None
