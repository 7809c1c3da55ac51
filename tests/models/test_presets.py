"""The networks of published systems: their sizes, and that they are encoders like all others."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from sslecho.errors import InputError
from sslecho.models.baselines import random_encoder
from sslecho.models.encoder import Encoder, plain_size
from sslecho.models.presets import PRESETS
from sslecho.models.weights import load_encoder


def made(name: str) -> Encoder:
    torch.manual_seed(3)
    return Encoder(name, image_size=PRESETS[name].image_size, mean=0.2, std=0.3).eval()


def n_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_madani_has_the_parameters_of_the_15_way_network():
    encoder = made("madani-60x80")
    assert n_parameters(encoder) + n_parameters(nn.Linear(encoder.dim, 15)) == 10_036_859
    # 60 x 80 pixels, halved three times, in 128 channels; biases and batch norm everywhere.
    channels = (1, 32, 32, 64, 64, 128, 128)
    convolutions = sum(9 * a * b + 3 * b for a, b in zip(channels, channels[1:], strict=False))
    layers = sum(a * b + 3 * b for a, b in ((7 * 10 * 128, 1028), (1028, 512)))
    assert n_parameters(encoder) == convolutions + layers == 10_029_164
    assert encoder.dim == 512


def test_chartsias_has_the_parameters_of_the_paper():
    encoder = made("chartsias-192")
    assert n_parameters(encoder) == 1_180_464
    assert encoder.dim == 6 * 6 * 256 == 9_216
    # The paper's heads: a layer of 128 for the loss; 512, then 13 views.
    assert n_parameters(nn.Linear(encoder.dim, 128)) == 1_179_776
    assert n_parameters(nn.Linear(encoder.dim, 512)) + n_parameters(nn.Linear(512, 13)) == 4_725_773


def test_batch_norm_stands_before_the_activation_and_dropout_in_both_kinds_of_layers():
    network = made("madani-60x80").net
    for layers, first, n_first in ((network.blocks, nn.Conv2d, 6), (network.hidden, nn.Linear, 2)):
        kinds = [type(layer) for layer in layers]
        at = [i for i, kind in enumerate(kinds) if kind is first]
        assert len(at) == n_first
        for i in at:
            assert issubclass(kinds[i + 1], nn.modules.batchnorm._BatchNorm)
            assert kinds[i + 2] is nn.ReLU
    assert [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)] == [0.3] * 5
    assert not any(isinstance(layer, nn.Dropout) for layer in made("chartsias-192").net.modules())


@pytest.mark.parametrize("name", PRESETS)
def test_they_are_encoders_like_all_others(tmp_path, name):
    frames = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, 40, 40)).astype(np.uint8))
    encoder = made(name)
    vectors = encoder.encode(frames)
    assert vectors.shape == (2, encoder.dim)
    encoder.save(tmp_path)
    again = Encoder.load(tmp_path)
    assert torch.equal(again.encode(frames), vectors)
    assert (again.backbone, again.image_size) == (name, plain_size(PRESETS[name].image_size))
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architecture"] == f"sslecho/{name}"
    assert config["pretrained_cfg"]["input_size"] == [1, *PRESETS[name].image_size]
    assert torch.equal(load_encoder(tmp_path).encode(frames), vectors)
    untrained = random_encoder(again, seed=1)
    assert untrained.image_size == again.image_size
    assert untrained.hash() == random_encoder(again, seed=1).hash() != again.hash()


def test_another_size_is_refused_with_the_rule():
    with pytest.raises(InputError, match=r"--image-size 128 does not fit --backbone madani-60x80.*60x80 pixels; leave"):
        Encoder("madani-60x80", image_size=128, mean=0.2, std=0.2)
    with pytest.raises(InputError, match=r"--image-size 128 .* chartsias-192.*192x192"):
        Encoder("chartsias-192", image_size=128, mean=0.2, std=0.2)


def test_a_misspelled_one_is_suggested():
    with pytest.raises(InputError, match=r"did you mean 'chartsias-192'.*none of madani-60x80, chartsias-192"):
        Encoder("chartsias192", image_size=192, mean=0.2, std=0.2)
