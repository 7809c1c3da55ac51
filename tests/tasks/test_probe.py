"""Probes: scikit-learn's answers, the choice on other patients, and what can't be learned."""

import numpy as np
import pytest
from gaussians import gaussians
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sslecho.errors import InputError
from sslecho.tasks import probe as probe_module
from sslecho.tasks.probe import LinearProbe, NeighborProbe, _some_of_each

PROBES = (LinearProbe, NeighborProbe)


@parametrize_with_checks([probe() for probe in PROBES])
def test_scikit_learn_takes_them(estimator, check):
    check(estimator)


def items(*, spread=2.0, seed=1):
    vectors, labels = gaussians((60, 150, 90), seed=seed, spread=spread)
    return vectors, np.array(["a4c", "plax", "psax"])[labels]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(("balance", "weight"), [("weights", "balanced"), ("none", None)])
def test_the_linear_probe_is_logistic_regression_on_standardized_directions(classes, balance, weight):
    vectors, labels = items()
    kept = labels != "psax" if classes == 2 else np.ones(300, bool)
    ours = LinearProbe(strengths=(0.1,), balance=balance).fit(vectors[kept], labels[kept])
    model = LogisticRegression(C=0.1, class_weight=weight, max_iter=500)
    theirs = make_pipeline(Normalizer(), StandardScaler(), model).fit(vectors[kept], labels[kept])
    np.testing.assert_allclose(ours.predict_proba(vectors), theirs.predict_proba(vectors), atol=2e-3)
    np.testing.assert_allclose(ours.predict_proba(vectors).sum(1), 1)
    np.testing.assert_array_equal(ours.predict(3 * vectors), ours.predict(vectors))  # lengths do not count


def test_neighbors_vote_as_scikit_learn_counts_them():
    vectors, labels = items()
    others, _ = items(seed=7)
    ours = NeighborProbe(neighbors=(7,)).fit(vectors, labels)
    theirs = KNeighborsClassifier(7, metric="cosine").fit(vectors, labels)
    np.testing.assert_allclose(ours.predict_proba(others), theirs.predict_proba(others), atol=1e-6)


@pytest.mark.parametrize("probe", PROBES)
def test_the_choice_is_made_on_validation_patients(probe):
    """Train has wrong labels. A val without them wants another value than one that shares them."""
    rng = np.random.default_rng(0)
    vectors, labels = items(spread=1.0)
    noisy = labels.copy()
    wrong = rng.random(300) < 0.45
    noisy[wrong] = rng.permutation(labels)[wrong]
    name, tried = ("strengths", (1e-6, 10.0)) if probe is LinearProbe else ("neighbors", (120, 1))
    clean = probe(**{name: tried}).fit(vectors, noisy, val=(vectors, labels)).chosen_
    memorized = probe(**{name: tried}).fit(vectors, noisy, val=(vectors, noisy)).chosen_
    assert clean != memorized
    for truth, chosen in ((labels, clean), (noisy, memorized)):
        found = {}
        for value in tried:
            said = probe(**{name: (value,)}).fit(vectors, noisy).predict(vectors)
            found[value] = np.mean([(said == truth)[truth == c].mean() for c in np.unique(labels)])
        assert found[chosen] == max(found.values())


def test_of_equals_the_smoother_one_is_taken():
    vectors, labels = items(spread=0.1)
    val = items(spread=0.1)
    assert NeighborProbe(neighbors=(1, 20, 5)).fit(vectors, labels, val=val).chosen_ == 20
    assert LinearProbe(strengths=(10.0, 1.0)).fit(vectors, labels, val=val).chosen_ == 1.0


def test_a_rare_class_is_in_what_the_choice_is_made_on(monkeypatch):
    monkeypatch.setattr(probe_module, "MOST_TO_CHOOSE", 40)
    monkeypatch.setattr(probe_module, "FEWEST_TO_CHOOSE", 2)
    codes = np.array([0] * 500 + [1] * 3 + [2] * 400)
    for seed in range(20):
        rows = _some_of_each(codes, rng=np.random.default_rng(seed))
        assert len(rows) == len(set(rows.tolist())) == 40
        assert set(codes[rows]) == {0, 1, 2}
        assert (np.diff(rows) > 0).all()
    vectors, labels = items()
    assert NeighborProbe().fit(vectors, labels, val=items(seed=2)).was_chosen_
    alone = NeighborProbe().fit(vectors[:4], np.array(["a", "b", "c", "d"]))
    assert not alone.was_chosen_


@pytest.mark.parametrize("probe", PROBES)
def test_without_val_patients_are_held_out_in_turn(probe):
    """Frames of a patient are alike, labels go by patient: folds of frames would take the closest fit."""
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(40), 8)
    labels = np.array(["a", "b"])[rng.integers(2, size=40)][units]
    view = 0.5 * (labels == "a")[:, None] * np.ones(16)
    vectors = (view + 3 * rng.normal(size=(40, 16))[units] + 0.05 * rng.normal(size=(320, 16))).astype(np.float32)
    by_patient = probe().fit(vectors, labels, groups=units).chosen_
    by_frame = probe().fit(vectors, labels).chosen_
    if probe is LinearProbe:
        assert by_patient < by_frame  # a stronger penalty
    else:
        assert by_patient > by_frame


@pytest.mark.parametrize("probe", PROBES)
def test_few_items_and_unknown_classes_are_no_accident(probe):
    vectors, labels = items()
    few = probe().fit(vectors[:3], np.array(["a", "b", "b"]))
    assert few.predict_proba(vectors).shape == (300, 2)
    unknown = (vectors[:20], np.array(["a4c"] * 10 + ["other"] * 10))
    assert list(probe().fit(vectors, labels, val=unknown).classes_) == ["a4c", "plax", "psax"]
    with pytest.raises(ValueError, match="all 3 items are of one class \\(a\\)"):
        probe().fit(vectors[:3], np.array(["a", "a", "a"]))
    with pytest.raises(InputError, match="balance is 'sampler'"):
        LinearProbe(balance="sampler").fit(vectors, labels)
    for bad in (0, (0,), (), 5, (np.nan,)):
        with pytest.raises(InputError, match="neighbors is .*it must be numbers of at least 1"):
            NeighborProbe(neighbors=bad).fit(vectors, labels)
    with pytest.raises(InputError, match=r"strengths is \(\); it must be numbers"):
        LinearProbe(strengths=()).fit(vectors, labels)
