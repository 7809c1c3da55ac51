"""`cluster --method fusc` and `turtle`: what stands beside them, several lambdas, and the whole network."""

import numpy as np
import pytest
import torch
from drawn_store import draw_store

import sslecho
from sslecho.errors import InputError, SettingsError
from sslecho.models.encoder import Encoder
from sslecho.tasks.cluster_model import ClusterModel

QUICK = ("heads=2", "steps=30", "batch_size=32", "neighbors=4")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Embeddings of a drawn store by its pixels and by a small network; made once, not to be changed."""
    folder = tmp_path_factory.mktemp("semantic")
    draw_store(folder / "store", patients=12)
    torch.manual_seed(0)
    Encoder("resnet10t", image_size=32, mean=0.3, std=0.3).eval().save(folder / "net" / "encoder")
    sslecho.embed(folder / "store", folder / "pixels", encoder="pixels")
    sslecho.embed(folder / "store", folder / "emb", encoder=folder / "net")
    return folder


def test_fusc_stands_beside_its_rails_and_other_lambdas(work, tmp_path):
    found = sslecho.cluster(
        work / "pixels", tmp_path / "c", method="fusc", method_set=QUICK, k=(3,), lam=(5, 0), purity=True
    )
    result = found.scores
    assert set(result["baselines"]) == {"pixels", "random", "kmeans", "lam=0"}
    assert result["results"][0]["purity"] > 0.9  # the drawn classes are plain to see
    assert result["results"][0]["purity"] > result["baselines"]["lam=0"][0]["purity"] - 1e-9
    assert result["probe"]["accuracy"] > 0.9
    assert result["probe"]["split"] == "test"
    near = result["neighbor_purity"]
    assert (near["k"], near["used"], near["split"]) == (4, "patient", "train")
    assert near["patient"] > 0.8
    model = ClusterModel.load(tmp_path / "c")
    items = sslecho.Embeddings.load(work / "pixels").per_clip()
    assert model.assign(items.vectors, k=3).clusters.tolist() == found.table["cluster_3"].to_pylist()


def test_turtle_has_a_probe_too_and_k_means_none(work, tmp_path):
    settings = {"k": (3,), "purity": True}
    turtle = sslecho.cluster(work / "pixels", tmp_path / "t", method="turtle", method_set=("steps=40",), **settings)
    assert turtle.scores["probe"]["accuracy"] > 0.9
    assert "neighbor_purity" not in turtle.scores
    assert "probe" not in sslecho.cluster(work / "pixels", tmp_path / "k", **settings).scores


def test_the_whole_network_leaves_an_encoder_whose_embeddings_its_clusters_assign(work, tmp_path):
    own = (*QUICK, "train=network", "epochs=1", "self_label_epochs=1", "network_batch_size=16")
    found = sslecho.cluster(work / "emb", tmp_path / "c", method="fusc", method_set=own, k=(3,), purity=True)
    assert set(found.scores["baselines"]) == {"pixels", "random", "frozen", "kmeans"}
    encoder = Encoder.load(tmp_path / "c")
    assert found.meta["encoder_hash"] == encoder.hash()
    model = ClusterModel.load(tmp_path / "c")
    assert model.about["encoder_hash"] == encoder.hash()
    sslecho.embed(work / "store", tmp_path / "again", encoder=tmp_path / "c")
    items = sslecho.Embeddings.load(tmp_path / "again").per_clip()
    assert model.assign(items.vectors, k=3).clusters.tolist() == found.table["cluster_3"].to_pylist()
    trained_on = {
        unit for unit, split in zip(*(items.column(c) for c in ("unit_id", "split")), strict=True) if split == "train"
    }
    assert set(encoder.provenance["units"]) == trained_on


def test_what_can_not_be_done_is_refused_before_any_work(work, tmp_path):
    def cluster(**more):
        sslecho.cluster(work / "pixels", tmp_path / "c", **more)

    with pytest.raises(SettingsError, match="--method kmeans: 'lam' is no setting"):
        cluster(lam=(1,))
    with pytest.raises(SettingsError, match=r"--method fusc: prior is 'flat'.*choose one of: estimated, uniform"):
        cluster(method="fusc", method_set=("prior=flat",))
    with pytest.raises(InputError, match="--lam 0,5: several are compared by labels; add --purity"):
        cluster(method="fusc", lam=(0, 5))
    with pytest.raises(InputError, match="trains one encoder, and --k 3,4 with 1 lambdas asks for several"):
        cluster(method="fusc", method_set=("train=network",), k=(3, 4))
    with pytest.raises(InputError, match=r"train=network needs the encoder: .*; name it with --encoder"):
        cluster(method="fusc", method_set=("train=network",), k=(3,))
    assert not (tmp_path / "c").exists()


def test_neighbors_of_the_own_clip_flatter(work, tmp_path):
    found = sslecho.cluster(
        work / "emb", tmp_path / "c", method="fusc", method_set=QUICK, k=(3,), level="frame", purity=True
    )
    near = found.scores["neighbor_purity"]
    assert near["nothing"] >= near["clip"]
    assert np.isfinite([near[name] for name in ("nothing", "clip", "patient")]).all()
