"""`cluster` by every method: its model, its k, and processes that assign together."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from drawn_store import draw_store

import sslecho
from sslecho.cli import main
from sslecho.errors import InputError, SettingsError
from sslecho.rundir import read_json
from sslecho.tasks.cluster_model import ClusterModel

METHODS = ("kmeans", "spherical", "ward")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Embeddings of a drawn store by its pixels; made once, not to be changed."""
    folder = tmp_path_factory.mktemp("methods")
    draw_store(folder / "store", patients=16)
    sslecho.embed(folder / "store", folder / "emb", encoder="pixels")
    return folder


@pytest.mark.parametrize("method", METHODS)
def test_each_method_keeps_what_it_fitted(method, work, tmp_path):
    predictions = sslecho.cluster(work / "emb", tmp_path / "c", method=method, k=(3, 4))
    items = sslecho.Embeddings.load(work / "emb").per_clip()
    model = ClusterModel.load(tmp_path / "c")
    assert (model.method, model.ks) == (method, [3, 4])
    assert model.assign(items.vectors, k=4).clusters.tolist() == predictions.table["cluster_4"].to_pylist()
    confidences = np.array(predictions.table["confidence_4"].to_pylist())
    np.testing.assert_allclose(model.assign(items.vectors, k=4).confidences, confidences, atol=1e-6)


def test_k_means_on_the_same_embeddings_stands_beside_another_method(work, tmp_path):
    result = sslecho.cluster(work / "emb", tmp_path / "c", method="ward", k=(4,), purity=True).scores
    assert set(result["baselines"]) == {"pixels", "random", "kmeans"}
    plain = sslecho.cluster(work / "emb", tmp_path / "d", k=(4,), purity=True).scores
    assert set(plain["baselines"]) == {"pixels", "random"}
    assert plain["results"][0]["purity"] == result["baselines"]["kmeans"][0]["purity"]
    assert (
        result["results"][0]["purity"] == result["baselines"]["pixels"][0]["purity"] > 0.9
    )  # pixels by the same method


def test_a_model_assigns_the_embeddings_of_another_store(work, tmp_path):
    sslecho.cluster(work / "emb", tmp_path / "c", method="ward", k=(3, 5))
    draw_store(tmp_path / "new", patients=2, split=False)
    sslecho.embed(tmp_path / "new", tmp_path / "new_emb", encoder="pixels")
    found = sslecho.cluster(tmp_path / "new_emb", tmp_path / "d", model=str(tmp_path / "c"), purity=True)
    assert [row["k"] for row in found.scores["results"]] == [3, 5]
    assert found.scores["n_fitted"] == 0
    assert found.scores["baselines"] == {}
    assert found.meta["method"] == "ward"
    new = sslecho.Embeddings.load(tmp_path / "new_emb").per_clip()
    expected = ClusterModel.load(tmp_path / "c").assign(new.vectors, k=5)
    assert found.table["cluster_5"].to_pylist() == expected.clusters.tolist()
    again = ClusterModel.load(tmp_path / "d")  # what it assigned with goes on beside it
    assert again.hash() == ClusterModel.load(tmp_path / "c").hash()


def test_a_model_of_another_encoder_and_settings_beside_a_model_are_refused(work, tmp_path):
    sslecho.cluster(work / "emb", tmp_path / "c", k=(3,))
    sslecho.embed(work / "store", tmp_path / "other", encoder="random")
    with pytest.raises(InputError, match=r"--model .* has clusters of another encoder's embeddings \(hash\)"):
        sslecho.cluster(tmp_path / "other", tmp_path / "d", model=str(tmp_path / "c"))
    with pytest.raises(InputError, match="leave --method-set.* and --choose-k out"):
        sslecho.cluster(work / "emb", tmp_path / "d", model=str(tmp_path / "c"), choose_k=True)
    assert not (tmp_path / "d").exists()


def test_settings_of_a_method_are_checked_and_part_of_the_run(work, tmp_path):
    with pytest.raises(SettingsError, match="--method ward: 'smal' is no setting.*known: small, normalize"):
        sslecho.cluster(work / "emb", tmp_path / "c", method="ward", k=(3,), method_set=("smal=4",))
    with pytest.raises(SettingsError, match="'small' must read KEY=VALUE"):
        sslecho.cluster(work / "emb", tmp_path / "c", method="ward", k=(3,), method_set=("small",))
    assert not (tmp_path / "c").exists()
    sslecho.cluster(work / "emb", tmp_path / "c", method="ward", k=(3,), method_set=("small=9",))
    assert len(ClusterModel.load(tmp_path / "c").clusters[0].centroids) == 9
    with pytest.raises(InputError, match="ward.small was 9 and is now 8"):
        sslecho.cluster(work / "emb", tmp_path / "c", method="ward", k=(3,), method_set=("small=8",))


def test_which_k_is_answered_without_labels_from_those_that_clusters_are_fitted_on(work, tmp_path):
    result = sslecho.cluster(work / "emb", tmp_path / "c", k=(2, 3, 4), choose_k=True).scores
    choice = result["choice"]
    assert [row["k"] for row in choice["tried"]] == [2, 3, 4]
    assert choice["n_units"] == 12  # of 16 patients four are the test's
    assert "12 patients" in choice["words"]


def test_the_shell_says_which_k(work, tmp_path, capsys, monkeypatch):
    arguments = ["sslecho", "cluster", str(work / "emb"), "-o", str(tmp_path / "c"), "--k", "2,3", "--choose-k"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert "k 3: prediction strength" in said
    assert f"which k? {read_json(tmp_path / 'c' / 'result.json')['choice']['words']}" in said


def test_two_processes_write_what_one_does(work, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "sslecho"]
    command += ["cluster", work / "emb", "-o", tmp_path / "two", "--k", "3", "--method", "spherical", "--json"]
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert len(done.stdout.splitlines()) == 1  # one process speaks
    one = sslecho.cluster(work / "emb", tmp_path / "one", k=(3,), method="spherical")
    assert json.loads(done.stdout)["results"] == one.scores["results"]
    two = sslecho.Predictions.load(tmp_path / "two")
    assert two.table["cluster_3"] == one.table["cluster_3"]
    assert ClusterModel.load(tmp_path / "two").hash() == ClusterModel.load(tmp_path / "one").hash()
