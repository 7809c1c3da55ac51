"""A run that gave up can be seen again: the same batch, the same weights, the same loss."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from made_objective import small_settings

from sslecho.errors import NounError, SslechoError
from sslecho.models.encoder import Encoder
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Objective
from sslecho.objectives.simclr import SimCLR
from sslecho.rundir import write_json
from sslecho.train.batches import Frames
from sslecho.train.bundle import read_bundle, replay, write_bundle
from sslecho.train.device import make_fabric
from sslecho.train.learner import Learner
from sslecho.train.log import TrainingLog
from sslecho.train.loop import Plan, fit
from sslecho.views.policies import Views, policy

PICTURES = np.random.default_rng(0).integers(0, 256, (24, 32, 32)).astype(np.uint8)
BAD_ROW, EPOCHS = 13, 3


class Broken(Objective):
    """SimCLR that is no number for batches with one certain frame, from the second epoch on."""

    settings_class, negatives = SimCLR.settings_class, True

    def __init__(self, encoder, settings):
        super().__init__()
        self.inner = SimCLR(encoder, settings)

    def forward(self, encoder, batch):
        return self.inner(encoder, batch)

    def loss(self, outputs, known):
        bad = (known.clips == BAD_ROW).any() & (known.now.epoch >= 1)
        return self.inner.loss(outputs, known) * torch.where(bad, math.nan, 1.0)

    def after_step(self, encoder, now):
        self.inner.after_step(encoder, now)

    def chance(self, n):
        return self.inner.chance(n)


@pytest.fixture
def pieces(monkeypatch):
    monkeypatch.setitem(OBJECTIVES._entries, "simclr", Broken)
    torch.manual_seed(0)
    encoder = Encoder("test_resnet", image_size=32, mean=0.5, std=0.3)
    objective = OBJECTIVES["simclr"](encoder, small_settings("simclr"))
    frames = Frames(lambda rows: PICTURES[rows], np.arange(24), np.arange(24), np.arange(24) // 2)
    return encoder, objective, frames, [Views(policy("echo", size=32), size=32, seed=5)] * 2


def test_the_step_that_went_wrong_can_be_seen_again(pieces, tmp_path):
    encoder, objective, frames, makers = pieces
    write_json(tmp_path / "run.json", {"command": "pretrain", "identity": {"lr": 0.1}, "provenance": {"python": "3"}})
    seen = {}
    after_step = objective.after_step

    def remember(encoder, now):  # weights after each step, which are those before the next
        after_step(encoder, now)
        seen[now.step + 1] = {name: value.clone() for name, value in encoder.named_parameters()}

    objective.after_step = remember
    fabric = make_fabric(device="cpu", devices=1, nodes=1, precision="32")
    plan = Plan(epochs=EPOCHS, batch_size=8, lr=1e-3, weight_decay=1e-4, optimizer="adamw", warmup_epochs=0.5, seed=5)
    with pytest.raises(SslechoError, match=r"the loss is nan at step [456]; lower --lr .*bundle"):
        fit(encoder, objective, frames, makers, plan, fabric=fabric, folder=tmp_path, log=TrainingLog(tmp_path))
    bundle = read_bundle(tmp_path)
    assert "nan" in bundle.reason
    assert (bundle.seed, bundle.epoch) == (5, 1)
    assert 3 <= bundle.step < 6
    assert BAD_ROW in bundle.rows
    assert (bundle.rows != bundle.partner_rows).any()
    assert bundle.run == {"identity": {"lr": 0.1}, "provenance": {"python": "3"}}
    for name, value in seen[bundle.step].items():
        assert torch.equal(bundle.state[f"encoder.{name}"], value), name

    torch.manual_seed(99)  # other weights: they must come from the bundle
    fresh = Encoder("test_resnet", image_size=32, mean=0.5, std=0.3)
    again = replay(bundle, fresh, Broken(fresh, small_settings("simclr")), frames, makers, epochs=EPOCHS, fabric=fabric)
    assert math.isnan(float(again.detach()))
    again.backward()
    assert any(not p.grad.isfinite().all() for p in fresh.parameters())


def test_a_replayed_step_has_the_loss_of_the_run(pieces, tmp_path):
    """What came before the loss is as it was: the loss is told by the run itself, in the step that is replayed."""
    encoder, objective, frames, makers = pieces
    told = []
    inner_loss = objective.inner.loss

    def tell(outputs, known):
        loss = inner_loss(outputs, known)
        told.append(float(loss.detach()))
        return loss

    objective.inner.loss = tell
    fabric = make_fabric(device="cpu", devices=1, nodes=1, precision="32")
    plan = Plan(epochs=EPOCHS, batch_size=8, lr=1e-3, weight_decay=1e-4, optimizer="adamw", warmup_epochs=0.5, seed=5)
    with pytest.raises(SslechoError):
        fit(encoder, objective, frames, makers, plan, fabric=fabric, folder=tmp_path, log=TrainingLog(tmp_path))
    fresh = Encoder("test_resnet", image_size=32, mean=0.5, std=0.3)
    sound = SimCLR(fresh, small_settings("simclr"))
    bundle = read_bundle(tmp_path / "bundle")
    state = {name.replace("objective.inner.", "objective."): value for name, value in bundle.state.items()}
    again = replay(dataclasses.replace(bundle, state=state), fresh, sound, frames, makers, epochs=EPOCHS, fabric=fabric)
    assert float(again.detach()) == pytest.approx(told[-1], rel=1e-6)
    assert float(again.detach()) != pytest.approx(told[-2], rel=1e-4)


def test_a_bundle_names_no_one(pieces, tmp_path):
    encoder, objective, *_ = pieces
    rows = np.arange(8)
    path = write_bundle(
        tmp_path, reason="r", step=1, epoch=0, rows=rows, partner_rows=rows, seed=0,
        state=Learner(encoder, objective).state_dict(),
    )  # fmt: skip
    assert sorted(file.name for file in path.iterdir()) == ["bundle.json", "weights.pt"]
    about = json.loads((path / "bundle.json").read_text())
    assert set(about) == {
        "schema", "version", "reason", "step", "epoch", "seed", "rows", "partner_rows", "run"
    }  # fmt: skip
    assert str(tmp_path) not in (path / "bundle.json").read_text()


def test_what_is_no_bundle_is_named(tmp_path):
    with pytest.raises(NounError, match="holds no bundle"):
        read_bundle(tmp_path)
    path = write_bundle(
        tmp_path, reason="r", step=1, epoch=0, rows=np.arange(2), partner_rows=np.arange(2), seed=0, state={}
    )
    (path / "weights.pt").write_bytes(b"no weights")
    with pytest.raises(NounError, match=r"weights\.pt can't be read"):
        read_bundle(tmp_path)
    write_json(path / "bundle.json", {"version": 2})
    with pytest.raises(NounError, match="a bundle of version 2, this sslecho reads version 1"):
        read_bundle(tmp_path)
