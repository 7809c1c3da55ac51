"""Which clips `view` learns from, stops by and scores, and how they are cut into windows."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from sslecho.api.classifier_rows import Rows
from sslecho.api.view_presets import PRESETS
from sslecho.api.view_settings import ViewSettings, pairs
from sslecho.data.store import Store
from sslecho.data.windows import key_centers
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError
from sslecho.tasks.finetune import codes_of_frames
from sslecho.tasks.view import LabeledClips

MOST_COPIES = 20  # of a clip in an epoch, where they even out classes; ours


def network_frames(store: Store, settings: ViewSettings) -> int:
    """Frames of a window.

    Raises:
        InputError: windows of several frames, and not one clip that has them.
    """
    if settings.arch == "frame":
        return 1
    if store.clips["n_frames"].to_numpy().max(initial=0) < 2:
        raise InputError(
            f"--arch {settings.arch} looks for motion, and every clip of the store has one frame; take --arch frame"
        )
    return settings.frames


def blank_clips(store: Store, *, n_windows: int, most_frames: int) -> Bool[np.ndarray, " c"]:
    """Clips that show nothing: in each frame that a clip is named by, all pixels are alike."""
    every = np.arange(len(store))
    centers = key_centers(every, store.clip_of_frame, n_windows=n_windows, most_frames=most_frames)
    shows = np.zeros(store.clips.num_rows, bool)
    for start in range(0, len(centers), 256):
        rows = centers[start : start + 256]
        frames = store.read(rows).reshape(len(rows), -1)
        np.logical_or.at(shows, store.clip_of_frame[rows], frames.min(1) != frames.max(1))
    return ~shows


def without(rows: Rows, blank: Bool[np.ndarray, " c"]) -> tuple[Rows, list[str]]:
    """The clips by use without those that show nothing, and what is said of them.

    Raises:
        InputError: nothing is left to learn from, or to score.
    """
    kept = Rows(*(part[~blank[part]] for part in rows))
    for name, part in (("train", kept.train), ("test", kept.test)):
        if not len(part):
            raise InputError(f"every labeled clip of split {name} is blank (all pixels alike); look at `sslecho check`")
    n = {name: int(blank[part].sum()) for name, part in zip(("train", "val", "test"), rows[:3], strict=True)}
    if not any(n.values()):
        return kept, []
    said = ", ".join(f"{count} of {name}" for name, count in n.items() if count)
    return kept, [
        f"clips that show nothing (all pixels alike): {said}; they are not learned from, get no answer and are not "
        "scored"
    ]


def labeled_clips(
    store: Store, frames: Embeddings, rows: Rows, classes: tuple[str, ...], settings: ViewSettings
) -> LabeledClips:
    """What is learned from and stopped by.

    Args:
        frames: all of the store, with their labels; a frame's own goes before its clip's.
        rows: clips by use, as rows of the store's table.
    """
    codes = codes_of_frames(frames.column("label"), classes)
    clip_of_frame = store.clip_of_frame
    if settings.control == "shuffled-labels":
        codes = shuffled(codes, clip_of_frame, rows, seed=settings.seed)
    usable = np.zeros(store.clips.num_rows, np.int64)
    usable[rows.train], usable[rows.val] = 1, 2
    learned = np.flatnonzero((usable[clip_of_frame] == 1) & (codes >= 0))
    looked_at = np.flatnonzero((usable[clip_of_frame] == 2) & (codes >= 0))
    val_centers = key_centers(looked_at, clip_of_frame, n_windows=settings.windows, most_frames=settings.most_frames)
    place, val_clip = np.unique(clip_of_frame[val_centers], return_inverse=True)
    return LabeledClips(
        learned,
        codes,
        _copies(codes, clip_of_frame, learned, classes, settings),
        val_centers,
        val_clip.astype(np.int64),
        _majority(codes, clip_of_frame, place, len(classes)),
        len(classes),
    )


def shuffled(
    codes: Int64[np.ndarray, " n_frames"], clip_of_frame: Int64[np.ndarray, " n_frames"], rows: Rows, *, seed: int
) -> Int64[np.ndarray, " n_frames"]:
    """The classes of train's clips dealt anew among them, whole clips at a time, and of val's likewise."""
    rng = np.random.default_rng((seed, 2))
    n_classes = int(codes.max(initial=0)) + 1
    of_clip = _majority(codes, clip_of_frame, np.arange(int(clip_of_frame.max()) + 1), n_classes)
    new = codes.copy()
    for part in (rows.train, rows.val):
        of_clip[part] = rng.permutation(of_clip[part])
        inside = np.isin(clip_of_frame, part) & (codes >= 0)
        new[inside] = of_clip[clip_of_frame[inside]]
    return new


def _majority(
    codes: Int64[np.ndarray, " n_frames"],
    clip_of_frame: Int64[np.ndarray, " n_frames"],
    clips: Int64[np.ndarray, " c"],
    n_classes: int,
) -> Int64[np.ndarray, " c"]:
    """The class of most of the frames of some clips."""
    votes = np.zeros((int(clip_of_frame.max(initial=-1)) + 1, n_classes), np.int64)
    known = codes >= 0
    np.add.at(votes, (clip_of_frame[known], codes[known]), 1)
    return votes[clips].argmax(1)


def _copies(
    codes: Int64[np.ndarray, " n_frames"],
    clip_of_frame: Int64[np.ndarray, " n_frames"],
    learned: Int64[np.ndarray, " n"],
    classes: tuple[str, ...],
    settings: ViewSettings,
) -> Int64[np.ndarray, " n_clips"] | None:
    """How many windows of each clip an epoch has; None for every frame once."""
    n_clips = int(clip_of_frame.max()) + 1
    clips = np.unique(clip_of_frame[learned])
    of_clip = _majority(codes, clip_of_frame, np.arange(n_clips), len(classes))
    times = np.ones(n_clips, np.int64)
    if settings.balance == "copies":
        given = {name: _count(name, word) for name, word in pairs(settings.copies, "--copies").items()}
        sizes = np.bincount(of_clip[clips], minlength=len(classes))
        evened = np.clip(np.round(sizes.max() / np.maximum(sizes, 1)), 1, MOST_COPIES).astype(np.int64)
        # A preset's copies are those of EV9V's classes; other classes are evened out.
        preset = PRESETS.get(settings.preset)
        own = preset is not None and settings.copies == preset.values.get("copies")
        if (strange := sorted(set(given) - set(classes))) and not own:
            raise InputError(f"--copies {strange[0]}={given[strange[0]]}: no clip of train is of this class")
        times = np.array([given.get(name, int(evened[code])) for code, name in enumerate(classes)])[of_clip]
    if settings.windows_per_clip:
        return times * settings.windows_per_clip
    if settings.balance == "copies":
        return times * np.bincount(clip_of_frame[learned], minlength=n_clips)
    return None


def _count(name: str, word: str) -> int:
    if not word.isdigit() or not 1 <= int(word) <= 1000:
        raise InputError(f"--copies {name}={word}: how often a clip stands in an epoch must be 1 to 1000")
    return int(word)


def decisive(labeled: LabeledClips) -> tuple[Any, ...]:
    """What of the clips decides the result, JSON-ready."""
    copies = None if labeled.copies is None else labeled.copies.tolist()
    parts = (labeled.centers, labeled.code_of_frame[labeled.centers], labeled.val_centers, labeled.val_truth)
    return (*(part.tolist() for part in parts), copies)
