"""A run that a watch ends early, keeps its best weights, and knows both after an interruption."""

import os
import signal

import pytest
import torch
from small_run import small_run

from sslecho.errors import Interrupted, NounError
from sslecho.models.encoder import Encoder
from sslecho.train import checkpoint


class Judge:
    """Scores that rise until a step and then fall; the weights at each look are kept."""

    every = 1
    score = "val"

    def __init__(self, best_at):
        self.best_at, self.looks, self.weights = best_at, [], {}

    def check(self, module, *, step, total):
        self.looks.append(step)
        self.weights[step] = {name: value.clone() for name, value in module.encoder.state_dict().items()}
        return {"val": -abs(step - self.best_at) / total}


@pytest.fixture
def in_plan(monkeypatch):
    """Adds to the plan of `small_run`."""
    import small_run as module

    plan = module.Plan

    def add(**more):
        monkeypatch.setattr(module, "Plan", lambda **how: plan(**{**how, **more}))

    return add


def same(encoder, weights):
    return all(torch.equal(value, weights[name]) for name, value in encoder.state_dict().items())


def test_a_run_ends_when_the_watch_has_waited_long_enough_and_takes_its_best_weights(tmp_path, in_plan):
    in_plan(patience=10, take_best=True)
    judge = Judge(best_at=15)
    encoder, trained = small_run(tmp_path, "simclr", watch=judge)
    assert judge.looks == [5, 10, 15, 20, 25]  # at the ends of epochs of five steps
    assert (trained.steps, trained.taken) == (25, 15)
    assert same(encoder, judge.weights[15])
    assert not same(encoder, judge.weights[25])
    # The same call again takes no step, and ends with the same weights.
    again = Judge(best_at=15)
    encoder, trained = small_run(tmp_path, "simclr", watch=again)
    assert (again.looks, trained.steps, trained.taken) == ([], 25, 15)
    assert same(encoder, judge.weights[15])


def test_a_run_that_gets_better_to_the_end_is_not_ended(tmp_path, in_plan):
    in_plan(patience=10, take_best=True)
    judge = Judge(best_at=40)
    encoder, trained = small_run(tmp_path, "simclr", watch=judge)
    assert (trained.steps, trained.taken) == (40, 40)
    assert same(encoder, judge.weights[40])


class Interrupted15(Judge):
    """Somebody presses Ctrl-C while it looks at the best step."""

    def check(self, module, *, step, total):
        if step == 15:
            os.kill(os.getpid(), signal.SIGINT)
        return super().check(module, step=step, total=total)


def test_a_stop_during_a_look_changes_nothing(tmp_path, in_plan):
    in_plan(patience=10, take_best=True)
    judge, again = Interrupted15(best_at=15), Judge(best_at=15)
    with pytest.raises(Interrupted, match="after 15 of 40 steps"):
        small_run(tmp_path, "simclr", watch=judge)
    encoder, trained = small_run(tmp_path, "simclr", watch=again)
    assert (judge.looks, again.looks) == ([5, 10, 15], [20, 25])
    assert (trained.steps, trained.taken) == (25, 15)
    assert same(encoder, judge.weights[15])


def test_where_the_best_and_latest_is_damaged_the_run_goes_on_from_the_one_before(tmp_path, in_plan):
    in_plan(patience=10, take_best=True)
    with pytest.raises(Interrupted):
        small_run(tmp_path, "simclr", watch=Interrupted15(best_at=15))
    (path,) = (tmp_path / checkpoint.FOLDER).glob("step-000000015-*.pt")
    path.write_bytes(path.read_bytes()[:-1])
    judge = Judge(best_at=15)
    _, trained = small_run(tmp_path, "simclr", watch=judge)
    assert judge.looks == [15, 20, 25]
    assert (trained.steps, trained.taken) == (25, 15)


def test_without_patience_the_last_weights_stand(tmp_path):
    judge = Judge(best_at=15)
    encoder, trained = small_run(tmp_path, "simclr", watch=judge)
    assert (trained.steps, trained.taken) == (40, 40)
    assert same(encoder, judge.weights[40])


def test_best_weights_that_are_damaged_are_told(tmp_path, in_plan):
    in_plan(patience=10, take_best=True)
    small_run(tmp_path, "simclr", watch=Judge(best_at=15))
    (path,) = (tmp_path / checkpoint.FOLDER).glob("step-000000015-*.pt")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(NounError, match=r"the best checkpoint .* after 15 steps, can't be read .*--overwrite"):
        small_run(tmp_path, "simclr", watch=Judge(best_at=15))
    path.unlink()
    with pytest.raises(NounError, match="it is gone"):
        checkpoint.restore_best(tmp_path, torch.nn.Linear(1, 1))


def test_lower_layers_learn_at_their_own_rate(tmp_path, in_plan):
    in_plan(layer_decay=1e-3, weight_decay=0.0)
    encoder, _ = small_run(tmp_path, "simclr")
    torch.manual_seed(0)
    began = Encoder("test_vit", image_size=32, mean=0.5, std=0.3).state_dict()
    moved = {name: (value - began[name]).abs().max().item() for name, value in encoder.state_dict().items()}
    assert max(moved[name] for name in moved if name.startswith("net.patch_embed")) < 1e-7
    assert max(moved[name] for name in moved if name.startswith("net.norm")) > 1e-6
