"""A folder for what must be on the disk while it is read: members of zip and tar files.

It lies beside the store's key, for its owner alone, never in the store; each run has its own.
"""

import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from sslecho.data.identity import key_folder


def scratch_folder(store: Path, *, dry_run: bool) -> Path:
    """Where a run may put such files: in `STORE.key/scratch`, or for a dry run where the machine keeps such things.

    The folder is not made yet; most runs have no use for it.
    """
    if dry_run:
        return Path(tempfile.gettempdir()) / f"sslecho-{secrets.token_hex(8)}"
    return key_folder(store) / "scratch" / secrets.token_hex(8)


def make_scratch(scratch: Path) -> Path:
    """The folder, made if it is not there, readable by its owner alone."""
    # One by one: `parents=True` would make the key's folder readable by all, where it is not there yet.
    for folder in (scratch.parent.parent, scratch.parent, scratch):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return scratch


def remove_scratch(scratch: Path) -> None:
    """Remove a run's folder with all that is in it."""
    shutil.rmtree(scratch, ignore_errors=True)
    if scratch.parent.name == "scratch":
        with suppress(OSError):
            scratch.parent.rmdir()  # refuses where another run has its folder in it


def remove_leftovers(scratch: Path) -> None:
    """Remove what killed runs left beside this one's folder; call it only while the store is locked."""
    if scratch.parent.name == "scratch" and scratch.parent.is_dir():
        for folder in scratch.parent.iterdir():
            if folder != scratch:
                shutil.rmtree(folder, ignore_errors=True)
