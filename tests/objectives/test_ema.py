import math

import pytest
import torch
from torch import nn

from sslecho.models.ema import Ema, rising_momentum


def test_weights_are_the_moving_average_and_get_no_gradient():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    slow = Ema(module)
    expected = [p.detach().clone() for p in module.parameters()]
    for momentum in (0.9, 0.5):
        with torch.no_grad():
            for p in module.parameters():
                p.add_(torch.randn_like(p))
        slow.update(module, momentum)
        expected = [momentum * a + (1 - momentum) * b for a, b in zip(expected, module.parameters(), strict=True)]
    for a, b in zip(expected, slow.module.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    assert not any(p.requires_grad for p in slow.parameters())
    assert not slow(torch.randn(5, 3)).requires_grad


def test_it_is_a_copy_not_the_same_weights():
    module = nn.Linear(2, 2)
    slow = Ema(module)
    with torch.no_grad():
        module.weight.zero_()
    assert float(slow.module.weight.abs().sum()) > 0


def test_momentum_rises_on_a_half_cosine():
    assert rising_momentum(0.996, 0.0) == pytest.approx(0.996)
    assert rising_momentum(0.996, 0.5) == pytest.approx(0.998)
    assert rising_momentum(0.996, 1.0) == 1
    assert rising_momentum(0.9, 0.25) == pytest.approx(1 - 0.1 * (math.cos(math.pi / 4) + 1) / 2)
