"""Which frames of a store `pretrain` learns from, which of them show the same, and how they make batches."""

import math

import numpy as np

from sslecho.api.nouns import workers_of
from sslecho.api.pretrain_labels import KnownLabels
from sslecho.api.settings import PretrainSettings
from sslecho.data.repeats import repeats_of
from sslecho.data.sampler import lonely_classes
from sslecho.data.store import Store
from sslecho.errors import InputError
from sslecho.objectives.objective import Objective
from sslecho.rundir import warn
from sslecho.train.batches import Frames
from sslecho.views.sector import Sectors


def training_rows(store: Store, everything: bool) -> tuple[np.ndarray, str]:
    """Frames to learn from, and the splits they come from in words."""
    split = store.column("split", level="frame")
    if everything or all(word is None for word in split):
        return np.arange(len(store), dtype=np.int64), "all"
    rows = np.flatnonzero((split == "train") | (split == "val")).astype(np.int64)
    if not len(rows):
        raise InputError(f"{store.path} has no frame in train or val; run `sslecho split {store.path}`, or say --all")
    return rows, "train+val"


def frames_a_step(settings: PretrainSettings, n_rows: int, labels: KnownLabels | None) -> int:
    """`--batch-size`, or what there is of frames where that is less.

    Raises:
        InputError: it does not divide over the processes, or into the pairs of `--batches classes`.
    """
    asked, n_processes = settings.batch_size, settings.devices * settings.nodes
    in_pairs = settings.batches == "classes" and labels is not None
    if in_pairs and asked % 2:
        raise InputError(
            f"--batch-size {asked} is odd, and --batches classes makes batches of pairs; choose an even number"
        )
    if asked % n_processes:
        raise InputError(
            f"--batch-size {asked} does not divide over {n_processes} processes; choose a multiple of their number"
        )
    if asked <= n_rows:
        return asked
    unit = math.lcm(n_processes, 2 if in_pairs else 1)
    if n_rows < unit:
        raise InputError(f"{n_rows} frames to learn from are too few for {n_processes} processes; ingest more")
    return n_rows // unit * unit


def training_frames(
    store: Store, rows: np.ndarray, settings: PretrainSettings, objective: Objective, labels: KnownLabels | None
) -> Frames:
    """The frames to learn from, with what is known of them; warns of options without effect.

    Raises:
        InputError: all clips repeat one view, and the method needs clips that don't.
        SslechoError: the store can't be read.
    """
    positives, batches = settings.positives, settings.batches
    if objective.n_views == 1 and positives != "frame":
        warn(f"--method {settings.method} makes one view of a frame; --positives {positives} has no effect")
        positives = "frame"
    if positives == "patient":
        warn("positives from other clips of a patient remove what tells views apart; use them for diagnosis only")
    if batches == "classes" and labels is None:
        warn(f"--method {settings.method} knows no labels; --batches classes has no effect")
        batches = "frames"
    time_s = _times(store, rows, settings.max_gap_s, positives)
    alike = store.clip_of_frame
    if 0 < settings.repeats < 1 and (objective.negatives or batches != "frames"):
        alike = _repeats(store, rows, settings)[alike]
    if objective.negatives and len(np.unique(alike[rows])) < 2:
        raise InputError(
            f"all clips of {store.path} repeat one view of one patient, and a contrastive loss needs others; "
            "ingest more clips, or raise --repeats (1 turns it off)"
        )
    if batches == "classes" and labels is not None:
        alone = [labels.names[at] for at in lonely_classes(rows, alike, labels.of_frame)]
        if alone:
            warn(f"--batches classes: one clip, or repeats of one view, are all there is of {', '.join(alone)}")
    return Frames(
        store.read,
        rows,
        store.clip_of_frame,
        partner_groups(store, positives, labels),
        None if labels is None else labels.of_frame,
        repeat_of_frame=alike,
        sectors=Sectors.of(store),
        time_s=time_s,
        max_gap_s=None if time_s is None else settings.max_gap_s,
        batches=batches,
    )


def partner_groups(store: Store, positives: str, labels: KnownLabels | None) -> np.ndarray | None:
    """The group that a frame's partner is drawn from; where labels are known, partners share the label."""
    if positives == "frame":
        return None
    groups = store.clip_of_frame
    if positives == "patient":
        unit = np.unique(store.column("unit_id").astype(str), return_inverse=True)[1]
        groups = unit.astype(np.int64)[groups]
    return groups if labels is None else groups * (len(labels.names) + 1) + labels.of_frame + 1


def repeated_clips(frames: Frames) -> int:
    """How many of the clips to learn from have a repeat among them."""
    clips, first = np.unique(frames.clip_of_frame[frames.rows], return_index=True)
    _, group, size = np.unique(frames.alike[frames.rows][first], return_inverse=True, return_counts=True)
    return int((size[group] > 1).sum()) if len(clips) else 0


def _times(store: Store, rows: np.ndarray, max_gap_s: float | None, positives: str) -> np.ndarray | None:
    """The time of every frame where partners are to be near in time."""
    if max_gap_s is None:
        return None
    if positives != "clip":
        warn(f"--max-gap-s {max_gap_s:g} is for --positives clip; with --positives {positives} it has no effect")
        return None
    time_s = store.column("time_s", level="frame").astype(np.float64)
    clip, unknown = store.clip_of_frame[rows], np.isnan(time_s[rows])
    several = np.bincount(clip)[clip] > 1
    n_unknown, n_several = len(np.unique(clip[unknown & several])), len(np.unique(clip[several]))
    if n_unknown:
        warn(
            f"{n_unknown} of {n_several} clips have frames of unknown time: --max-gap-s has no effect on them, "
            "all frames of such a clip are partners of each other"
        )
    return time_s


def _repeats(store: Store, rows: np.ndarray, settings: PretrainSettings) -> np.ndarray:
    """For every clip the first of its group of repeats."""
    if store.unit in ("clip", "unknown") and all(name is None for name in store.column("patient_id")):
        warn(
            "no patients are known, so repeats of a view can't be told from other patients' clips: "
            "frames of one clip alone are kept out of the negatives"
        )
        return np.arange(store.clips.num_rows, dtype=np.int64)
    clips = np.unique(store.clip_of_frame[rows])
    return repeats_of(store, clips, threshold=settings.repeats, workers=workers_of(settings.workers))
