"""STFM: the published number of parameters, its two streams by explicit steps, and which encoders it takes."""

import functools

import pytest
import torch
from torch import nn

from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.models.video import create_video


def encoder(backbone, *, size=32):
    torch.manual_seed(0)
    return Encoder(backbone, image_size=size, mean=0.2, std=0.25).eval()


@functools.cache
def small():
    torch.manual_seed(1)
    return create_video("stfm", encoder("test_resnet"), n_classes=4, n_frames=5).eval()


def count(*modules):
    return sum(weight.numel() for module in modules for weight in module.parameters())


def test_it_has_the_published_number_of_parameters():
    made = create_video("stfm", encoder("resnet18"), n_classes=9, n_frames=5)
    assert count(made) == 14_743_465  # with one channel
    made.encoder.net.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)  # with RGB, as published
    assert count(made) == 14_749_737
    net = made.encoder.net
    stem = count(net.conv1, net.bn1, net.layer1)
    assert stem == 157_504 == count(*(net.get_submodule(name) for name in made.stages.first))
    assert count(*(net.get_submodule(name) for name in made.stages.rest), made.spatial) == 11_084_672
    assert count(made.motion, made.lstm, made.temporal) == 3_473_504
    assert count(made.fusion) == 34_057
    assert all(weight.requires_grad for weight in made.parameters())


def test_what_is_dropped_where():
    shares = {name: layer.p for name, layer in small().named_modules() if isinstance(layer, nn.Dropout) and "." in name}
    assert {k: v for k, v in shares.items() if not k.startswith("encoder")} == {
        "spatial.0": 0.3,
        "temporal.0": 0.3,
        "fusion.0": 0.5,
        "fusion.3": 0.3,
    }
    assert (small().lstm_drop.p, small().lstm.dropout, small().lstm.num_layers) == (0.2, 0.3, 2)


def test_it_is_its_two_streams_one_step_after_another():
    made, net = small(), small().encoder.net
    windows = torch.rand(3, 5, 1, 32, 32, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        middle = torch.cat([made.spatial[1](made.encoder(window[2:3])) for window in windows])
        numbers = []
        for window in windows:
            of_frames = []
            for frame in window:
                x = net.layer1(net.maxpool(net.act1(net.bn1(net.conv1((frame[None] - 0.2) / 0.25)))))
                for layer in made.motion[:5]:
                    x = layer(x)
                of_frames.append(x.mean((2, 3))[0])
            states, _ = made.lstm(torch.stack(of_frames)[None])
            numbers.append(made.temporal[1](states[0, -1]))
        both = torch.cat([middle, torch.stack(numbers)], dim=1)
        expected = made.fusion[4](made.fusion[1](both).clamp(min=0))
        assert torch.allclose(made(windows), expected, atol=1e-5)


def test_the_temporal_path_ends_at_a_thirty_second_of_the_side():
    made = small()
    sides = []
    hooks = [
        layer.register_forward_hook(lambda m, given, out: sides.append(out.shape[1:])) for layer in made.motion[:5]
    ]
    made(torch.rand(1, 5, 1, 64, 64))
    for hook in hooks:
        hook.remove()
    assert [tuple(s) for s in sides] == [(32, 8, 8), (32, 8, 8), (32, 8, 8), (48, 4, 4), (64, 2, 2)]


@pytest.mark.parametrize(
    ("backbone", "last"),
    [
        ("test_convnext", "stages.0"),
        ("test_efficientnet", "blocks.1"),
        ("densenet121", "features.denseblock1"),
        ("mobilenetv3_small_050", "blocks.0"),
        ("test_nfnet", "stages.0"),
    ],
)
def test_any_cnn_of_timm_that_is_layer_after_layer_will_do(backbone, last):
    start = encoder(backbone)
    made = create_video("stfm", start, n_classes=3, n_frames=3).eval()
    assert made.stages.first[-1] == last
    net = made.encoder.net
    named = [name for name, _ in net.named_parameters()]
    assert all(name.startswith(made.stages.first + made.stages.rest) for name in named)  # no layer is left out
    windows = torch.rand(2, 3, 1, 32, 32)
    seen = []
    made.spatial.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    assert made(windows).shape == (2, 3)
    assert torch.allclose(seen[0], start(windows[:, 1]), atol=1e-5)


@pytest.mark.parametrize(
    ("backbone", "reason"),
    [
        ("test_vit", "no feature map at a quarter"),
        ("madani-60x80", "no feature map at a quarter"),
        ("test_mambaout", "its feature maps have their channels last"),
    ],
)
def test_an_encoder_without_stages_is_refused(backbone, reason):
    start = encoder(backbone, size=(60, 80) if backbone.startswith("madani") else 32)
    with pytest.raises(InputError, match=rf"--arch stfm .* and {backbone} can't be separated \(.*{reason}.*\); choose"):
        create_video("stfm", start, n_classes=3, n_frames=3)


def test_a_network_that_runs_its_layers_in_another_way_is_refused():
    start = encoder("test_resnet")
    inner = start.net.forward
    start.net.forward = lambda x: 2 * inner(x)
    with pytest.raises(InputError, match="its layers are not run one after another"):
        create_video("stfm", start, n_classes=3, n_frames=3)
    assert not start.training
