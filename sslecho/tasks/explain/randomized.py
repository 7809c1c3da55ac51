"""The control that a map must pass: of a network with random weights it must be another one.

Adebayo et al. 2018, "Sanity Checks for Saliency Maps": some maps show edges of the picture, whatever the network has
learned. Here all weights are drawn anew at once, and the two maps' ranks are compared (Spearman, absolute values).
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import rankdata
from torch import nn

# Above it a map is said to show the picture rather than the network; ours.
ALIKE = 0.5


def randomized(network: nn.Module, *, seed: int) -> nn.Module:
    """A copy whose every weight is drawn anew, in eval mode.

    A layer that knows how it begins begins again; weights that belong to no such layer (a class token, positions) are
    drawn from a normal distribution with their own mean and standard deviation.
    """
    fresh = copy.deepcopy(network).eval()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for module in fresh.modules():
            begin: Callable[[], Any] | None = getattr(module, "reset_parameters", None)
            if callable(begin) and not any(True for _ in module.children()):
                begin()
                continue
            for value in module.parameters(recurse=False):
                spread = float(value.std()) if value.numel() > 1 else 1.0
                drawn = torch.randn(value.shape) * spread + float(value.mean())
                value.copy_(drawn)
    return fresh


def rank_correlation(a: Float[np.ndarray, "h w"], b: Float[np.ndarray, "h w"], where: Bool[np.ndarray, "h w"]) -> float:
    """Spearman's correlation of two maps inside a mask, ties sharing their mean rank; NaN where one is the same all
    over."""
    ranks = [rankdata(values[where]) for values in (a, b)]
    centered = [rank - rank.mean() for rank in ranks]
    size = float(np.sqrt((centered[0] ** 2).sum() * (centered[1] ** 2).sum()))
    return float((centered[0] * centered[1]).sum() / size) if size > 0 else float("nan")
