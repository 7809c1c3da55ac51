"""Mean loss, gradient norm, throughput and waiting of a run."""

import math
import time

import torch
from torch import Tensor


class Meter:
    """Mean loss, throughput and waiting since the last reading, and since the run was started or resumed.

    Args:
        before: what was said when the run was stopped; it counts until a step is done.
    """

    def __init__(self, batch_size: int, before: dict[str, float]):
        self._batch_size = batch_size
        self._before = before
        self._started = self._since = time.monotonic()
        self._losses: list[Tensor] = []
        self._wait = self._all_wait = 0.0
        self._steps = 0
        self._last_loss = math.nan
        self._norm = torch.tensor(math.nan)

    @property
    def has_read(self) -> bool:
        """Whether there is a loss to tell."""
        return not math.isnan(self._last_loss)

    def waited(self, seconds: float) -> None:
        self._wait += seconds
        self._all_wait += seconds

    def paused(self, seconds: float) -> None:
        """Time that went into something else than training counts nowhere."""
        self._started += seconds
        self._since += seconds

    def stepped(self, loss: Tensor, grad_norm: Tensor) -> None:
        self._norm = grad_norm
        self._losses.append(loss)  # a tensor: reading it here would make the device wait
        self._steps += 1

    def read(self) -> dict[str, float]:
        """`loss`, mean since the last reading; `grad_norm` of the last step; `images_per_s`, `data_wait`."""
        self._last_loss = float(torch.stack(self._losses).mean())
        seconds = max(time.monotonic() - self._since, 1e-9)
        said = {
            "loss": self._last_loss,
            "grad_norm": float(self._norm),
            "images_per_s": len(self._losses) * self._batch_size / seconds,
            "data_wait": self._wait / seconds,
        }
        self._losses, self._wait, self._since = [], 0.0, time.monotonic()
        return said

    def overall(self) -> dict[str, float]:
        """`loss` as last read, `images_per_s`, `data_wait`."""
        if not self._steps and self._before:
            return self._before
        seconds = max(time.monotonic() - self._started, 1e-9)
        return {
            "loss": self._last_loss,
            "images_per_s": self._steps * self._batch_size / seconds,
            "data_wait": self._all_wait / seconds,
        }
