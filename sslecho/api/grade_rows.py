"""Which frames a grader learns from, is stopped by and scored on, with their grades, views and raters."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from sslecho.api.embed import frame_rows
from sslecho.api.grade_settings import GradeSettings
from sslecho.api.origin import Origin
from sslecho.data.labels import read_labels
from sslecho.data.relabel import labels_of_clips
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError


@dataclass(frozen=True)
class GradedFrames:
    """All frames of a store, with today's grades.

    Attributes:
        frames: their rows; embeddings of length 0, whose `label` is the view.
        grades: of every frame, NaN where unknown.
        raters: of every frame, a column a rater, NaN where one gave none.
        train, val, test: rows of graded frames.
    """

    frames: Embeddings
    grades: Float64[np.ndarray, " n"]
    raters: Float64[np.ndarray, "n r"]
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray

    @property
    def constant(self) -> float:
        """What a grader without a picture says: the training grades' mean."""
        return float(self.grades[self.train].mean())

    @property
    def constants(self) -> dict[str, float]:
        """The same for each view, where training frames of it are graded."""
        views = self.frames.column("label")[self.train].astype(str)
        return {name: float(self.grades[self.train][views == name].mean()) for name in np.unique(views).tolist()}


def graded_frames(
    store: Store, settings: GradeSettings, origin: Origin, *, unit: str
) -> tuple[GradedFrames, list[str]]:
    """The frames, and what makes figures of them look better than they are.

    Raises:
        InputError: no split, no grades, grades that are no numbers, or all of them equal.
    """
    bare = Embeddings(np.zeros((len(store), 0), np.float32), frame_rows(store), {"unit": store.unit})
    column = origin.with_labels(bare, labels=settings.labels, column=settings.grade_column).column("label")
    grades = _numbers(column, settings.grade_column)
    frames = origin.with_labels(bare, labels=_with_views(settings), column=settings.label_column)
    splits, units = frames.column("split"), frames.column("unit_id")
    if all(name is None for name in splits):
        raise InputError(
            "there is no split, and a grader must be scored on patients that it has not learned from; run "
            "`sslecho split STORE --test 0.2 --val 0.1` first"
        )
    train, val, test = (np.flatnonzero(np.isfinite(grades) & (splits == name)) for name in ("train", "val", "test"))
    for name, rows in (("train", train), ("test", test)):
        if not len(rows):
            raise InputError(
                f"no frame of split {name} has a grade in column {settings.grade_column!r}; give --labels CSV with "
                "clip_id (or path), frame and grades, or ingest grades"
            )
    if np.ptp(grades[train]) == 0:
        raise InputError(
            f"all {len(train)} graded frames of train have the grade {grades[train][0]:g}, so there is nothing to "
            "learn; grade frames of other quality"
        )
    warnings = []
    scored = set(units[test].tolist())
    if seen := origin.n_seen(scored):
        warnings.append(f"the encoder was pretrained on {seen} of the {len(scored)} scored {unit}s; pretrain anew")
    patients = frames.column("patient_id")
    learned = np.isin(splits.astype(str), ["train", "val"])
    if both := {p for p in patients[learned] if p is not None} & set(patients[test].tolist()):
        warnings.append(f"{len(both)} patients are in test and in train or val: the figures are too good for new ones")
    if not len(val):
        warnings.append("split val has no graded frame: the last weights were taken, not the best ones")
    if np.ptp(grades[test]) == 0:
        warnings.append(
            f"all graded frames of test have the grade {grades[test][0]:g}: QWK and Spearman are not defined"
        )
    return GradedFrames(frames, grades, _raters(settings, origin, bare), train, val, test), warnings


def scale_of(found: GradedFrames, settings: GradeSettings) -> tuple[int, int]:
    """The lowest and the highest grade.

    Raises:
        InputError: the scale that was given is none, or grades lie outside of it.
    """
    known = found.grades[np.concatenate([found.train, found.val, found.test])]
    if not settings.scale:
        learned = found.grades[np.concatenate([found.train, found.val])]
        low, high = math.floor(learned.min()), math.ceil(learned.max())
        if known.min() < low or known.max() > high:
            raise InputError(
                f"grades of train and val lie in [{low}, {high}] and those of test in "
                f"[{found.grades[found.test].min():g}, {found.grades[found.test].max():g}]: say the scale, "
                "such as --scale 0,10"
            )
        return low, high
    if len(settings.scale) != 2 or not settings.scale[0] < settings.scale[1]:
        said = ",".join(map(str, settings.scale))
        raise InputError(f"--scale {said} must be two whole numbers, the lower one first, such as 0,10")
    low, high = settings.scale
    if known.min() < low or known.max() > high:
        raise InputError(f"--scale {low},{high}: grades lie in [{known.min():g}, {known.max():g}]; widen it")
    return low, high


def _with_views(settings: GradeSettings) -> str | None:
    """The file of `--labels` where it names views too; else those of the store count."""
    if settings.labels is None:
        return None
    table = read_labels(Path(settings.labels), label_column=settings.label_column)
    return settings.labels if settings.label_column in table.columns else None


def _numbers(column: np.ndarray, name: str) -> Float64[np.ndarray, " n"]:
    """A column of texts as numbers, NaN where nothing stands."""
    values = np.full(len(column), np.nan)
    for place, text in enumerate(column):
        if text is None:
            continue
        try:
            values[place] = float(text)
        except ValueError:
            raise InputError(f"column {name!r} holds {text!r}, and a grade must be a number; mend it") from None
        if not math.isfinite(values[place]):
            raise InputError(f"column {name!r} holds {text!r}, and a grade must be finite; leave the cell empty")
    return values


def _raters(settings: GradeSettings, origin: Origin, bare: Embeddings) -> Float64[np.ndarray, "n r"]:
    if not settings.raters:
        return np.empty((len(bare), 0))
    if settings.labels is None:
        raise InputError(f"--raters {','.join(settings.raters)} are columns of a file: name it with --labels")
    columns = []
    places = list(zip(bare.column("clip_id"), bare.column("frame_index"), strict=True))
    for name in settings.raters:
        clips, frames = labels_of_clips(Path(settings.labels), column=name, store=origin.store)
        said = np.array([frames.get(place, clips.get(place[0])) for place in places], dtype=object)
        columns.append(_numbers(said, name))
    return np.stack(columns, axis=1)
