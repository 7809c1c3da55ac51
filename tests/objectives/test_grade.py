"""The grader's losses against loops over the equations, where its outputs begin, and the multi-task arm."""

import math

import numpy as np
import pytest
import torch

from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.objectives.grade import Grade, GradeHead, GradeSettings, grade_losses
from sslecho.objectives.objective import Batch, Known, Now

SCALE = (1, 5)
NOW = Now(0, 10, 0.0)


def slow_ordinal(outputs, grade, low, high):
    """CORAL for one frame: a mean of binary cross-entropies, one for each threshold."""
    total = 0.0
    for k in range(high - low):
        passed = min(max(grade - low - k, 0.0), 1.0)
        p = 1 / (1 + math.exp(-outputs[k]))
        total -= passed * math.log(p) + (1 - passed) * math.log(1 - p)
    return total / (high - low)


def slow_corn(outputs, grades, low, high):
    """CORN of a batch: for each threshold, cross-entropy over the frames that have passed the one before."""
    total, n = 0.0, 0.0
    for k in range(high - low):
        for row, grade in zip(outputs, grades, strict=True):
            before = 1.0 if k == 0 else min(max(grade - low - k + 1, 0.0), 1.0)
            if before == 0:
                continue
            passed = min(max(grade - low - k, 0.0), 1.0) / before
            f = 1 / (1 + math.exp(-row[k]))
            total -= before * (passed * math.log(f) + (1 - passed) * math.log(1 - f))
            n += before
    return total / n


def test_corn_is_the_equation_over_the_frames_that_passed():
    rng = np.random.default_rng(2)
    outputs = torch.tensor(rng.normal(size=(7, 4)), dtype=torch.float32)
    grades = torch.tensor([1.0, 5.0, 2.5, 3.0, 4.75, 2.0, 5.0])
    said = grade_losses(outputs, grades, scale=SCALE, loss="corn")
    assert float(said.mean()) == pytest.approx(slow_corn(outputs.tolist(), grades.tolist(), *SCALE), rel=1e-5)
    # Frames that don't count are in neither sum.
    counted = torch.tensor([True, False, True, True, False, True, True])
    said = grade_losses(outputs, grades, scale=SCALE, loss="corn", counted=counted)
    wanted = slow_corn(outputs[counted].tolist(), grades[counted].tolist(), *SCALE)
    assert float(said[counted].mean()) == pytest.approx(wanted, rel=1e-5)
    # What a threshold further up says of a frame that never got there does not matter.
    moved = outputs.clone()
    moved[0, 1:] += 3
    torch.testing.assert_close(grade_losses(moved, grades, scale=SCALE, loss="corn")[0],
                               grade_losses(outputs, grades, scale=SCALE, loss="corn")[0])  # fmt: skip


def test_the_grade_of_corn_sums_products_of_conditional_chances():
    head = GradeHead(3, SCALE, loss="corn", mean=2.0)
    outputs = torch.tensor([[0.3, -1.0, 2.0, 0.1], [4.0, 3.0, -2.0, 1.0]])
    for row, grade in zip(outputs.tolist(), head.grades(outputs).tolist(), strict=True):
        wanted, product = 1.0, 1.0
        for o in row:
            product /= 1 + math.exp(-o)
            wanted += product
        assert grade == pytest.approx(wanted, rel=1e-5)


def test_losses_are_those_of_the_equations():
    rng = np.random.default_rng(0)
    grades = torch.tensor([1.0, 5.0, 2.5, 3.0, 4.75])
    outputs = torch.tensor(rng.normal(size=(5, 4)), dtype=torch.float32)
    wanted = [slow_ordinal(o, g, *SCALE) for o, g in zip(outputs.tolist(), grades.tolist(), strict=True)]
    np.testing.assert_allclose(grade_losses(outputs, grades, scale=SCALE, loss="ordinal"), wanted, rtol=1e-5)
    line = outputs[:, :1]
    wanted = [(float(o) - (float(g) - 1) / 4) ** 2 for o, g in zip(line[:, 0], grades, strict=True)]
    np.testing.assert_allclose(grade_losses(line, grades, scale=SCALE, loss="mse"), wanted, rtol=1e-5)


@pytest.mark.parametrize("mean", [1.2, 3.0, 4.6])
@pytest.mark.parametrize("loss", ["mse", "ordinal", "corn"])
def test_outputs_begin_at_the_mean_grade_and_stay_in_the_scale(loss, mean):
    torch.manual_seed(0)
    head = GradeHead(6, SCALE, loss=loss, mean=mean)
    with torch.no_grad():
        assert head.grades(head(torch.zeros(2, 6))).tolist() == pytest.approx([mean, mean], abs=1e-4)
        far = head.grades(head(torch.randn(200, 6) * 100))
    assert SCALE[0] <= float(far.min()) < 1.1
    assert 4.9 < float(far.max()) <= SCALE[1]


@pytest.mark.parametrize("loss", ["ordinal", "corn"])
def test_thresholds_are_passed_in_order(loss):
    """Rank consistency: P(y > k) falls with k, by one slope for all thresholds or by products; training keeps it."""
    torch.manual_seed(0)
    head = GradeHead(3, SCALE, loss=loss, mean=3.0)
    embedded = torch.randn(64, 3)
    grades = (3 + embedded[:, 0] * 2).clamp(*SCALE)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        grade_losses(head(embedded), grades, scale=SCALE, loss=loss).mean().backward()
        optimizer.step()
    with torch.no_grad():
        outputs = head(embedded)
        said = head.grades(outputs)
    # Products fall by construction, but for rounding; CORAL's outputs do once the offsets are in order.
    falling = outputs.sigmoid().cumprod(1).diff(dim=1) <= 0 if loss == "corn" else outputs.diff(dim=1) < 0
    assert bool(falling.all())
    assert float(((said - grades) ** 2).mean()) < 0.1


def made(*, views=False, loss="mse"):
    torch.manual_seed(0)
    encoder = Encoder("test_resnet", image_size=32, mean=0.5, std=0.3).eval()
    head = GradeHead(encoder.dim, SCALE, loss=loss, mean=3.0)
    return encoder, Grade(
        encoder, GradeSettings(loss=loss, lam=0.3), head=head, views=LinearHead(encoder.dim, (3,)) if views else None
    )


def test_frames_without_a_grade_or_a_view_are_left_out_of_that_loss():
    encoder, objective = made(views=True)
    view = torch.rand((4, 1, 32, 32), generator=torch.Generator().manual_seed(1))
    labels, grades = torch.tensor([2, -1, 0, 1]), torch.tensor([math.nan, 2.0, 4.0, math.nan])
    outputs = objective(encoder, Batch((view,), torch.zeros(4, 0), NOW))
    total = objective.loss(outputs, Known(torch.arange(4), labels, NOW, grades))
    said, of_views = outputs[0].detach()[:, 0], outputs[1].detach().log_softmax(1)
    graded = sum((float(said[i]) - (g - 1) / 4) ** 2 for i, g in ((1, 2.0), (2, 4.0))) / 2
    named = -sum(float(of_views[i, c]) for i, c in ((0, 2), (2, 0), (3, 1))) / 3
    assert total.item() == pytest.approx(graded + 0.3 * named, rel=1e-5)
    total.backward()
    assert all(w.grad is not None and bool(w.grad.isfinite().all()) for w in objective.parameters())
    nothing = objective.loss(
        objective(encoder, Batch((view,), torch.zeros(4, 0), NOW)),
        Known(torch.arange(4), torch.full((4,), -1), NOW, torch.full((4,), math.nan)),
    )
    assert nothing.item() == 0
