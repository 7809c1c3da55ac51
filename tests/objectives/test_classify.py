"""Fine-tuning's loss against loops over the equations, and what a frozen part, mixup and averaged weights do."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from sslecho.errors import SettingsError
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.objectives.classify import Classify, ClassifySettings, class_losses, hold_still
from sslecho.objectives.objective import Batch, Known, Now

COUNTS = torch.tensor([50.0, 8.0, 2.0, 0.0])
NOW = Now(0, 10, 0.0)


def slow_loss(o, y, counts, *, balance, tau, gamma, smoothing):
    """One frame's loss, written from the docstring's equations."""
    n, classes = sum(counts), len(o)
    if balance == "logit":
        present = [c for c in range(classes) if counts[c]]
        o, y_here = [o[c] + tau * math.log(counts[c] / n) for c in present], present.index(y)
        return slow_loss(
            o, y_here, [counts[c] for c in present], balance="none", tau=0, gamma=gamma, smoothing=smoothing
        )
    total = sum(math.exp(value) for value in o)
    p = [math.exp(value) / total for value in o]
    if smoothing:
        target = [smoothing / classes + (1 - smoothing) * (c == y) for c in range(classes)]
        loss = -sum(t * math.log(q) for t, q in zip(target, p, strict=True))
    else:
        loss = -math.log(p[y])
    loss *= (1 - p[y]) ** gamma if gamma else 1
    if balance == "weights":
        loss *= n / (sum(count > 0 for count in counts) * counts[y])
    return loss


@pytest.mark.parametrize("balance", ["none", "weights", "logit"])
@pytest.mark.parametrize(("gamma", "smoothing"), [(0.0, 0.0), (2.0, 0.0), (0.0, 0.2)])
def test_losses_are_those_of_the_equations(balance, gamma, smoothing):
    rng = np.random.default_rng(0)
    o, y = rng.normal(size=(12, 4)) * 2, rng.integers(3, size=12)
    how = {"balance": balance, "tau": 0.7, "gamma": gamma}
    found = class_losses(torch.tensor(o), torch.tensor(y), COUNTS, **how, label_smoothing=smoothing)
    wanted = [
        slow_loss(row.tolist(), label, COUNTS.tolist(), smoothing=smoothing, **how)
        for row, label in zip(o, y, strict=True)
    ]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5)


def test_with_weights_all_classes_weigh_the_same_over_an_epoch():
    labels = torch.repeat_interleave(torch.arange(4), COUNTS.long())
    losses = class_losses(torch.zeros(60, 4), labels, COUNTS, balance="weights")
    of_class = [float(losses[labels == c].sum()) for c in range(3)]
    np.testing.assert_allclose(of_class, 60 / 3 * math.log(4), rtol=1e-5)


def test_the_logit_adjusted_loss_is_least_at_the_evened_out_logits():
    """Menon's point: where classes can't be told apart, answers without the term have no favorite."""
    labels = torch.repeat_interleave(torch.arange(3), COUNTS[:3].long())
    o = torch.zeros(3, requires_grad=True)
    class_losses(o.expand(60, 3), labels, COUNTS[:3], balance="logit").mean().backward()
    np.testing.assert_allclose(o.grad, 0, atol=1e-6)
    o.grad = None
    class_losses(o.expand(60, 3), labels, COUNTS[:3]).mean().backward()
    assert float(o.grad.abs().max()) > 0.3


def made(**settings):
    torch.manual_seed(0)
    encoder = Encoder("test_resnet", image_size=32, mean=0.5, std=0.3)
    head = LinearHead(encoder.dim, (3,))
    return encoder, Classify(encoder, ClassifySettings(**settings), head=head, counts=COUNTS[:3])


def batch_of(n=8):
    generator = torch.Generator().manual_seed(1)
    view = torch.rand((n, 1, 32, 32), generator=generator)
    known = Known(torch.arange(n), torch.arange(n) % 3, NOW)
    return Batch((view,), torch.zeros(n, 0), NOW), known


def test_mixed_pictures_get_both_losses_in_their_shares():
    encoder, objective = made(mixup=0.8)
    encoder.eval()
    batch, known = batch_of()
    logits, share = objective(encoder, batch)
    assert float(share.min()) < 0.4 < 0.6 < float(share.max())
    part = share[:, None, None, None]
    mixed = part * batch.views[0] + (1 - part) * batch.views[0].flip(0)
    torch.testing.assert_close(logits, objective.head(encoder(mixed)))
    log_p = logits.detach().log_softmax(1)
    wanted = 0.0
    for i in range(8):
        j = 7 - i
        wanted += float(share[i] * -log_p[i, known.labels[i]] + (1 - share[i]) * -log_p[i, known.labels[j]]) / 8
    assert objective.loss((logits, share), known).item() == pytest.approx(wanted, rel=1e-5)


def test_frames_of_two_processes_are_mixed_with_their_own():
    encoder, objective = made(mixup=0.8)
    encoder.eval()
    torch.manual_seed(3)
    halves = []
    batch, known = batch_of()
    for rank in range(2):
        own = Batch((batch.views[0][rank::2],), batch.draws[rank::2], NOW)
        halves.append((objective(encoder, own), known.labels[rank::2]))
    joint = [torch.stack([a, b], 1).flatten(0, 1) for a, b in zip(halves[0][0], halves[1][0], strict=True)]
    alone = [
        objective.loss(outputs, Known(known.clips[rank::2], labels, NOW))
        for rank, (outputs, labels) in enumerate(halves)
    ]
    together = objective.loss(tuple(joint), known)
    torch.testing.assert_close(together, torch.stack(alone).mean())


def test_a_frozen_encoder_stays_as_it_is_to_the_last_bit_in_training_mode():
    encoder, objective = made()
    encoder.requires_grad_(False)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    encoder.train(), objective.train()
    batch, known = batch_of()
    optimizer = torch.optim.SGD(objective.head.parameters(), lr=0.1)
    first = objective.loss(objective(encoder, batch), known)
    first.backward()
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert objective.loss(objective(encoder, batch), known).item() < first.item()


def test_only_what_is_frozen_is_held_still():
    encoder, _ = made()
    for name, weight in encoder.net.named_parameters():
        weight.requires_grad_(name.startswith("layer4"))
    encoder.train()
    hold_still(encoder)
    modes = {name.split(".")[0]: part.training for name, part in encoder.net.named_modules() if "." in name}
    norms = [(name, part.training) for name, part in encoder.net.named_modules() if isinstance(part, nn.BatchNorm2d)]
    assert modes["layer4"]
    assert not modes["layer1"]
    assert all(training == name.startswith("layer4") for name, training in norms)
    assert {training for _, training in norms} == {True, False}


def test_averaged_weights_are_kept_with_the_norms_statistics():
    encoder, objective = made(ema=0.5)
    batch, known = batch_of()
    encoder.train()
    optimizer = torch.optim.SGD([*encoder.parameters(), *objective.head.parameters()], lr=0.1)
    average = [weight.detach().clone() for weight in encoder.parameters()]
    for step in range(3):
        optimizer.zero_grad()
        objective.loss(objective(encoder, batch), known).backward()
        optimizer.step()
        objective.after_step(encoder, Now(step, 3, 0.0))
        momentum = min(0.5, (1 + step) / (10 + step))
        average = [
            momentum * a + (1 - momentum) * w.detach() for a, w in zip(average, encoder.parameters(), strict=True)
        ]
    kept, head = objective.fitted(encoder)
    for a, b in zip(average, kept.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    assert all(torch.equal(a, b) for a, b in zip(kept.buffers(), encoder.buffers(), strict=True))
    assert not torch.equal(head.layers[0].weight, objective.head.layers[0].weight)
    assert made()[1].fitted(encoder)[0] is encoder


def test_settings_that_break_a_rule_are_refused():
    with pytest.raises(SettingsError, match="mixup is -1"):
        ClassifySettings(mixup=-1.0)
    with pytest.raises(SettingsError, match="balance is 'weight'"):
        ClassifySettings(balance="weight")
