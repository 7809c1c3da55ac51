"""Save and restore a training run: plain tensors and numbers only, read without running code."""

import io
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sslecho.errors import NounError
from sslecho.rundir import write_atomic

NAME = "checkpoint.pt"


def save(
    folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer, *, step: int, said: dict[str, float]
) -> None:
    """Write the state after `step` steps; the random numbers need no state, they are keyed by epoch and frame.

    Args:
        said: the figures of the run so far, for a run that is stopped after its last step.
    """
    buffer = io.BytesIO()
    state = {"module": module.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "said": said}
    torch.save(state, buffer)
    write_atomic(folder / NAME, buffer.getvalue())


def restore(folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, dict[str, float]]:
    """Load the state where there is one.

    Returns:
        How many steps were done (0 where there is no checkpoint), and the figures of the run until then.

    Raises:
        NounError: the file is damaged or of another network.
    """
    path = folder / NAME
    if not path.exists():
        return 0, {}
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        module.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        return int(state["step"]), dict(state["said"])
    except (RuntimeError, KeyError, ValueError, EOFError, OSError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise NounError(f"{path} can't be resumed from ({reason}); say --overwrite to start anew") from None
