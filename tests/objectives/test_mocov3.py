import math

import pytest
import torch
from asymmetric import outputs as views
from made_objective import make
from reference.losses import slow_info_nce

from sslecho.objectives.mocov3 import info_nce
from sslecho.objectives.objective import Known, Now

CLIPS = [0, 0, 1, 2, 2, 2, 3]


@pytest.mark.parametrize("temperature", [0.1, 0.2, 1.0])
@pytest.mark.parametrize("clips", [list(range(7)), CLIPS])
def test_equals_the_slow_loops(temperature, clips):
    queries, keys = views(2, 7, 5)
    expected = slow_info_nce(queries.numpy(), keys.numpy(), clips, temperature)
    found = info_nce(queries.float(), keys.float(), torch.tensor(clips), temperature=temperature)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_starts_at_the_logarithm_of_the_number_of_candidates():
    same = torch.ones(64, 4)
    assert float(info_nce(same, same, torch.arange(64), temperature=0.2)) == pytest.approx(0.4 * math.log(64))
    assert float(info_nce(same, same, torch.arange(64) // 2, temperature=0.2)) == pytest.approx(0.4 * math.log(63))


def test_keys_get_no_gradient():
    queries, keys = (x.float().requires_grad_() for x in views(2, 7, 5))
    info_nce(queries, keys, torch.tensor(CLIPS), temperature=0.2).backward()
    assert keys.grad is None
    assert float(queries.grad.abs().sum()) > 0


def test_a_key_of_the_same_clip_changes_nothing_to_the_bit():
    queries, keys = (x.float() for x in views(2, 7, 5))

    def gradient(keys):
        q = queries.clone().requires_grad_()
        info_nce(q, keys, torch.tensor(CLIPS), temperature=0.2).backward()
        return q.grad

    moved = keys.clone()
    moved[1] += torch.linspace(-3, 3, 5)  # of the clip of frame 0
    assert torch.equal(gradient(keys)[0], gradient(moved)[0])
    assert not torch.equal(gradient(keys)[2], gradient(moved)[2])


def test_finite_at_tiny_temperatures():
    queries, keys = (x.float() for x in views(2, 7, 5))
    assert math.isfinite(float(info_nce(queries, keys, torch.arange(7), temperature=0.001)))


def test_queries_look_for_keys_of_the_other_view():
    objective = make("mocov3")[1]
    first, second, first_keys, second_keys = outputs = tuple(x.float() for x in views(4, 8, 5))
    clips = torch.arange(8)
    found = objective.loss(outputs, Known(clips, clips, Now(0, 1, 0.0)))
    t = objective.settings.temperature
    there = info_nce(first, second_keys, clips, temperature=t)
    assert float(found) == pytest.approx(float(there + info_nce(second, first_keys, clips, temperature=t)))
