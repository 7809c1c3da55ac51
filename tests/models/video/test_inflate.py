"""Video ResNets with the kernels of a ResNet-18 begin as the mean of its frames' embeddings; short windows stay."""

import functools

import pytest
import torch
from torch import nn

from sslecho.models.encoder import Encoder, create_backbone
from sslecho.models.video import create_video
from sslecho.models.video.inflate import is_resnet18, keep_short_windows


@functools.cache
def resnet18():
    torch.manual_seed(0)
    made = Encoder("resnet18", image_size=32, mean=0.2, std=0.25).eval()
    # The statistics of frames, as training leaves them: what the lift rests upon.
    with torch.no_grad():
        for layer in made.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0
                layer.weight.uniform_(0.7, 1.3)
                layer.bias.normal_(0, 0.2)
        made.train()(torch.rand(24, 1, 32, 32, generator=torch.Generator().manual_seed(1)))
    return made.eval()


@pytest.mark.parametrize(("arch", "tolerance"), [("mc3", 1e-4), ("r2plus1d", 0.03)])
def test_it_begins_as_the_mean_of_its_frames_embeddings(arch, tolerance):
    made = create_video(arch, resnet18(), n_classes=3, n_frames=4).eval()
    assert made.taken == "inflated kernels"
    windows = torch.rand(3, 4, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        seen = made.video((windows.transpose(1, 2) - 0.2) / 0.25)
        frames = resnet18()(windows.flatten(0, 1)).unflatten(0, (3, 4)).mean(1)
    assert (seen - frames).norm() < tolerance * frames.norm()
    assert frames.std(0).mean() > 0.01  # pictures are told apart at all


def test_a_plain_resnet18_is_told_by_its_layers():
    with torch.device("meta"):
        found = {
            name: is_resnet18(create_backbone(name, image_size=32)) for name in ("resnet18", "resnet18d", "resnet34")
        }
    assert found == {"resnet18": True, "resnet18d": False, "resnet34": False}


@pytest.mark.parametrize(
    ("n_frames", "in_time"), [(1, [1, 1, 1]), (5, [1, 1, 1]), (8, [2, 1, 1]), (16, [2, 2, 1]), (32, [2, 2, 2])]
)
def test_short_windows_are_not_halved_in_time(n_frames, in_time):
    from torchvision.models.video import r2plus1d_18

    with torch.device("meta"):
        video = r2plus1d_18()
        theirs = {name: layer.stride for name, layer in video.named_modules() if isinstance(layer, nn.Conv3d)}
        keep_short_windows(video, n_frames)
        for number, expected in zip((2, 3, 4), in_time, strict=True):
            first = getattr(video, f"layer{number}")[0]
            assert first.conv1[0][3].stride == (expected, 1, 1)
            assert first.downsample[0].stride == (expected, 2, 2)
        ours = {name: layer.stride for name, layer in video.named_modules() if isinstance(layer, nn.Conv3d)}
    assert (ours == theirs) == (n_frames == 32)
    assert all(ours[name][1:] == theirs[name][1:] for name in theirs)
