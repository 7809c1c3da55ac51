"""What a task has fitted, as a folder: arrays and what must be known of them, each with its hash.

model/model.safetensors   the arrays
model/config.json         schema, version, hash of the arrays, and what the task adds
"""

import hashlib
from pathlib import Path
from typing import Any

from sslecho.errors import NounError
from sslecho.rundir import read_json, write_atomic, write_json


def write_model(folder: Path | str, arrays: bytes, *, schema: str, version: int, **config: Any) -> None:
    """Write the model into `folder`; config.json is written last.

    Args:
        arrays: a safetensors file.
        config: what the task must know to read it, JSON-ready.
    """
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    write_atomic(folder / "model.safetensors", arrays)
    sha256 = hashlib.sha256(arrays).hexdigest()
    write_json(folder / "config.json", {"schema": schema, "version": version, **config, "sha256": sha256})


def read_model(
    folder: Path | str, *, schema: str, version: int, what: str, command: str
) -> tuple[dict[str, Any], bytes]:
    """The config and the arrays, from the model's folder or from the run that holds it.

    Args:
        what: the task's word for it, such as "clusters".
        command: that writes it, such as "cluster".

    Raises:
        NounError: it is not there, of another schema or version, or the arrays are not those that were written.
    """
    folder = Path(folder)
    folder = folder / "model" if (folder / "model").is_dir() else folder
    try:
        config = read_json(folder / "config.json")
        arrays = (folder / "model.safetensors").read_bytes()
    except (OSError, ValueError):
        raise NounError(
            f"{folder} holds no {what} (no readable model.safetensors and config.json); "
            f"name the folder that `sslecho {command}` wrote"
        ) from None
    if config.get("schema") != schema or config.get("version") != version:
        raise NounError(
            f"{folder} holds {config.get('schema')!r} version {config.get('version')!r}, "
            f"not {schema!r} version {version}; run `sslecho {command}` again with --overwrite"
        )
    if hashlib.sha256(arrays).hexdigest() != config["sha256"]:
        raise NounError(
            f"{folder / 'model.safetensors'} is not what config.json describes (hash); "
            f"run `sslecho {command}` again with --overwrite"
        )
    return config, arrays
