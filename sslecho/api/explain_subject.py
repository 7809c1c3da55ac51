"""A run's model as something that can be explained: a classifier of frames, or one of clips."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from sslecho.data.store import Store
from sslecho.data.windows import key_centers
from sslecho.errors import InputError
from sslecho.rundir import read_json, sha256_of
from sslecho.tasks.classifier import SCHEMA as OF_FRAMES
from sslecho.tasks.classifier import Classifier
from sslecho.tasks.explain import subject
from sslecho.tasks.explain.subject import Subject
from sslecho.tasks.probe_model import tempered
from sslecho.tasks.viewer import SCHEMA as OF_CLIPS
from sslecho.tasks.viewer import Viewer
from sslecho.train.validation import means


@dataclass(frozen=True)
class Loaded:
    """What was fitted.

    Attributes:
        windows_of: the frames of one item, as rows of the store -> the windows that name it.
        hash: tells models apart.
        about: what it was learned from.
    """

    subject: Subject
    windows_of: Callable[[Int64[np.ndarray, " n"]], Int64[np.ndarray, "m t"]]
    hash: str
    about: dict[str, Any]


def load_subject(folder: Path, store: Store, *, frames: int, level: str) -> Loaded:
    """The model of a run of `finetune` or `view`.

    Args:
        frames: of a clip, for a classifier of frames.

    Raises:
        NounError: no model there, or a damaged one.
        InputError: a model that names nothing, or a classifier of clips that is to name frames.
    """
    try:
        schema = read_json(folder / "model" / "config.json").get("schema")
    except (OSError, ValueError):
        schema = OF_FRAMES  # whose `load` says what is wrong
    if schema not in (OF_FRAMES, OF_CLIPS):
        raise InputError(f"--model {folder} holds a {schema}, and only a run of finetune or view can be explained")
    found = _of_frames(folder, frames) if schema == OF_FRAMES else _of_clips(folder, store, level)
    found.subject.network.eval().requires_grad_(False)
    return found


def spread(rows: Int64[np.ndarray, " n"], most: int) -> Int64[np.ndarray, " m"]:
    """At most so many, evenly from the first to the last."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(np.int64)]


def _of_frames(folder: Path, frames: int) -> Loaded:
    model = Classifier.load(folder)

    def name(
        logits: Float64[np.ndarray, "m c"], item: Int64[np.ndarray, " m"], n_items: int
    ) -> tuple[Float64[np.ndarray, "n c"], Float64[np.ndarray, " n"]]:
        p = np.exp(logits - logits.max(1, keepdims=True))
        found = tempered(means(p / p.sum(1, keepdims=True), item, n_items), model.temperature)
        return found, 1 - found.max(1)

    network = subject.OfFrames(model.encoder, model.head)
    made = Subject(network, model.classes, 1, model.encoder.image_size, name)
    return Loaded(made, lambda rows: spread(rows, frames)[:, None], _hash(folder), model.about)


def _of_clips(folder: Path, store: Store, level: str) -> Loaded:
    if level == "frame":
        raise InputError(f"--level frame: --model {folder} names clips; leave --level out")
    viewer = Viewer.load(folder)
    windows, how = viewer.windows(store), viewer.looking

    def windows_of(rows: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, "m t"]:
        centers = key_centers(rows, store.clip_of_frame, n_windows=how.n_windows, most_frames=how.most_frames)
        return windows.rows(centers)

    def name(
        logits: Float64[np.ndarray, "m c"], item: Int64[np.ndarray, " m"], n_items: int
    ) -> tuple[Float64[np.ndarray, "n c"], Float64[np.ndarray, " n"]]:
        found = viewer.aggregated(logits, item, n_items)
        return found.probabilities, found.uncertainty

    network = viewer.network
    made = Subject(network, viewer.classes, network.n_frames, network.image_size, name)
    return Loaded(made, windows_of, _hash(folder), viewer.about)


def _hash(folder: Path) -> str:
    """Of all that decides answers: `config.json` has the hashes of the weights and, where there is one, the encoder."""
    return sha256_of(folder / "model" / "config.json")
