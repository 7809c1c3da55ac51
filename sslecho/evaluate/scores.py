"""The Scores noun: figures as tidy rows, one a metric and arm.

DIR/scores.parquet   metric, arm, value, low, high, n_patients, seed, split; further columns as a protocol needs them

`value`, `low` and `high` are null where a figure doesn't exist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sslecho.errors import NounError
from sslecho.rundir import disk_error

SCHEMA, VERSION = "sslecho.scores", 1
FILE = "scores.parquet"
COLUMNS = pa.schema(
    [
        ("metric", pa.string()),
        ("arm", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("n_patients", pa.int64()),
        ("seed", pa.int64()),
        ("split", pa.string()),
    ]
)


@dataclass(frozen=True)
class Scores:
    """Figures with their intervals.

    Attributes:
        table: see the top of this file.
    """

    table: pa.Table

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> "Scores":
        """From one mapping a figure; what is not one of `COLUMNS` becomes a column behind them.

        Raises:
            ValueError: a row lacks one of `COLUMNS`.
        """
        for row in rows:
            if missing := [name for name in COLUMNS.names if name not in row]:
                raise ValueError(f"a row of scores lacks {', '.join(missing)}: {dict(row)}")
        further = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS.names)
        columns = [pa.array([row[field.name] for row in rows], field.type) for field in COLUMNS]
        columns += [pa.array([row.get(name) for row in rows]) for name in further]
        return cls(pa.table(columns, names=[*COLUMNS.names, *further]))

    @classmethod
    def load(cls, folder: Path | str) -> "Scores":
        """Read the noun from the run that holds it.

        Raises:
            NounError: no scores there, or of another version.
        """
        folder = Path(folder)
        try:
            table = pq.read_table(folder / FILE)
        except (OSError, pa.ArrowException):
            raise NounError(
                f"{folder} holds no scores (no readable {FILE}); name the folder of a finished command"
            ) from None
        said = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        if (said.get("schema"), said.get("version")) != (SCHEMA, str(VERSION)):
            raise NounError(
                f"{folder / FILE} is {said.get('schema')!r} version {said.get('version')!r}, "
                f"not {SCHEMA!r} version {VERSION}; run the command again with --overwrite"
            )
        return cls(table.replace_schema_metadata(None))

    def save(self, folder: Path) -> None:
        """Write the noun into a run's folder.

        Raises:
            SslechoError: the disk is full.
        """
        path = folder / FILE
        temporary = path.with_suffix(".part")
        table = self.table.replace_schema_metadata({"schema": SCHEMA, "version": str(VERSION)})
        try:
            pq.write_table(table, temporary)
            temporary.replace(path)
        except OSError as error:
            raise disk_error(path, error) from error
