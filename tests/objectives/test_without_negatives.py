"""BYOL, Barlow Twins and VICReg: nothing is contrasted."""

import pytest
import torch
from asymmetric import outputs
from made_objective import make
from reference.losses import slow_barlow_twins, slow_byol, slow_vicreg

from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives.barlowtwins import barlow_twins
from sslecho.objectives.byol import byol_loss
from sslecho.objectives.objective import Known, Now
from sslecho.objectives.vicreg import vicreg


def test_byol_equals_the_slow_loops():
    predicted, target = outputs(2, 6, 5)
    expected = slow_byol(predicted.numpy(), target.numpy())
    assert float(byol_loss(predicted.float(), target.float())) == pytest.approx(expected, rel=1e-5)


def test_byol_knows_directions_only():
    x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    assert float(byol_loss(x, 3 * x)) == pytest.approx(0, abs=1e-6)
    assert float(byol_loss(x, x.flip(1))) == pytest.approx(2)
    assert float(byol_loss(x, -x)) == pytest.approx(4)


def test_byol_targets_get_no_gradient():
    predicted, target = (x.float().requires_grad_() for x in outputs(2, 6, 5))
    byol_loss(predicted, target).backward()
    assert target.grad is None
    assert float(predicted.grad.abs().sum()) > 0


@pytest.mark.parametrize("off_diagonal", [5e-3, 0.7])
def test_barlow_twins_equals_the_slow_loops(off_diagonal):
    first, second = outputs(2, 6, 4)
    expected = slow_barlow_twins(first.numpy(), second.numpy(), off_diagonal)
    found = barlow_twins(first.float(), second.float(), off_diagonal=off_diagonal)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_barlow_twins_of_a_collapse_is_the_number_of_outputs():
    same = torch.ones(6, 4)
    assert float(barlow_twins(same, same, off_diagonal=5e-3)) == pytest.approx(4)


@pytest.mark.parametrize("weights", [(25.0, 25.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)])
def test_vicreg_equals_the_slow_loops(weights):
    first, second = (0.5 * x for x in outputs(2, 6, 4))  # some outputs vary less than 1, some more
    expected = slow_vicreg(first.numpy(), second.numpy(), *weights)
    assert expected > 0
    invariance, variance, covariance = weights
    how = {"invariance": invariance, "variance": variance, "covariance": covariance}
    assert float(vicreg(first.float(), second.float(), **how)) == pytest.approx(expected, rel=1e-4)


def test_vicreg_equals_lightly():
    mend_torchvision()
    from lightly.loss import VICRegLoss

    first, second = (x.float() for x in outputs(2, 6, 4))
    theirs = float(VICRegLoss()(first, second))
    found = vicreg(first, second, invariance=25.0, variance=25.0, covariance=1.0)
    assert float(found) == pytest.approx(theirs, rel=1e-5)


def test_vicreg_of_a_collapse_is_the_variance_term_alone():
    same = torch.ones(6, 4)
    assert float(vicreg(same, same, invariance=25.0, variance=25.0, covariance=1.0)) == pytest.approx(24.75)


def test_byol_predicts_the_other_view():
    objective = make("byol")[1]
    first, second, first_target, second_target = made = tuple(x.float() for x in outputs(4, 8, 5))
    found = objective.loss(made, Known(torch.arange(8), torch.arange(8), Now(0, 1, 0.0)))
    expected = byol_loss(first, second_target) + byol_loss(second, first_target)
    assert float(found) == pytest.approx(float(expected))
