import math

import pytest
import torch
from asymmetric import outputs
from reference.losses import slow_supcon

from sslecho.objectives.simclr import nt_xent
from sslecho.objectives.supcon import CHARTSIAS, supcon

CLIPS = [0, 0, 1, 2, 2, 2, 3, 4]
LABELS = [5, 5, 5, 1, 1, 0, 0, -1]  # of clip 2, one frame has another class; the last frame has none


def views():
    return [view.float() for view in outputs(2, 8, 5)]


@pytest.mark.parametrize("form", ["out", "in"])
@pytest.mark.parametrize("clip_positives", [True, False])
@pytest.mark.parametrize(("normalize", "temperature"), [(True, 0.1), (True, 2.0), (False, 1000.0), (False, 3.0)])
def test_equals_the_slow_loops(form, clip_positives, normalize, temperature):
    how = {"temperature": temperature, "form": form, "normalize": normalize, "clip_positives": clip_positives}
    first, second = views()
    expected = slow_supcon(first.double().numpy(), second.double().numpy(), CLIPS, LABELS, **how)
    found = supcon(first, second, torch.tensor(CLIPS), torch.tensor(LABELS), **how)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("form", ["out", "in"])
def test_is_nt_xent_where_every_frame_is_a_class_of_its_own(form):
    first, second = views()
    clips = torch.tensor(CLIPS)
    found = supcon(first, second, clips, torch.arange(8), temperature=0.2, form=form)
    assert float(found) == pytest.approx(float(nt_xent(first, second, clips, temperature=0.2)), rel=1e-6)


def test_in_is_never_more_than_out():
    for seed in range(5):
        first, second = (view.float() for view in outputs(2, 8, 5, seed=seed))
        both = [
            supcon(first, second, torch.tensor(CLIPS), torch.tensor(LABELS), temperature=0.1, form=form)
            for form in ("in", "out")
        ]
        assert both[0] <= both[1]


def test_starts_at_the_logarithm_of_the_number_of_candidates():
    same = torch.ones(16, 4)
    for form in ("in", "out"):
        found = supcon(same, same, torch.arange(16), torch.arange(16) % 3, temperature=0.1, form=form)
        assert float(found) == pytest.approx(math.log(31), rel=1e-6)


def test_at_a_high_temperature_both_forms_have_the_gradient_of_the_linear_limit():
    """Mean of all similarities less mean of the positives', over the temperature."""
    clips, labels = torch.arange(8), torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    gradients = []
    for form in ("in", "out"):
        first, second = (view.requires_grad_() for view in views())
        supcon(first, second, clips, labels, temperature=1000.0, form=form, normalize=False).backward()
        gradients.append(torch.cat([first.grad, second.grad]) * 1000)
    first, second = (view.requires_grad_() for view in views())
    z, label = torch.cat([first, second]), torch.cat([labels, labels])
    others = ~torch.eye(16, dtype=torch.bool)
    positive = others & (label[:, None] == label[None, :])
    similarity = z @ z.T
    limit = (similarity * others).sum(1) / 15 - (similarity * positive).sum(1) / positive.sum(1)
    limit.mean().backward()
    expected = torch.cat([first.grad, second.grad])
    for gradient in gradients:
        assert torch.allclose(gradient, expected, rtol=0.05, atol=0.05 * float(expected.abs().max()))


def test_frames_of_one_clip_with_other_labels_get_exactly_no_gradient_from_each_other():
    first, second = (view.requires_grad_() for view in views())
    loss = supcon(first, second, torch.zeros(8, dtype=torch.int64), torch.arange(8), temperature=0.1)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(first.grad, torch.zeros_like(first))


def test_without_clip_positives_a_clip_does_not_attract_itself():
    first, second = (view.requires_grad_() for view in views())
    one = torch.zeros(8, dtype=torch.int64)
    supcon(first, second, one, one, temperature=0.1, clip_positives=False).backward()
    assert torch.equal(first.grad, torch.zeros_like(first))


def test_unlabeled_frames_get_exactly_no_gradient_and_change_nothing():
    first, second = (view.requires_grad_() for view in views())
    labels = torch.tensor(LABELS)
    loss = supcon(first, second, torch.tensor(CLIPS), labels, temperature=0.1)
    loss.backward()
    assert torch.equal(first.grad[-1], torch.zeros(5))
    assert float(first.grad[:-1].abs().sum()) > 0
    without = supcon(first[:-1], second[:-1], torch.tensor(CLIPS[:-1]), labels[:-1], temperature=0.1)
    assert without.item() == pytest.approx(loss.item(), rel=1e-6)


def test_a_batch_without_any_label_has_loss_0_and_gradient_0():
    first, second = (view.requires_grad_() for view in views())
    loss = supcon(first, second, torch.tensor(CLIPS), torch.full((8,), -1), temperature=0.1)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(first.grad, torch.zeros_like(first))


def test_chartsias_trains_on_lengths():
    """At t = 1000 normalized outputs get a gradient that is a thousandth of the same without normalizing."""
    sizes = {}
    for normalize in (True, False):
        first, second = (view.relu().requires_grad_() for view in views())
        how = {"temperature": CHARTSIAS.temperature, "form": CHARTSIAS.form, "normalize": normalize}
        supcon(first, second, torch.tensor(CLIPS), torch.tensor(LABELS), **how).backward()
        sizes[normalize] = float(first.grad.norm())
    assert sizes[True] < sizes[False] / 2
    assert CHARTSIAS.normalize is False
