"""The training log: JSONL for programs, TensorBoard events for the eye."""

import json
import math
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sslecho.rundir import write_text


class TrainingLog:
    """Writes `log.jsonl` and `tensorboard/` into a run's folder.

    The events' file is named by the step it starts at: TensorBoard's own writers put the host's name there.

    Args:
        folder: the run's folder.
        active: False for all processes but the first, which then write nothing.
    """

    def __init__(self, folder: Path, *, active: bool = True):
        self._jsonl = folder / "log.jsonl"
        self._events = folder / "tensorboard"
        self._active = active

    @contextmanager
    def after(self, step: int) -> Iterator[None]:
        """Log what comes after `step` steps; lines that a killed run wrote beyond its checkpoint are dropped."""
        if not self._active:
            yield
            return
        self._events.mkdir(exist_ok=True)
        if self._jsonl.exists():
            lines = self._jsonl.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _step_of(line) <= step]
            write_text(self._jsonl, "".join(f"{line}\n" for line in kept))
        with closing(_open_events(self._events / f"events.out.tfevents.{step:09d}.sslecho")) as self._writer:
            yield

    def write(self, *, step: int, **fields: float) -> None:
        """Add one line, and one event for each field but `epoch`."""
        if not self._active:
            return
        # JSON has no infinity, which a gradient in float16 may have.
        said = {name: value if math.isfinite(value) else None for name, value in fields.items()}
        with self._jsonl.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **said}, allow_nan=False) + "\n")
        event = _new_event(step=step)
        for tag in fields.keys() - {"epoch"}:
            event.summary.value.add(tag=tag, simple_value=fields[tag])
        self._writer.write(event.SerializeToString())
        self._writer.flush()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's log, or nothing where there is none."""
    try:
        lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [json.loads(line) for line in lines]


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError):  # half a line, from a run that was killed while writing it
        return float("inf")


def _open_events(path: Path) -> Any:
    from tensorboardX.record_writer import RecordWriter

    writer = RecordWriter(str(path))
    writer.write(_new_event(file_version="brain.Event:2").SerializeToString())
    return writer


def _new_event(**fields: Any) -> Any:
    from tensorboardX.proto import event_pb2

    return getattr(event_pb2, "Event")(wall_time=time.time(), **fields)  # noqa: B009 (made at run time, unseen by pyright)
