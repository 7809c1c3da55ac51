"""What `grade` writes for people: a grade for each frame and clip as CSV, and the figure."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sslecho.api.grade_rows import GradedFrames
from sslecho.report.grade_figure import COURSES, Course, draw_grades
from sslecho.rundir import write_atomic, write_text

FRAMES, CLIPS, FIGURE = "grades_of_frames.csv", "grades_of_clips.csv", "grades.png"


def write_files(out: Path, found: GradedFrames, table: pa.Table, result: dict[str, Any]) -> None:
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
    write_atomic(out / FIGURE, _figure(found, frames, clips, result))


def _figure(
    found: GradedFrames, frames: list[dict[str, Any]], clips: dict[str, list[dict[str, Any]]], result: dict[str, Any]
) -> bytes:
    tested = [frames[row] for row in found.test]
    of_clips = {row["clip_id"] for row in tested}
    courses = [
        Course(
            str(of_clip[0]["label"] or "clip"),
            np.array([np.nan if row["grade"] is None else row["grade"] for row in of_clip]),
            np.array([row["predicted_grade"] for row in of_clip]),
        )
        for clip_id, of_clip in clips.items()
        if clip_id in of_clips and len(of_clip) > 1
    ]
    # Evenly over all by their error, the best first: a choice that flatters nobody.
    courses.sort(key=lambda course: float(np.nanmean((course.given - course.said) ** 2)))
    n = COURSES[0] * COURSES[1]
    if len(courses) > n:
        courses = [courses[place] for place in np.linspace(0, len(courses) - 1, n).round().astype(int)]
    share = "" if result["mse_low"] is None else f" ({result['mse_low']:.2f}–{result['mse_high']:.2f})"
    level, unit = result["level"], result["unit"]
    few = len(tested) if level == "frame" else len(of_clips)
    points, narrow = tested, ", too few to trust it" if result["narrow"] else ""
    given, said = (np.array([row[name] for row in points], float) for name in ("grade", "predicted_grade"))
    return draw_grades(
        given,
        said,
        np.array([row["label"] for row in points], dtype=object),
        courses,
        scale=(result["scale"][0], result["scale"][1]),
        title=f"Mean squared error of {level}s {result['mse']:.2f}{share}; of always the same grade "
        f"{result['mse_constant']:.2f}",
        stamp=f"Left: {len(points)} test frames. Right: test clips from the least to the largest error. "
        f"{few} {level}s of {result['n_patients']} {unit}s scored; 95 % interval over {unit}s{narrow}.",
    )


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
