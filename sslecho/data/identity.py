"""Who is who, without saying so: keyed hashes of patients, studies, sites and files.

The key stands beside the store in `STORE.key`, readable by its owner alone, together with the table that leads
from a clip back to its file. Whoever has the store but not that folder can't lead anything back.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sslecho.data.lock import FAILING
from sslecho.errors import InputError, NounError
from sslecho.rundir import disk_error

SOURCES = pa.schema(
    [("clip_id", pa.string()), ("source_id", pa.string()), ("path", pa.string()), ("frame", pa.int64())]
)
KEY_BYTES = 32
LETTERS = 16  # of an id: 64 bits, so that a million ids collide once in 40 million stores


class Identity:
    """Makes ids with one store's key.

    Args:
        key: 32 secret bytes.
    """

    def __init__(self, key: bytes):
        self.key = key

    @classmethod
    def passing(cls) -> "Identity":
        """One with a key that nobody keeps, for a dry run."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def of_store(cls, store: Path) -> "Identity":
        """The identity of a store; its key is made where there is none yet.

        Raises:
            InputError: the key's folder can't be written, or the key in it is damaged.
        SslechoError: the disk is full or fails.
        """
        folder = key_folder(store)
        path = folder / "key"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                _make_key(path)
            key = bytes.fromhex(path.read_text(encoding="ascii"))
        except OSError as error:
            if error.errno in FAILING:
                raise disk_error(folder, error) from error
            raise InputError(f"{folder} can't be written ({error.strerror}); name another --out") from None
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise InputError(f"{path} is no key; copy it back, or remove {folder} and ingest anew")
        return cls(key)

    def id(self, kind: str, value: str) -> str:
        """The id of a value; the same value of another kind has another id.

        HMAC-SHA256 (RFC 2104), cut to 16 hexadecimal digits.
        """
        message = f"{kind}\0{value}".encode(errors="surrogateescape")
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()[:LETTERS]

    def maybe(self, kind: str, value: str | None) -> str | None:
        """The id of a value, None for None."""
        return None if value is None else self.id(kind, value)


def _make_key(path: Path) -> None:
    """A key, whole or not at all: a run that is killed here must not leave half of one."""
    temporary = path.with_name(f"key.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_bytes(KEY_BYTES).hex())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)  # refuses where another run was first; both then have that one's
    finally:
        temporary.unlink(missing_ok=True)


def key_folder(store: Path) -> Path:
    """`STORE.key`, beside the store; `RUN.key` for a store in a run's folder, in which nothing may name anyone."""
    store = store.absolute()
    holder = store.parent if (store.parent / "run.json").is_file() else store
    return holder.with_name(f"{holder.name}.key")


def write_sources(store: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write the table that leads from ids back to files, for its owner alone.

    Args:
        store: the store's folder.
        rows: clip_id (None for a source that was left out), source_id, path relative to its source folder, and
            frame for a clip that came as files of frames.
    """
    path = key_folder(store) / "sources.parquet"
    temporary = path.with_name("sources.parquet.new")
    try:
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            pq.write_table(pa.Table.from_pylist(list(rows), schema=SOURCES), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise disk_error(path, error) from error


def read_sources(store: Path) -> pa.Table:
    """clip_id, source_id, path, frame.

    Raises:
        NounError: the table is not here, or not for this user.
    """
    path = key_folder(store) / "sources.parquet"
    try:
        with pq.ParquetFile(path) as table:
            return table.read()
    except (OSError, pa.ArrowException) as error:
        raise NounError(
            f"{path} can't be read, so clips can't be led back to their files: {type(error).__name__}"
        ) from None
