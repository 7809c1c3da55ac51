"""The watch: neighbors by an explicit loop, when it looks, and that a run whose embeddings collapse ends."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_objective import make, small_settings
from reference import neighbors as oracle

from sslecho.metrics.paired import balanced_accuracy
from sslecho.models.encoder import Encoder
from sslecho.objectives import OBJECTIVES
from sslecho.train import health
from sslecho.train.batches import Frames
from sslecho.train.bundle import read_bundle
from sslecho.train.device import make_fabric
from sslecho.train.health import NEIGHBORS, Collapsed, Sample, Watch, clip_means, looks_every, neighbors_right
from sslecho.train.learner import Learner
from sslecho.train.log import TrainingLog, read_log
from sslecho.train.loop import Plan, fit
from sslecho.views.policies import Views, policy

CPU = torch.device("cpu")
PICTURES = np.random.default_rng(0).integers(0, 256, (24, 32, 32)).astype(np.uint8)
FRAMES = Frames(lambda rows: PICTURES[rows], np.arange(24), np.arange(24) // 2)
# Clips of two frames; a patient has three clips, of which some are asked and some are not.
SAMPLE = Sample(
    np.arange(24),
    np.arange(24) // 2,
    np.array(list("abcabcaabbcc"), dtype=object),
    np.array([f"p{number // 3}" for number in range(12)], dtype=object),
    np.arange(12) % 3 == 0,
)


def watch(**how):
    how = {"every": 1, "calm_steps": 0, "began": make("simclr")[0], **how}
    maker = Views(policy("echo", size=32), size=32, seed=0)
    return Watch(SAMPLE, FRAMES, maker, seed=0, **how)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_neighbors_are_of_other_patients_and_are_not_asked(seed):
    rng = np.random.default_rng(seed)
    # A patient's clips lie together: whoever does not leave them out finds them first.
    patients = 3 * rng.standard_normal((4, 5)).repeat(6, axis=0)
    embedded = (patients + rng.standard_normal((24, 5))).astype(np.float32)
    right = neighbors_right(SAMPLE, embedded, CPU)
    clips = [(embedded[2 * clip] + embedded[2 * clip + 1]) / 2 for clip in range(12)]
    asked = [clip for clip in range(12) if SAMPLE.asked[clip]]
    gallery = [clip for clip in range(12) if not SAMPLE.asked[clip]]
    _, found = oracle.search(
        [clips[clip] for clip in gallery],
        [clips[clip] for clip in asked],
        NEIGHBORS,
        groups=SAMPLE.units[gallery],
        query_groups=SAMPLE.units[asked],
    )
    expected = [
        oracle.knn_accuracy([SAMPLE.labels[clip]], [near], SAMPLE.labels[gallery]) == 1
        for clip, near in zip(asked, found, strict=True)
    ]
    assert right.tolist() == expected
    assert 0 < sum(expected) < len(expected)


def test_a_clip_is_the_mean_of_its_frames():
    embedded = np.arange(10, dtype=np.float32).reshape(5, 2)
    means = clip_means(embedded, np.array([1, 0, 1, 1, 0]), 2)
    assert means.tolist() == [[5, 6], [pytest.approx(10 / 3), pytest.approx(13 / 3)]]


def test_the_figures_are_those_of_the_sample_and_cost_the_network_nothing():
    encoder, objective = make("simclr")
    learner = Learner(encoder, objective).eval()
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    with torch.no_grad():
        seen, again = (watch().check(learner, step=1, total=9) for _ in range(2))
    assert seen == again
    assert set(seen) == {"effective_rank", "rankme", "std_ratio", "uniformity", "alignment", "knn_accuracy"}
    embedded = encoder.encode(torch.from_numpy(PICTURES)).numpy()
    right = neighbors_right(SAMPLE, embedded, CPU)
    assert seen["knn_accuracy"] == balanced_accuracy(SAMPLE.labels[SAMPLE.asked], right)
    assert seen["effective_rank"] == pytest.approx(health.effective_rank(embedded), rel=1e-5)
    assert 0 < seen["alignment"] < 2
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())


def test_without_labels_there_is_no_accuracy():
    encoder, objective = make("simclr")
    sample = Sample(SAMPLE.rows, SAMPLE.clip_of_row, SAMPLE.labels, SAMPLE.units, np.zeros(12, dtype=bool))
    maker = Views(policy("echo", size=32), size=32, seed=0)
    with torch.no_grad():
        looking = Watch(sample, FRAMES, maker, seed=0, every=1, calm_steps=0, began=encoder)
        seen = looking.check(Learner(encoder, objective).eval(), step=1, total=9)
    assert "knn_accuracy" not in seen


def test_a_run_whose_embeddings_collapse_ends_with_a_bundle(tmp_path):
    encoder, objective = make("simclr")
    maker = Views(policy("none", size=32), size=32, seed=0)
    plan = Plan(epochs=24, batch_size=8, lr=10.0, weight_decay=0.0, optimizer="adamw", warmup_epochs=0.0, seed=0)
    with pytest.raises(Collapsed, match=r"after \d+ of 24 steps .*; lower --lr, .*--temperature .*bundle"):
        fit(
            encoder,
            objective,
            replace(FRAMES, rows=np.arange(8)),
            [maker] * 2,
            plan,
            fabric=make_fabric(device="cpu", devices=1, nodes=1, precision="32"),
            folder=tmp_path,
            log=TrainingLog(tmp_path),
            watch=watch(),
        )
    assert "the embeddings collapsed" in read_bundle(tmp_path).reason
    first, *_, last = [
        health.collapse_of({name: line[name] for name in ("std_ratio", "effective_rank")})
        for line in read_log(tmp_path)
    ]
    assert first is None
    assert last is not None  # the second in a row ended the run


def test_a_collapse_is_believed_twice_in_a_row_and_after_the_calm():
    encoder, objective = make("byol")
    learner = Learner(encoder, objective).eval()
    looking = watch(calm_steps=5)
    healthy = {name: value.clone() for name, value in learner.state_dict().items()}

    def look(step, *, collapsed):
        learner.load_state_dict(healthy)
        if collapsed:
            with torch.no_grad():
                for parameter in encoder.parameters():
                    parameter.mul_(0)
        with torch.no_grad():
            return looking.check(learner, step=step, total=99)

    for step in (1, 3, 5):
        assert look(step, collapsed=True)["std_ratio"] == 0
    look(6, collapsed=True)
    look(7, collapsed=False)
    look(8, collapsed=True)
    with pytest.raises(Collapsed, match="after 9 of 99 steps all frames are embedded alike.*take a method with negat"):
        look(9, collapsed=True)


def test_what_was_alike_from_the_start_has_not_collapsed():
    """A deep network without batch norm embeds all frames nearly alike before it is trained."""
    encoder = Encoder("test_vit", image_size=32, mean=0.5, std=1e4)
    objective = OBJECTIVES["simclr"](encoder, small_settings("simclr"))
    learner = Learner(encoder, objective).eval()
    looking = watch(began=encoder)
    with torch.no_grad():
        seen = [looking.check(learner, step=step, total=9) for step in (1, 2, 3)]
    assert seen[-1]["std_ratio"] < health.LEAST_STD


def test_embeddings_that_are_no_numbers_end_the_run_at_once():
    encoder, objective = make("simclr")
    with torch.no_grad():
        next(encoder.parameters()).fill_(float("nan"))
        with pytest.raises(Collapsed, match=r"after 3 steps the embeddings are not finite; lower --lr, .*--temp"):
            watch().check(Learner(encoder, objective).eval(), step=3, total=9)


@pytest.mark.parametrize(
    ("n_looked_at", "n_frames", "n_processes", "epochs"),
    [(100, 8000, 1, 1), (1000, 8000, 1, 1), (1001, 8000, 1, 2), (8000, 8000, 1, 8), (1000, 8000, 4, 4)],
)
def test_looks_cost_a_fiftieth_of_the_time(n_looked_at, n_frames, n_processes, epochs):
    sizes = {"n_frames": n_frames, "batch_size": 100, "n_views": 2, "n_processes": n_processes}
    assert looks_every(n_looked_at, **sizes) == epochs * 80
    assert looks_every(n_looked_at, **sizes, epochs=3) == 240
