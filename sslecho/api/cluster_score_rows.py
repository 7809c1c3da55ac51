"""A clustering's figures as tidy rows: scores.parquet.

Columns: metric, value, low, high, k, n_patients, by, group, source, seed, split. `by` and `group` say of which items a
figure is, and are None for all of them: by "device", group "A"; by "images, agreement", group "3, 0.67".
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

METRICS = (
    "purity",
    "purity_chance",
    "transfer_purity",
    "coverage",
    "inverse_purity",
    "nmi",
    "ami",
    "ari",
    "accuracy",
    "naming_coverage",
    "naming_precision",
)
Row = dict[str, Any]


def write_scores(out: Path, result: Mapping[str, Any], seed: int, more: Sequence[Row]) -> None:
    """Write scores.parquet: the figures of the encoder and its baselines, those without "other", and `more` rows."""
    rows = []
    for source, of_each_k in {"encoder": result["results"], **result["baselines"]}.items():
        for figures in of_each_k or ():
            rows += _rows(figures, {"source": source, "seed": seed, "split": figures["split"]})
    for figures in result.get("without_other") or ():
        about = {"source": "encoder", "seed": seed, "split": figures["split"]}
        rows += _rows(figures, about, by="without", group=", ".join(result["naming"]["others"]))
    path = out / "scores.parquet"
    temporary = path.with_suffix(".part")
    pq.write_table(pa.Table.from_pylist([*rows, *more]), temporary)
    temporary.replace(path)


def group_rows(groups: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> list[Row]:
    """Of the scores by class, device and other columns."""
    return [
        _row(row, metric, about, by=row["column"], group=None if row["group"] is None else str(row["group"]))
        for row in groups
        for metric in ("purity", "transfer_purity", "coverage")
    ]


def patient_row(row: Mapping[str, Any], *, unit: str, about: Mapping[str, Any]) -> Row:
    """Of one patient's score."""
    return _row(row, "transfer_purity", about, by=unit, group=str(row["group"]))


def naming_rows(points: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> list[Row]:
    """Of the labeling cost, for each number of images and rule of agreement."""
    return [
        {
            **_row(point, metric, about, by="images, agreement", group=f"{point['m']}, {point['agreement']:.2f}"),
            "metric": f"naming_{metric}",
        }
        for point in points
        for metric in ("coverage", "precision", "class_coverage", "class_precision")
        if point[metric] is not None
    ]


def _rows(figures: Mapping[str, Any], about: Mapping[str, Any], **of: str) -> list[Row]:
    return [_row(figures, metric, about, **of) for metric in METRICS if metric in figures]


def _row(
    figures: Mapping[str, Any],
    metric: str,
    about: Mapping[str, Any],
    *,
    by: str | None = None,
    group: str | None = None,
) -> Row:
    return {
        "metric": metric,
        "value": figures[metric],
        "low": figures.get(f"{metric}_low"),
        "high": figures.get(f"{metric}_high"),
        "k": figures["k"],
        "n_patients": figures["n_patients"],
        "by": by,
        "group": group,
        **about,
    }
