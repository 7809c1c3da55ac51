"""Progress on stderr: a rich bar with an ETA on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SECONDS_BETWEEN_LINES = 15.0  # in a log file a line every few steps would drown everything else


class _Lines:
    """Plain lines for a stderr that is no terminal: a log of a batch system, a pipe."""

    def __init__(self, description: str, total: int | None, unit: str):
        self._description, self._total, self._unit = description, total, unit
        self._done = 0
        self._started = self._last = time.monotonic()

    def advance(self, n: int = 1, **fields: str) -> None:
        self._done += n
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last = now
        self._print(now, fields)

    def _print(self, now: float, fields: dict[str, str]) -> None:
        line = f"{self._description}: {self._done}"
        if self._total:
            left = (now - self._started) / max(self._done, 1) * (self._total - self._done)
            line += f"/{self._total} {self._unit}, {left:.0f} s left"
        else:
            line += f" {self._unit}"
        print(line + "".join(f", {name} {value}" for name, value in fields.items()), file=sys.stderr, flush=True)


class _Bar:
    """A rich progress bar; `fields` are shown behind it."""

    def __init__(self, progress: Any, task: Any):
        self._progress, self._task = progress, task

    def advance(self, n: int = 1, **fields: str) -> None:
        said = "  ".join(f"{name} {value}" for name, value in fields.items())
        self._progress.update(self._task, advance=n, **({"fields_text": said} if said else {}))


@contextmanager
def track(description: str, *, total: int | None, unit: str = "", done: int = 0) -> Iterator["_Lines | _Bar"]:
    """Show progress while the block runs.

    Args:
        description: what is being done, in one or two words.
        total: how many steps there are, or None where that is not known.
        unit: what a step is ("files", "frames").
        done: steps that an earlier run did already.

    Yields:
        An object with `advance(n, **fields)`; the fields (loss="3.21") are shown beside the bar.
    """
    if not sys.stderr.isatty():
        lines = _Lines(description, total, unit)
        lines.advance(done)
        yield lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        TextColumn("{task.fields[fields_text]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress, progress.add_task(description, total=total, completed=done, fields_text=""))
