"""What models say of a store's clips or frames: view, confidence, set, whether a person should look, and grade."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float64, Int64

from sslecho.data.store import Store
from sslecho.data.windows import Windows
from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.progress import track
from sslecho.rundir import read_json, sha256_of
from sslecho.tasks.classifier import Classifier
from sslecho.tasks.fitted import load_fitted
from sslecho.tasks.grader import Grader
from sslecho.tasks.viewer import Viewer
from sslecho.train.device import choose_device
from sslecho.train.validation import means

FRAMES_AT_ONCE = 2048
SIZE = 256  # of stored frames, as of ingest


@dataclass(frozen=True)
class Models:
    """What names views, of frames or of clips, and what grades; there is one at least.

    Attributes:
        views: names of the views, in the order of their probabilities; none where only grades are said.
    """

    classifier: Classifier | None
    viewer: Viewer | None
    grader: Grader | None
    views: tuple[str, ...]

    @classmethod
    def load(cls, model: str | None, grader: str | None, *, device: str) -> "Models":
        """Read them from their runs.

        Raises:
            InputError: no model was named, or it names and grades nothing.
        """
        if model is None:
            raise InputError("--model is missing: name a run of `sslecho finetune`, `view` or `grade`")
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
            for module in _modules(found):
                module.to(chosen).eval()
        classifier = first if isinstance(first, Classifier) else None
        viewer = first if isinstance(first, Viewer) else None
        graded = first if isinstance(first, Grader) else second
        return cls(classifier, viewer, graded, first.views if isinstance(first, Grader) else first.classes)

    def refuse_frames(self, asked: str) -> None:
        """Raise InputError where single frames are to be named by a network that sees clips.

        Args:
            asked: the option that asks for it.
        """
        if self.viewer is not None:
            raise InputError(
                f"{asked} asks for an answer a frame, and a run of `sslecho view` names clips by windows of "
                f"{self.viewer.network.n_frames} frames; take a run of finetune or grade, or leave {asked} out"
            )


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
    answers: list[_Answers] = []
    windows = None if models.viewer is None else models.viewer.windows(store)
    with track("predict", total=len(store), unit="frames") as progress:
        for rows in _pieces(clip):
            answers.append(_piece(models, store, rows, clip[rows] - clip[rows[0]], level=level, windows=windows))
            progress.advance(len(rows))
    columns: dict[str, pa.Array] = {}
    warnings: list[str] = []
    views, uncertainty, said = (_joined([one[part] for one in answers]) for part in range(3))
    if views is not None:
        columns, warnings = _named(models, views, level=level, abstain=abstain, least_confidence=least_confidence)
    if uncertainty is not None:
        columns["uncertainty"] = pa.array(uncertainty)
    if said is not None:
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
    model = models.classifier or models.viewer
    if model is None or model.conformal is None or model.about.get("level", "clip") != level:
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
        why, model = "promises no sets of classes", models.classifier or models.viewer
        if model is not None and model.conformal is not None:
            why = f"promises sets of {model.about.get('level', 'clip')}s, not of {level}s"
        warnings.append(f"the model {why}, so it leaves to a person only what is below --least-confidence")
    return columns, warnings


class _Answers(NamedTuple):
    """Of some clips, or of their frames; None where no model says it. Grades are of frames."""

    views: Float64[np.ndarray, "m c"] | None
    uncertainty: Float64[np.ndarray, " m"] | None
    grades: Float64[np.ndarray, " n"] | None


def _piece(
    models: Models,
    store: Store,
    rows: Int64[np.ndarray, " n"],
    clip: Int64[np.ndarray, " n"],
    *,
    level: str,
    windows: Windows | None,
) -> _Answers:
    """What is said of whole clips.

    Args:
        clip: of each row its clip, from 0.
        windows: of the store, where a viewer needs them.
    """
    n_clips = int(clip[-1]) + 1
    grades = None if models.grader is None else models.grader.grades(store.read, rows)
    if models.viewer is not None:
        logits, centers = models.viewer.logits(store, rows, windows=windows)
        said = models.viewer.aggregated(logits, clip[centers - rows[0]], n_clips)
        return _Answers(said.probabilities, said.uncertainty, grades)
    if models.classifier is not None:
        if level == "frame":
            return _Answers(models.classifier.of_frames(store.read, rows), None, grades)
        return _Answers(models.classifier.of_clips(store.read, rows, clip, n_clips), None, grades)
    assert models.grader is not None
    of_views = models.grader.view_probabilities(store.read, rows)
    if of_views is not None and level == "clip":
        of_views = means(of_views, clip, n_clips)
    return _Answers(of_views, None, grades)


def _joined(parts: list[np.ndarray | None]) -> np.ndarray | None:
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if there else None


def _pieces(clip: Int64[np.ndarray, " n"]) -> Iterator[Int64[np.ndarray, " m"]]:
    """Rows of whole clips, some thousand frames at a time."""
    ends = np.flatnonzero(np.append(clip[1:] != clip[:-1], True)) + 1
    start = 0
    for place, end in enumerate(ends):
        if place + 1 == len(ends) or ends[place + 1] - start > FRAMES_AT_ONCE:
            yield np.arange(start, end)
            start = int(end)


def _modules(model: Classifier | Grader | Viewer | None) -> list[Any]:
    if model is None:
        return []
    if isinstance(model, Viewer):
        return [model.network]
    further = [] if isinstance(model, Classifier) or model.view_head is None else [model.view_head]
    return [model.encoder, model.head, *further]
