"""The stores that `view.py` learns from: simulated views, motion pairs, clips with ruined stretches, real lungs."""

import csv
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from methods_arms import LUNG_LABELS
from phantom_difficulty import drawn_clip, small
from phantom_supervised import grades_of

import sslecho
from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter
from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.echo import Clip
from sslecho.phantom.factors import Factors
from sslecho.phantom.heart.views import VIEWS
from sslecho.phantom.kinds import KINDS
from sslecho.phantom.kinds.motion import CLASSES
from sslecho.phantom.plan import Plan, Rendering

SIDE = 64  # of stored frames
ECHO_FRAMES, MOTION_FRAMES = 8, 16
SEGMENTS, SEGMENT_FRAMES, RUINED = 8, 20, 4
PLANTED_SIDE, PLANTED_NOISE = 32, 12.0  # pixels; gray levels, so that frames of a segment differ
PLANTED_VIEWS = ("plax", "psax_av", "a4c", "a2c", "sc4c", "suprasternal")
LUNG_FRAMES = 16
SHARES = (0.5, 0.15)  # of patients: train, val; the rest is test


def made(kind: str, seed: int, folder: Path, *, patients: int, lung: Path | None = None) -> Path:
    """The store of one kind and seed, split by patient; made once, kept in `folder`."""
    store = folder / f"{kind}-{seed}-{patients}"
    if store.exists():
        return store
    raw = folder / f"unfinished-{kind}-{seed}"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    if kind == "lung":
        assert lung is not None
        _lung(raw, lung, seed=seed)
    elif kind == "planted":
        source = Store.open(made("echo", seed, folder, patients=patients))
        write(raw / "store", planted_clips(source, seed=seed), side=PLANTED_SIDE)
    else:
        clips = {"echo": echo_clips, "motion": motion_clips}[kind]
        write(raw / "store", clips(patients, seed=seed), side=SIDE)
    (raw / "store").rename(store)
    shutil.rmtree(raw)
    return store


def write(path: Path, clips: Iterable[tuple[np.ndarray, dict[str, Any], list[float]]], *, side: int) -> None:
    """A store of clips: frames, what is known of the clip, and a grade a frame."""
    with StoreWriter(path, (side, side), unit="patient") as writer:
        for number, (frames, known, grades) in enumerate(clips):
            ids = {"clip_id": f"c{number:05d}", "source_id": f"s{number:05d}"}
            writer.add_clip(frames, {**ids, **known}, {"grade": grades})
        writer.commit()


def split_of(patient: int, patients: int) -> str:
    """Patients are drawn in no order, so that the first may learn and the last be tested."""
    train, val = SHARES
    return "train" if patient < train * patients else "val" if patient < (train + val) * patients else "test"


def _known(patient: int, patients: int, label: str) -> dict[str, Any]:
    return {"patient_id": f"p{patient:04d}", "label": label, "split": split_of(patient, patients)}


def echo_clips(patients: int, *, seed: int) -> Iterator[tuple[np.ndarray, dict[str, Any], list[float]]]:
    """The twelve moving views of every patient, with the grade of each frame."""
    for patient in range(patients):
        for view in VIEWS:
            clip = drawn_clip(patient, view, seed=seed, jitter=JITTER, frames=ECHO_FRAMES, size=2 * SIDE)
            yield _frames(clip), _known(patient, patients, view), grades_of(clip)[1]


def motion_clips(patients: int, *, seed: int) -> Iterator[tuple[np.ndarray, dict[str, Any], list[float]]]:
    """All classes of the motion pairs in every patient."""
    draw = KINDS["motion"].draw
    assert draw is not None
    factors = Factors.from_seed(seed)
    for patient in range(patients):
        for name in CLASSES:
            plan = Plan("motion", patient, 0, name, 0, 0, f"p{patient:04d}-000", "")
            clip = draw(plan, factors, Rendering(MOTION_FRAMES, 2 * SIDE, JITTER))
            yield _frames(clip), _known(patient, patients, name), [0.0] * MOTION_FRAMES


def _frames(clip: Clip) -> np.ndarray:
    return np.stack([small(clip, frame, SIDE)[0] for frame in range(len(clip.frames))])


def planted_clips(source: Store, *, seed: int) -> Iterator[tuple[np.ndarray, dict[str, Any], list[float]]]:
    """Long clips of which half is ruined: segments that show frames of a simulated clip, or their pixels in disorder.

    The grade of a frame is 1 where it is good and 0 where it is ruined; a ruined one keeps its gray levels, so that
    nothing but the missing picture gives it away.
    """
    rng = np.random.default_rng((seed, 7))
    first = np.r_[0, np.cumsum(source.clips["n_frames"].to_numpy())]
    for number, row in enumerate(source.clips.to_pylist()):
        if row["label"] not in PLANTED_VIEWS:
            continue
        shown = source.read(np.arange(first[number], first[number + 1]))
        shown = shown.reshape(len(shown), PLANTED_SIDE, 2, PLANTED_SIDE, 2).mean((2, 4))
        good = rng.permutation(SEGMENTS) >= RUINED
        frames = []
        for segment in range(SEGMENTS):
            for _ in range(SEGMENT_FRAMES):
                frame = shown[segment % len(shown)]
                frame = frame if good[segment] else rng.permutation(frame.ravel()).reshape(frame.shape)
                frames.append(frame + rng.normal(scale=PLANTED_NOISE, size=frame.shape))
        known = {name: row[name] for name in ("patient_id", "label", "split")}
        pictures = np.clip(np.stack(frames), 0, 255).astype(np.uint8)
        yield pictures, known, np.repeat(good.astype(float), SEGMENT_FRAMES).tolist()


def _lung(raw: Path, data: Path, *, seed: int) -> None:
    """Clips and stills of real lungs, divided by patient."""
    labels = raw / "labels.csv"
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [{name: row[name] for name in ("path", "label", "patient")} for row in csv.DictReader(file)]
    with labels.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "label", "patient"])
        writer.writeheader()
        writer.writerows({**row, "label": row["label"] if row["label"] in LUNG_LABELS else ""} for row in rows)
    # All clips: their publisher has cropped them, so that a sector is often uncertain and no name is left.
    how = {"size": SIDE, "max_frames": LUNG_FRAMES, "doubtful": "keep", "workers": 1}
    sslecho.ingest(data, raw / "store", labels=str(labels), **how)
    sslecho.split(raw / "store", test=0.4, val=0.15, seed=seed, overwrite=True)
