"""Keep the weights from a step whose loss or gradient is no finite number, without waiting for the device.

A fused optimizer leaves its step out while its `found_inf` is 1 (torch's way of skipping steps in float16). The flag
is set on the device by the first such step and stays: when the host reads it, at the next line of the log, the
parameters are still those before that step. Reading costs nothing on a CPU, so there the step itself ends the run.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


class NotFinite(ArithmeticError):
    """A step had a loss or a gradient that is not finite; the parameters are those before it.

    Attributes:
        step: counted from 0.
        reason: "the loss is nan", "the gradient's norm is inf".
    """

    def __init__(self, step: int, reason: str):
        super().__init__(f"{reason} at step {step + 1}")
        self.step, self.reason = step, reason


class Guard:
    """Judges every step; `flag` is 1 from the first bad one on.

    Args:
        device: where losses are.
    """

    def __init__(self, device: torch.device):
        self.flag = torch.zeros((), device=device)
        self._at_once = device.type == "cpu"
        self._steps: list[int] = []
        self._told: list[Tensor] = []

    def judge(self, step: int, loss: Float[Tensor, ""], grad_norm: Float[Tensor, ""]) -> None:
        """To be called between the backward pass and the optimizer's step.

        Raises:
            NotFinite: on a CPU.
        """
        told = torch.stack([loss.detach().float(), grad_norm.float()])
        self.flag.copy_(torch.maximum(self.flag, (~told.isfinite()).any().float()))
        self._steps.append(step)
        self._told.append(told)
        if self._at_once:
            self.read()

    def read(self) -> None:
        """Wait for the device.

        Raises:
            NotFinite: a step since the last reading was bad; the first one is named.
        """
        steps, told = self._steps, self._told
        self._steps, self._told = [], []
        if not told or not bool(self.flag):
            return
        for step, (loss, norm) in zip(steps, torch.stack(told).tolist(), strict=True):
            if not math.isfinite(loss):
                raise NotFinite(step, f"the loss is {loss}")
            if not math.isfinite(norm):
                raise NotFinite(step, f"the gradient's norm is {norm}")
