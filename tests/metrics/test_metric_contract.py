"""What every clustering figure must do: perfect, permuted, one class, missing labels, and patients without a view."""

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.cluster import KMeans

from sslecho.errors import InputError
from sslecho.metrics.clustering import evaluate

KEYS = [
    "k",
    "clusters_used",
    "purity",
    "purity_chance",
    "transfer_purity",
    "transfer_purity_low",
    "transfer_purity_high",
    "coverage",
    "inverse_purity",
    "nmi",
    "ami",
    "ari",
    "accuracy",
    "n",
    "n_patients",
    "split",
    "unit",
]
AGREEMENT = ("purity", "inverse_purity", "nmi", "ami", "ari", "accuracy", "transfer_purity")


def scores_of(labels, clusters, *, k=None, clips_per_patient=5, **options):
    clips = np.arange(len(clusters))
    k = len(np.unique(clusters)) if k is None else k
    return evaluate(labels, clusters, k=k, unit_ids=clips // clips_per_patient, clip_ids=clips, split="test", **options)


def noisy(seed, n=300):
    rng = np.random.default_rng(seed)
    labels = np.array(["a2c", "a4c", "plax", "psax"])[rng.choice(4, size=n, p=[0.1, 0.2, 0.3, 0.4])]
    return labels, np.where(rng.random(n) < 0.5, np.unique(labels, return_inverse=True)[1], rng.integers(9, size=n))


def test_the_keys_are_the_contract_and_the_values_are_json():
    scores, warnings = scores_of(*noisy(0), k=9)
    assert list(scores) == KEYS
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert warnings == []


@pytest.mark.parametrize("names", ["strings", "integers"])
def test_perfect(names):
    clusters = np.random.default_rng(0).integers(5, size=400)
    labels = clusters if names == "integers" else np.array(list("edcba"))[clusters]
    scores, _ = scores_of(labels, clusters)
    assert {name: scores[name] for name in AGREEMENT} == pytest.approx(dict.fromkeys(AGREEMENT, 1.0))
    assert scores["coverage"] == 1
    assert scores["purity_chance"] < 0.4


def test_names_of_clusters_do_not_matter():
    labels, clusters = noisy(1)
    renamed = np.random.default_rng(0).permutation(50)[clusters]
    assert scores_of(labels, renamed)[0] == pytest.approx(scores_of(labels, clusters)[0], abs=1e-12)


def test_order_of_items_does_not_matter():
    labels, clusters = noisy(2)
    order = np.random.default_rng(0).permutation(300)
    clips = np.arange(300) // 3
    one = evaluate(labels, clusters, k=9, unit_ids=clips // 2, clip_ids=clips, split="all")[0]
    other = evaluate(
        labels[order], clusters[order], k=9, unit_ids=clips[order] // 2, clip_ids=clips[order], split="all"
    )[0]
    assert {k: v for k, v in other.items() if k != "purity_chance"} == pytest.approx(
        {k: v for k, v in one.items() if k != "purity_chance"}, abs=1e-12
    )
    assert other["purity_chance"] == pytest.approx(one["purity_chance"], abs=0.01)


def test_one_class():
    scores, _ = scores_of(["plax"] * 100, np.arange(100) % 4)
    assert (scores["purity"], scores["purity_chance"], scores["transfer_purity"]) == (1, 1, 1)
    assert (scores["nmi"], scores["ami"], scores["ari"]) == (0, 0, 0)
    assert (scores["inverse_purity"], scores["accuracy"]) == (0.25, 0.25)


def test_items_without_a_label_are_left_out_and_counted():
    labels, clusters = noisy(3)
    with_gaps = labels.astype(object)
    with_gaps[:40] = None
    clips = np.arange(300)
    scores, warnings = evaluate(with_gaps, clusters, k=9, unit_ids=clips // 5, clip_ids=clips, split="all")
    kept, _ = evaluate(labels[40:], clusters[40:], k=9, unit_ids=clips[40:] // 5, clip_ids=clips[40:], split="all")
    assert scores == kept
    assert (scores["n"], scores["n_patients"]) == (260, 52)
    assert warnings == ["40 of 300 items have no label and were left out"]


def test_no_label_at_all_is_the_users_error():
    with pytest.raises(InputError, match=r"none of the 6 items scored \(split: test\) has a label.*--labels CSV"):
        scores_of([None] * 6, np.zeros(6, int))


def test_one_patient_has_no_transfer_purity_but_the_rest():
    scores, warnings = scores_of(*noisy(4), clips_per_patient=300)
    transfer = [scores[name] for name in KEYS if name.startswith("transfer") or name == "coverage"]
    assert transfer == [None] * 4
    assert scores["n_patients"] == 1
    assert 0 < scores["purity"] < 1
    assert "at least 2 patients, and there are 1" in warnings[0]


def test_few_patients_warn():
    _, warnings = scores_of(*noisy(5), clips_per_patient=30, unit="unknown")
    assert warnings == ["only 10 clips: an interval over fewer than 24 is too narrow to trust"]


@pytest.mark.parametrize("seed", range(3))
def test_patients_without_a_view_look_pure_and_do_not_transfer(seed):
    """Embeddings that know the patient and the clip but no label: 40 patients x 5 clips x 20 frames, 6 classes."""
    rng = np.random.default_rng(seed)
    clip_ids = np.repeat(np.arange(200), 20)
    unit_ids = clip_ids // 5
    labels = rng.integers(6, size=200)[clip_ids]
    vectors = 2 * rng.normal(size=(40, 8))[unit_ids] + rng.normal(size=(200, 8))[clip_ids] + rng.normal(size=(4000, 8))
    clusters = KMeans(100, n_init=1, random_state=seed).fit_predict(vectors).astype(np.int64)
    scores, _ = evaluate(labels, clusters, k=100, unit_ids=unit_ids, clip_ids=clip_ids, split="all", seed=seed)
    assert scores["purity"] > 0.5  # three times the share of a class, from nothing
    assert scores["purity_chance"] == pytest.approx(scores["purity"], abs=0.05)
    assert scores["transfer_purity"] < 0.2
    assert scores["transfer_purity_low"] < scores["transfer_purity"] < scores["transfer_purity_high"]
    assert scores["transfer_purity_low"] <= scores["coverage"] / 6 <= scores["transfer_purity_high"]
    assert scores["transfer_purity_high"] > 1 / 6


def test_the_metrics_need_no_torch_and_no_scikit_learn():
    code = (
        "import sys, pkgutil, importlib, sslecho.metrics as m\n"
        "[importlib.import_module(f'sslecho.metrics.{x.name}') for x in pkgutil.iter_modules(m.__path__)]\n"
        "assert not {'torch', 'sklearn', 'faiss', 'pyarrow', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
