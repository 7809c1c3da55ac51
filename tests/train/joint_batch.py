"""Train every method for a few steps in N processes and save what became of the weights: `joint_batch.py N FOLDER`.

Batch norm is taken out of the heads, and the encoder has layer norm: batch norm sees a process's share of the batch.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))
nn.BatchNorm1d = lambda dim: nn.Identity()  # type: ignore[assignment, misc]

from made_objective import small_settings  # noqa: E402

from sslecho.models.encoder import Encoder  # noqa: E402
from sslecho.objectives import OBJECTIVES  # noqa: E402
from sslecho.train.batches import Frames  # noqa: E402
from sslecho.train.device import make_fabric  # noqa: E402
from sslecho.train.log import TrainingLog  # noqa: E402
from sslecho.train.loop import Plan, fit  # noqa: E402
from sslecho.views.policies import Views, policy  # noqa: E402


def main(processes: int, folder: Path) -> None:
    torch.set_num_threads(1)
    fabric = make_fabric(device="cpu", devices=processes, nodes=1, precision="32")
    pictures = np.random.default_rng(0).integers(0, 256, (24, 32, 32)).astype(np.uint8)
    for name in OBJECTIVES:
        torch.manual_seed(0)
        encoder = Encoder("test_vit", image_size=32, mean=0.5, std=0.3)
        objective = OBJECTIVES[name](encoder, small_settings(name))
        n_views = objective.n_views + (objective.local.count if objective.local else 0)
        (folder / name).mkdir(parents=True, exist_ok=True)
        fit(
            encoder,
            objective,
            Frames(lambda rows: pictures[rows], np.arange(24), np.arange(24) // 2, None, np.arange(24) // 2 % 4 - 1),
            [Views(policy("echo", size=32), size=32, seed=0)] * n_views,
            Plan(epochs=1, batch_size=8, lr=1e-3, weight_decay=0.0, optimizer="sgd", warmup_epochs=0.0, seed=0),
            fabric=fabric,
            folder=folder / name,
            log=TrainingLog(folder / name, active=fabric.is_global_zero),
        )
        fabric.barrier()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
