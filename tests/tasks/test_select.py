"""Picking clips to label: every method at its limits, labels that count as covered, patients, copies, refusals."""

import numpy as np
import pytest

from sslecho.errors import InputError
from sslecho.tasks.select import select_clips

METHODS = ("typiclust", "probcover", "kcenter", "random", "margin", "entropy")


def clips(seed=0, n=120, spread=0.3):
    rng = np.random.default_rng(seed)
    classes = np.minimum(rng.geometric(0.5, size=n) - 1, 3)
    vectors = np.eye(4, 6)[classes] + spread * rng.normal(size=(n, 6))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    units = np.sort(rng.integers(20, size=n))
    labels = np.full(n, None, dtype=object)
    known = rng.choice(n, min(14, n // 2), replace=False)
    labels[known] = np.array(list("abcd"), dtype=object)[classes[known]]
    return vectors, classes, units, labels


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("budget", [1, 17, 106])
def test_as_many_as_asked_for_each_once_none_with_a_label(method, budget):
    vectors, _, units, labels = clips()
    selection = select_clips(vectors, budget=budget, unit_ids=units, labels=labels, method=method)
    rows = [pick.row for pick in selection.picks]
    assert len(rows) == len(set(rows)) == budget
    assert all(labels[row] is None for row in rows)
    assert np.bincount(units[rows]).max() <= selection.per_unit
    assert len(selection.clusters) == len(vectors)
    assert all(pick.reason for pick in selection.picks)
    assert all(pick.score is None or np.isfinite(pick.score) for pick in selection.picks)


@pytest.mark.parametrize("method", METHODS)
def test_the_seed_decides_and_nothing_else(method):
    vectors, _, units, labels = clips()
    one, same = (select_clips(vectors, budget=12, unit_ids=units, labels=labels, method=method) for _ in range(2))
    assert one.picks == same.picks
    names = np.array([f"p{9 - unit % 10}{unit}" for unit in units], dtype=object)  # in another order
    assert select_clips(vectors, budget=12, unit_ids=names, labels=labels, method=method).picks == one.picks
    if method == "random":
        other = select_clips(vectors, budget=12, unit_ids=units, labels=labels, method=method, seed=1)
        assert other.picks != one.picks


@pytest.mark.parametrize("method", METHODS)
def test_no_patient_gives_more_than_the_cap(method):
    vectors, _, units, labels = clips()
    selection = select_clips(vectors, budget=20, unit_ids=units, labels=labels, method=method, per_unit=1)
    assert np.bincount(units[[pick.row for pick in selection.picks]]).tolist() == [1] * 20


def test_what_is_typical_or_covers_finds_more_classes_than_chance():
    found = {}
    for method in ("typiclust", "probcover", "random"):
        of_seed = []
        for seed in range(8):
            vectors, classes, units, _ = clips(seed, n=300, spread=0.2)
            picks = select_clips(vectors, budget=6, unit_ids=units, method=method, n_classes=4, seed=seed).picks
            of_seed.append(len(set(classes[[pick.row for pick in picks]])))
        found[method] = np.mean(of_seed)
    assert found["typiclust"] > found["random"] + 0.5
    assert found["probcover"] > found["random"] + 0.5


@pytest.mark.parametrize("method", ["probcover", "kcenter"])
def test_a_labeled_class_is_covered(method):
    """The largest class has labels, so the first picks are of the others."""
    vectors, classes, units, _ = clips(2, n=300, spread=0.1)
    labels = np.where(classes == 0, "a", None).astype(object)
    labels[np.flatnonzero(classes == 0)[::3]] = None  # some of it may still be picked
    first = select_clips(
        vectors, budget=3, unit_ids=units, labels=labels, method=method, n_classes=4, per_unit=300
    ).picks
    assert sorted(classes[[pick.row for pick in first]].tolist()) == [1, 2, 3]


def test_margin_asks_where_the_probe_is_unsure():
    rng = np.random.default_rng(0)
    angles = np.concatenate([rng.normal(0.2, 0.1, 90), rng.normal(1.4, 0.1, 90), rng.uniform(0.6, 1.0, 20)])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    labels = np.full(200, None, dtype=object)
    labels[[0, 1, 2]], labels[[90, 91, 92]] = "a", "b"
    picks = select_clips(vectors, budget=1, unit_ids=np.arange(200), labels=labels, n_classes=8)
    assert picks.method == "margin"  # auto, as two classes have labels
    assert 0.6 < angles[picks.picks[0].row] < 1.0


def test_auto_is_typiclust_as_long_as_a_probe_has_nothing_to_tell_apart():
    vectors, _, units, labels = clips()
    assert select_clips(vectors, budget=3, unit_ids=units).method == "typiclust"
    one_class = np.where(labels == "a", "a", None)
    assert select_clips(vectors, budget=3, unit_ids=units, labels=one_class).method == "typiclust"
    with pytest.raises(InputError, match=r"--method margin asks .* they are of 1 class; .*--method typiclust"):
        select_clips(vectors, budget=3, unit_ids=units, labels=one_class, method="margin")


@pytest.mark.parametrize("method", ["typiclust", "probcover", "kcenter", "random"])
def test_copies_come_last_and_are_named(method):
    vectors, *_ = clips(n=12)
    copied = np.concatenate([vectors, vectors, vectors[:3]])
    selection = select_clips(copied, budget=20, unit_ids=np.arange(27), method=method)
    rows = np.array([pick.row for pick in selection.picks])
    assert len({copied[row].tobytes() for row in rows[:12]}) == 12
    assert [pick.reason.startswith("a copy") for pick in selection.picks] == [False] * 12 + [True] * 8
    assert any("the last 8 picks have the same embedding" in note for note in selection.notes)
    assert len(set(rows.tolist())) == 20


def test_all_clips_equal():
    vectors = np.repeat(np.eye(1, 4, dtype=np.float32), 9, 0)
    for method in ("typiclust", "probcover", "kcenter", "random"):
        assert len(select_clips(vectors, budget=5, unit_ids=np.arange(9), method=method).picks) == 5


def test_one_patient_and_one_clip():
    vectors, *_ = clips(n=5)
    selection = select_clips(vectors, budget=5, unit_ids=["p"] * 5)
    assert sorted(pick.row for pick in selection.picks) == [0, 1, 2, 3, 4]
    assert [pick.row for pick in select_clips(vectors[:1], budget=1, unit_ids=["p"]).picks] == [0]


def test_after_all_is_covered_the_farthest_come():
    vectors, *_ = clips(n=60, spread=0.01)
    selection = select_clips(vectors, budget=30, unit_ids=np.arange(60), method="probcover", n_classes=2)
    reasons = [pick.reason for pick in selection.picks]
    n_covering = sum(reason.startswith("covers") for reason in reasons)
    assert 1 <= n_covering < 30
    assert all(reason.startswith("farthest") for reason in reasons[n_covering:])
    assert any(f"after {n_covering} picks nothing is left to cover" in note for note in selection.notes)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"budget": 0}, r"--budget 0: .* at least 1"),
        ({"budget": 107}, r"--budget 107 is more than the 106 clips that may be picked .*ask for 106 or less"),
        (
            {"budget": 21, "per_unit": 1},
            r"--per-patient 1 allows 20 clips of 20 patients, fewer than --budget 21; say --per-patient 2 or more, or "
            r"--budget 20 or less",
        ),
    ],
)
def test_what_can_not_be_is_refused(options, said):
    vectors, _, units, labels = clips()
    with pytest.raises(InputError, match=said):
        select_clips(vectors, unit_ids=units, labels=labels, **options)


def test_nothing_left_to_label():
    vectors, _, units, _ = clips()
    with pytest.raises(InputError, match="no clip is left to label"):
        select_clips(vectors, budget=1, unit_ids=units, labels=["a"] * len(vectors))
