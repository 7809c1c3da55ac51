"""An index on disk: a line of JSON that says of which vectors it is, then FAISS's bytes. A cache, never the truth."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from sslecho.embed.index.library import import_faiss
from sslecho.errors import NounError
from sslecho.rundir import write_atomic

SCHEMA, VERSION = "sslecho.index", 1


def write_index(path: Path, faiss_index: Any, *, vectors_hash: str, **more: Any) -> None:
    """Write the index with the hashes of its vectors and of its own bytes.

    Args:
        more: further entries of the header.

    Raises:
        SslechoError: the disk is full or the folder can't be written.
    """
    body = import_faiss().serialize_index(faiss_index).tobytes()
    header = {
        "schema": SCHEMA,
        "version": VERSION,
        "vectors_sha256": vectors_hash,
        "body_sha256": hashlib.sha256(body).hexdigest(),
        **more,
    }
    write_atomic(path, json.dumps(header).encode() + b"\n" + body)


def read_index(path: Path, *, vectors_hash: str) -> tuple[Any, dict[str, Any]]:
    """A saved index and the further entries of its header. FAISS trusts what it reads, so damage must be seen here.

    Raises:
        OSError: the file can't be read.
        NounError: not an index, of another version, of other vectors, or damaged.
    """
    with path.open("rb") as file:
        first, body = file.readline(), file.read()
    try:
        header = json.loads(first)
    except ValueError:
        header = None
    wanted = {
        "schema": SCHEMA,
        "version": VERSION,
        "vectors_sha256": vectors_hash,
        "body_sha256": hashlib.sha256(body).hexdigest(),
    }
    if not isinstance(header, dict) or {name: header.get(name) for name in wanted} != wanted:
        raise NounError(f"{path.name} is no index of these embeddings; it is built anew")
    more = {name: value for name, value in header.items() if name not in wanted}
    return import_faiss().deserialize_index(np.frombuffer(body, np.uint8)), more
