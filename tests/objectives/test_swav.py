import math

import numpy as np
import pytest
import torch
from asymmetric import outputs
from reference.losses import slow_assignment, slow_swav
from torch.nn import functional as F

from sslecho.models.encoder import Encoder
from sslecho.objectives.objective import Known, Now
from sslecho.objectives.swav import SwAV, SwAVSettings, swav_loss

N, K, DIM = 7, 5, 6


def scores(count: int, *, seed: int = 3) -> list[torch.Tensor]:
    """Cosines of views to prototypes, as the loss gets them."""
    prototypes = F.normalize(torch.randn(K, DIM, generator=torch.Generator().manual_seed(9)), dim=1)
    return [F.normalize(x.float(), dim=1) @ prototypes.T for x in outputs(count, N, DIM, seed=seed)]


@pytest.mark.parametrize("n_local", [0, 3])
@pytest.mark.parametrize("with_queue", [False, True])
def test_equals_the_slow_loops(n_local, with_queue):
    views = scores(2 + n_local)
    queued = scores(2, seed=11) if with_queue else None
    found = swav_loss(views[:2], views[2:], queued, temperature=0.1, epsilon=0.05)
    arrays = [view.double().numpy() for view in views]
    queue = None if queued is None else [view.double().numpy() for view in queued]
    expected = slow_swav(arrays[:2], arrays[2:], queue, 0.1, 0.05)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_many_rounds_of_assignment_give_every_prototype_its_share():
    """What the slow loops converge to: else they would be no oracle."""
    codes = slow_assignment(scores(1)[0].double().numpy(), 0.5, rounds=200)
    assert np.allclose(codes.sum(1), 1)
    assert np.allclose(codes.sum(0), N / K)


def test_finite_at_the_softest_and_hardest_assignment_allowed():
    same = torch.ones(N, K)  # the largest cosine there is, everywhere
    for epsilon in (0.03, 1.0):
        assert math.isfinite(float(swav_loss([same, -same], [], temperature=0.1, epsilon=epsilon)))


def test_views_that_are_all_alike_are_assigned_evenly():
    alike = [view[:1].expand(N, K) for view in scores(2)]
    assert float(swav_loss(alike, [], temperature=0.1, epsilon=0.05)) >= math.log(K)
    zero = torch.zeros(N, K)
    assert float(swav_loss([zero, zero], [], temperature=0.1, epsilon=0.05)) == pytest.approx(math.log(K), rel=1e-5)


def made(**settings) -> tuple[SwAV, Encoder]:
    torch.manual_seed(0)
    encoder = Encoder("resnet10t", image_size=32, mean=0.5, std=0.3)
    small = {"hidden_dim": 8, "projection_dim": DIM, "prototypes": K, "queue": 2 * N, "local_views": 0}
    return SwAV(encoder, SwAVSettings(**{**small, **settings})), encoder


def step(objective: SwAV, encoder: Encoder, now: Now, *, seed: int = 3) -> float:
    z = tuple(F.normalize(x.float(), dim=1) for x in outputs(2, N, DIM, seed=seed))
    objective.zero_grad()
    loss = objective.loss(z, Known(torch.arange(N), torch.full((N,), -1), now))
    loss.backward()
    objective.after_step(encoder, now)
    return loss.item()


def test_prototypes_are_held_in_the_first_epoch_and_have_length_1_after_a_step():
    objective, encoder = made()
    step(objective, encoder, Now(0, 9, 0.5))
    assert torch.equal(objective.prototypes.grad, torch.zeros(K, DIM))
    with torch.no_grad():
        objective.prototypes.mul_(3)
    step(objective, encoder, Now(1, 9, 1.0))
    assert float(objective.prototypes.grad.abs().sum()) > 0
    assert torch.allclose(objective.prototypes.norm(dim=1), torch.ones(K))


def test_the_queue_joins_in_when_it_is_full_and_its_epoch_has_come():
    objective, encoder = made(queue_from_epoch=2.0)
    without, _ = made(queue=0)
    for number in range(2):  # fills it: two batches of N
        step(objective, encoder, Now(number, 9, 3.0), seed=20 + number)
    newest = torch.stack([F.normalize(x.float(), dim=1) for x in outputs(2, N, DIM, seed=21)])
    assert torch.equal(objective.queue[:, :N], newest)
    plain = step(without, encoder, Now(2, 9, 3.0))
    state = {name: value.clone() for name, value in objective.state_dict().items()}
    assert step(objective, encoder, Now(1, 9, 3.0)) == pytest.approx(
        plain, rel=1e-6
    )  # not full yet, by the number of steps
    objective.load_state_dict(state)
    assert step(objective, encoder, Now(2, 9, 1.0)) == pytest.approx(plain, rel=1e-6)  # too early
    objective.load_state_dict(state)
    assert step(objective, encoder, Now(2, 9, 3.0)) != pytest.approx(plain, rel=1e-3)
