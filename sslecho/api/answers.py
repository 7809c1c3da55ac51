"""What models say of a store's clips or frames: view, confidence, set, whether a person should look, and grade."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float64, Int64

from sslecho.data.store import Store
from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.progress import track
from sslecho.rundir import read_json, sha256_of
from sslecho.tasks.classifier import Classifier
from sslecho.tasks.fitted import load_fitted
from sslecho.tasks.grader import Grader
from sslecho.train.device import choose_device
from sslecho.train.validation import means

FRAMES_AT_ONCE = 2048
SIZE = 256  # of stored frames, as of ingest


@dataclass(frozen=True)
class Models:
    """What names views, and what grades; one of them may be missing.

    Attributes:
        views: names of the views, in the order of their probabilities; none where only grades are said.
    """

    classifier: Classifier | None
    grader: Grader | None
    views: tuple[str, ...]

    @classmethod
    def load(cls, model: str | None, grader: str | None, *, device: str) -> "Models":
        """Read them from their runs.

        Raises:
            InputError: no model was named, or it names and grades nothing.
        """
        if model is None:
            raise InputError("--model is missing: name a run of `sslecho finetune` or `sslecho grade`")
        first = load_fitted(model)
        if isinstance(first, Encoder):
            raise InputError(
                f"--model {model} is an encoder, which names nothing; run `sslecho finetune` or `sslecho grade` with it"
            )
        second = load_fitted(grader) if grader is not None else None
        if second is not None and not isinstance(second, Grader):
            raise InputError(f"--grader {grader} is no run of `sslecho grade`; name a view's classifier with --model")
        if second is not None and isinstance(first, Grader):
            raise InputError(f"--model {model} is a grader already; leave --grader out")
        chosen, _ = choose_device(device)
        for found in (first, second):
            for module in () if found is None else _modules(found):
                module.to(chosen).eval()
        classifier = first if isinstance(first, Classifier) else None
        graded = first if isinstance(first, Grader) else second
        views = classifier.classes if classifier is not None else graded.views if graded is not None else ()
        return cls(classifier, graded, views)


def model_hash(run: str | None) -> str | None:
    """Of all that decides a model's answers: its config names the hashes of encoder and head."""
    return None if run is None else sha256_of(Path(run) / "model" / "config.json")


def stored_size(model: Path) -> int:
    """Side of the frames that a run learned from, by its store where that is at hand; else 256."""
    try:
        recorded = read_json(model / "predictions" / "meta.json")["store"]
        height, width = Store.open(model / recorded).frame_shape
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return SIZE
    return max(height, width)


def answered(
    models: Models, store: Store, *, level: str, abstain: str, least_confidence: float
) -> tuple[dict[str, pa.Array], list[str]]:
    """Columns with an entry a clip or frame of the store, in its order; and what the user should know of them."""
    n_clips, clip = store.clips.num_rows, store.clip_of_frame
    views, grades = [], []
    with track("predict", total=len(store), unit="frames") as progress:
        for rows in _pieces(clip):
            of_views, of_grades = _piece(models, store, rows, clip[rows] - clip[rows[0]], level=level)
            views += [] if of_views is None else [of_views]
            grades += [] if of_grades is None else [of_grades]
            progress.advance(len(rows))
    columns: dict[str, pa.Array] = {}
    warnings: list[str] = []
    if views:
        columns, warnings = _named(
            models, np.concatenate(views), level=level, abstain=abstain, least_confidence=least_confidence
        )
    if grades:
        said = np.concatenate(grades)
        if level == "clip":
            counts = np.bincount(clip, minlength=n_clips)
            ends = np.cumsum(counts)
            spans = [said[end - count : end] for end, count in zip(ends, counts, strict=True)]
            columns |= {
                "grade": pa.array([float(of_clip.mean()) for of_clip in spans]),
                "lowest_grade": pa.array([float(of_clip.min()) for of_clip in spans]),
                "highest_grade": pa.array([float(of_clip.max()) for of_clip in spans]),
            }
        else:
            columns["grade"] = pa.array(said)
    return columns, warnings


def left_to_a_person(
    models: Models, probabilities: Float64[np.ndarray, "n c"], *, level: str, abstain: str, least_confidence: float
) -> tuple[Bool[np.ndarray, " n"], list[list[str]] | None]:
    """Which items should be looked at by a person; and the sets, where the model promises them for such items."""
    doubtful = probabilities.max(1) < least_confidence
    model = models.classifier
    if model is None or model.conformal is None or model.level != level:
        return doubtful, None
    held = model.conformal.sets(probabilities)
    if abstain == "sets":
        doubtful = doubtful | (held.sum(1) != 1)
    names = np.array(models.views, dtype=object)
    return doubtful, [names[one].tolist() for one in held]


def _named(
    models: Models, probabilities: Float64[np.ndarray, "n c"], *, level: str, abstain: str, least_confidence: float
) -> tuple[dict[str, pa.Array], list[str]]:
    doubtful, sets = left_to_a_person(
        models, probabilities, level=level, abstain=abstain, least_confidence=least_confidence
    )
    columns = {
        "prediction": pa.array([models.views[code] for code in probabilities.argmax(1)], pa.string()),
        "confidence": pa.array(probabilities.max(1).astype(np.float32)),
        "abstained": pa.array(doubtful),
        "probabilities": pa.FixedSizeListArray.from_arrays(
            pa.array(probabilities.astype(np.float32).ravel()), probabilities.shape[1]
        ),
    }
    if sets is not None:
        columns["set"] = pa.array(sets, pa.list_(pa.string()))
    warnings = []
    if sets is None and abstain == "sets":
        why = "promises no sets of classes"
        if models.classifier is not None and models.classifier.conformal is not None:
            why = f"promises sets of {models.classifier.level}s, not of {level}s"
        warnings.append(f"the model {why}, so it leaves to a person only what is below --least-confidence")
    return columns, warnings


def _piece(
    models: Models, store: Store, rows: Int64[np.ndarray, " n"], clip: Int64[np.ndarray, " n"], *, level: str
) -> tuple[Float64[np.ndarray, "m c"] | None, Float64[np.ndarray, " n"] | None]:
    """Probabilities of views of some clips, or of their frames, and grades of their frames.

    Args:
        clip: of each row its clip, from 0.
    """
    n_clips = int(clip[-1]) + 1
    grades = None if models.grader is None else models.grader.grades(store.read, rows)
    if models.classifier is not None:
        if level == "frame":
            return models.classifier.of_frames(store.read, rows), grades
        return models.classifier.of_clips(store.read, rows, clip, n_clips), grades
    assert models.grader is not None
    of_views = models.grader.view_probabilities(store.read, rows)
    if of_views is not None and level == "clip":
        of_views = means(of_views, clip, n_clips)
    return of_views, grades


def _pieces(clip: Int64[np.ndarray, " n"]) -> Iterator[Int64[np.ndarray, " m"]]:
    """Rows of whole clips, some thousand frames at a time."""
    ends = np.flatnonzero(np.append(clip[1:] != clip[:-1], True)) + 1
    start = 0
    for place, end in enumerate(ends):
        if place + 1 == len(ends) or ends[place + 1] - start > FRAMES_AT_ONCE:
            yield np.arange(start, end)
            start = int(end)


def _modules(model: Classifier | Grader) -> list[Any]:
    further = [] if isinstance(model, Classifier) or model.view_head is None else [model.view_head]
    return [model.encoder, model.head, *further]
