"""Learning rate against time."""

import math

SCHEDULES = ("cosine", "step", "constant")
STEP_EPOCHS, STEP_FACTOR = 10, 0.1  # of "step", as STFM's paper has it


def share_of_rate(name: str, step: int, *, total: int, per_epoch: int, warmup: float) -> float:
    """Factor on the peak learning rate at a step, counted from 0.

    Args:
        name: one of `SCHEDULES`. "step" is a tenth of it after every ten epochs; both it and "constant" rise at first.
        total: steps of the run.
        per_epoch: steps of an epoch.
        warmup: epochs in which the rate rises.
    """
    rising = int(warmup * per_epoch)
    if name == "cosine" or step < rising:
        return cosine_with_warmup(step, total_steps=total, warmup_steps=rising)
    return 1.0 if name == "constant" else STEP_FACTOR ** (step // per_epoch // STEP_EPOCHS)


def cosine_with_warmup(step: int, *, total_steps: int, warmup_steps: int) -> float:
    """Factor on the peak learning rate at a step, counted from 0.

    Rises linearly over `warmup_steps` and falls on a half cosine to 0 at `total_steps`
    (Loshchilov and Hutter 2017, "SGDR", equation 5, one cycle).
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
