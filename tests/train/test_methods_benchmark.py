"""What the comparison of methods says of made answers: neighbors, intervals over seeds, the recommendation."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "quality"))
import methods_summary as summary
from methods_scores import Scored, balanced_accuracy, draws, few, neighbors_answers, probe


def test_neighbors_vote_and_the_nearest_breaks_ties():
    angles = np.radians([0, 10, 20, 30, 90, 100])
    train = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.array([1, 5, 2, 1, 9, 1])[:, None]
    labels = np.array([2, 0, 0, 1, 1, 1])
    # Nearest to 1 degree: labels 2, 0, 0. To 4 degrees, of two: 2 and 0, one vote each, and 2 is nearer.
    test = np.array([[np.cos(a), np.sin(a)] for a in np.radians([1, 4])])
    assert neighbors_answers(train, labels, test, k=3).tolist() == [0, 0]
    assert neighbors_answers(train, labels, test, k=2).tolist() == [2, 2]


def test_balanced_accuracy_counts_classes_not_clips():
    truth, answers = np.array([0, 0, 0, 0, 1, 2]), np.array([0, 0, 0, 1, 1, 0])
    assert balanced_accuracy(truth, answers) == pytest.approx((3 / 4 + 1 + 0) / 3)


def test_few_takes_whole_patients_of_each_class():
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 0])
    patients = np.array(["a", "a", "b", "c", "a", "b", "d", "d"])
    for seed in range(5):
        taken = few(labels, patients, patients_per_class=2, rng=np.random.default_rng(seed))
        for label in (0, 1):
            chosen = set(patients[taken[labels[taken] == label]])
            assert len(chosen) == 2
            assert set(taken[labels[taken] == label]) == set(
                np.flatnonzero((labels == label) & np.isin(patients, list(chosen)))
            )


def test_the_probe_chooses_on_validation_what_generalizes():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    signal = 3 * np.eye(3)[labels]

    def shown(noise: float) -> np.ndarray:
        return np.concatenate([signal + noise * rng.normal(size=signal.shape), rng.normal(size=(60, 40))], axis=1)

    found = probe((shown(1.0), labels), (shown(1.0), labels), shown(1.0))
    assert balanced_accuracy(labels, found.answers) > 0.7
    assert found.strength < 10


def made(rng: np.random.Generator, rates: list[float], *, patients: int = 12, clips: int = 3) -> Scored:
    """Clips of three classes, of which each arm names so many right."""
    n = patients * clips
    return Scored(
        np.arange(n) % 3,
        np.repeat([f"p{k}" for k in range(patients)], clips),
        rng.random((n, len(rates))) < np.array(rates),
    )


def test_draws_are_those_of_a_slow_loop():
    seeds = [made(np.random.default_rng(k), [0.3, 0.8], patients=4 + k) for k in range(2)]
    found = draws(seeds, n_draws=20, rng=np.random.default_rng(5))
    names = sorted({name for seed in seeds for name in seed.patients})
    rng = np.random.default_rng(5)
    drawn = rng.integers(len(names), size=(20, len(names)))
    chosen = rng.integers(2, size=(20, 2))
    for row in range(20):
        for arm in range(2):
            of_seeds = []
            for seed in (seeds[s] for s in chosen[row]):
                clips = [c for k in drawn[row] for c in range(len(seed.truth)) if seed.patients[c] == names[k]]
                shares = [[seed.right[c, arm] for c in clips if seed.truth[c] == label] for label in range(3)]
                of_seeds.append(np.mean([np.mean(share) if share else np.nan for share in shares]))
            assert found[row, arm] == pytest.approx(np.mean(of_seeds), nan_ok=True)


def lines(rates: dict[str, float], *, part: str, seeds: int = 3) -> list[dict]:
    """Lines of `methods.py` with made answers."""
    found = []
    for seed in range(seeds):
        tested = made(np.random.default_rng([seed, len(part)]), list(rates.values()), patients=40)
        for k, arm in enumerate(rates):
            answer = np.where(tested.right[:, k], tested.truth, (tested.truth + 1) % 3).tolist()
            found.append(
                {
                    "part": part,
                    "seed": seed,
                    "arm": arm,
                    "truth": tested.truth.tolist(),
                    "patients": tested.patients.tolist(),
                    "answers": {"knn": answer, "probe": answer, "few": answer},
                }
            )
    return found


BASE = {"untrained": 0.4, "pixels": 0.4, "supervised": 0.8}


def advice(**rates: float) -> dict:
    made_rates = BASE | {name.replace("__", ", ").replace("_", " "): rate for name, rate in rates.items()}
    return summary.recommendation([summary.part_of(part, lines(made_rates, part=part)) for part in ("phantom", "lung")])


def test_a_method_that_is_clearly_better_is_recommended():
    found = advice(simclr=0.5, byol=0.8, swav=0.5)
    assert (found["best"], found["method"]) == ("byol", "byol")


def test_a_tie_goes_to_the_simplest():
    found = advice(simclr=0.6, byol=0.601, dino=0.3)
    assert found["method"] == "simclr"


def test_policy_and_positives_change_only_where_they_win():
    found = advice(simclr=0.5, simclr__preset_simclr=0.5, simclr__positives_of_the_clip=0.75)
    assert (found["policy"], found["positives"]) == ("the organ's own", "clip")
    assert any("positives" in line and "change" in line for line in found["text"])


def test_points_hold_means_over_seeds_and_paired_differences():
    rows = lines(BASE | {"simclr": 0.6}, part="lung")
    part = summary.part_of("lung", rows)
    by_hand = {
        arm: [
            balanced_accuracy(np.array(row["truth"]), np.array(row["answers"]["knn"]))
            for row in rows
            if row["arm"] == arm
        ]
        for arm in part.arms
    }
    for point in summary.points(part, rows):
        assert point["knn"] == pytest.approx(np.mean(by_hand[point["arm"]]))
        assert point["over_untrained"] == pytest.approx(np.mean(by_hand[point["arm"]]) - np.mean(by_hand["untrained"]))
        assert point["over_untrained_low"] <= point["over_untrained"] <= point["over_untrained_high"]


def test_an_arm_that_failed_once_is_left_out_and_named():
    rows = lines(BASE | {"simclr": 0.6, "byol": 0.9}, part="lung")
    broken = next(row for row in rows if row["arm"] == "byol")
    del broken["answers"]
    assert "byol" not in summary.part_of("lung", rows).arms


def test_the_figure_is_drawn_from_the_result(tmp_path):
    rows = [row for part in ("phantom", "lung") for row in lines(BASE | {"simclr": 0.6}, part=part)]
    parts = [summary.part_of(name, [row for row in rows if row["part"] == name]) for name in ("phantom", "lung")]
    summary.plot({"points": [p for part in parts for p in summary.points(part, rows)]}, tmp_path / "methods.png")
    assert (tmp_path / "methods.png").read_bytes()[:4] == b"\x89PNG"
