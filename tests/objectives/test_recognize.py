"""The bank of confidences against its formula, and the losses that `view` lowers."""

import numpy as np
import pytest
import torch

from sslecho.models.encoder import Encoder
from sslecho.models.video import create_video
from sslecho.objectives.classify import class_losses
from sslecho.objectives.evidence import re_edl
from sslecho.objectives.objective import Batch, Known, Now
from sslecho.objectives.recognize import LOSSES, Bank, Recognize, RecognizeSettings

NOW = Now(3, 40, 25.0)


def slow_bank(visits, n_segments):
    """The formula, a visit at a time: lists of (segment, u) a batch."""
    c = [-0.1] * n_segments
    seen = [False] * n_segments
    for batch in visits:
        for segment in dict.fromkeys(s for s, _ in batch):
            u = np.mean([u for s, u in batch if s == segment])
            c[segment] = 0.7 * c[segment] + 0.3 * (1 - u) if seen[segment] else 1 - u
            seen[segment] = True
    return c


def test_the_bank_follows_its_formula():
    rng = np.random.default_rng(0)
    visits = [[(int(rng.integers(6)), float(rng.uniform(0.01, 1))) for _ in range(4)] for _ in range(15)]
    visits[3] = [(2, 1.0), (2, 1.0)]  # knows nothing at all: c = 0 is a visit, too
    bank = Bank(7)
    for batch in visits:
        bank.visit(torch.tensor([s for s, _ in batch]), torch.tensor([u for _, u in batch]))
    assert bank.confidence.tolist() == pytest.approx(slow_bank(visits, 7), abs=1e-6)
    assert bank.confidence[6] == pytest.approx(-0.1)
    assert bank.at_epoch.tolist() == pytest.approx([-0.1] * 7)
    bank.begin(3)
    began = bank.at_epoch.clone()
    assert torch.equal(began, bank.confidence)
    bank.visit(torch.tensor([0, 6]), torch.tensor([0.5, 0.5]))
    bank.begin(3)  # asked again, by a run that goes on
    assert torch.equal(bank.at_epoch, began)
    bank.begin(4)
    assert torch.equal(bank.at_epoch, bank.confidence)
    assert not torch.equal(bank.at_epoch, began)


def made(loss="ce", **more):
    torch.manual_seed(0)
    encoder = Encoder("test_resnet", image_size=32, mean=0.4, std=0.3)
    network = create_video("lstm", encoder, n_classes=3, n_frames=2, dropout=0.0)
    objective = Recognize(
        network, RecognizeSettings(loss=loss, **more), counts=torch.tensor([5.0, 2.0, 9.0]), n_segments=5
    )
    return network, objective


KNOWN = Known(torch.arange(4), torch.tensor([0, 2, 1, 2]), NOW, None, torch.tensor([4, 0, 4, 2]))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_lowers_its_loss_and_notes_how_sure_the_network_was(loss):
    network, objective = made(loss)
    batch = Batch((torch.rand(8, 1, 32, 32),), torch.zeros(4, 0), NOW)
    outputs = objective(network, batch)
    assert torch.equal(outputs[0], network(batch.views[0].unflatten(0, (4, 2))))  # frames of a window in a row
    value = objective.loss(outputs, KNOWN)
    value.backward()
    assert all(torch.isfinite(w.grad).all() for w in network.parameters() if w.grad is not None)
    objective.after_step(network, NOW)
    u = objective.uncertainty(outputs[0].detach())
    assert ((u > 0) & (u <= 1)).all()
    expected = slow_bank([[(int(s), float(x)) for s, x in zip(KNOWN.segments, u, strict=True)]], 5)
    assert objective.bank.confidence.tolist() == pytest.approx(expected, abs=1e-6)


def test_losses_are_those_of_their_files():
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(2))
    for balance in ("none", "weights", "logit"):
        _, objective = made(balance=balance, tau=0.7, label_smoothing=0.1)
        expected = class_losses(
            logits, KNOWN.labels, torch.tensor([5.0, 2.0, 9.0]), balance=balance, tau=0.7, label_smoothing=0.1
        )
        assert torch.equal(objective.loss((logits,), KNOWN), expected.mean())
    _, objective = made("re-edl", lambda1=0.6, lambda2=0.9)
    assert torch.equal(objective.loss((logits,), KNOWN), re_edl(logits, KNOWN.labels, lambda1=0.6, lambda2=0.9))
    e = torch.nn.functional.softplus(logits)
    assert torch.allclose(objective.uncertainty(logits), 3 * 0.9 / (e + 0.9).sum(1))
    _, objective = made("edl-log")
    assert torch.allclose(objective.uncertainty(logits), 3 / (e + 1).sum(1))
    later = KNOWN._replace(now=Now(3, 40, 49.0))  # its KL term rises over 50 epochs
    assert objective.loss((logits,), later) > objective.loss((logits,), KNOWN)
    _, objective = made("ce")
    assert torch.allclose(objective.uncertainty(logits), 1 - logits.softmax(1).amax(1))
