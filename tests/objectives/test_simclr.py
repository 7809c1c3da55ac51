import math

import numpy as np
import pytest
import torch
from reference.ntxent import slow_nt_xent

from sslecho.errors import SettingsError
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.objectives import simclr
from sslecho.objectives.simclr import SimCLRSettings, nt_xent


def projections(n: int, dim: int, *, seed: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Asymmetric on purpose: other lengths, other noise in the two views."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(n, dim, generator=generator) * torch.linspace(0.5, 3, n)[:, None]
    second = 0.4 * first + torch.randn(n, dim, generator=generator)
    return first, second


@pytest.mark.parametrize("temperature", [0.05, 0.1, 0.5, 2.0])
@pytest.mark.parametrize("clips", [[0, 1, 2, 3, 4, 5, 6], [0, 0, 1, 2, 2, 2, 3]])
def test_equals_the_slow_loops(temperature, clips):
    first, second = projections(7, 5)
    expected = slow_nt_xent(first.double().numpy(), second.double().numpy(), clips, temperature)
    assert float(nt_xent(first, second, torch.tensor(clips), temperature=temperature)) == pytest.approx(
        expected, rel=1e-5
    )


def test_equals_lightly_where_no_two_frames_are_of_one_clip():
    mend_torchvision()
    from lightly.loss import NTXentLoss

    first, second = projections(9, 16)
    theirs = float(NTXentLoss(temperature=0.2)(first, second))
    assert float(nt_xent(first, second, torch.arange(9), temperature=0.2)) == pytest.approx(theirs, rel=1e-5)


def test_starts_at_the_logarithm_of_the_number_of_candidates():
    same = torch.ones(512, 4)
    assert float(nt_xent(same, same, torch.arange(512), temperature=0.1)) == pytest.approx(math.log(2 * 512 - 1))
    # Two frames a clip: the other frame's two views are no candidates.
    assert float(nt_xent(same, same, torch.arange(512) // 2, temperature=0.1)) == pytest.approx(math.log(2 * 512 - 3))


def test_frames_of_one_clip_get_exactly_no_gradient_from_each_other():
    first, second = projections(4, 6)
    first.requires_grad_()
    # With one clip only, nothing is left to repel: each view has its positive alone.
    loss = nt_xent(first, second, torch.zeros(4, dtype=torch.int64), temperature=0.1)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(first.grad, torch.zeros_like(first))


def test_order_of_the_frames_does_not_matter():
    first, second = projections(8, 5)
    clips = torch.tensor([0, 0, 1, 2, 3, 3, 3, 4])
    order = torch.from_numpy(np.random.default_rng(1).permutation(8))
    there = nt_xent(first, second, clips, temperature=0.1)
    back = nt_xent(first[order], second[order], clips[order], temperature=0.1)
    assert float(there) == pytest.approx(float(back), rel=1e-6)


def test_finite_at_tiny_temperatures():
    first, second = projections(6, 5)
    assert math.isfinite(float(nt_xent(first, second, torch.arange(6), temperature=0.001)))


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(SettingsError, match="temperature is .*at least 0.001"):
        SimCLRSettings(temperature=temperature)


def told_in_rows(held, monkeypatch, *arguments, **named):
    """Loss and gradients where at most so many similarities are held at once."""
    monkeypatch.setattr(simclr, "WHOLE", held)
    first, second = (projection.clone().requires_grad_() for projection in arguments[:2])
    loss = nt_xent(first, second, *arguments[2:], **named)
    (3 * loss).backward()
    return loss.item(), first.grad, second.grad


@pytest.mark.parametrize("rows", [1, 4, 5, 13])
@pytest.mark.parametrize("labels", [None, [0, 1, -1, -1, 1, 2, 0]])
def test_a_few_rows_at_a_time_equal_the_slow_loops_and_the_whole(rows, labels, monkeypatch):
    clips = [0, 0, 1, 2, 2, 2, 3]
    first, second = projections(7, 5)
    given = (first, second, torch.tensor(clips))
    named = {"temperature": 0.2, "labels": None if labels is None else torch.tensor(labels)}
    whole = told_in_rows(14 * 14, monkeypatch, *given, **named)
    some = told_in_rows(14 * rows, monkeypatch, *given, **named)
    assert some[0] == pytest.approx(whole[0], abs=1e-6)
    for ours, expected in zip(some[1:], whole[1:], strict=True):
        assert torch.allclose(ours, expected, atol=1e-6, rtol=0)
        assert expected.abs().max() > 0.01
    if labels is None:
        slow = slow_nt_xent(first.double().numpy(), second.double().numpy(), clips, 0.2)
        assert some[0] == pytest.approx(slow, abs=1e-6)


def test_a_large_batch_is_never_a_whole_matrix(monkeypatch):
    sizes = []
    logits = simclr._logits

    def noted(*arguments):
        made = logits(*arguments)
        sizes.append(made[0].numel())
        return made

    monkeypatch.setattr(simclr, "_logits", noted)
    first, second = projections(2100, 4)
    nt_xent(first, second, torch.arange(2100), temperature=0.1)
    assert sum(sizes) == 4200 * 4200
    assert max(sizes) <= simclr.WHOLE
