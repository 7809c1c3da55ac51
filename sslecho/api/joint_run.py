"""The run folder of a command that several processes share."""

from pathlib import Path
from typing import Any

from sslecho.errors import SslechoError
from sslecho.rundir import RunDir


def open_jointly(fabric: Any, out: Path, **how: Any) -> RunDir | None:
    """The run's folder, opened by the first process alone; None, in all processes, where the run is done.

    Args:
        how: as `RunDir.open`.

    Raises:
        InputError: in all processes, what the first one met: none may go on to wait for it.
    """
    run, verdict = None, ("go", None)
    if fabric.is_global_zero:
        try:
            run = RunDir.open(out, **how)
            verdict = ("done" if run.done else "go", None)
        except SslechoError as error:
            verdict = ("error", error)
    word, error = fabric.broadcast(verdict)
    if error is not None:
        raise error
    return None if word == "done" else (run or RunDir(out, "running"))
