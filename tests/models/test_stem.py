"""RGB stems made gray: a gray picture gives what it gave repeated three times."""

import pytest
import torch
from torch import nn

from sslecho.models.stem import Levels, absorb, gray_stem

IMAGENET = Levels((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
ODD = Levels((0.1, 0.5, 0.7), (0.2, 0.4, 0.9))
EVEN = Levels((0.5, 0.5, 0.5), (0.3, 0.3, 0.3))


def rgb(gray: torch.Tensor, levels: Levels) -> torch.Tensor:
    return torch.stack([(gray - m) / s for m, s in zip(levels.mean, levels.std, strict=True)], dim=1)


@pytest.fixture
def gray() -> torch.Tensor:
    return torch.rand(2, 9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("levels", [IMAGENET, ODD, EVEN])
def test_the_sum_over_channels_is_written_out(levels, gray):
    weight = torch.randn(4, 3, 3, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    summed, offset = gray_stem(weight, levels)
    assert summed.shape == (4, 1, 3, 2)
    mean, std = sum(levels.mean) / 3, sum(levels.std) / 3
    for filter_ in range(4):
        expected = 0.0
        for channel in range(3):
            for row in range(3):
                for column in range(2):
                    level = (gray[0, 4 + row, 5 + column] - levels.mean[channel]) / levels.std[channel]
                    expected += float(weight[filter_, channel, row, column] * level)
        window = (gray[0, 4:7, 5:7] - mean) / std
        assert float((summed[filter_, 0] * window).sum() + offset[filter_]) == pytest.approx(expected, abs=1e-12)


def test_pixels_moved_into_channels_are_kept_apart(gray):
    """Two pixels beside each other in six channels, as timm's adapt_input_conv orders them."""
    weight = torch.randn(4, 6, 1, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    summed, offset = gray_stem(weight, ODD)
    for pixel in range(2):
        alone, alone_offset = gray_stem(weight[:, 3 * pixel : 3 * pixel + 3], ODD)
        assert torch.equal(summed[:, pixel], alone[:, 0])
        offset = offset - alone_offset
    assert offset.abs().max() < 1e-12


@pytest.mark.parametrize("levels", [IMAGENET, EVEN])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("padding", [0, 1])
def test_the_offset_goes_into_the_bias_or_the_batch_norm_behind(levels, bias, padding, gray):
    torch.manual_seed(2)

    def network(channels: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(channels, 5, 3, padding=padding, bias=bias), nn.BatchNorm2d(5), nn.ReLU(), nn.BatchNorm2d(5)
        )

    given = network(3).double()
    for norm in (given[1], given[3]):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    given.eval()
    mine = network(1).double()
    state = dict(given.state_dict())
    state["0.weight"], offset = gray_stem(state["0.weight"], levels)
    before = {name: value.clone() for name, value in given.state_dict().items()}
    assert absorb(mine, state, "0", offset, torch.zeros(1, 1, 9, 9, dtype=torch.float64))
    assert mine.training  # as it was
    mine.load_state_dict(state)
    mine.eval()
    assert all(torch.equal(value, before[name]) for name, value in given.state_dict().items())
    mean, std = levels.gray
    with torch.no_grad():
        error = (mine((gray[:, None] - mean) / std) - given(rgb(gray, levels))).abs()
    assert error[..., padding : error.shape[2] - padding, padding : error.shape[3] - padding].max() < 1e-12
    # At the edge zeros were three gray levels, and are one.
    assert (error.max() > 1e-3) == (padding > 0 and levels is IMAGENET)


def test_without_a_place_for_the_offset_it_says_so():
    network = nn.Sequential(nn.Conv2d(1, 5, 3, bias=False), nn.ReLU(), nn.BatchNorm2d(5))
    state = dict(network.state_dict())
    assert not absorb(network, state, "0", torch.ones(5), torch.zeros(1, 1, 9, 9))
    assert torch.equal(state["2.running_mean"], torch.zeros(5))
