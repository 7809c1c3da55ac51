"""Evidential losses: against loops, at their limits, in float32, and their gradients."""

import numpy as np
import pytest
import torch
from asymmetric import outputs
from reference.evidence import slow_edl, slow_re_edl
from torch.autograd import gradcheck

from sslecho.errors import InputError
from sslecho.metrics.aggregation import of_windows
from sslecho.objectives.evidence import (
    annealed,
    edl_digamma,
    edl_log,
    edl_mse,
    evidence,
    probabilities,
    re_edl,
    uncertainty,
)

FORMS = {"mse": edl_mse, "log": edl_log, "digamma": edl_digamma}
LABELS = torch.tensor([2, 0, 0, 3, 1, 2, 4])
EXTREMES = torch.tensor([[100.0, -100, 0], [-100, 100, 100], [-100, -100, -100], [100, 100, 100]])
OF_EXTREMES = torch.tensor([0, 0, 1, 2])


@pytest.fixture
def logits():
    (made,) = outputs(1, 7, 5)
    return made


@pytest.mark.parametrize(("lambda1", "lambda2"), [(1.0, 0.8), (0.3, 0.8), (1.7, 0.1), (0.0, 2.0)])
def test_re_edl_is_what_a_loop_over_items_and_classes_gives(logits, lambda1, lambda2):
    expected = slow_re_edl(logits.numpy(), LABELS.tolist(), lambda1=lambda1, lambda2=lambda2)
    assert re_edl(logits, LABELS, lambda1=lambda1, lambda2=lambda2).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kl_weight", [0.0, 0.35, 1.0])
@pytest.mark.parametrize("form", FORMS)
def test_edl_is_what_a_loop_over_items_and_classes_gives(logits, form, kl_weight):
    expected = slow_edl(logits.numpy(), LABELS.tolist(), form=form, kl_weight=kl_weight)
    assert FORMS[form](logits, LABELS, kl_weight=kl_weight).item() == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("lambda1", [0.0, 0.5, 1.0])
def test_without_evidence_all_is_unknown(lambda1):
    for lowest in (-100.0, -1e6):
        nothing = torch.full((2, 9), lowest)
        assert uncertainty(nothing).tolist() == [1, 1]
        assert probabilities(nothing, lambda1=lambda1).tolist() == [pytest.approx([1 / 9] * 9)] * 2


@pytest.mark.parametrize("lambda2", [0.1, 0.8, 1.0])
def test_uncertainty_lies_above_0_and_reaches_1_and_falls_with_evidence(logits, lambda2):
    u = uncertainty(torch.cat([logits.float(), torch.tensor([[100.0] * 5, [-100.0] * 5])]), lambda2=lambda2)
    assert ((u > 0) & (u <= 1)).all()
    more = logits.clone()
    more[:, 3] += 0.5
    assert (uncertainty(more, lambda2=lambda2) < uncertainty(logits, lambda2=lambda2)).all()


def test_at_lambda1_1_p_is_alpha_over_its_sum(logits):
    alpha = evidence(logits) + 0.8
    assert torch.allclose(probabilities(logits), alpha / alpha.sum(1, keepdim=True), rtol=1e-14)
    assert not torch.allclose(probabilities(logits, lambda1=0.9), alpha / alpha.sum(1, keepdim=True))
    assert (1 - uncertainty(logits)).tolist() == pytest.approx((evidence(logits).sum(1) / alpha.sum(1)).tolist())


def test_windows_have_in_numpy_what_they_have_in_torch(logits):
    p, u = of_windows(logits.numpy(), evidential=True, prior=0.8)
    assert p == pytest.approx(probabilities(logits).numpy(), abs=1e-14)
    assert u == pytest.approx(uncertainty(logits).numpy(), abs=1e-14)


@pytest.mark.parametrize("loss", ["re_edl", *FORMS])
def test_gradients_are_those_of_finite_differences(logits, loss):
    x = logits.clone().requires_grad_()
    if loss == "re_edl":
        assert gradcheck(lambda o: re_edl(o, LABELS, lambda1=0.7, lambda2=0.8), (x,))
    else:
        assert gradcheck(lambda o: FORMS[loss](o, LABELS, kl_weight=0.6), (x,))


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("loss", ["re_edl", *FORMS])
def test_extreme_logits_give_the_same_as_in_double_and_finite_gradients(loss, kind):
    def value(o):
        return re_edl(o, OF_EXTREMES) if loss == "re_edl" else FORMS[loss](o, OF_EXTREMES, kl_weight=1.0)

    x = EXTREMES.to(kind, copy=True).requires_grad_()
    found = value(x)
    assert found.dtype == torch.float32
    found.backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert found.item() == pytest.approx(value(EXTREMES.double()).item(), rel=1e-4)


@pytest.mark.parametrize("loss", ["re_edl", *FORMS])
def test_a_right_and_sure_answer_costs_less_than_none_and_a_wrong_one_more(loss):
    def value(row):
        o, y = torch.tensor([row]), torch.tensor([0])
        return (re_edl(o, y) if loss == "re_edl" else FORMS[loss](o, y, kl_weight=0.5)).item()

    assert value([30.0, -9.0, -9.0]) < value([-9.0, -9.0, -9.0]) < value([-9.0, 30.0, -9.0])


def test_the_divergence_is_annealed_over_epochs():
    assert [annealed(epoch) for epoch in (0.0, 10.0, 50.0, 80.0)] == pytest.approx([0, 0.2, 1, 1])
    assert annealed(4.0, epochs=10.0) == pytest.approx(0.4)


def test_bad_weights_are_named(logits):
    with pytest.raises(InputError, match="lambda1 is -0.1; it must be 0 or more"):
        re_edl(logits, LABELS, lambda1=-0.1)
    for bad in (0.0, np.nan, -1.0):
        with pytest.raises(InputError, match=f"lambda2 is {bad}; it must be above 0"):
            re_edl(logits, LABELS, lambda2=float(bad))
