"""Guided backpropagation's way back through rectifiers, however a network calls them.

    back = [x > 0] [g > 0] f'(x) g        (for f = ReLU: Springenberg et al. 2015, "Striving for Simplicity", figure 1)

The authors have ReLU only. For the smooth rectifiers of newer networks (GELU, SiLU, …) the same gate with their own
slope f' is ours. Calls are caught by a mode of torch, not by hooks on modules: a ReLU that is a function, that works in
place, or that one module calls twice is caught too.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

# Each call, the one that does the same without overwriting what it was given, and how many arguments that takes.
RECTIFIERS: dict[Callable[..., Any], tuple[Callable[..., Tensor], int]] = {
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_), (torch.relu, 1)),
    **dict.fromkeys((F.leaky_relu, F.leaky_relu_), (F.leaky_relu, 2)),
    **dict.fromkeys((F.elu, F.elu_), (F.elu, 2)),
    **{smooth: (smooth, 1) for smooth in (F.relu6, F.gelu, F.silu, F.mish, F.hardswish)},
}


class Gate(torch.autograd.Function):
    """The identity; on the way back nothing negative passes, and nothing where the rectifier was shut."""

    @staticmethod
    def forward(ctx: Any, y: Float[Tensor, "..."], is_open: Bool[Tensor, "..."]) -> Float[Tensor, "..."]:
        ctx.save_for_backward(is_open)
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *back: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], None]:
        (is_open,) = ctx.saved_tensors
        return back[0].clamp(min=0) * is_open, None


class Guided(TorchFunctionMode):
    """While it is active every rectifier is gated, and none overwrites what it was given.

    Attributes:
        n_gates: how many calls were gated.
    """

    def __init__(self) -> None:
        super().__init__()
        self.n_gates = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func not in RECTIFIERS:
            return func(*args, **kwargs)
        plain, n_arguments = RECTIFIERS[func]
        x = args[0] if args else kwargs.pop("input")
        kwargs.pop("inplace", None)
        self.n_gates += 1
        return Gate.apply(plain(x, *args[1:n_arguments], **kwargs), x > 0)
