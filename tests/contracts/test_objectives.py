"""What every registered objective must do."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from made_objective import N, batch_for, known, make, small_settings

from sslecho.errors import SettingsError
from sslecho.metrics.spread import effective_rank
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, Objective

METHODS = list(OBJECTIVES)
CONTRASTIVE = [name for name in METHODS if OBJECTIVES[name].negatives]
TAUGHT = ["byol", "dino", "mocov3"]  # those with a slow copy of the encoder


def take_steps(name, count, *, lr=3e-3):
    """Losses of `count` steps on one batch, as the training loop takes them."""
    encoder, objective = make(name)
    encoder.train()
    trained = [p for p in [*encoder.parameters(), *objective.parameters()] if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=lr)
    losses = []
    for step in range(count):
        batch = batch_for(encoder, objective, step=step)
        loss = objective.loss(objective(encoder, batch), known(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.after_step(encoder, batch.now)
        losses.append(loss.item())
    return losses, encoder, objective


@pytest.mark.parametrize("name", METHODS)
def test_the_loss_is_finite_and_falls_and_its_gradient_reaches_the_encoder(name):
    losses, encoder, objective = take_steps(name, 20)
    assert np.isfinite(losses).all()
    assert np.mean(losses[-3:]) < losses[0]
    reached = [p.grad is not None and float(p.grad.abs().sum()) > 0 for p in encoder.parameters() if p.requires_grad]
    assert np.mean(reached) > 0.9  # one bias or the other may be without effect before a norm
    heads = [p for p in objective.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in heads)  # processes wait for a gradient of every parameter


@pytest.mark.parametrize("name", METHODS)
def test_what_gets_no_gradient_is_no_part_of_the_graph(name):
    encoder, objective = make(name)
    batch = batch_for(encoder, objective)
    objective.loss(objective(encoder, batch), known(batch)).backward()
    frozen = [p for p in objective.parameters() if not p.requires_grad]
    assert bool(frozen) == (name in TAUGHT)
    assert all(p.grad is None for p in frozen)


@pytest.mark.parametrize("name", TAUGHT)
def test_the_slow_copy_starts_as_a_copy_and_follows(name):
    _, encoder, objective = take_steps(name, 0)
    fast = dict(encoder.named_parameters())
    slow = dict(objective.slow_encoder.module.named_parameters())
    assert all(torch.equal(slow[key], fast[key]) for key in fast)
    key = next(key for key in fast if key.endswith(("conv1.weight", "conv1.0.weight")))
    _, encoder, objective = take_steps(name, 3)
    networks = (encoder, objective.slow_encoder.module, make(name)[0])
    fast, slow, start = (network.get_parameter(key).detach() for network in networks)
    assert 0 < float((slow - start).norm()) < float((fast - start).norm())


@pytest.mark.parametrize("name", METHODS)
def test_the_order_of_the_frames_does_not_matter(name):
    encoder, objective = make(name)
    batch = batch_for(encoder, objective)
    objective.requires_grad_(False)
    outputs = tuple(output.detach() for output in objective(encoder, batch))
    clips, labels = [0, 0, 1, 2, 3, 3, 4, 5], [1, 1, 0, -1, 2, 2, 0, 1]
    order = [3, 0, 7, 5, 1, 6, 2, 4]
    there = objective.loss(outputs, known(batch, clips=clips, labels=labels))
    moved = tuple(output[order] for output in outputs)
    back = objective.loss(moved, known(batch, clips=[clips[i] for i in order], labels=[labels[i] for i in order]))
    assert float(there) == pytest.approx(float(back), rel=1e-5)


@pytest.mark.parametrize("name", CONTRASTIVE)
def test_frames_of_one_clip_get_exactly_no_gradient_from_each_other(name):
    encoder, objective = make(name)
    batch = batch_for(encoder, objective)
    outputs = tuple(output.detach().requires_grad_() for output in objective(encoder, batch))
    # One clip, and every frame a class of its own: nothing is left to repel.
    loss = objective.loss(outputs, known(batch, clips=[7] * N, labels=list(range(N))))
    loss.backward()
    assert loss.item() == 0
    assert all(output.grad is None or not output.grad.any() for output in outputs)


@pytest.mark.parametrize("name", METHODS)
def test_a_step_stays_on_its_device_and_waits_for_no_number(name):
    """On the meta device a tensor of another device is an error, and so is reading a number."""
    encoder, objective = make(name)
    batch = batch_for(encoder, objective, step=5)  # the queue is full by then
    told = known(batch)
    encoder.to("meta"), objective.to("meta")
    batch = Batch(tuple(view.to("meta") for view in batch.views), batch.draws.to("meta"), batch.now)
    told = Known(told.clips.to("meta"), told.labels.to("meta"), told.now)
    loss = objective.loss(objective(encoder, batch), told)
    loss.backward()
    objective.after_step(encoder, batch.now)
    assert loss.is_meta


ALL_ALIKE = {
    "barlowtwins": pytest.approx(8, rel=1e-6),
    "byol": pytest.approx(0, abs=1e-6),
    "mocov3": pytest.approx(4 * 0.2 * math.log(N)),
    "simclr": pytest.approx(math.log(2 * N - 1)),
    "supcon": pytest.approx(math.log(2 * N - 1)),
    "supcon_ntxent": pytest.approx(math.log(2 * N - 3) + math.log(2 * N - 1)),  # two frames a class are no negatives
    "vicreg": pytest.approx(24.75),
}


@pytest.mark.parametrize("name", METHODS)
def test_constant_outputs_have_the_loss_of_theory(name):
    """A collapse shows in the loss, but for BYOL, where it looks best: that is what the effective rank is for."""
    encoder, objective = make(name)
    batch = batch_for(encoder, objective)
    with torch.no_grad():
        outputs = objective(encoder, batch)
        chance = objective.chance(N)
        if name == "mae":  # its outputs are pixels: each patch's mean
            loss = objective.loss((torch.zeros_like(outputs[0]), outputs[1]), known(batch))
            assert float(loss) == pytest.approx(chance, rel=1e-2)
            return
        alike = torch.nn.functional.normalize(torch.ones(N, outputs[0].shape[1]), dim=1)
        loss = float(objective.loss(tuple(alike for _ in outputs), known(batch)))
        if name == "dino":  # once the center has come to the collapsed outputs
            objective.center.copy_(objective._latest)
            loss = float(objective.loss(tuple(alike for _ in outputs), known(batch)))
    if name in ALL_ALIKE:
        assert loss == ALL_ALIKE[name]
    else:  # dino and swav: assignments are even, and telling them evenly costs ln K at least
        assert loss >= math.log(12) - 1e-6
    if name not in ("byol", "supcon_ntxent", "dino", "swav"):
        assert chance == ALL_ALIKE[name]
    elif name in ("dino", "swav"):
        assert chance == pytest.approx(math.log(12))


def test_a_collapse_shows_in_the_effective_rank():
    collapsed = np.ones((50, 16)) + 1e-9 * np.random.default_rng(0).standard_normal(50)[:, None]
    assert effective_rank(collapsed) == pytest.approx(1, abs=0.01)
    assert effective_rank(np.random.default_rng(0).standard_normal((500, 16))) > 15


@pytest.mark.parametrize("name", METHODS)
def test_settings_have_defaults_docs_and_rules(name):
    objective_class = OBJECTIVES[name]
    assert issubclass(objective_class, Objective)
    assert objective_class.__doc__
    assert objective_class.settings_class.__doc__
    defaults = objective_class.settings_class()
    for field in dataclasses.fields(defaults):
        assert field.metadata["help"]
        value = getattr(defaults, field.name)
        if isinstance(value, bool | str):
            continue
        assert field.metadata["minimum"] is not None
        for nonsense in (math.nan, -1.0) if isinstance(value, float) else (-1,):
            with pytest.raises(SettingsError, match=f"{field.name} is .*; it must be at least"):
                small_settings_with(name, field.name, nonsense)


def small_settings_with(name, key, value):
    defaults = {f.name: getattr(small_settings(name), f.name) for f in dataclasses.fields(small_settings(name))}
    return OBJECTIVES[name].settings_class(**{**defaults, key: value})


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("key", ["temperature", "teacher_temperature", "epsilon", "projection_dim", "prototypes"])
def test_what_is_divided_by_or_counted_is_never_0(name, key):
    if key in {field.name for field in dataclasses.fields(OBJECTIVES[name].settings_class)}:
        with pytest.raises(SettingsError, match=f"{key} is 0"):
            small_settings_with(name, key, 0 if key in ("projection_dim", "prototypes") else 0.0)


@pytest.mark.parametrize("name", ["dino", "swav"])
def test_local_views_can_not_be_turned_inside_out(name):
    with pytest.raises(SettingsError, match=r"local_min_area is 0.6; it must be at most local_max_area, which is 0.5"):
        make(name, local_min_area=0.6, local_max_area=0.5)
