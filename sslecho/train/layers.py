"""The layers of a network, counted from its stem: which of them learn, and how fast.

timm's networks say themselves which weights make a layer (their coarse groups: a stage of a ResNet, a block of a ViT);
where a network says nothing, each of its children is one.
"""

from typing import Any

from torch import nn

from sslecho.errors import InputError


def layer_of_weight(net: nn.Module) -> dict[str, int]:
    """For each weight of a network its layer, 0 for the stem."""
    if hasattr(net, "group_matcher"):
        from timm.models import group_parameters

        groups: Any = group_parameters(net, net.group_matcher(coarse=True), reverse=True)  # pyright: ignore[reportCallIssue]
        numbers = {name: int(number) for name, number in groups.items()}
    else:
        children = {name: number for number, (name, _) in enumerate(net.named_children())}
        numbers = {name: children.get(name.split(".")[0], 0) for name, _ in net.named_parameters()}
    present = sorted(set(numbers.values()))  # a layer without weights, such as pooling, is none
    return {name: present.index(number) for name, number in numbers.items()}


def train_last(net: nn.Module, n_layers: int | None) -> int:
    """Let only the last layers of a network learn.

    Args:
        n_layers: how many; 0 freezes it whole, None lets all learn.

    Returns:
        How many layers learn.

    Raises:
        InputError: it has fewer layers.
    """
    layers = layer_of_weight(net)
    total = max(layers.values()) + 1
    if n_layers is not None and n_layers > total:
        raise InputError(f"--last-layers {n_layers} asks for more layers than the encoder has, which are {total}")
    first = 0 if n_layers is None else total - n_layers
    for name, weight in net.named_parameters():
        weight.requires_grad_(layers[name] >= first)
    return total - first


def rate_of_weight(net: nn.Module, decay: float) -> dict[str, float]:
    """For each weight of a network the share of the learning rate that it gets: decay^(layers above it + 1).

    The head above the network learns at the full rate. Clark et al. 2020, "ELECTRA", section 3 ("layer-wise learning
    rate decay"); Bao et al. 2022, "BEiT", appendix.
    """
    layers = layer_of_weight(net)
    total = max(layers.values()) + 1
    return {name: decay ** (total - number) for name, number in layers.items()}
