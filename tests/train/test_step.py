"""A step: what keeps the weights from a bad one, compiling and its failure, and that the device is never waited for."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_objective import make
from small_run import newest, small_run
from torch import nn

from sslecho.errors import SslechoError
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Now
from sslecho.train import loop
from sslecho.train.batches import Frames
from sslecho.train.bundle import read_bundle
from sslecho.train.checkpoint import step_of
from sslecho.train.guard import Guard, NotFinite
from sslecho.train.learner import Learner, begin_momentum, make_optimizer
from sslecho.train.log import read_log
from sslecho.train.pictures import load
from sslecho.train.transfer import Ahead
from sslecho.views.policies import Views, policy

PICTURES = np.random.default_rng(0).integers(0, 256, (40, 64, 64)).astype(np.uint8)
FRAMES = Frames(lambda rows: PICTURES[rows], np.arange(40), np.arange(40) // 2)
ROWS = np.arange(8)
# What a step asks of Fabric, for one process; Fabric itself knows no meta device.
BARE = SimpleNamespace(
    device=torch.device("cpu"),
    world_size=1,
    backward=lambda loss: loss.backward(),
    strategy=SimpleNamespace(precision=SimpleNamespace()),
)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("bad", ["loss", "gradient"])
def test_weights_stay_from_the_first_bad_step_on_until_the_host_looks(optimizer, bad):
    """As on a GPU, whose flag the host reads now and then only."""
    module = nn.Linear(3, 2)
    made = make_optimizer(module, name=optimizer, lr=0.1, weight_decay=0.1)
    guard = Guard(torch.device("cpu"))
    guard._at_once = False
    weights = []
    for step in range(5):
        loss = module(torch.ones(1, 3)).sum()
        loss.backward()
        if step == 2 and bad == "gradient":
            module.weight.grad[0, 0] = torch.inf
        loss = loss.detach() * (torch.nan if step == 2 and bad == "loss" else 1)
        guard.judge(step, loss, nn.utils.get_total_norm([p.grad for p in module.parameters()]))
        made.found_inf = guard.flag
        made.step()
        made.zero_grad()
        weights.append(module.weight.detach().clone())
    assert not torch.equal(weights[0], weights[1])
    assert all(torch.equal(later, weights[1]) for later in weights[2:])
    said = {"loss": "the loss is nan", "gradient": "the gradient's norm is inf"}[bad]
    with pytest.raises(NotFinite, match=f"{said} at step 3"):
        guard.read()


def test_finite_steps_are_left_alone():
    guard = Guard(torch.device("cpu"))
    for step in range(3):
        guard.judge(step, torch.tensor(1.0), torch.tensor(2.0))
    guard.read()
    assert float(guard.flag) == 0


def test_a_bad_step_ends_the_run_at_once_with_a_bundle(tmp_path, monkeypatch):
    before = []
    true_loss = OBJECTIVES["simclr"].loss

    def bad_at_7(self, outputs, known):
        if known.now.step == 7:
            before.append(self.head.layers[0].weight.detach().clone())
            return true_loss(self, outputs, known) * torch.nan
        return true_loss(self, outputs, known)

    monkeypatch.setattr(OBJECTIVES["simclr"], "loss", bad_at_7)
    with pytest.raises(
        SslechoError, match=r"the loss is nan at step 8; lower --lr .*--overwrite; .* has the batch"
    ) as e:
        small_run(tmp_path, "simclr")
    state = next(tmp_path.rglob("*bundle*/*.pt"), None) or next(tmp_path.rglob("*bundle*.pt"))
    assert str(tmp_path) in str(e.value)
    saved = torch.load(state, weights_only=True)
    saved = saved.get("state", saved)
    assert torch.equal(saved["objective.head.layers.0.weight"], before[0])


def test_after_a_bad_step_nothing_is_saved_until_it_is_read(tmp_path, monkeypatch):
    true_loss, begin = OBJECTIVES["simclr"].loss, Guard.__init__

    def bad_at_7(self, outputs, known):
        return true_loss(self, outputs, known) * (torch.nan if known.now.step == 7 else 1)

    def as_on_a_gpu(self, device):
        begin(self, device)
        self._at_once = False

    monkeypatch.setattr(OBJECTIVES["simclr"], "loss", bad_at_7)
    monkeypatch.setattr(Guard, "__init__", as_on_a_gpu)
    with pytest.raises(SslechoError, match="the loss is nan at step 8"):
        small_run(tmp_path, "simclr")
    assert step_of(newest(tmp_path)) == 7


class GivesUp:
    every = 1
    score = "knn_accuracy"

    def __init__(self, at):
        self.at, self.weights = at, None

    def check(self, module, *, step, total):
        if step == self.at:
            self.weights = {name: value.clone() for name, value in module.state_dict().items()}
            raise SslechoError("seen enough")
        return {}


@pytest.mark.parametrize("at", [20, 40])
def test_where_the_watch_gives_up_the_bundle_has_the_batch_that_comes_next(tmp_path, at):
    watch = GivesUp(at)
    with pytest.raises(SslechoError, match="seen enough; .* has the batch and the weights before it"):
        small_run(tmp_path, "simclr", watch=watch)
    bundle = read_bundle(tmp_path)
    batches = loop.row_batches(FRAMES, batch_size=8, epochs=9, seed=0, start=at, rank=0, world=1)
    assert bundle.step == at
    assert np.array_equal(bundle.rows, next(batches)[0])
    assert bundle.state.keys() == watch.weights.keys()
    assert all(torch.equal(value, watch.weights[name]) for name, value in bundle.state.items())


def test_the_gradients_norm_is_that_of_all_trained_weights(tmp_path, monkeypatch):
    norms = []
    judge = Guard.judge

    def noted(self, step, loss, grad_norm):
        squares = [float((p.grad.double() ** 2).sum()) for p in learner[0].parameters() if p.grad is not None]
        norms.append(sum(squares) ** 0.5)
        judge(self, step, loss, grad_norm)

    learner = []
    as_channels_last = loop.as_channels_last
    monkeypatch.setattr(loop, "as_channels_last", lambda module: learner.append(module) or as_channels_last(module))
    monkeypatch.setattr(loop, "STEPS_BETWEEN_LOGS", 1)
    monkeypatch.setattr(Guard, "judge", noted)
    small_run(tmp_path, "simclr")
    assert [line["grad_norm"] for line in read_log(tmp_path)] == pytest.approx(norms, rel=1e-5)


def test_a_long_gradient_is_scaled_down_and_a_short_one_is_not():
    """SGD's first step is the gradient times the learning rate."""

    def moved(clip_grad):
        encoder, objective = make("simclr")
        learner = Learner(encoder, objective).train()
        before = nn.utils.parameters_to_vector(learner.parameters()).detach()
        optimizer = torch.optim.SGD(learner.parameters(), lr=0.5)
        optimizer.optimizer = optimizer
        makers = [Views(policy("echo", size=32), size=32, seed=0)] * 2
        _, norm = loop._step(
            learner, optimizer, load(FRAMES, (ROWS, ROWS)), FRAMES, makers, fabric=BARE, seed=0, now=Now(0, 40, 0.0),
            clip_grad=clip_grad,
        )  # fmt: skip
        return float(norm), (before - nn.utils.parameters_to_vector(learner.parameters()).detach()) / 0.5

    norm, whole = moved(None)
    assert float(whole.norm()) == pytest.approx(norm, rel=1e-3)
    same_norm, clipped = moved(norm / 4)
    assert same_norm == norm
    assert float(clipped.norm()) == pytest.approx(norm / 4, rel=1e-3)
    assert float(torch.cosine_similarity(clipped, whole, dim=0)) == pytest.approx(1, abs=1e-4)
    assert torch.equal(moved(norm * 2)[1], whole)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_in_float16_an_overflow_is_left_out_and_the_run_goes_on(name):
    encoder, objective = make("simclr")
    learner = Learner(encoder, objective).train()
    made = make_optimizer(learner, name=name, lr=0.01, weight_decay=0.0)
    begin_momentum(made)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**126)  # the first gradients overflow
    optimizer = SimpleNamespace(optimizer=made, step=lambda: (scaler.step(made), scaler.update()))
    optimizer.zero_grad = made.zero_grad
    fabric = SimpleNamespace(**{**vars(BARE), "backward": lambda loss: scaler.scale(loss).backward()})
    fabric.strategy = SimpleNamespace(precision=SimpleNamespace(scaler=scaler))
    makers = [Views(policy("echo", size=32), size=32, seed=0)] * 2
    guard, weights, norms = Guard(torch.device("cpu")), [nn.utils.parameters_to_vector(learner.parameters())], []
    for step in range(12):
        loaded, now = load(FRAMES, (ROWS, ROWS)), Now(step, 40, 0.0)
        norms.append(
            loop._step(learner, optimizer, loaded, FRAMES, makers, fabric=fabric, seed=0, now=now, guard=guard)[1]
        )
        weights.append(nn.utils.parameters_to_vector(learner.parameters()))
    assert not norms[0].isfinite()
    assert torch.equal(weights[0], weights[1])
    assert norms[-1] < 100  # unscaled
    assert not torch.equal(weights[-2], weights[-1])
    assert weights[-1].isfinite().all()


def test_dropout_draws_by_the_step_and_not_by_what_was_drawn_before():
    def loss(step):
        encoder, objective = make("simclr")
        objective.head = nn.Sequential(nn.Dropout(0.5), objective.head)
        learner = Learner(encoder, objective).train()
        optimizer = torch.optim.SGD(learner.parameters(), lr=0.5)
        optimizer.optimizer = optimizer
        makers = [Views(policy("echo", size=32), size=32, seed=0)] * 2
        now = Now(step, 40, 0.0)
        torch.rand(drawn)
        return loop._step(
            learner, optimizer, load(FRAMES, (ROWS, ROWS)), FRAMES, makers, fabric=BARE, seed=0, now=now
        )[0]  # fmt: skip

    drawn = 1
    first, second = loss(3), loss(4)
    drawn = 7
    assert loss(3) == first
    assert second != first


def test_where_compiling_fails_the_run_goes_on_without_and_says_so_once(tmp_path, capsys):
    asked = []

    def fails(graph, inputs):
        asked.append(graph)
        raise RuntimeError("no compiler here")

    plain, _ = small_run(tmp_path / "plain", "dino")
    capsys.readouterr()
    without, _ = small_run(tmp_path / "without", "dino", backend=fails)
    assert len(asked) == 1
    said = capsys.readouterr().err
    assert said.count("warning: the network can't be compiled") == 1
    assert "no compiler here" in said
    assert plain.hash() == without.hash()


def test_a_compiled_network_learns_the_same(tmp_path, capsys):
    compiled = []

    def as_it_is(graph, inputs):
        compiled.append(graph)
        return graph.forward

    plain, _ = small_run(tmp_path / "plain", "simclr")
    capsys.readouterr()
    other, _ = small_run(tmp_path / "compiled", "simclr", backend=as_it_is)
    assert compiled
    assert "warning" not in capsys.readouterr().err
    for name, weight in plain.state_dict().items():
        assert torch.allclose(weight, other.state_dict()[name], atol=1e-5), name
    assert other.net._compiled_call_impl is None  # whoever embeds with it next need not wait for a compiler


@pytest.mark.parametrize("method", ["simclr", "dino", "swav"])
def test_a_whole_step_waits_for_no_number(method):
    """On the meta device reading a number is an error: from the pictures to the moved teacher nothing does."""
    encoder, objective = make(method)
    side = encoder.image_size
    makers = [Views(policy("echo", size=side), size=side, seed=0)] * (objective.n_views + 2 * (method != "simclr"))
    learner = Learner(encoder, objective).to("meta").train()
    optimizer = torch.optim.SGD([p for p in learner.parameters() if p.requires_grad], lr=0.1)
    optimizer.optimizer = SimpleNamespace()  # takes the flag: no fused optimizer knows the meta device
    fabric = SimpleNamespace(**{**vars(BARE), "device": torch.device("meta")})
    loss, norm = loop._step(
        learner, optimizer, load(FRAMES, (ROWS, ROWS)), FRAMES, makers, fabric=fabric, seed=0, now=Now(5, 40, 1.0),
        guard=Guard(torch.device("meta")),
    )  # fmt: skip
    assert loss.is_meta
    assert norm.is_meta


def test_batches_come_in_order_and_one_ahead():
    read = []

    def noted(rows):
        read.append(int(rows[0]))
        return PICTURES[rows]

    frames = Frames(noted, np.arange(40), np.arange(40) // 2)
    pairs = ((np.arange(at, at + 2),) * 2 for at in (0, 10, 20))
    with Ahead(frames, pairs, torch.device("cpu")) as ahead:
        batches = [ahead.next() for _ in range(3)]
    assert [int(batch.rows[0]) for batch in batches] == read == [0, 10, 20]
    assert all(np.array_equal(batch.pictures.numpy(), PICTURES[batch.rows]) for batch in batches)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_batches_are_there_before_they_are_asked_for():
    pairs = ((np.arange(at, at + 8),) * 2 for at in (0, 8, 16, 24))
    with Ahead(FRAMES, pairs, torch.device("cuda")) as ahead:
        for at in (0, 8, 16, 24):
            batch = ahead.next()
            assert batch.pictures.is_cuda
            assert batch.partner_pictures is batch.pictures
            assert np.array_equal(batch.pictures.cpu().numpy(), PICTURES[at : at + 8])
