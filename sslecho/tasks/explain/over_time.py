"""Which frames of a clip decide: saliency and occlusion over time."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn


def shares_of_frames(maps: Float[np.ndarray, "t h w"]) -> Float64[np.ndarray, " t"]:
    """The share of a map that each frame of its window has; equal ones where the map is 0 all over."""
    sums = maps.sum((1, 2), dtype=np.float64)
    return sums / sums.sum() if sums.sum() > 0 else np.full(len(sums), 1 / len(sums))


def effective_frames(shares: Float64[np.ndarray, " t"]) -> float:
    """How many frames would share a map evenly and be as uncertain (exp of the entropy): from 1 to t."""
    held = shares[shares > 0]
    return float(np.exp(-(held * np.log(held)).sum()))


@torch.inference_mode()
def without_each_frame(
    network: nn.Module,
    window: Float[Tensor, "t 1 h w"],
    of: int,
    *,
    says: Callable[[Float[Tensor, "m c"]], Float64[np.ndarray, "m c"]],
) -> Float64[np.ndarray, " t"]:
    """The fall of a class's probability where one frame is gray all over; negative where it rises.

    Args:
        says: logits of windows -> probabilities.
    """
    changed = window[None].repeat(len(window) + 1, 1, 1, 1, 1)
    for frame in range(len(window)):
        changed[frame + 1, frame] = window[frame].mean()
    probability = says(network(changed))[:, of]
    return probability[0] - probability[1:]
