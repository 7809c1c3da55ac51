"""The first convolution of a network that was trained on RGB, made one for gray.

RGB weights W_c see (x_c - m_c) / s_c, with a mean and a standard deviation for each channel. A gray picture g repeated
three times gives

    sum_c W_c * (g - m_c) / s_c  =  [s sum_c W_c / s_c] * (g - m) / s  +  sum_c sum_taps W_c (m - m_c) / s_c

for any m and s. The bracket is the gray stem, and the last term, one number a filter, goes into the convolution's bias
or into the batch norm behind it. So embeddings are equal, but for one thing: a padded convolution takes a zero for what
lies outside the picture, and that zero is another gray level in each channel. Where the channels' means differ, as
ImageNet's do, filters that reach over the edge see another edge; m is the mean of the three to keep that small.
Networks that cut the picture into patches (ViT, ConvNeXt) have no such edge, and are equal to rounding.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Levels(NamedTuple):
    """What gray levels in [0, 1] are normalized with, for each channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def gray(self) -> tuple[float, float]:
        """m and s above: the channels' averages."""
        return sum(self.mean) / len(self.mean), sum(self.std) / len(self.std)


def gray_stem(weight: Float[Tensor, "o c kh kw"], levels: Levels) -> tuple[Tensor, Tensor]:
    """The bracket [o, c / 3, kh, kw] and the last term [o] above.

    Args:
        weight: for three channels, or a multiple of it where pixels were moved into channels, as timm orders them.
        levels: of the three channels.
    """
    gray_mean, gray_std = levels.gray
    mean = torch.tensor(levels.mean, dtype=torch.float64).view(1, 1, 3, 1, 1)
    std = torch.tensor(levels.std, dtype=torch.float64).view(1, 1, 3, 1, 1)
    scaled = weight.double().unflatten(1, (-1, 3)) / std
    offset = (scaled * (gray_mean - mean)).sum((1, 2, 3, 4))
    return (gray_std * scaled.sum(2)).to(weight.dtype), offset.to(weight.dtype)


def absorb(
    net: Any, state: dict[str, Tensor], stem: str, offset: Float[Tensor, "o"], x: Float[Tensor, "n 1 h w"]
) -> bool:
    """Put the last term into the bias of the stem, or into the running mean of the batch norm behind it.

    Args:
        net: the network, which is run once on `x` to see what follows the stem.
        state: its weights to be, changed in place.
        stem: the name of its first convolution.

    Returns:
        Whether there was a place for it.
    """
    if f"{stem}.bias" in state:
        state[f"{stem}.bias"] = state[f"{stem}.bias"] + offset
        return True
    behind = _norm_behind(net, stem, x)
    if behind is None or f"{behind}.running_mean" not in state:
        return False
    state[f"{behind}.running_mean"] = state[f"{behind}.running_mean"] - offset
    return True


@torch.no_grad()
def _norm_behind(net: nn.Module, stem: str, x: Tensor) -> str | None:
    """The name of the batch norm that takes the stem's output as it is."""
    made: list[Tensor] = []
    found: list[str] = []

    def keep(module: nn.Module, given: tuple[Any, ...], output: Tensor) -> None:
        made.append(output)

    def note(name: str) -> Any:
        def hook(module: nn.Module, given: tuple[Any, ...]) -> None:
            if made and given and given[0] is made[0]:
                found.append(name)

        return hook

    hooks = [net.get_submodule(stem).register_forward_hook(keep)]
    hooks += [
        module.register_forward_pre_hook(note(name))
        for name, module in net.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    training = net.training
    try:
        net.eval()(x)
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    return found[0] if found else None
