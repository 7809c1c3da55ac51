"""The Scores noun: figures as tidy rows.

scores.parquet    metric, arm, value, low, high, n_patients, seed, split, and the columns that a protocol adds; a value
                  that is not known is null. The schema's version and the noun's origin are in the file's metadata.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sslecho.errors import NounError
from sslecho.rundir import write_atomic

SCHEMA, VERSION = "sslecho.scores", 1
FILE = "scores.parquet"
KEY = b"sslecho"
COLUMNS = {
    "metric": pa.string(),
    "arm": pa.string(),
    "value": pa.float64(),
    "low": pa.float64(),
    "high": pa.float64(),
    "n_patients": pa.int64(),
    "seed": pa.int64(),
    "split": pa.string(),
}


@dataclass(frozen=True)
class Scores:
    """Rows of figures and where they come from.

    Attributes:
        table: see the top of this file.
        meta: the protocol and its settings.
    """

    table: pa.Table
    meta: dict[str, Any]

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]], *, meta: Mapping[str, Any], **more: pa.DataType) -> "Scores":
        """The noun from rows.

        Args:
            rows: a mapping a row; what it lacks is null.
            more: type of each column that the protocol adds.
        """
        schema = pa.schema([*COLUMNS.items(), *more.items()])
        return cls(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), dict(meta))

    @classmethod
    def load(cls, folder: Path | str) -> "Scores":
        """Read the noun from the run that holds it.

        Raises:
            NounError: no scores there, or of another version.
        """
        path = Path(folder) / FILE
        try:
            table = pq.read_table(path)
            said = json.loads((table.schema.metadata or {})[KEY])
        except (OSError, KeyError, ValueError, pa.ArrowInvalid):
            raise NounError(
                f"{path} holds no scores; name the folder of a finished run, or run it again to go on"
            ) from None
        if said["schema"] != SCHEMA or said["version"] != VERSION:
            raise NounError(
                f"{path} holds {said['schema']!r} version {said['version']!r}, not {SCHEMA!r} version {VERSION}; "
                "run the command again with --overwrite"
            )
        return cls(table, said["meta"])

    def save(self, folder: Path) -> None:
        """Write the noun into a run's folder, whole."""
        said = json.dumps({"schema": SCHEMA, "version": VERSION, "meta": self.meta})
        buffer = pa.BufferOutputStream()
        pq.write_table(self.table.replace_schema_metadata({KEY: said.encode()}), buffer)
        write_atomic(folder / FILE, buffer.getvalue().to_pybytes())
