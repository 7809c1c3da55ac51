"""A slow copy of a network: the teacher of MoCo, BYOL and DINO."""

import copy
import math
from typing import Any, final

import torch
from torch import nn

from sslecho.models.torchvision_ops import mend_torchvision


@final
class Ema(nn.Module):
    """An exponential moving average of a module's weights; it starts as a copy and gets no gradient.

    Batch norm uses the batch's statistics while training, like the module's own; only weights are averaged.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module: Any = copy.deepcopy(module).requires_grad_(False)

    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> Any:
        return self.module(x)

    def update(self, module: nn.Module, momentum: float) -> None:
        """weights <- momentum * weights + (1 - momentum) * the module's weights."""
        mend_torchvision()
        from lightly.models.utils import update_momentum

        update_momentum(module, self.module, momentum)


def rising_momentum(base: float, share: float) -> float:
    """A momentum that rises from `base` to 1 on a half cosine while the share of done steps goes from 0 to 1.

    Grill et al. 2020, "Bootstrap your own latent", section 3.3: 1 - (1 - base) (cos(pi k / K) + 1) / 2.
    """
    return 1 - (1 - base) * (math.cos(math.pi * share) + 1) / 2
