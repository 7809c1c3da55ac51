"""The whole network: drawn stores, two steps, an interruption."""

import copy

import numpy as np
import pytest
import torch
from drawn_store import draw_store

from sslecho.data.neighbor_partners import NeighborPartners, one_of
from sslecho.models.encoder import Encoder
from sslecho.objectives.objective import Batch, Known, Now
from sslecho.tasks.fusc import network
from sslecho.tasks.fusc.fit import fit_fusc
from sslecho.tasks.fusc.losses import fusc_loss
from sslecho.tasks.fusc.network import Head, Neighborhood, NeighborObjective, SelfLabelObjective, fit_network
from sslecho.tasks.fusc.settings import FuscSettings
from sslecho.train.device import make_fabric

SETTINGS = FuscSettings(
    heads=2, steps=20, epochs=2, self_label_epochs=1, network_batch_size=16, network_lr=1e-4, policy="echo"
)


def neighbors(n, j, *, seed):
    rng = np.random.default_rng(seed)
    return np.stack([rng.choice(np.delete(np.arange(n), i), j, replace=False) for i in range(n)])


@pytest.fixture
def begun(tmp_path):
    store = draw_store(tmp_path / "store", patients=8, clips=3, frames=2)
    torch.manual_seed(0)
    encoder = Encoder("resnet10t", image_size=32, mean=0.3, std=0.3)
    for _ in range(30):  # else batch norm would see other numbers in eval mode than in training
        encoder(torch.from_numpy(store.read(np.arange(24))).unsqueeze(1) / 255)
    encoder.eval()
    split = store.column("split", level="frame")
    rows = {name: np.flatnonzero(split == name).astype(np.int64) for name in ("train", "test")}
    vectors = encoder.encode(torch.from_numpy(store.read(rows["train"]))).numpy()
    train = Neighborhood(rows["train"], neighbors(len(rows["train"]), 4, seed=0))
    val = Neighborhood(rows["test"], neighbors(len(rows["test"]), 2, seed=1))
    start = fit_fusc(vectors, train.neighbor_ids, k=3, settings=SETTINGS, seed=0)
    return store, encoder, start, train, val


def run(begun, folder, *, fabric=None):
    store, encoder, start, train, val = begun
    return fit_network(
        store,
        copy.deepcopy(encoder),
        start,
        train=train,
        val=val,
        settings=SETTINGS,
        seed=0,
        fabric=fabric or make_fabric(device="cpu", devices=1, nodes=1, precision="32"),
        folder=folder,
    )


def test_both_steps_train_and_the_state_with_the_least_loss_stays(begun, tmp_path, capsys):
    encoder, model = run(begun, tmp_path / "run")
    said = capsys.readouterr().err
    assert len(model.criteria) == 3
    assert len(set(model.criteria.tolist())) == 3
    best = ("before training", "after clustering", "after self-labelling")[int(model.criteria.argmin())]
    assert f"the network {best} has the least loss" in said
    changed = encoder.hash() != begun[1].hash()
    assert changed == (best != "before training")
    store, val = begun[0], begun[4]
    found = model.assign(encoder.encode(torch.from_numpy(store.read(val.rows))).numpy())
    head = network.log_probabilities(store, encoder, Head(model), val.rows, device=torch.device("cpu"))
    np.testing.assert_array_equal(found.clusters, head.argmax(1))
    np.testing.assert_allclose(found.confidences, np.exp(head.max(1)), rtol=1e-4)


def test_a_run_that_was_stopped_goes_on_to_the_same_end(begun, tmp_path, monkeypatch):
    straight = run(begun, tmp_path / "straight")
    real = network.fit

    def stopped(encoder, objective, *more, **how):
        if isinstance(objective, SelfLabelObjective):
            raise KeyboardInterrupt
        return real(encoder, objective, *more, **how)

    monkeypatch.setattr(network, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(begun, tmp_path / "broken")
    monkeypatch.setattr(network, "fit", real)
    resumed = run(begun, tmp_path / "broken")
    np.testing.assert_allclose(resumed[1].criteria, straight[1].criteria, rtol=1e-5)
    np.testing.assert_allclose(resumed[1].weights, straight[1].weights, atol=1e-5)


def test_the_second_step_has_the_loss_of_its_views(begun):
    _, encoder, start, *_ = begun
    prior = torch.from_numpy(start.prior).float()
    objective = NeighborObjective(Head(start), lam=2.0, prior=prior)
    views = tuple(torch.rand(6, 1, 32, 32, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    outputs = objective(encoder, Batch(views, torch.empty(6, 0), Now(0, 10, 0.0)))
    log_p, log_q = (torch.from_numpy(np.log(start.probabilities(encoder(v).detach().numpy()))) for v in views)
    found = objective.loss(outputs, Known(torch.arange(6), torch.full((6,), -1), Now(0, 10, 0.0)))
    assert found.item() == pytest.approx(fusc_loss(log_p, log_q, lam=2.0, prior=prior).item(), rel=1e-4)


def test_the_third_step_learns_from_the_plain_view_and_skips_batches_without_a_sure_frame(begun):
    _, encoder, start, *_ = begun
    objective = SelfLabelObjective(Head(start), shares=None)
    now = Now(9, 10, 0.0)
    known = Known(torch.arange(4), torch.full((4,), -1), now)
    views = tuple(torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    plain, strong = objective(encoder, Batch(views, torch.empty(4, 0), now))
    assert not plain.requires_grad
    assert strong.requires_grad
    nobody = torch.full((4, 3), 1 / 3).log()
    loss = objective.loss((nobody, strong), known)
    loss.backward()
    assert int(objective.skipped) == 1
    assert float(objective.head.weight.grad.abs().sum()) == 0
    sure = torch.tensor([[0.0, -30, -30], [-30, 0.0, -30], [0.0, -30, -30], [-30, -30, 0.0]])
    assert objective.loss((sure, strong), known).item() > 0
    assert int(objective.skipped) == 1


def test_partners_are_neighbors_all_of_them_and_follow_seed_epoch_and_frame():
    rows = np.array([7, 3, 9, 5])
    ids = np.array([[1, -1, 2], [-1, -1, 0], [-1, -1, -1], [0, 1, 2]])
    partners = NeighborPartners(rows, ids)
    seen = [partners.draw(rows, seed=0, epoch=epoch).tolist() for epoch in range(200)]
    assert [set(column) for column in zip(*seen, strict=True)] == [{3, 9}, {7}, {9}, {7, 3, 9}]
    shares = np.bincount([column[0] == 3 for column in seen]) / 200
    assert 0.35 < shares[1] < 0.65
    assert partners.draw(rows[::-1].copy(), seed=0, epoch=4).tolist() == seen[4][::-1]
    assert any(partners.draw(rows, seed=1, epoch=epoch).tolist() != seen[epoch] for epoch in range(5))
    assert one_of(ids, np.array([3, 3]), np.array([0.0, 0.999999])).tolist() == [0, 2]
