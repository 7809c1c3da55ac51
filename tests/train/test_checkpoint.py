"""Which checkpoints stay, and what becomes of one that is damaged."""

import json
from types import SimpleNamespace

import pytest
import torch
from small_run import newest, small_run
from torch import nn

from sslecho.errors import NounError
from sslecho.train import checkpoint
from sslecho.train.checkpoint import Score, step_of
from sslecho.train.device import from_first


def save(folder, step, *, keep=2, score=None):
    module = nn.Linear(2, 1)
    nn.init.constant_(module.weight, step)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    checkpoint.save(folder, module, optimizer, step=step, said={"loss": 1.0}, keep=keep, score=score)


def steps(folder):
    return sorted(step_of(path) for path in (folder / "checkpoints").glob("step-*.pt"))


def best_step(folder):
    return json.loads((folder / "checkpoints" / "best.json").read_text())["step"]


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_the_last_few_and_the_best_stay(tmp_path):
    for step, accuracy in ((1, 0.5), (2, 0.8), (3, 0.7), (4, 0.8), (5, 0.1)):
        save(tmp_path, step, score=Score(accuracy, "knn_accuracy"))
    assert steps(tmp_path) == [2, 4, 5]
    assert best_step(tmp_path) == 2
    save(tmp_path, 6, keep=1, score=Score(0.9, "knn_accuracy"))
    assert steps(tmp_path) == [6]


def test_the_lowest_loss_is_best_until_an_accuracy_is_known():
    assert Score(1.0, "loss").beats(None)
    assert Score(1.0, "loss").beats(Score(2.0, "loss"))
    assert not Score(2.0, "loss").beats(Score(1.0, "loss"))
    assert Score(0.1, "knn_accuracy").beats(Score(0.0, "loss"))
    assert not Score(0.0, "loss").beats(Score(0.9, "knn_accuracy"))
    assert not Score(0.5, "knn_accuracy").beats(Score(0.6, "knn_accuracy"))


def test_a_best_one_that_was_set_aside_is_the_best_no_longer(tmp_path, capsys):
    for step, accuracy in ((1, 0.5), (2, 0.8)):
        save(tmp_path, step, score=Score(accuracy, "val"))
    flip_a_byte(newest(tmp_path))
    assert step_of(checkpoint.find(tmp_path)) == 1
    assert checkpoint.best_score(tmp_path) is None
    save(tmp_path, 2, score=Score(0.8, "val"))  # learned again, and as good
    assert checkpoint.best_step(tmp_path, by="val") == 2
    assert checkpoint.best_step(tmp_path, by="another figure") is None


@pytest.mark.parametrize("damage", [flip_a_byte, lambda path: path.write_bytes(path.read_bytes()[:100])])
def test_a_damaged_newest_one_is_set_aside_loudly(tmp_path, damage, capsys):
    for step in (10, 20):
        save(tmp_path, step)
    path = newest(tmp_path)
    damage(path)
    assert step_of(checkpoint.find(tmp_path)) == 10
    assert f"warning: {path} can't be resumed from (its " in (said := capsys.readouterr().err)
    assert "going on from step 10, step-000000010-" in said
    assert steps(tmp_path) == [10]
    assert checkpoint.find(tmp_path) == newest(tmp_path)
    assert capsys.readouterr().err == ""


def test_none_that_is_whole_is_an_error_with_a_cure(tmp_path):
    assert checkpoint.find(tmp_path) is None
    for step in (10, 20):
        save(tmp_path, step)
    for path in (tmp_path / "checkpoints").glob("step-*.pt"):
        flip_a_byte(path)
    with pytest.raises(NounError, match=r"step-000000020-\w+\.pt can't be .*nor can the 1 before it; say --overwrite"):
        checkpoint.find(tmp_path)


def test_what_the_first_process_finds_damaged_ends_the_others_too(tmp_path):
    save(tmp_path, 10)
    flip_a_byte(newest(tmp_path))
    sent = []
    first = SimpleNamespace(is_global_zero=True, broadcast=lambda said: sent.append(said) or said)
    other = SimpleNamespace(is_global_zero=False, broadcast=lambda said: sent[-1])
    for fabric in (first, other):
        with pytest.raises(NounError, match="can't be resumed from"):
            from_first(fabric, lambda: checkpoint.find(tmp_path))
    assert len(sent) == 1


def test_another_network_is_an_error(tmp_path):
    save(tmp_path, 10)
    other = nn.Linear(3, 1)
    with pytest.raises(NounError, match=r"can't be resumed from .*--overwrite"):
        checkpoint.restore(newest(tmp_path), other, torch.optim.SGD(other.parameters(), lr=0.1))


class Watching:
    """Accuracies that were thought up: the best is after 10 steps."""

    every = 5
    score = "knn_accuracy"

    def check(self, module, *, step, total):
        assert not module.training
        assert not torch.is_grad_enabled()
        assert (total, step % 5) == (40, 0)
        return {"knn_accuracy": 0.9 if step == 10 else step / 100}


def test_a_run_keeps_what_the_watch_finds_best_and_goes_on_from_the_one_before(tmp_path, capsys):
    straight, _ = small_run(tmp_path, "simclr", watch=Watching())
    assert steps(tmp_path) == [10, 39, 40]
    assert best_step(tmp_path) == 10
    flip_a_byte(newest(tmp_path))
    again, _ = small_run(tmp_path, "simclr", watch=Watching())
    assert "going on from step 39" in capsys.readouterr().err
    assert straight.hash() == again.hash()
