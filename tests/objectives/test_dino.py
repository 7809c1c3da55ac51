import math

import pytest
import torch
from asymmetric import outputs
from reference.losses import slow_dino

from sslecho.models.encoder import Encoder
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives.dino import DINO, DINOHead, DINOSettings, dino_loss
from sslecho.objectives.objective import Known, Now

N, K = 5, 7
CENTER = torch.linspace(-0.5, 0.7, K)


@pytest.mark.parametrize("n_local", [0, 3])
def test_equals_the_slow_loops(n_local):
    student, teacher = outputs(2 + n_local, N, K), outputs(2, N, K, seed=8)
    expected = slow_dino([x.numpy() for x in student], [x.numpy() for x in teacher], CENTER.double().numpy(), 0.1, 0.04)
    found = dino_loss(
        [x.float() for x in student], [x.float() for x in teacher], CENTER, temperature=0.1, teacher_temperature=0.04
    )
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_equals_lightly():
    mend_torchvision()
    from lightly.loss import DINOLoss

    student, teacher = [x.float() for x in outputs(4, N, K)], [x.float() for x in outputs(2, N, K, seed=8)]
    theirs = DINOLoss(output_dim=K, teacher_temp=0.05)
    theirs.center.copy_(CENTER)
    expected = float(theirs(teacher, student))
    found = dino_loss(student, teacher, CENTER, temperature=0.1, teacher_temperature=0.05)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_equal_outputs_have_the_logarithm_of_their_number():
    same = torch.ones(N, K)
    found = dino_loss([same, same], [same, same], torch.zeros(K), temperature=0.1, teacher_temperature=0.04)
    assert float(found) == pytest.approx(math.log(K))


def test_the_teacher_gets_no_gradient():
    student, teacher = [[x.float().requires_grad_() for x in outputs(2, N, K, seed=s)] for s in (3, 8)]
    dino_loss(student, teacher, CENTER, temperature=0.1, teacher_temperature=0.04).backward()
    assert all(x.grad is None for x in teacher)
    assert all(float(x.grad.abs().sum()) > 0 for x in student)


def test_the_teachers_temperature_rises():
    settings = DINOSettings()
    assert settings.teacher_temperature_at(0.0) == 0.04
    assert settings.teacher_temperature_at(15.0) == pytest.approx(0.055)
    assert settings.teacher_temperature_at(30.0) == settings.teacher_temperature_at(99.0) == 0.07
    assert DINOSettings(warmup_epochs=0.0).teacher_temperature_at(0.0) == 0.07


def test_outputs_are_cosines_and_held_vectors_get_a_gradient_of_zero():
    head = DINOHead(6, 8, 4, K)
    bottleneck = head(torch.randn(N, 6))
    assert torch.allclose(bottleneck.norm(dim=1), torch.ones(N))
    assert float(head.outputs(bottleneck).detach().abs().max()) <= 1 + 1e-6
    head.outputs(bottleneck, hold=True).square().sum().backward()
    assert torch.equal(head.last.grad, torch.zeros(K, 4))
    assert float(head.layers[0].weight.grad.abs().sum()) > 0


def test_the_center_moves_by_a_tenth_to_the_mean_of_the_teachers_outputs_after_the_step():
    torch.manual_seed(0)
    encoder = Encoder("resnet10t", image_size=32, mean=0.5, std=0.3)
    objective = DINO(encoder, DINOSettings(hidden_dim=8, projection_dim=4, prototypes=K, local_views=0))
    features = tuple(torch.nn.functional.normalize(x.float(), dim=1) for x in outputs(4, N, 4))
    now = Now(0, 10, 0.0)
    objective.loss(features, Known(torch.arange(N), torch.full((N,), -1), now))
    assert torch.equal(objective.center, torch.zeros(K))
    told = torch.cat([objective.slow_head.module.outputs(x) for x in features[:2]])
    objective.after_step(encoder, now)
    assert torch.allclose(objective.center, 0.1 * told.mean(0), atol=1e-7)


def test_epochs_decide_the_teachers_temperature_and_when_the_last_layer_is_trained():
    torch.manual_seed(0)
    encoder = Encoder("test_resnet", image_size=32, mean=0.5, std=0.3)
    objective = DINO(encoder, DINOSettings(hidden_dim=8, projection_dim=4, prototypes=K, local_views=0))
    features = tuple(torch.nn.functional.normalize(x.float(), dim=1) for x in outputs(4, N, 4))
    for epoch, t in ((0.5, 0.0405), (15.0, 0.055)):
        objective.zero_grad()
        loss = objective.loss(features, Known(torch.arange(N), torch.full((N,), -1), Now(0, 10, epoch)))
        loss.backward()
        assert objective.head.last.grad is not None
        assert bool(objective.head.last.grad.any()) == (epoch >= 1)
        told = [objective.head.outputs(x) for x in features]
        expected = dino_loss(told[2:], told[:2], objective.center, temperature=0.1, teacher_temperature=t)
        assert loss.item() == pytest.approx(expected.item())  # the slow head is still a copy
