"""Learning rate against time."""

import math


def cosine_with_warmup(step: int, *, total_steps: int, warmup_steps: int) -> float:
    """Factor on the peak learning rate at a step, counted from 0.

    Rises linearly over `warmup_steps` and falls on a half cosine to 0 at `total_steps`
    (Loshchilov and Hutter 2017, "SGDR", equation 5, one cycle).
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
