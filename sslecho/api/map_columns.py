"""What can color a map: columns of the embeddings' rows, of the store's clips, and of what runs have predicted."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sslecho.api.origin import Origin
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError
from sslecho.registry import did_you_mean
from sslecho.report.cluster_run import nearest_k
from sslecho.rundir import warn
from sslecho.tasks.predictions import Predictions

# They number or describe items and the way they were stored, and color nothing.
PLACES = ("row", "clip_id", "frame_index", "first_frame", "source_id", "sector_polygon")
WORDS = {"patient": "patient_id", "clip": "clip_id", "study": "study_id", "unit": "unit_id"}
OF_RUNS = ("cluster", "prediction", "confidence")  # words that only --predictions gives a meaning
PREDICTED = re.compile(
    r"(cluster|confidence)_\d+|prediction|confidence|propagated|state|predicted_grade|predicted_view|view_confidence"
)


@dataclass(frozen=True)
class MapColumns:
    """Columns by name, each with a value an item, None where nothing is known.

    Attributes:
        values: the columns that can color.
        words: what a user may say for a column, such as "cluster" for cluster_10.
        gone: why there are no columns of a store; empty where there are.
    """

    values: dict[str, list[Any]]
    words: dict[str, str]
    gone: str

    def named(self, color: str) -> tuple[str, list[Any]]:
        """The column that a word or name stands for.

        Raises:
            InputError: no such column, or nothing in it; those that there are, are named.
        """
        known = {name for name, values in self.values.items() if any(value is not None for value in values)}
        others = ", ".join(name for name in self.values if name in known)
        name = self.words.get(color, color)
        if name not in self.values:
            cure = f"; give --predictions DIR, the run whose {color}s are meant" if color in OF_RUNS else ""
            gone = f" (and no more, since {self.gone})" if self.gone else ""
            raise InputError(
                f"--color {color!r} is no column{did_you_mean(color, list(self.values))}{cure}; "
                f"choose one of: {others}{gone}"
            )
        if name not in known:
            cure = "give --labels CSV, or choose" if name == "label" else "choose"
            raise InputError(f"--color {color!r}: nothing is known in that column; {cure} another of: {others}")
        return name, self.values[name]


def map_columns(items: Embeddings, origin: Origin, *, predictions: tuple[str, ...], level: str) -> MapColumns:
    """Every column that these items have.

    Args:
        items: the points, with today's labels.
        predictions: folders of runs; a name that an earlier run has taken gets the run's number.
        level: "clip" or "frame", what a point is.

    Raises:
        InputError: a run is of other items, or names frames where points are clips.
        NounError: a folder holds no predictions.
    """
    values = {name: items.column(name).tolist() for name in items.rows.column_names if name not in PLACES}
    words = dict(WORDS)
    for number, folder in enumerate(predictions, start=1):
        run = Predictions.load(folder)
        classes = {label for label in values["label"] if label is not None}
        found = _of_run(run, items, folder=folder, level=level)
        names = {name: name if name not in values else f"{name}_{number}" for name in found}
        values |= {names[name]: column for name, column in found.items()}
        if ks := [int(name.removeprefix("cluster_")) for name in found if name.startswith("cluster_")]:
            k = nearest_k(ks, len(classes))
            words.setdefault("cluster", names[f"cluster_{k}"])
            words.setdefault("confidence", names[f"confidence_{k}"])
        elif "confidence" in found:  # that of a named class says more than that of a cluster
            words["confidence"] = names["confidence"]
    if origin.store is not None:
        clips = origin.store.clip_of_frame[items.rows["row"].to_numpy()]
        for name in origin.store.clips.column_names:
            if name not in (*values, *PLACES):
                values[name] = origin.store.column(name)[clips].tolist()
    values["clip_id"] = items.column("clip_id").tolist()
    values = {name: [_known(value) for value in column] for name, column in values.items()}
    return MapColumns(values, words, "" if origin.store is not None else origin.store_problem)


def _known(value: Any) -> Any:
    """The value; None for what is not a number, which is no value either."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _of_run(run: Predictions, items: Embeddings, *, folder: Path | str, level: str) -> dict[str, list[Any]]:
    """What a run says of each item; frames take what is said of their clip."""
    said_of = run.meta.get("level", "clip")
    if said_of == "frame" and level == "clip":
        raise InputError(
            f"--predictions {folder} says something of frames, and the map's points are clips; add --level frame"
        )
    names = [name for name in run.table.column_names if PREDICTED.fullmatch(name)]
    keys = ("clip_id", "frame_index") if said_of == "frame" else ("clip_id",)
    place = {key: row for row, key in enumerate(zip(*(run.table[key].to_pylist() for key in keys), strict=True))}
    wanted = list(zip(*(items.column(key).tolist() for key in keys), strict=True))
    rows = np.array([place.get(key, -1) for key in wanted], dtype=np.int64)
    if not (rows >= 0).any():
        raise InputError(
            f"--predictions {folder} is of other {said_of}s: none of its {run.table.num_rows:,} is on the map; "
            "name a run on the same store"
        )
    if missing := int((rows < 0).sum()):
        warn(f"--predictions {folder} says nothing of {missing:,} of the {len(rows):,} points; they are gray")
    found = {}
    for name in names:
        column = run.table[name].to_pylist()
        if name.startswith("cluster_"):  # numbers that are names
            column = [None if value is None else str(value) for value in column]
        found[name] = [column[row] if row >= 0 else None for row in rows]
    return found
