"""What propagation says of each item, as Predictions and as files that people and `ingest` read."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int64

from sslecho.embed.embeddings import Embeddings
from sslecho.metrics.labels import MISSING
from sslecho.rundir import write_text
from sslecho.tasks.propagate import Conflict, Propagation

GIVEN, PROPAGATED, UNSURE, UNREACHED = "given", "propagated", "unsure", "unreached"


@dataclass(frozen=True)
class Propagated:
    """The items with what is said of them.

    Attributes:
        items: the clips or frames.
        names: of the classes.
        kept: the user's labels, None where there is none.
        probable: the most probable class; -1 where no label reaches.
        probabilities: of the classes, `[n, classes]`.
        confidences: the highest of them; minus infinity where no label reaches.
        states: "given"; "propagated"; "unsure" (below the threshold); "unreached" (no path leads to a label).
    """

    items: Embeddings
    names: list[str]
    kept: np.ndarray
    probable: Int64[np.ndarray, "n"]
    probabilities: Float32[np.ndarray, "n c"]
    confidences: Float32[np.ndarray, "n"]
    states: np.ndarray

    @classmethod
    def of(
        cls, items: Embeddings, model: Propagation, *, codes: Int64[np.ndarray, "n"], names: list[str], kept: np.ndarray
    ) -> "Propagated":
        """From a fitted model and the codes that it was given."""
        told = np.isfinite(model.confidences_)
        states = np.select(
            [codes != MISSING, ~told, model.abstained_], [GIVEN, UNREACHED, UNSURE], default=PROPAGATED
        ).astype(object)
        probable = np.where(told, model.label_distributions_.argmax(1), MISSING)
        return cls(items, names, kept, probable, model.label_distributions_, model.confidences_, states)

    @property
    def predicted(self) -> Int64[np.ndarray, "n"]:
        """The class that each item without a given label got; -1 elsewhere."""
        return np.where(self.states == PROPAGATED, self.probable, MISSING)

    def table(self, truth: np.ndarray) -> pa.Table:
        """The columns of the items, the truth where it is known, and what propagation says.

        `prediction` is the most probable class, also of items that are given or unsure; `propagated` is empty for
        these.
        """
        n, n_classes = self.probabilities.shape
        name = [None if code == MISSING else self.names[code] for code in self.probable.tolist()]
        given = [label if state == GIVEN else None for label, state in zip(self.kept, self.states, strict=True)]
        known = [label if label is not None else other for label, other in zip(truth, self.kept, strict=True)]
        rows = self.items.rows
        table = rows.set_column(rows.column_names.index("label"), "label", pa.array(known, pa.string()))
        flat = pa.array(self.probabilities.ravel())
        columns: dict[str, Any] = {
            "given": pa.array(given, pa.string()),
            "propagated": pa.array(
                [word if state == PROPAGATED else None for word, state in zip(name, self.states, strict=True)],
                pa.string(),
            ),
            "prediction": pa.array(name, pa.string()),
            "confidence": pa.array(np.where(np.isfinite(self.confidences), self.confidences, 0).astype(np.float32)),
            "state": pa.array(self.states.tolist(), pa.string()),
            "probabilities": pa.ListArray.from_arrays(pa.array(np.arange(n + 1, dtype=np.int32) * n_classes), flat),
        }
        for column, values in columns.items():
            table = table.append_column(column, values)
        return table

    def places(self, rows: Iterable[int], *, level: str) -> list[list[Any]]:
        """clip_id of these rows; and of frames the frame."""
        clip_ids, frames = self.items.column("clip_id"), self.items.column("frame_index")
        return [[clip_ids[row], frames[row]] if level == "frame" else [clip_ids[row]] for row in rows]


def place_columns(level: str) -> list[str]:
    """The columns that say which item a row is of, as `ingest` reads them."""
    return ["clip_id", "frame"] if level == "frame" else ["clip_id"]


def write_labels(path: Path, found: Propagated, *, level: str) -> None:
    """labels.csv: the user's labels word for word, then those propagated, except for test patients.

    A test patient gets none: with it, whoever labels a store from this file would score a model on guesses.
    """
    is_kept = np.array([label is not None for label in found.kept], bool)
    told = ~is_kept & (found.states == PROPAGATED) & (found.items.column("split") != "test")
    rows: list[list[Any]] = []
    for row, place in zip(*_with_places(found, np.flatnonzero(is_kept | told), level), strict=True):
        if is_kept[row]:
            rows.append([*place, found.kept[row], GIVEN, ""])
        else:
            rows.append([*place, found.names[found.probable[row]], PROPAGATED, f"{found.confidences[row]:.4f}"])
    write_csv(path, [*place_columns(level), "label", "source", "confidence"], rows)


def write_conflicts(path: Path, found: Propagated, conflicts: Sequence[Conflict], *, level: str) -> None:
    """conflicts.csv: given labels that other patients' labels speak against, the plainest first."""
    rows = [
        [*place, found.names[c.given], found.names[c.said], f"{c.given_share:.4f}", f"{c.said_share:.4f}"]
        for c, place in zip(conflicts, found.places([c.row for c in conflicts], level=level), strict=True)
    ]
    columns = ["label", "neighborhood_says", "share_of_label", "share_of_neighborhood"]
    write_csv(path, [*place_columns(level), *columns], rows)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table in UTF-8 with commas, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _with_places(found: Propagated, rows: np.ndarray, level: str) -> tuple[list[int], list[list[Any]]]:
    return rows.tolist(), found.places(rows.tolist(), level=level)
