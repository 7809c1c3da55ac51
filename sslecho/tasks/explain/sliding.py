"""A sliding occlusion map of one window: how much less sure the network is where a gray patch lies.

Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2. The patch lies over all
frames of a window at once.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from sslecho.tasks.explain.subject import FRAMES_AT_ONCE

ACROSS = 8  # patches that lie side by side over the picture's shorter side; each step is half a patch


@torch.inference_mode()
def sliding(
    network: nn.Module,
    window: Float[Tensor, "t 1 h w"],
    of: int,
    *,
    says: Callable[[Float[Tensor, "m c"]], Float64[np.ndarray, "m c"]],
) -> Float64[np.ndarray, "h w"]:
    """The fall of a class's probability under each pixel, the mean of all patches over it; negative where it rises.

    Args:
        network: in eval mode.
        of: the class.
        says: logits of windows -> probabilities.
    """
    height, width = window.shape[-2:]
    side = max(2, round(min(height, width) / ACROSS))
    corners = [(y, x) for y in places(height, side) for x in places(width, side)]
    gray = window.mean()
    before = float(says(network(window[None]))[0, of])
    fall, times = np.zeros((height, width)), np.zeros((height, width))
    at_once = max(1, FRAMES_AT_ONCE // len(window))
    for start in range(0, len(corners), at_once):
        some = corners[start : start + at_once]
        changed = window[None].repeat(len(some), 1, 1, 1, 1)
        for place, (y, x) in enumerate(some):
            changed[place, ..., y : y + side, x : x + side] = gray
        after = says(network(changed))[:, of]
        for (y, x), probability in zip(some, after, strict=True):
            fall[y : y + side, x : x + side] += before - probability
            times[y : y + side, x : x + side] += 1
    return fall / times


def places(length: int, side: int) -> list[int]:
    """Where patches of a side start, so that the first and the last end at the picture's edges."""
    n_steps = max(1, round((length - side) / (side / 2)))
    return sorted({round(float(at)) for at in np.linspace(0, length - side, n_steps + 1)})
