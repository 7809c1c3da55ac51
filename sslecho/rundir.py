"""A command's output folder: identity, provenance, atomic writes, resume.

    DIR/run.json        command, identity, provenance, state (running | done)
    DIR/settings.toml   the resolved settings
    DIR/result.json     the JSON that the command prints, written last
A file is written whole under another name and then renamed: a reader sees the old file or the new one.
"""

import errno
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sslecho import __version__
from sslecho.errors import InputError, SslechoError

PACKAGES = ("torch", "timm", "lightly", "numpy", "scikit-learn", "faiss-cpu", "faiss-gpu", "pydicom", "av", "pillow")


class RunDir:
    """The folder that one command writes; make it with `open`."""

    def __init__(self, path: Path, state: str):
        self.path = path
        self._state = state

    @classmethod
    def open(
        cls, path: Path | str, *, command: str, identity: Mapping[str, Any], settings: str, overwrite: bool
    ) -> "RunDir":
        """Start a run, or find the one that stands there.

        Args:
            path: the folder that `--out` names; made where it is missing.
            command: the command's name.
            identity: what decides the result: settings and hashes of inputs, JSON-ready.
            settings: the resolved settings as TOML, saved beside the result.
            overwrite: remove an earlier run in that folder first.

        Raises:
            InputError: the folder holds something else, a run with another identity (both values are named), or a form
                that somebody has filled in and `overwrite` would remove.
        """
        path = Path(path)
        # Through JSON, so that a tuple equals the list that was read back.
        wanted = json.loads(json.dumps({"command": command, "identity": identity}))
        found = _read_run(path)
        if found is None and path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(
                f"--out {path} is not empty and holds no sslecho run, so it is left alone; name a new folder"
            )
        if found is not None and overwrite:
            _refuse_to_lose_work(path, found)
            shutil.rmtree(path)
            found = None
        if found is not None:
            _refuse_another_identity(path, found, wanted)
            if not (path / "settings.toml").exists():
                write_text(path / "settings.toml", settings)
            return cls(path, found["state"])
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--out {path} can't be made ({error.strerror}); name a folder you may write to") from None
        # run.json first: without it the folder would look like somebody else's when the disk is full.
        write_json(path / "run.json", {**wanted, "provenance": provenance(), "state": "running"})
        write_text(path / "settings.toml", settings)
        return cls(path, "running")

    @property
    def done(self) -> bool:
        """Whether an earlier run finished; `result` then has what it printed."""
        return self._state == "done"

    @property
    def result(self) -> dict[str, Any]:
        """The JSON that the finished command prints."""
        return read_json(self.path / "result.json")

    def finish(self, result: Mapping[str, Any], *, forms: Sequence[Path] = ()) -> None:
        """Write the result, then mark the run done, in this order: a run is done only when all is there.

        Args:
            result: the JSON that the command prints.
            forms: files in this folder for a person to fill in; once that is done `overwrite` leaves them alone.
        """
        write_json(self.path / "result.json", result)
        run = read_json(self.path / "run.json")
        empty = {str(form.relative_to(self.path)): sha256_of(form) for form in forms}
        write_json(self.path / "run.json", {**run, "forms": {**run.get("forms", {}), **empty}, "state": "done"})
        self._state = "done"


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file whole: a reader sees the old content or the new one, also after a power cut.

    Raises:
        SslechoError: the disk is full; the old file is untouched.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise disk_error(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise disk_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def disk_error(path: Path, error: OSError) -> SslechoError:
    """The error to raise when writing failed: what is free, and that the same command goes on."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return SslechoError(
            f"{path} could not be written ({error.strerror}); the same command goes on once that is mended"
        )
    folder = next(folder for folder in path.absolute().parents if folder.is_dir())
    free_mb = shutil.disk_usage(folder).free / 1e6
    return SslechoError(
        f"no space left to write {path}: {free_mb:.0f} MB are free; "
        "make room and run the same command again, it goes on from here"
    )


def write_text(path: Path, content: str) -> None:
    write_atomic(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    write_atomic(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance() -> dict[str, Any]:
    """What made a result: versions and the commit. No user, host or path, which could name a person or a site."""
    from importlib import metadata  # imported late, as `sslecho --help` has no use for it

    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "sslecho": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": versions,
    }


def commit() -> str | None:
    """The commit of the checkout that sslecho runs from; "+" behind it where files differ; None outside a checkout."""
    folder = Path(__file__).parents[1]
    if not (folder / ".git").exists():
        return None
    import subprocess

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    try:
        head = git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _read_run(path: Path) -> dict[str, Any] | None:
    try:
        return read_json(path / "run.json")
    except (OSError, json.JSONDecodeError):
        return None


def _refuse_to_lose_work(path: Path, found: Mapping[str, Any]) -> None:
    """Raise where a form was filled in: hours of reading are in it."""
    for name, empty in found.get("forms", {}).items():
        form = path / name
        if form.exists() and sha256_of(form) != empty:
            raise InputError(
                f"--overwrite would remove {form}, which was filled in; move it out of {path}, or name another --out"
            )


def _refuse_another_identity(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    cure = "repeat the earlier settings, name another --out, or say --overwrite to start anew"
    if found["command"] != wanted["command"]:
        raise InputError(f"--out {path} holds the result of `sslecho {found['command']}`; {cure}")
    old, new = found["identity"], wanted["identity"]
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if changed:
        # `from_` is the option --from: Python keeps the word for itself.
        both = "; ".join(f"{key.rstrip('_')} was {old.get(key)!r} and is now {new.get(key)!r}" for key in changed)
        raise InputError(f"--out {path} holds a run with other settings: {both}; {cure}")


def warn(message: str) -> None:
    """A line on stderr that the user should read."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


def say(message: str) -> None:
    """A line on stderr about what is going on."""
    print(message, file=sys.stderr, flush=True)
