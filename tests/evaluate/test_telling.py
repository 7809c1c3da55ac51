"""What features tell of names, whose clip is nearest, and what the pictures without anatomy hold."""

import numpy as np

from sslecho.data.writer import StoreWriter
from sslecho.evaluate.kinship import kinship
from sslecho.evaluate.telling import dealt_names, one_hot, some_units, told
from sslecho.evaluate.without_anatomy import without_anatomy


def patients(n=40, per=3, seed=0):
    units = np.repeat(np.arange(n), per)
    splits = np.where(units % 2 == 0, "train", np.where(units % 4 == 1, "val", "test")).astype(object)
    return units, splits, np.random.default_rng(seed)


def ask(features, names, units, splits):
    return told(features, names, units=units, splits=splits, unit="patient", seed=0, n_draws=199)


def test_names_are_told_from_features_that_know_them_and_only_test_is_scored():
    units, splits, rng = patients()
    names = np.array(["a", "b", "c"], object)[rng.integers(3, size=len(units))]
    features = one_hot(names) + 0.1 * rng.normal(size=(len(units), 3)).astype(np.float32)
    found = ask(features, names, units, splits)
    assert found.figure is not None
    assert found.figure.value == 1
    assert found.figure.is_above(0.01)
    assert (found.figure.n, found.figure.n_units) == ((splits == "test").sum(), 10)
    # Other names in the test split change the score, not what was learned.
    wrong = names.copy()
    wrong[splits == "test"] = np.roll(["a", "b", "c"], 1)[[list("abc").index(n) for n in names[splits == "test"]]]
    assert ask(features, wrong, units, splits).figure.value == 0


def test_a_name_of_one_patient_is_not_learned_and_counts_as_left_out():
    units, splits, rng = patients()
    names = np.array(["a", "b"], object)[rng.integers(2, size=len(units))]
    names[units == 0] = "rare"  # in train
    names[units == 3] = "rare"  # in test
    found = ask(one_hot(names), names, units, splits)
    assert (found.names, found.left_out) == (2, 3)
    names[:] = "a"
    assert ask(one_hot(names), names, units, splits).reason == (
        "split train has 1 values with 2 patients or more, and 2 are needed"
    )
    names[(splits == "train") & (units % 4 == 0)] = "b"
    found = ask(one_hot(names), names, units, splits)
    assert found.figure is None
    assert "split test has 1 of these values in 10 patients" in str(found.reason)


def test_missing_names_are_left_out():
    units, splits, rng = patients()
    names = np.array(["a", "b", None], object)[rng.integers(3, size=len(units))]
    found = ask(one_hot(names), names, units, splits)
    assert found.figure is not None
    assert found.figure.n == sum(name is not None for name in names[splits == "test"])
    assert one_hot(names)[[name is None for name in names]].sum() == 0


def test_shuffled_names_go_from_patient_to_patient_over_all_splits():
    units = np.repeat(np.arange(30), 2)
    names = np.array([f"n{unit}" for unit in units], object)
    names[7] = None
    dealt = dealt_names(names, units=units, seed=1)
    assert dealt[7] is None
    assert sorted(set(dealt[dealt != None].tolist())) == sorted(set(names[names != None].tolist()))  # noqa: E711
    for unit in range(30):
        assert len({name for name in dealt[units == unit] if name is not None}) == 1
    assert (dealt == names).mean() < 0.3


def test_at_most_so_many_items_but_whole_patients():
    units = np.repeat(np.arange(20), 5)
    rows = np.flatnonzero(units != 3)
    kept = some_units(rows, units, most=23, seed=0)
    assert len(kept) == 20
    assert np.bincount(units[kept], minlength=20).max() == 5
    assert set(kept) <= set(rows)
    assert len(some_units(rows, units, most=2, seed=0)) == 5
    assert some_units(rows, units, most=100, seed=0) is rows


def test_the_nearest_clip_leaves_out_itself_and_then_its_own_label():
    # Two patients, two views. Repeats of a view lie together; between views each patient is nearer to itself.
    angles = np.array([0.0, 0.01, 0.05, 0.06, 0.30, 0.31, 0.47, 0.48])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    units = np.array([1, 0, 0, 0, 0, 0, 1, 1])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    found = kinship(vectors, units=units, labels=labels, seed=0, n_draws=99)
    nearest = [1, 0, 3, 2, 5, 4, 7, 6]
    across = [4, 4, 4, 4, 3, 3, 3, 3]
    assert found.any_clip is not None
    assert found.other_label is not None
    assert found.any_clip.value == np.mean(units == units[nearest])
    assert found.other_label.value == np.mean(units == units[across])
    assert kinship(vectors, units=units, labels=np.full(8, -1), seed=0, n_draws=9).other_label is None


def test_the_outline_is_the_stored_polygon_and_the_surroundings_are_black_where_the_sector_is(tmp_path):
    size = 96
    down, across = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    angle, radius = np.arctan2(across - 48, down - 4.0), np.hypot(across - 48, down - 4.0)
    fan = (np.abs(angle) < 0.7) & (radius > 6) & (radius < 86)
    rng = np.random.default_rng(0)
    frames = np.where(fan, rng.integers(30, 255, (6, size, size)), 0).astype(np.uint8)
    frames[:, 8:20, 4:16] = 200
    box = [24.0, 0.0, 72.0, 0.0, 72.0, 96.0, 24.0, 96.0]
    with StoreWriter(tmp_path / "store", (size, size)) as writer:
        for name, columns in {
            "boxed": {"sector": "mask", "sector_polygon": box},
            "fan": {"sector": "off"},
            "whole": {"sector": "whole"},
            "unknown": {},
        }.items():
            writer.add_clip(frames, {"clip_id": name, "patient_id": name, "source_id": name, **columns})
        store = writer.commit()
    found = without_anatomy(store, np.array([3, 2, 1, 0]))
    assert found.has_outline.tolist() == [False, True, False, True]
    assert found.has_outside.tolist() == [False, False, True, False]
    outline = found.outline[3].reshape(24, 24)
    np.testing.assert_allclose(outline[:, 7:17], 1, atol=0.02)
    assert outline[:, :5].max() == outline[:, 19:].max() == 0
    outside = found.outside[2].reshape(24, 24)
    assert outside[2:5, 1:4].min() > 0.5
    outside[1:6, 0:5] = 0
    assert outside.max() < 0.02
