"""What an interrupted run leaves in a store's folder, and how it goes away.

A file counts only where the manifest names it. So whatever else lies there may be removed at any time by whoever
holds the lock; the lock itself goes last.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sslecho.data.lock import StoreLock
from sslecho.data.schema import SCHEMA
from sslecho.errors import InputError, SslechoError

# What a run leaves that was killed; a manifest under its passing name is one of these.
OURS = re.compile(r"\.writing/|\.manifest\.json\.|shards/\d{5,}(-\d+)?\.npy$|tables/[a-z]+-\d{4,}\.parquet$")


def sync_folder(folder: Path) -> None:
    """Make the names of a folder's files, too, outlive a power cut.

    Raises:
        OSError: the disk fails.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse_foreign(store: Path) -> None:
    """A folder in which something else lies is left alone: a store's folder is tidied without asking.

    Args:
        store: the folder to write. It may be missing or empty, or hold a store, a damaged one, or a run to go on with.

    Raises:
        InputError: it holds none of these.
    """
    try:
        named = json.loads((store / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        named = None
    except (OSError, ValueError):
        return  # of a damaged store, or one that can't be read: whoever opens it has more to say
    if named is not None and isinstance(named, dict) and named.get("schema") == SCHEMA:
        return
    try:
        files = (path.relative_to(store).as_posix() for path in store.rglob("*") if not path.is_dir())
        ours = named is None and all(map(OURS.match, files))
    except OSError:
        return
    if not ours:
        raise InputError(f"--out {store} is not empty and holds no store, so it is left alone; name a new folder")


def remove_unnamed(store: Path, manifest: Mapping[str, Any], *, tables_only: bool = False) -> None:
    """Remove shards, tables and half-written manifests that the manifest does not name.

    Args:
        store: the store's folder.
        manifest: of the store that stands there; an empty one names nothing.
        tables_only: leave the shards, which a run may be writing.
    """
    named = {entry["file"] for entry in [*manifest.get("shards", ()), *manifest.get("tables", {}).values()]}
    found = [*(store / "tables").glob("*.parquet"), *store.glob(".manifest.json.*")]
    if not tables_only:
        found += (store / "shards").glob("*.npy")
    for file in found:
        if file.relative_to(store).as_posix() not in named:
            file.unlink(missing_ok=True)


def remove_parts(store: Path) -> None:
    """Remove the parts of clips that an earlier run made; call it while holding the lock."""
    with suppress(OSError):
        for path in (store / ".writing").iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)


def remove_writing(store: Path) -> None:
    """Remove the journal, the parts and, last of all, the lock; call it while holding that.

    What can't be removed stays and does no harm.
    """
    folder = store / ".writing"
    with suppress(OSError):
        # The journal first: with it gone, what is left belongs to no run.
        (folder / "journal.jsonl").unlink(missing_ok=True)
        remove_parts(store)
        for path in folder.iterdir():
            if not path.is_dir() and path.name != "lock":
                path.unlink(missing_ok=True)
    with suppress(OSError):
        (folder / "lock").unlink(missing_ok=True)
        folder.rmdir()  # refuses where another writer has come in


def tidy_up(store: Path, manifest: Mapping[str, Any]) -> None:
    """Leave the store alone in its folder; call it while holding the lock.

    Where the disk fails, `finish_tidying` goes on another time.
    """
    with suppress(OSError):
        remove_unnamed(store, manifest)
        remove_writing(store)


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Hold the lock of a store that stands while its tables are replaced: an ingest may be replacing all of it.

    Raises:
        InputError: another process writes it, or the folder can't be written.
    """
    lock = StoreLock(store)
    try:
        yield
    finally:
        with suppress(OSError, ValueError, KeyError):
            if generation_of_journal(store) is None:
                remove_writing(store)
        lock.release()


def finish_tidying(store: Path) -> None:
    """Tidy up behind a run that was killed when its store stood but before it had tidied up itself.

    Args:
        store: the folder of a store that stands. An unfinished run that is to replace it is left alone.
    """
    if not (store / ".writing").exists() and not any(store.glob(".manifest.json.*")):
        return
    try:
        lock = StoreLock(store)
    except SslechoError:
        return  # someone is at it, or may write here and we may not
    try:
        manifest = json.loads((store / "manifest.json").read_text(encoding="utf-8"))
        if generation_of_journal(store) in (None, manifest["generation"]):
            tidy_up(store, manifest)
    except (OSError, ValueError, KeyError):
        return
    finally:
        lock.release()


def generation_of_journal(store: Path) -> int | None:
    """Which of the folder's stores the journal is to become; None where there is no journal.

    Raises:
        OSError: it is there and can't be read.
        ValueError, KeyError: its first line is damaged.
    """
    try:
        with (store / ".writing" / "journal.jsonl").open(encoding="utf-8") as file:
            return int(json.loads(file.readline())["generation"])
    except FileNotFoundError:
        return None
