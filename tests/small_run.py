"""A small training run that may be killed: `small_run.py FOLDER METHOD KILL_AT`.

It saves after every step, and ends itself with SIGKILL once KILL_AT steps are done, before their state is saved.
Under torchrun only the last process does so, and only where none was restarted.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from made_objective import small_settings

from sslecho.models.encoder import Encoder
from sslecho.objectives import OBJECTIVES
from sslecho.train import loop
from sslecho.train.batches import Frames
from sslecho.train.checkpoint import FOLDER, Saving
from sslecho.train.device import make_fabric
from sslecho.train.log import TrainingLog
from sslecho.train.loop import Plan, Trained, fit
from sslecho.views.policies import Views, local_policy

PICTURES = np.random.default_rng(0).integers(0, 256, (40, 32, 32)).astype(np.uint8)


def small_run(
    folder: Path,
    method: str,
    *,
    processes: int = 1,
    kill_at: int = 0,
    **fit_how: Any,
) -> tuple[Encoder, Trained]:
    """Train for 40 steps."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    encoder = Encoder("test_vit", image_size=32, mean=0.5, std=0.3)
    objective = OBJECTIVES[method](encoder, small_settings(method))
    n_views = objective.n_views + (objective.local.count if objective.local else 0)
    fabric = make_fabric(device="cpu", devices=processes, nodes=1, precision="32")
    log = TrainingLog(folder, active=fabric.is_global_zero)
    write = log.write

    def write_or_die(*, step: int, **fields: float) -> None:
        write(step=step, **fields)
        if (
            step == kill_at
            and fabric.global_rank == processes - 1
            and os.environ.get("TORCHELASTIC_RESTART_COUNT") != "1"
        ):
            os.kill(os.getpid(), signal.SIGKILL)

    log.write = write_or_die
    trained = fit(
        encoder,
        objective,
        Frames(lambda rows: PICTURES[rows], np.arange(40), np.arange(40) // 2, None, np.arange(40) // 2 % 4 - 1),
        [Views(local_policy("none", size=32, min_area=0.3, max_area=0.9), size=32, seed=0)] * n_views,
        Plan(
            epochs=8,
            batch_size=8,
            lr=1e-3,
            weight_decay=1e-4,
            optimizer="adamw",
            warmup_epochs=0.5,
            seed=0,
        ),
        fabric=fabric,
        folder=folder,
        log=log,
        saving=Saving(seconds=0.0, keep=2),
        **fit_how,
    )
    fabric.barrier()
    return encoder, trained


def newest(folder: Path) -> Path:
    """The run's latest checkpoint, whole or not."""
    return max((folder / FOLDER).glob("step-*.pt"))


if __name__ == "__main__":
    loop.STEPS_BETWEEN_LOGS = 1
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    small_run(Path(sys.argv[1]), sys.argv[2], processes=processes, kill_at=int(sys.argv[3]))
