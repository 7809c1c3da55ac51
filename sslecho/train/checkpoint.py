"""Save and restore a training run: plain tensors and numbers only, read without running code.

    DIR/checkpoints/step-000000040-5f1c….pt   the state after 40 steps; its name has the SHA-256 of its content
    DIR/checkpoints/best.json                 which of them is the best, and by what

A file is written whole under another name and then renamed. The last few and the best one are kept. One that is not
what its name says is set aside, with a warning, and the one before it is gone on from.
"""

import contextlib
import hashlib
import io
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sslecho.errors import NounError
from sslecho.rundir import warn, write_atomic, write_json

FOLDER, BEST, DAMAGED = "checkpoints", "best.json", ".damaged"


@dataclass(frozen=True)
class Saving:
    """When to save, and what is kept.

    Attributes:
        seconds: between two checkpoints; 0 saves after every step.
        keep: how many of the latest stay; the best one stays too.
    """

    seconds: float = 120.0
    keep: int = 2


@dataclass(frozen=True)
class Score:
    """How good a state is.

    Attributes:
        by: "loss", of which less is better, or the name of a watched figure, of which more is; scores of another kind
            don't compare.
    """

    value: float
    by: str

    def beats(self, other: "Score | None") -> bool:
        """A watched figure was asked for, so it beats any loss."""
        if other is None or (self.by != other.by and self.by != "loss"):
            return True
        if self.by != other.by:
            return False
        return self.value < other.value if self.by == "loss" else self.value > other.value


def save(
    folder: Path,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    step: int,
    said: dict[str, float],
    keep: int,
    score: Score | None = None,
) -> None:
    """Write the state after `step` steps; the random numbers need no state, they are keyed by epoch and frame.

    Args:
        folder: the run's.
        said: the figures of the run so far, for a run that is stopped after its last step.
        keep: how many of the latest checkpoints stay.
        score: of this state; the best one's checkpoint stays too.
    """
    folder = folder / FOLDER
    folder.mkdir(exist_ok=True)
    buffer = io.BytesIO()
    state = {"module": module.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "said": said}
    torch.save(state, buffer)
    content = buffer.getvalue()
    write_atomic(folder / f"step-{step:09d}-{_digest(content)}.pt", content)
    if score is not None and score.beats(best_score(folder.parent)):
        write_json(folder / BEST, {"step": step, "score": score.value, "by": score.by})
    found = sorted(folder.glob("step-*.pt"), reverse=True)
    for path in found[keep:]:
        if step_of(path) != _read_best(folder).get("step"):
            path.unlink(missing_ok=True)


def best_score(folder: Path) -> Score | None:
    """Of the run's best checkpoint."""
    found = _read_best(folder / FOLDER)
    return Score(found["score"], found["by"]) if found else None


def best_step(folder: Path, *, by: str) -> int | None:
    """After how many steps the run's best checkpoint was written; None where none was judged by this figure."""
    found = _read_best(folder / FOLDER)
    return int(found["step"]) if found and found["by"] == by else None


def restore_best(folder: Path, module: nn.Module) -> None:
    """Load the weights of the run's best checkpoint.

    Raises:
        NounError: it is gone, damaged, or of another network.
    """
    step = _read_best(folder / FOLDER).get("step")
    found = [path for path in (folder / FOLDER).glob("step-*.pt") if step_of(path) == step]
    if not found or (problem := _problem(found[0])) is not None:
        reason = problem if found else "it is gone"
        raise NounError(
            f"the best checkpoint of {folder}, after {step} steps, can't be read ({reason}); "
            "say --overwrite to start anew"
        )
    _load(found[0], module)


def step_of(path: Path) -> int:
    """How many steps were done."""
    return int(path.name.split("-")[1])


def find(folder: Path) -> Path | None:
    """The latest checkpoint that is whole; later ones are set aside, with a warning each.

    Returns:
        None where the run has none yet.

    Raises:
        NounError: there are some, and none is whole.
    """
    found = sorted((folder / FOLDER).glob("step-*.pt"), reverse=True)
    problems = [(path, _problem(path)) for path in found]
    whole = next((path for path, problem in problems if problem is None), None)
    if found and whole is None:
        path, problem = problems[0]
        raise NounError(
            f"{path} can't be resumed from ({problem}), nor can the {len(found) - 1} before it; "
            "say --overwrite to start anew"
        )
    for path, problem in problems:
        if problem is None:
            break
        assert whole is not None
        warn(f"{path} can't be resumed from ({problem}); going on from step {step_of(whole)}, {whole.name}")
        with contextlib.suppress(OSError):  # aside, so that it is not counted among those to keep
            path.rename(path.with_name(path.name + DAMAGED))
    return whole


def restore(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, dict[str, float]]:
    """Load a state.

    Returns:
        How many steps were done, and the figures of the run until then.

    Raises:
        NounError: it is of another network.
    """
    return _load(path, module, optimizer)


def _load(
    path: Path, module: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> tuple[int, dict[str, float]]:
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        module.load_state_dict(state["module"])
        if optimizer is not None:
            optimizer.load_state_dict(state["optimizer"])
        return int(state["step"]), dict(state["said"])
    except (RuntimeError, KeyError, ValueError, EOFError, OSError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise NounError(f"{path} can't be resumed from ({reason}); say --overwrite to start anew") from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _problem(path: Path) -> str | None:
    """Why a file is not what its name says."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return error.strerror or type(error).__name__
    if _digest(content) != path.stem.split("-")[2]:
        return f"its {len(content)} bytes are not those that were written"
    return None


def _read_best(folder: Path) -> dict[str, Any]:
    """What is noted of the best checkpoint; nothing where its file is gone, or was set aside."""
    try:
        found = json.loads((folder / BEST).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return found if any(folder.glob(f"step-{found['step']:09d}-*.pt")) else {}
