"""Fitted clusters are saved once, loaded once, and assign new embeddings as they did before; for every method."""

import numpy as np
import pytest
from safetensors.numpy import save

from sslecho.errors import InputError, NounError, SettingsError
from sslecho.rundir import read_json, write_json
from sslecho.tasks.cluster import cluster_and_score, make_clusterer
from sslecho.tasks.cluster_model import ClusterModel, Fitted
from sslecho.tasks.clusterers import CLUSTERERS
from sslecho.tasks.clusterers.clusterer import Clusterer, Clusters

METHODS = [name for name in CLUSTERERS if name in ("kmeans", "spherical", "ward")]


def drawn(seed, n=160):
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, size=n, p=[0.5, 0.25, 0.15, 0.1])
    return (2 * np.eye(4, 6)[labels] + 0.4 * rng.normal(size=(n, 6))).astype(np.float32), labels


def fitted(method, **settings):
    vectors, _ = drawn(0)
    results = cluster_and_score(
        vectors,
        ks=[4, 2],
        seed=0,
        unit_ids=np.arange(160) // 8,
        clip_ids=np.arange(160),
        clusterer=make_clusterer(method, **settings),
    )
    return ClusterModel(method, [r.clusters for r in results], {"encoder_hash": "e"})


@pytest.mark.parametrize("method", METHODS)
def test_what_is_saved_assigns_new_embeddings_as_before(method, tmp_path):
    model = fitted(method)
    model.save(tmp_path / "model")
    loaded = ClusterModel.load(tmp_path)  # the run that holds it
    assert (loaded.method, loaded.ks, loaded.about, loaded.hash()) == (
        method,
        [4, 2],
        {"encoder_hash": "e"},
        model.hash(),
    )
    new, labels = drawn(1)
    for k in (4, 2):
        before, after = model.assign(new, k=k), loaded.assign(new, k=k)
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)
        assert before.clusters.dtype == np.int64
        assert set(before.clusters.tolist()) == set(range(k))
        assert ((before.confidences >= 0) & (before.confidences <= 1)).all()
    # Four classes are plain to see: new items of a class are together.
    clusters = loaded.assign(new, k=4).clusters
    assert sum(np.bincount(clusters[labels == c]).max() for c in range(4)) > 0.97 * len(new)


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_what_clusterers_are(method):
    assert issubclass(CLUSTERERS[method], Clusterer)
    clusters = fitted(method).clusters[0]
    assert isinstance(clusters, Clusters)
    assert isinstance(clusters, CLUSTERERS[method].clusters_class)


@pytest.mark.parametrize("method", METHODS)
def test_the_seed_repeats_and_the_order_of_ks_is_kept(method):
    assert fitted(method).hash() == fitted(method).hash()


def test_lengths_count_where_they_are_asked_to(tmp_path):
    model = fitted("kmeans", normalize=False)
    model.save(tmp_path)
    loaded = ClusterModel.load(tmp_path)
    new = drawn(1)[0] * np.random.default_rng(0).uniform(0.1, 9, (160, 1)).astype(np.float32)
    np.testing.assert_array_equal(loaded.assign(new, k=4).distances, model.assign(new, k=4).distances)
    directions = fitted("kmeans").assign(new, k=4)
    assert (directions.distances != loaded.assign(new, k=4).distances).all()


def test_fitted_clusters_take_the_place_of_a_method():
    model = fitted("ward")
    new, labels = drawn(1, n=3)  # fewer than clusters: nothing is fitted
    results = cluster_and_score(
        new, ks=[2, 4], seed=0, unit_ids=["a", "b", "c"], clip_ids=[0, 1, 2], labels=labels, clusterer=Fitted(model)
    )
    assert [(r.k, r.scores["split"], r.scores["n"]) for r in results] == [(2, "all", 3), (4, "all", 3)]
    for r in results:
        np.testing.assert_array_equal(r.assignment.clusters, model.assign(new, k=r.k).clusters)
    (tested,) = cluster_and_score(
        new,
        ks=[2],
        seed=0,
        unit_ids=["a", "b", "c"],
        clip_ids=[0, 1, 2],
        labels=labels,
        splits=["val", "test", "test"],
        clusterer=Fitted(model),
    )
    assert (tested.scores["split"], tested.scores["n"]) == ("test", 2)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(NounError, match=r"holds no clusters .*name the folder that `sslecho cluster` wrote"):
        ClusterModel.load(tmp_path)
    model = fitted("kmeans")
    model.save(tmp_path)
    config = read_json(tmp_path / "config.json")
    weights = (tmp_path / "model.safetensors").read_bytes()
    write_json(tmp_path / "config.json", {**config, "version": 9})
    with pytest.raises(NounError, match="'sslecho.clusters' version 9, not 'sslecho.clusters' version 1"):
        ClusterModel.load(tmp_path)
    write_json(tmp_path / "config.json", {**config, "method": "dbscan"})
    with pytest.raises(NounError, match=r"can't read \(clustering method 'dbscan' does not exist"):
        ClusterModel.load(tmp_path)
    write_json(tmp_path / "config.json", config)
    (tmp_path / "model.safetensors").write_bytes(weights[:-4] + b"abcd")
    with pytest.raises(NounError, match="is not what config.json describes"):
        ClusterModel.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(save({"4.other": np.ones(3)}))
    with pytest.raises(NounError, match="is not what config.json describes"):
        ClusterModel.load(tmp_path)


def test_what_a_model_can_not_assign_is_refused():
    model = fitted("spherical")
    new, _ = drawn(1)
    with pytest.raises(InputError, match="--k 3: these clusters were fitted for k = 4, 2"):
        model.assign(new, k=3)
    with pytest.raises(InputError, match="5 dimensions and the centroids 6"):
        model.assign(new[:, :5], k=2)


def test_settings_that_a_method_does_not_have():
    with pytest.raises(SettingsError, match="'small' is no setting"):
        make_clusterer("kmeans", small=4)
    with pytest.raises(SettingsError, match=r"small is 1; it must be at least 2"):
        make_clusterer("ward", small=1)
    with pytest.raises(SettingsError, match="'kmean' does not exist"):
        make_clusterer("kmean")
