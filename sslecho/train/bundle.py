"""What a run that gave up leaves behind: enough to see the step again, and nothing that shows a patient.

    DIR/bundle/bundle.json   reason, step, rows of the batch, seed, the settings that decide, versions
    DIR/bundle/weights.pt    encoder and objective before the step: plain tensors, read without running code

A batch is its rows of the store and the seed: views and draws are keyed by seed, epoch, row and view, so no state of a
random generator is needed. Rows mean nothing without the store; there are no pixels, no paths and no patients here.
"""

import io
import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sslecho.errors import NounError
from sslecho.models.encoder import Encoder
from sslecho.objectives.objective import Now, Objective
from sslecho.rundir import read_json, write_atomic, write_json
from sslecho.train.batches import Frames, known_of
from sslecho.train.learner import Learner, as_channels_last, seed_layers
from sslecho.train.pictures import load, show
from sslecho.views.policies import Views

FOLDER, SCHEMA, VERSION = "bundle", "sslecho.bundle", 1


@dataclass(frozen=True)
class Bundle:
    """What stands in a bundle.

    Attributes:
        reason: why the run gave up.
        step: the step that could not be done, or after a collapse the one that would have come next, counted from 0.
        rows, partner_rows: the joint batch, as rows of the store; odd views are made of the partners.
        run: the run's identity (settings, hashes of inputs) and provenance (versions), where it had a run.json.
        state: the weights before the step, of a `Learner`.
    """

    reason: str
    step: int
    epoch: int
    seed: int
    rows: Int64[np.ndarray, " n"]
    partner_rows: Int64[np.ndarray, " n"]
    run: Mapping[str, Any]
    state: Mapping[str, Tensor]


def write_bundle(
    folder: Path,
    *,
    reason: str,
    step: int,
    epoch: int,
    rows: Int64[np.ndarray, " n"],
    partner_rows: Int64[np.ndarray, " n"],
    seed: int,
    state: Mapping[str, Tensor],
) -> Path:
    """Write `folder/bundle`, over an earlier one.

    Args:
        folder: the run's.
        state: of the `Learner`, before the step.

    Returns:
        The bundle's folder; it is complete once bundle.json stands in it.

    Raises:
        SslechoError: the disk is full.
    """
    path = folder / FOLDER
    path.mkdir(exist_ok=True)
    (path / "bundle.json").unlink(missing_ok=True)
    buffer = io.BytesIO()
    torch.save({name: value.detach().cpu() for name, value in state.items()}, buffer)
    write_atomic(path / "weights.pt", buffer.getvalue())
    about = {
        "schema": SCHEMA,
        "version": VERSION,
        "reason": reason,
        "step": step,
        "epoch": epoch,
        "seed": seed,
        "rows": rows.tolist(),
        "partner_rows": partner_rows.tolist(),
        "run": _run(folder),
    }
    write_json(path / "bundle.json", about)
    return path


def read_bundle(folder: Path | str) -> Bundle:
    """Read a bundle from its folder or from the run that holds it.

    Raises:
        NounError: there is none, it is of another version, or it can't be read.
    """
    folder = Path(folder)
    path = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    try:
        about = read_json(path / "bundle.json")
    except (OSError, json.JSONDecodeError):
        raise NounError(
            f"{folder} holds no bundle (no readable bundle.json); only a run that gave up has one"
        ) from None
    if about.get("version") != VERSION:
        raise NounError(
            f"{path} is a bundle of version {about.get('version')!r}, this sslecho reads version {VERSION}; "
            "install the sslecho that wrote it"
        )
    try:
        state = torch.load(path / "weights.pt", map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise NounError(f"{path / 'weights.pt'} can't be read ({reason}); run the command again") from None
    fields = {name: about[name] for name in ("reason", "step", "epoch", "seed", "run")}
    rows, partner_rows = (np.array(about[name], dtype=np.int64) for name in ("rows", "partner_rows"))
    return Bundle(**fields, rows=rows, partner_rows=partner_rows, state=state)


def replay(
    bundle: Bundle,
    encoder: Encoder,
    objective: Objective,
    frames: Frames,
    makers: Sequence[Views],
    *,
    epochs: int,
    fabric: Any,
) -> Float[Tensor, ""]:
    """The loss of the bundle's step once more; its `backward()` gives the gradients.

    Args:
        encoder, objective, frames, makers: as `fit` got them; encoder and objective take the bundle's weights.
        epochs: of the plan: schedules inside an objective depend on it.
        fabric: of one process.
    """
    learner = Learner(encoder, objective)
    learner.load_state_dict(bundle.state)
    module = fabric.setup(as_channels_last(learner))
    module.train()
    per_epoch = len(frames.rows) // len(bundle.rows)
    now = Now(bundle.step, per_epoch * epochs, bundle.step / per_epoch)
    same = np.array_equal(bundle.rows, bundle.partner_rows)
    loaded = load(frames, (bundle.rows, bundle.rows if same else bundle.partner_rows))
    assert loaded is not None
    batch = show(loaded, makers, now, n_draws=objective.n_draws, seed=bundle.seed, device=fabric.device)
    seed_layers(bundle.seed, bundle.step, bundle.rows)
    return objective.loss(module(batch), known_of(bundle.rows, frames, now, fabric.device))


def _run(folder: Path) -> dict[str, Any]:
    try:
        run = read_json(folder / "run.json")
    except (OSError, json.JSONDecodeError):
        return {}
    return {name: run[name] for name in ("identity", "provenance") if name in run}
