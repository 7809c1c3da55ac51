"""Divided attention: it begins as the frame model, and its temporal attention is what a loop over places gives."""

import math

import pytest
import torch

from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.models.video import create_video
from sslecho.models.video.divided import TemporalAttention


def vit(backbone):
    torch.manual_seed(0)
    return Encoder(backbone, image_size=32, mean=0.2, std=0.25).eval()


@pytest.mark.parametrize("backbone", ["test_vit", "test_vit2", "test_vit3"])  # that pool by token, mean and attention
def test_it_begins_as_the_mean_of_its_frames_embeddings(backbone):
    start = vit(backbone)
    made = create_video("divided", start, n_classes=3, n_frames=4).eval()
    windows = torch.rand(2, 4, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    frames = start(windows.flatten(0, 1)).unflatten(0, (2, 4))
    assert torch.allclose(made.embed(windows), frames, atol=1e-5)
    assert torch.allclose(made(windows), made.head(frames.mean(1)), atol=1e-5)
    for temporal in made.temporal:
        torch.nn.init.normal_(temporal.attention.out_proj.weight, std=0.2)
    other = windows.clone()
    other[:, 3] = 0
    assert (made.embed(windows)[:, 0] - made.embed(other)[:, 0]).abs().max() > 1e-3  # a frame has seen the others


def test_temporal_attention_is_what_a_loop_over_places_gives():
    torch.manual_seed(3)
    n, t, places, dim, heads = 2, 3, 4, 6, 2
    layer = TemporalAttention(dim, heads).double()
    tokens, when = torch.randn(n, t, places, dim).double(), torch.randn(t, dim).double()
    assert layer(tokens, when).abs().max() == 0
    torch.nn.init.normal_(layer.attention.out_proj.weight)
    torch.nn.init.normal_(layer.attention.in_proj_bias)
    layer.requires_grad_(False)
    weights, biases = layer.attention.in_proj_weight.chunk(3), layer.attention.in_proj_bias.chunk(3)
    found = layer(tokens, when)
    for window in range(n):
        for place in range(places):
            x = [layer.norm(tokens[window, frame, place]) + when[frame] for frame in range(t)]
            query, key, value = ([w @ one + b for one in x] for w, b in zip(weights, biases, strict=True))
            for frame in range(t):
                parts = []
                for head in range(heads):
                    own = slice(head * dim // heads, (head + 1) * dim // heads)
                    scores = [float(query[frame][own] @ k[own]) / math.sqrt(dim / heads) for k in key]
                    powers = [math.exp(score - max(scores)) for score in scores]
                    parts.append(sum(p / sum(powers) * v[own] for p, v in zip(powers, value, strict=True)))
                expected = layer.attention.out_proj(torch.cat(parts))
                assert torch.allclose(found[window, frame, place], expected, atol=1e-10)


def test_a_cnn_is_refused():
    with pytest.raises(InputError, match=r"--arch divided needs an encoder that is a plain ViT.* test_resnet is none"):
        create_video("divided", vit("test_resnet"), n_classes=3, n_frames=4)
