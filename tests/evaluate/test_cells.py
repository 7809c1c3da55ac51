"""Cells: any number of workers, killed and gone on with, and lessons of one class."""

import numpy as np
import pytest
from made_arms import Noisy, arm, design

from sslecho.evaluate.arms import ProbeLearner
from sslecho.evaluate.cells import answers, path_of, run_cells, seed_of
from sslecho.tasks.probe import LinearProbe

NUMBERS = [1, 4, 11]


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.npy")}


@pytest.fixture
def probe_arm(tmp_path):
    made = design()
    n = len(made.pool) + len(made.test)
    vectors = np.random.default_rng(0).normal(size=(n, 6)).astype(np.float32)
    vectors[:, :3] += 2 * np.eye(3)[np.concatenate([made.pool.codes, made.test.codes])]
    np.save(tmp_path / "v.npy", vectors)
    np.save(tmp_path / "c.npy", np.arange(n))
    return arm("probe", ProbeLearner((tmp_path / "v.npy",), tmp_path / "c.npy")), vectors


def test_the_number_of_workers_changes_nothing(tmp_path, probe_arm):
    made = design()
    arms = [probe_arm[0], arm("noisy", Noisy(tmp_path / "log"), n_runs=2)]
    for workers in (1, 2):
        run_cells(made, arms, NUMBERS, tmp_path / str(workers), supports=2, workers=workers)
    one, two = files(tmp_path / "1"), files(tmp_path / "2")
    assert len(one) == 3 * 2 * 3
    assert one == two
    assert len({line.split()[-1] for line in (tmp_path / "log").read_text().splitlines()}) == 3  # processes


def test_a_run_that_was_stopped_goes_on_with_the_cells_that_are_missing(tmp_path):
    made = design()
    straight = arm("noisy", Noisy(tmp_path / "straight"), n_runs=2)
    run_cells(made, [straight], NUMBERS, tmp_path / "a", supports=2, workers=1)
    stopped = arm("noisy", Noisy(tmp_path / "stopped", stop_at=5), n_runs=2)
    with pytest.raises(KeyboardInterrupt):
        run_cells(made, [stopped], NUMBERS, tmp_path / "b", supports=2, workers=1)
    assert len(files(tmp_path / "b")) == 4
    run_cells(made, [stopped], NUMBERS, tmp_path / "b", supports=2, workers=1)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    n_lessons = len((tmp_path / "straight").read_text().splitlines())
    assert len((tmp_path / "stopped").read_text().splitlines()) == n_lessons + 1  # the one that was stopped, twice
    run_cells(made, [stopped], NUMBERS, tmp_path / "b", supports=2, workers=1)
    assert len((tmp_path / "stopped").read_text().splitlines()) == n_lessons + 1


def test_labels_of_one_class_name_that_class(tmp_path):
    made = design()
    only = next(s for s in range(50) if len(set(made.labeled(1, support=s).codes.tolist())) == 1)
    silent = arm("silent", Noisy(tmp_path / "log"))
    run_cells(made, [silent], [1], tmp_path / "c", supports=only + 1, workers=1)
    said = answers(path_of(tmp_path / "c", silent, x=1, support=only, run=0))
    assert (said.argmax(1) == made.labeled(1, support=only).codes[0]).all()
    assert (said.sum(1) == 1).all()


def test_a_probe_sees_the_lesson_alone(tmp_path, probe_arm):
    made = design()
    learner, vectors = probe_arm
    run_cells(made, [learner], [4], tmp_path / "c", supports=3, workers=1)
    for support in range(3):
        labeled = made.labeled(4, support=support)
        if len(set(labeled.codes.tolist())) < 2:
            continue
        probe = LinearProbe(random_state=seed_of(made, support=support, run=0))
        probe.fit(vectors[labeled.clips], labeled.codes, groups=labeled.units)
        said = answers(path_of(tmp_path / "c", learner, x=4, support=support, run=0))
        np.testing.assert_allclose(said[:, probe.classes_], probe.predict_proba(vectors[made.test.clips]), atol=1e-6)
        absent = [c for c in range(3) if c not in probe.classes_]
        assert not said[:, absent].any()


def test_seeds_differ_between_supports_and_runs():
    made = design()
    seeds = {seed_of(made, support=s, run=r) for s in range(5) for r in range(5)}
    assert len(seeds) == 25
    assert seed_of(design(seed=6), support=0, run=0) not in seeds
