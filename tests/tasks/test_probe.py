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
from sslecho.tasks.probe import LinearProbe, NeighborProbe

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
    """Training labels that say nothing of val: what fits train best is not what is taken."""
    rng = np.random.default_rng(0)
    vectors, labels = items(spread=6.0)
    val = items(spread=6.0, seed=1)
    val = (val[0] + rng.normal(size=val[0].shape), val[1])
    chosen = probe().fit(vectors, labels, val=val)
    accuracies = {}
    name = "strengths" if probe is LinearProbe else "neighbors"
    for value in getattr(chosen, name):
        said = probe(**{name: (value,)}).fit(vectors, labels).predict(val[0])
        accuracies[value] = np.mean([(said == val[1])[val[1] == c].mean() for c in np.unique(labels)])
    assert accuracies[chosen.chosen_] == max(accuracies.values())


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
        assert by_patient > by_frame == 1


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
