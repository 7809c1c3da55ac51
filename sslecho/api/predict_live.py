"""`predict --live`: view, grade and confidence of each frame as it comes, and of the clip so far.

    file or pipe ─Feed (a thread)─▶ letterbox ─▶ models ─▶ smoothed answer ─▶ live.csv, live.mp4 (a thread)

The first frames say what kind of recording it is and where its sector lies; that holds for the rest.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from sslecho.api.answers import Models, model_hash, stored_size
from sslecho.api.live_answers import LiveAnswers, Said
from sslecho.api.predict_files import csv_text
from sslecho.api.predict_settings import PredictSettings
from sslecho.config import identity, to_toml
from sslecho.data.clip_frames import StoredFrames
from sslecho.data.identity import Identity, write_sources
from sslecho.data.live import Arrived, Feed, raw_frames, recorded, streamed_frames
from sslecho.data.look import Look, Rules, flow_of, look_at, same_shapes, shows_new_flow
from sslecho.data.readers.recording import Frame, Unreadable
from sslecho.errors import InputError
from sslecho.report.annotated_video import AnnotatedVideo
from sslecho.rundir import RunDir, say, sha256_of, warn, write_text
from sslecho.tasks.predictions import write_predictions

PIPE = "-"
LOOKED_AT = 16  # frames that come before the first answer
TABLE, VIDEO = "live.csv", "live.mp4"
SAY_EVERY_S = 1.0
COLUMNS = (
    "frame_index", "time_s", "kind", "view", "confidence", "grade", "clip_view", "clip_confidence", "abstained",
    "clip_grade", "latency_ms",
)  # fmt: skip


def predict_live(
    sources: list[Path], out: Path, models: Models, settings: PredictSettings, *, overwrite: bool
) -> dict[str, Any]:
    """Answer frame by frame until the source ends, or Ctrl-C.

    Raises:
        InputError: more than one source, one that can't be read, or one whose kind or sector is not to be named.
    """
    if len(sources) != 1:
        raise InputError(f"--live takes one video, or - for a pipe, not {len(sources)} sources")
    if settings.workers:
        torch.set_num_threads(settings.workers)
    piped = str(sources[0]) == PIPE
    if (settings.width is None) != (settings.height is None):
        raise InputError("--width and --height go together: they say how large raw frames in a pipe are")
    if settings.width is not None and not piped:
        raise InputError(f"--width is of raw frames in a pipe, and {sources[0]} is a file; leave it out")
    if not piped and not sources[0].is_file():
        raise InputError(f"{sources[0]} is no file; --live takes one video, or - for a pipe")
    if piped and not overwrite and (out / "result.json").exists():
        raise InputError(f"--out {out} holds what came through an earlier pipe; name another, or say --overwrite")
    # Before the folder is begun: the source may be no video, or not one to name.
    begun = _begun(sources[0], settings, piped=piped)
    who = Identity.of_store(out)
    source = None if piped else who.id("file", sha256_of(sources[0]))
    size = settings.size or stored_size(Path(str(settings.model)))
    run = RunDir.open(
        out,
        command="predict",
        identity={
            **identity(settings),
            "size": size,
            "model": model_hash(settings.model),
            "grader": model_hash(settings.grader),
            "source": source,
        },
        settings=to_toml(settings, "predict"),
        overwrite=overwrite,
    )
    if run.done:
        return run.result
    clip_id = who.id("clip", source or "pipe")
    name = PIPE if piped else sources[0].name
    write_sources(out, [{"clip_id": clip_id, "source_id": source, "path": name, "frame": None}])
    rows, answers, seconds, stopped = _answered(begun, out, models, settings, size=size)
    if not rows:
        raise InputError(f"{name}: no frame was named ({stopped or 'it ended too early'})")
    result = _written(rows, out, clip_id=clip_id, classes=models.views) | {
        "dropped": begun.feed.dropped,
        "looked_at": begun.unnamed,
        "frames_per_s": len(rows) / seconds,
        "clip": answers.of_all(),
        "warnings": _warnings(len(rows), begun, stopped),
    }
    for warning in result["warnings"]:
        warn(warning)
    run.finish(result)
    return run.result


@dataclass(frozen=True)
class _Begun:
    """A source whose first frames were looked at.

    Attributes:
        look: what they tell.
        feed: the frames that are to be answered.
        unnamed: how many of the first frames are not among these.
    """

    look: Look
    feed: Feed
    unnamed: int


def _begun(source: Path, settings: PredictSettings, *, piped: bool) -> _Begun:
    dropping = settings.drop and (piped or settings.realtime)
    at_once = piped and dropping  # what comes through a pipe while the first frames are looked at is not to wait
    feed = None
    try:
        recording, frames = (None, _piped(settings)) if piped else recorded(source)
        start = list(islice(frames, LOOKED_AT))
        if not start:
            raise Unreadable("it has no frame")
        how = {"fps": settings.fps, "paced": settings.realtime and not piped, "drop": dropping}
        feed = Feed(frames if at_once else chain(start, frames), **how)
        if at_once:
            feed.start()
        same_shapes(start, start[0].pixels.shape)
        regions, modes = ((), frozenset()) if recording is None else (recording.regions, recording.modes)
        rules = Rules(settings.kinds, settings.sector, "keep", "yes" if settings.doubtful == "keep" else None)
        look = look_at(start, regions=regions, modes=modes, rules=rules)
    except Unreadable as error:
        if feed is not None:
            feed.stop()
        raise InputError(f"{'the pipe' if piped else source}: {error}") from None
    return _Begun(look, feed, len(start) if at_once else 0)


def _piped(settings: PredictSettings) -> Iterator[Frame]:
    pipe = sys.stdin.buffer
    if settings.width is not None and settings.height is not None:
        return raw_frames(pipe, width=settings.width, height=settings.height, pixels=settings.pixels)
    return streamed_frames(pipe)


def _answered(
    begun: _Begun, out: Path, models: Models, settings: PredictSettings, *, size: int
) -> tuple[list[dict[str, Any]], LiveAnswers, float, str | None]:
    """Rows of the table, the answers, how long it took, and why it ended before the source did."""
    look, feed = begun.look, begun.feed
    letterbox = StoredFrames(look, iter(()), size=size, kinds=settings.kinds).letterbox
    answers = LiveAnswers(
        models, smooth_s=settings.smooth_s, abstain=settings.abstain, least_confidence=settings.least_confidence
    )
    answers.warm_up(size)
    flow = _Flow(look, watches="colour" not in settings.kinds)
    if not begun.unnamed:
        feed.start()
    rows: list[dict[str, Any]] = []
    stopped, began, last_said = None, time.monotonic(), 0.0
    video = AnnotatedVideo(out / VIDEO) if settings.video else None
    try:
        with video or nullcontext():
            for arrived in feed:
                frame = arrived.frame
                same_shapes([frame], look.start[0].pixels.shape)
                time_s = frame.index / settings.fps if frame.time_s is None else frame.time_s
                pixels = letterbox(frame.pixels)
                flows = flow.seen(frame)
                said = Said() if flows else answers.of(pixels, time_s)
                row = _row(arrived, time_s, said, kind="colour" if flows else look.kind)
                rows.append(row)
                if video is not None:
                    video.add(pixels, _lines(row), time_s)
                if time.monotonic() - last_said >= SAY_EVERY_S:
                    last_said = time.monotonic()
                    say("  ".join(words for words, _ in _lines(row)))
    except KeyboardInterrupt:
        stopped = "stopped by the user"
    except Unreadable as error:
        stopped = str(error)
    finally:
        feed.stop()
    return rows, answers, time.monotonic() - began, stopped


class _Flow:
    """Whether color Doppler is on, by the frames that carry their color."""

    def __init__(self, look: Look, *, watches: bool):
        self._watches, self._on = watches, False
        colored = [frame.rgb for frame in look.start if frame.rgb is not None]
        self._known = np.logical_or.reduce([flow_of(rgb) for rgb in colored]) if colored else None

    def seen(self, frame: Frame) -> bool:
        if self._watches and frame.rgb is not None and self._known is not None:
            self._on = shows_new_flow(frame.rgb, self._known)
        return self._on


def _row(arrived: Arrived, time_s: float, said: Said, *, kind: str) -> dict[str, Any]:
    latency_ms = 1000 * (time.monotonic() - arrived.at)
    return {
        "frame_index": arrived.frame.index,
        "time_s": time_s,
        "kind": kind,
        **asdict(said),
        "latency_ms": latency_ms,
    }


def _lines(row: dict[str, Any]) -> list[tuple[str, bool]]:
    """What is written below the picture: the clip so far, then the frame."""
    if row["kind"] == "colour":
        return [("color Doppler: not named", True), (f"{row['time_s']:.2f} s", False)]
    parts, own = [], []
    if row["clip_view"] is not None:
        parts.append(f"{row['clip_view']}{'?' if row['abstained'] else ''} {row['clip_confidence']:.2f}")
        own.append(f"{row['view']} {row['confidence']:.2f}")
    if row["grade"] is not None:
        parts.append(f"grade {row['clip_grade']:.1f}")
        own.append(f"grade {row['grade']:.1f}")
    return [
        ("  ".join(parts), bool(row["abstained"])),
        (f"{row['time_s']:.2f} s, this frame: {', '.join(own)}", False),
    ]


def _warnings(n: int, begun: _Begun, stopped: str | None) -> list[str]:
    dropped = begun.feed.dropped
    total = n + dropped + begun.unnamed
    warnings = []
    if dropped:
        warnings.append(f"dropped {dropped} of {total} frames ({dropped / total:.1%}) rather than lag")
    if stopped is not None:
        warnings.append(f"it ended after {n} frames: {stopped}")
    return warnings


def _written(rows: list[dict[str, Any]], out: Path, *, clip_id: str, classes: tuple[str, ...]) -> dict[str, Any]:
    """Write table and noun; returns the figures that they hold."""
    write_text(out / TABLE, csv_text(COLUMNS, rows))
    table = pa.Table.from_pylist([{"clip_id": clip_id, **row} for row in rows])
    meta = {"task": "predict", "live": True, "level": "frame", "unit": "clip", "classes": list(classes)}
    write_predictions(out, table, meta=meta)
    latency = np.array([row["latency_ms"] for row in rows])
    return {
        "n": 1,
        "n_patients": 1,
        "unit": "clip",
        "split": "all",
        "level": "frame",
        "classes": list(classes),
        "frames": len(rows),
        **{f"p{q}_ms": float(np.percentile(latency, q)) for q in (50, 95)},
        "max_ms": float(latency.max()),
        "out": str(out),
    }
