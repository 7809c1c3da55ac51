"""What is trained: encoder and objective as one module, and the optimizer of its weights."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor, nn

from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.objectives.objective import Batch, Objective
from sslecho.train.layers import rate_of_weight


class Learner(nn.Module):
    """Encoder (or network of clips) and objective as one module, so that processes exchange the gradients of both."""

    encoder: Any

    def __init__(self, encoder: nn.Module, objective: Objective):
        super().__init__()
        self.encoder, self.objective = encoder, objective

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        return self.objective(self.encoder, batch)


def bare(module: Any) -> Learner:
    """The module itself, without what Fabric wrapped around it."""
    while not isinstance(module, Learner):
        module = module.module
    return module


def as_channels_last(module: nn.Module) -> Any:
    """The module with its convolutions' weights in the order that is fastest on CPUs and GPUs alike."""
    for values in (*module.parameters(), *module.buffers()):
        if values.ndim == 4:  # torch's own `to` fails at a network of clips, some of whose weights have 5
            values.data = values.data.to(memory_format=torch.channels_last)
    return module


def make_optimizer(
    module: nn.Module, *, name: str, lr: float, weight_decay: float, rates: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """SGD with momentum, AdamW, Adam or RMSprop; biases and norms (vectors) are not decayed.

    RMSprop (Tieleman & Hinton 2012, lecture 6e, decay 0.9) is Adam without its first moment. So made, its mean of
    squares is corrected for having begun at 0, where plain RMSprop begins with steps of three times the rate.

    Fused: one pass over all parameters, on the CPU too, where the plain loop over tensors takes a tenth of a step.
    A fused optimizer also leaves out a step by a flag on the device, see `guard.py`.

    Args:
        rates: for some weights by name the share of the learning rate that they get, their group's `lr_scale`.
    """
    by_rate: dict[tuple[float, float], list[nn.Parameter]] = {(1.0, weight_decay): [], (1.0, 0.0): []}
    for weight_name, weight in module.named_parameters():
        if weight.requires_grad:  # a teacher's does not
            key = ((rates or {}).get(weight_name, 1.0), weight_decay if weight.ndim > 1 else 0.0)
            by_rate.setdefault(key, []).append(weight)
    groups = [
        {"params": weights, "weight_decay": decay, "lr_scale": scale} for (scale, decay), weights in by_rate.items()
    ]
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=0.9, fused=True)
    if name == "adam":
        return torch.optim.Adam(groups, lr=lr, fused=True)
    betas = (0.0, 0.9) if name == "rmsprop" else (0.9, 0.999)
    return torch.optim.AdamW(groups, lr=lr, betas=betas, fused=True)


def rates_of(encoder: nn.Module, layer_decay: float) -> dict[str, float]:
    """By the names that they have in a `Learner`, the share of the learning rate that an encoder's weights get."""
    if layer_decay == 1:
        return {}
    inside = encoder if isinstance(encoder, Encoder) else getattr(encoder, "encoder", None)
    if not isinstance(inside, Encoder):
        raise InputError(f"--layer-decay {layer_decay:g} needs an --arch with a whole encoder inside, such as lstm")
    prefix = "encoder.net." if inside is encoder else "encoder.encoder.net."
    return {f"{prefix}{name}": rate for name, rate in rate_of_weight(inside.net, layer_decay).items()}


def begin_momentum(optimizer: torch.optim.Optimizer) -> None:
    """Let SGD's momentum begin at 0, once its weights are on their device.

    torch begins it with the first gradient, which is the same; but where the first step is left out by a flag, as often
    in float16, its fused SGD then goes on with memory that nobody has written.
    """
    for group in optimizer.param_groups:
        if "momentum" in group:
            for weight in group["params"]:
                optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)


def seed_layers(seed: int, step: int, rows: Int64[np.ndarray, " n"]) -> None:
    """Set the generator that dropout and drop path draw from: by the step and this process's frames, not by what was
    drawn before, so that a resumed or replayed step draws the same."""
    torch.manual_seed(int(np.random.SeedSequence((seed, step, int(rows[0]))).generate_state(1)[0]))
