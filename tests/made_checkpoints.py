"""Checkpoints as libraries write them, of small networks with seeded random weights."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from sslecho.models.torchvision_ops import mend_torchvision

State = dict[str, torch.Tensor]


def torchvision_resnet18(seed: int = 0) -> nn.Module:
    """For RGB, with statistics of batch norm that are not those of a new network."""
    mend_torchvision()
    import torchvision

    torch.manual_seed(seed)
    return _lived_in(torchvision.models.resnet18())


def timm_network(name: str, seed: int = 0, **options: Any) -> nn.Module:
    mend_torchvision()
    import timm

    torch.manual_seed(seed)
    return _lived_in(timm.create_model(name, **options))


def _lived_in(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def under(prefix: str, state: Mapping[str, torch.Tensor]) -> State:
    return {prefix + name: value for name, value in state.items()}


def without_fc(state: Mapping[str, torch.Tensor]) -> State:
    return {name: value for name, value in state.items() if not name.startswith("fc.")}


def by_number(network: nn.Module) -> State:
    """As `nn.Sequential(*list(network.children())[:-1])` calls them, which lightly's examples use."""
    return nn.Sequential(*list(network.children())[:-1]).state_dict()


def lightly_head(dim: int) -> State:
    mend_torchvision()
    from lightly.models.modules.heads import SimCLRProjectionHead

    return under("projection_head.", SimCLRProjectionHead(dim, 16, 8).state_dict())


# What follows makes a file's content of the network that is wanted and of another one, whose weights are not.
Layout = Callable[[nn.Module, nn.Module], dict[str, Any]]


def lightning(state: State) -> dict[str, Any]:
    """As Lightning wraps what lightly's examples and solo-learn train."""
    return {"epoch": 3, "global_step": 12, "pytorch-lightning_version": "2.6.6", "state_dict": state, "loops": {}}


LAYOUTS: dict[str, tuple[Layout, str, tuple[str, ...]]] = {
    # name: (content, where it is found, what would fit too)
    "torchvision": (lambda net, other: dict(net.state_dict()), "", ()),
    "lightly SimCLR": (
        lambda net, other: lightning(under("backbone.", by_number(net)) | lightly_head(512)),
        "state_dict: backbone.",
        (),
    ),
    "lightly BYOL": (
        lambda net, other: lightning(
            under("backbone_momentum.", by_number(other)) | under("backbone.", by_number(net)) | lightly_head(512)
        ),
        "state_dict: backbone.",
        ("state_dict: backbone_momentum.",),
    ),
    "lightly DINO": (
        lambda net, other: lightning(
            under("student_backbone.", by_number(other)) | under("teacher_backbone.", by_number(net))
        ),
        "state_dict: teacher_backbone.",
        ("state_dict: student_backbone.",),
    ),
    "solo-learn": (
        lambda net, other: lightning(
            under("momentum_backbone.", without_fc(other.state_dict()))
            | under("backbone.", without_fc(net.state_dict()))
            | {"classifier.weight": torch.zeros(10, 512), "projector.0.weight": torch.zeros(8, 512)}
        ),
        "state_dict: backbone.",
        ("state_dict: momentum_backbone.",),
    ),
    "MoCo": (
        lambda net, other: {
            "epoch": 200,
            "arch": "resnet18",
            "state_dict": {"module.queue": torch.zeros(128, 64)}
            | under("module.encoder_k.", other.state_dict())
            | under("module.encoder_q.", net.state_dict()),
            "optimizer": {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.03}]},
        },
        "state_dict: module.encoder_q.",
        ("state_dict: module.encoder_k.",),
    ),
    "MoCo v3": (
        lambda net, other: {
            "arch": "resnet18",
            "state_dict": under("module.momentum_encoder.", other.state_dict())
            | under("module.base_encoder.", net.state_dict()),
        },
        "state_dict: module.base_encoder.",
        ("state_dict: module.momentum_encoder.",),
    ),
    "DINO": (
        lambda net, other: {
            "student": under("module.backbone.", other.state_dict())
            | {"module.head.mlp.0.weight": torch.zeros(8, 512)},
            "teacher": under("backbone.", net.state_dict()) | {"head.mlp.0.bias": torch.zeros(8)},
            "optimizer": {"state": {}, "param_groups": []},
            "epoch": 100,
            "args": argparse.Namespace(arch="resnet18", lr=0.0005),
            "dino_loss": {"center": torch.zeros(1, 8)},
        },
        "teacher: backbone.",
        ("student: module.backbone.",),
    ),
    "timm": (
        lambda net, other: {
            "arch": "resnet18",
            "state_dict": dict(other.state_dict()),
            "state_dict_ema": dict(net.state_dict()),
            "args": argparse.Namespace(model="resnet18"),
        },
        "state_dict_ema",
        ("state_dict",),
    ),
}
