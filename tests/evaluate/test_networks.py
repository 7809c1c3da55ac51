"""A network that learns from a lesson: the same for the same seed, for classes it has seen, from its own frames."""

import numpy as np
import pytest
from drawn_store import draw_store

from sslecho.evaluate.arms import Lesson
from sslecho.evaluate.networks import NetworkLearner

ARCHITECTURE = ("test_resnet", 32, 0.3, 0.2)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return draw_store(tmp_path_factory.mktemp("networks") / "store", patients=12, clips=3, frames=2)


def lesson_of(store, codes, *, seed=1):
    labels = store.column("label")
    clips = np.flatnonzero(np.isin(labels, list(codes)) & (np.arange(len(labels)) < 24))
    names = np.array([codes[label] for label in labels[clips]])
    return Lesson(clips, names, clips // 3, n_classes=4, run=0, seed=seed)


def test_it_learns_what_the_lesson_has_and_nothing_else(store):
    learner = NetworkLearner(store.path, None, ARCHITECTURE, "none", 40, 3e-3)
    lesson = lesson_of(store, {"across": 3, "down": 1})
    asked = np.arange(24, 36)
    said = learner(lesson, asked)
    assert (said[:, [0, 2]] == 0).all()
    np.testing.assert_allclose(said.sum(1), 1)
    labels = store.column("label")[asked]
    known = np.isin(labels, ["across", "down"])
    right = said.argmax(1)[known] == np.where(labels[known] == "across", 3, 1)
    assert right.mean() > 0.8
    np.testing.assert_array_equal(learner(lesson, asked), said)
    assert (learner(lesson_of(store, {"across": 3, "down": 1}, seed=2), asked) != said).any()
    # In another order the same clips get the same answers.
    np.testing.assert_allclose(learner(lesson, asked[::-1])[::-1], said, atol=1e-6)


def test_class_weights_matter_where_classes_are_uneven_and_only_there(store):
    even = lesson_of(store, {"across": 0, "down": 1})
    clips = np.concatenate([np.flatnonzero(even.codes == code)[:n] for code, n in ((0, 6), (1, 6))])
    few = np.concatenate([np.flatnonzero(even.codes == code)[:n] for code, n in ((0, 6), (1, 2))])
    asked, said = np.arange(24, 36), {}
    for name, rows in (("even", clips), ("uneven", few)):
        lesson = Lesson(even.clips[rows], even.codes[rows], even.units[rows], n_classes=4, run=0, seed=1)
        for balance in ("weights", "none"):
            learner = NetworkLearner(store.path, None, ARCHITECTURE, "none", 12, 3e-3, balance)
            said[name, balance] = learner(lesson, asked)
    np.testing.assert_allclose(said["even", "weights"], said["even", "none"], atol=1e-5)
    # Weights lift the class that is rare.
    rare = {balance: said["uneven", balance][:, 1].mean() for balance in ("weights", "none")}
    assert rare["weights"] > rare["none"] + 0.02
