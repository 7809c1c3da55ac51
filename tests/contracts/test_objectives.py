"""What every registered objective must do."""

import pytest
import torch

from sslecho.objectives import OBJECTIVES


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_one_step_reaches_the_encoder_and_lowers_the_loss(name):
    torch.manual_seed(0)
    objective_class = OBJECTIVES[name]
    objective = objective_class(12, objective_class.settings_class())
    encoder = torch.nn.Linear(20, 12)
    optimizer = torch.optim.Adam([*encoder.parameters(), *objective.parameters()], lr=1e-2)
    frames = torch.randn(16, 20)
    first, second = frames + 0.1 * torch.randn(16, 20), frames + 0.1 * torch.randn(16, 20)
    losses = []
    for _ in range(15):
        loss = objective.loss(*objective(encoder(first), encoder(second)), torch.arange(16))
        optimizer.zero_grad()
        loss.backward()
        assert float(encoder.weight.grad.abs().sum()) > 0
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_settings_have_defaults_and_docs(name):
    objective_class = OBJECTIVES[name]
    assert objective_class.settings_class()
    assert objective_class.__doc__
    assert objective_class.settings_class.__doc__
