"""The Predictions noun: what a task says of each clip or frame.

predictions/predictions.parquet   clip_id, frame_index, row, patient_id, unit_id, split, label (the truth, where
                                  known), and the task's columns (cluster_10, confidence_10)
predictions/meta.json             schema, task, origin
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sslecho.errors import NounError
from sslecho.rundir import read_json, write_json

SCHEMA, VERSION = "sslecho.predictions", 1


@dataclass(frozen=True)
class Predictions:
    """A table with a row a clip or frame, and where it comes from.

    Attributes:
        table: see the top of this file.
        meta: task, level, relative paths of what was read.
        scores: the figures of the task, as the command's JSON has them.
    """

    table: pa.Table
    meta: dict[str, Any]
    scores: dict[str, Any]

    @classmethod
    def load(cls, folder: Path | str) -> "Predictions":
        """Read the noun from the run that holds it.

        Raises:
            NounError: no predictions there, or of another version.
        """
        folder = Path(folder)
        try:
            meta = read_json(folder / "predictions" / "meta.json")
            table = pq.read_table(folder / "predictions" / "predictions.parquet")
            scores = read_json(folder / "result.json")
        except (OSError, ValueError, pa.ArrowInvalid):
            raise NounError(
                f"{folder} holds no finished predictions; name the folder that `sslecho cluster` wrote, "
                "or run it again to go on"
            ) from None
        if meta.get("schema") != SCHEMA or meta.get("version") != VERSION:
            raise NounError(
                f"{folder} holds {meta.get('schema')!r} version {meta.get('version')!r}, "
                f"not {SCHEMA!r} version {VERSION}; run the command again with --overwrite"
            )
        return cls(table, meta, scores)


def write_predictions(folder: Path, table: pa.Table, *, meta: Mapping[str, Any]) -> None:
    """Write the noun into a run's folder; meta.json is written last."""
    (folder / "predictions").mkdir(exist_ok=True)
    pq.write_table(table, folder / "predictions" / "predictions.parquet")
    write_json(folder / "predictions" / "meta.json", {"schema": SCHEMA, "version": VERSION, **meta})
