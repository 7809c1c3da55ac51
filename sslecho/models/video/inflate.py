"""torchvision's video ResNets for gray and for short windows, and how they take over the kernels of a 2-D ResNet-18.

A kernel over space is put at the middle of the kernel over time, whose other taps are zero, so that at the start each
frame is seen as the encoder sees it (Arnab et al. 2021, "ViViT", section 3.4, "central frame initialisation"; repeating
it over time, as Carreira & Zisserman 2017 do, would blur what moves). torchvision's networks lack the encoder's
max-pool; with taken kernels they have it, for those were learned at that scale.

A (2+1)D convolution has batch norm and ReLU between space and time, where the encoder has nothing. There the encoder's
channels are normalized by the statistics that the encoder knows, and lifted by `LIFT` standard deviations: what the
ReLU cuts is as rare as values below that. The batch norm behind takes the lift out again.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sslecho.models.torchvision_ops import mend_torchvision

LIFT = 4.0
LEAST_FRAMES = 8  # fewer are not halved in time, or 5 frames would end as 1
STAGES = tuple(f"layer{stage}" for stage in (1, 2, 3, 4))


def gray_stem(*, frames: int, pool: bool) -> nn.Sequential:
    """One channel to 64 at half the side; a quarter with the max-pool."""
    convolution = nn.Conv3d(1, 64, (frames, 7, 7), stride=(1, 2, 2), padding=(frames // 2, 3, 3), bias=False)
    layers = [convolution, nn.BatchNorm3d(64), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, *([nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))] if pool else []))


def is_resnet18(net: nn.Module) -> bool:
    """Whether a network has the layers of the plain ResNet-18 for gray, and batch norm, by names and shapes."""
    mend_torchvision()
    from torchvision.models import resnet18

    with torch.device("meta"):
        plain = resnet18()
        plain.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        plain.fc = nn.Identity()  # type: ignore[assignment]
    shapes = {name: value.shape for name, value in plain.state_dict().items()}
    return {name: value.shape for name, value in net.state_dict().items()} == shapes


def keep_short_windows(video: Any, n_frames: int) -> None:
    """Let no stage halve a window in time of which fewer than `LEAST_FRAMES` are left."""
    for stage in STAGES[1:]:
        first = getattr(video, stage)[0]
        if n_frames >= LEAST_FRAMES:
            n_frames = (n_frames + 1) // 2
            continue
        for layer in first.modules():
            if isinstance(layer, nn.Conv3d):
                layer.stride = (1, *layer.stride[1:])


@torch.no_grad()
def take_resnet18(video: Any, net: nn.Module) -> None:
    """Put the weights of a plain ResNet-18 into a video ResNet of the same stages whose stem is a `gray_stem`."""
    state = net.state_dict()
    _take_kernel(video.stem[0], state["conv1.weight"])
    _take_norm(video.stem[1], state, "bn1")
    for stage in STAGES:
        for number, block in enumerate(getattr(video, stage)):
            name = f"{stage}.{number}"
            _take_layer(block.conv1, state, f"{name}.conv1", f"{name}.bn1")
            _take_layer(block.conv2, state, f"{name}.conv2", f"{name}.bn2")
            if block.downsample is not None:
                _take_layer(block.downsample, state, f"{name}.downsample.0", f"{name}.downsample.1")


def _take_layer(layer: Any, state: Mapping[str, Tensor], kernel: str, norm: str) -> None:
    """A convolution in 3-D, or one in 2 + 1, and the batch norm behind it."""
    convolution, behind = layer[0], layer[1]
    _take_norm(behind, state, norm)
    if isinstance(convolution, nn.Conv3d):
        _take_kernel(convolution, state[f"{kernel}.weight"])
        return
    space, between, _, time = convolution
    n = len(state[f"{kernel}.weight"])
    space.weight[:n, :, 0] = state[f"{kernel}.weight"]
    between.running_mean[:n], between.running_var[:n] = behind.running_mean, behind.running_var
    between.weight[:n], between.bias[:n] = 1, LIFT
    time.weight.zero_()
    time.weight[range(n), range(n), time.weight.shape[2] // 2, 0, 0] = 1
    behind.running_mean.fill_(LIFT)
    behind.running_var.fill_(1 - behind.eps)  # which batch norm adds


def _take_kernel(convolution: nn.Conv3d, kernel: Tensor) -> None:
    convolution.weight.zero_()
    convolution.weight[:, :, convolution.weight.shape[2] // 2] = kernel


def _take_norm(norm: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    norm.load_state_dict({key: state[f"{name}.{key}"] for key in norm.state_dict()})
