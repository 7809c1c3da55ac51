"""What `grade` writes for people: a grade for each frame and clip as CSV, and the figure."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sslecho.report.grade_figure import draw_run
from sslecho.rundir import write_atomic, write_text

FRAMES, CLIPS, FIGURE = "grades_of_frames.csv", "grades_of_clips.csv", "grades.png"


def write_files(out: Path, table: pa.Table, result: dict[str, Any]) -> None:
    """Write the three files into a run's folder.

    Args:
        table: a row a frame, as the predictions have it.
        result: the figures.
    """
    frames = table.to_pylist()
    columns = [name for name in ("predicted_view", "view_confidence") if name in table.column_names]
    shown = ["clip_id", "frame_index", "split", "label", "grade", "predicted_grade", *columns]
    write_text(out / FRAMES, _csv(shown, frames))
    clips: dict[str, list[dict[str, Any]]] = {}
    for row in frames:
        clips.setdefault(row["clip_id"], []).append(row)
    rows = [
        {
            **{name: of_clip[0][name] for name in ("clip_id", "split", "label")},
            "frames": len(of_clip),
            "grade": _mean([row["grade"] for row in of_clip]),
            "predicted_grade": _mean([row["predicted_grade"] for row in of_clip]),
            "lowest": min(row["predicted_grade"] for row in of_clip),
            "highest": max(row["predicted_grade"] for row in of_clip),
        }
        for of_clip in clips.values()
    ]
    write_text(out / CLIPS, _csv(list(rows[0]), rows))
    write_atomic(out / FIGURE, draw_run(frames, result))


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _csv(columns: list[str], rows: list[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _short(row[name]) for name in columns} for row in rows)
    return buffer.getvalue()


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
