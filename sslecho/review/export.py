"""labels.csv: the labels that stand, in the form that `ingest --labels` and every `--labels` read."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sslecho.review.audit import RIGHT, Audit
from sslecho.review.board import ACCEPTED, Board
from sslecho.review.summary import figures, sentence
from sslecho.review.words import csv_cell
from sslecho.rundir import write_json, write_text


def write_labels(board: Board, audit: Audit, folder: Path) -> dict[str, Any]:
    """Write labels.csv, audit.csv where a sample stands, and result.json; returns the figures.

    `source` says where a label is from: "labeled" or "accepted" by a person, "known" before, "named" with its cluster.
    """
    items, labels, decision, own = board.items, board.labels, board.decision, board.own
    by_frame = items.level == "frame"
    places = ["clip_id", "frame"] if by_frame else ["clip_id"]
    rows: list[list[Any]] = []
    for row in np.flatnonzero(labels >= 0).tolist():
        known = board.known[row] == labels[row]
        source = "known" if known else "named"
        if own[row] >= 0:
            source = "labeled"
        elif decision[row] == ACCEPTED:
            source = "accepted"
        rows.append(
            [
                items.clip_ids[row],
                *([items.frames[row]] if by_frame else []),
                csv_cell(board.log.words[labels[row]]),
                source,
                int(board.group[row]),
                f"{items.confidences[row]:.4f}",
            ]
        )
    path = folder / "labels.csv"
    _write(path, [*places, "label", "source", "cluster", "confidence"], rows)
    result = {"out": str(folder), "labels_csv": str(path), **figures(board, audit)}
    if (sample := audit.sample) is not None:
        cells = [
            [
                items.clip_ids[item],
                *([items.frames[item]] if by_frame else []),
                csv_cell(board.log.words[label]),
                "" if answer < 0 else "yes" if answer == RIGHT else "no",
            ]
            for item, label, answer in zip(
                sample.items.tolist(), sample.labels.tolist(), sample.answers.tolist(), strict=True
            )
        ]
        _write(folder / "audit.csv", [*places, "label", "correct"], cells)
    result["said"] = sentence(result)
    write_json(folder / "result.json", result)
    return result


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())
