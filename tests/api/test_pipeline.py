"""The main job from a store to scored clusters, and what happens when something is not as it should be."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from drawn_store import draw_store

import sslecho
from sslecho.data.schema import VERSION
from sslecho.errors import InputError, MissingExtraError, NounError, SslechoError
from sslecho.rundir import read_json

QUICK = {"backbone": "resnet10t", "epochs": 2, "batch_size": 16, "image_size": 32, "device": "cpu", "precision": "32"}
SCORES = (
    "k clusters_used purity purity_chance transfer_purity transfer_purity_low transfer_purity_high coverage "
    "inverse_purity nmi ami ari accuracy n n_patients split unit"
).split()


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A store, a run, embeddings; made once, not to be changed."""
    folder = tmp_path_factory.mktemp("pipeline")
    store = draw_store(folder / "store", patients=8)
    sslecho.pretrain(store, folder / "run", **QUICK)
    sslecho.embed(store, folder / "emb", encoder=folder / "run")
    return folder


def test_pretrain_says_what_it_did_and_keeps_test_patients_out(work):
    result = read_json(work / "run" / "result.json")
    assert {"epochs", "images_per_s", "data_wait", "loss", "effective_rank", "run"} <= set(result)
    assert result["split"] == "train+val"
    assert (result["n"], result["n_patients"], result["n_frames"]) == (18, 6, 36)
    assert 1 <= result["effective_rank"] <= 36
    losses = [json.loads(line)["loss"] for line in (work / "run" / "log.jsonl").read_text().splitlines()]
    assert np.isfinite(losses).all()
    config = read_json(work / "run" / "encoder" / "config.json")
    assert config["sslecho"]["provenance"]["settings"]["epochs"] == 2


def test_the_same_call_again_says_that_it_is_done(work):
    before = (work / "run" / "encoder" / "model.safetensors").stat().st_mtime_ns
    again = sslecho.pretrain(work / "store", work / "run", **QUICK)
    assert (work / "run" / "encoder" / "model.safetensors").stat().st_mtime_ns == before
    assert again.hash() == sslecho.Encoder.load(work / "run").hash()
    with pytest.raises(InputError, match="epochs was 2 and is now 3"):
        sslecho.pretrain(work / "store", work / "run", **{**QUICK, "epochs": 3})


def test_everything_is_trained_on_only_when_asked(work, tmp_path):
    sslecho.pretrain(work / "store", tmp_path / "run", **{**QUICK, "epochs": 1, "all": True})
    assert read_json(tmp_path / "run" / "result.json")["split"] == "all"


def test_purity_has_all_keys_and_both_baselines(work, tmp_path):
    predictions = sslecho.cluster(work / "emb", tmp_path / "c", k=(2, 4), purity=True)
    result = predictions.scores
    assert [row["k"] for row in result["results"]] == [2, 4]
    assert set(result["baselines"]) == {"pixels", "random"}
    for row in [*result["results"], *result["baselines"]["pixels"], *result["baselines"]["random"]]:
        assert set(SCORES) <= set(row)
        assert row["split"] == "test"
        assert row["unit"] == "patient"
        assert row["n_patients"] == 2
        assert "too narrow to trust" in row["warning"]
    table = predictions.table
    assert table.num_rows == 24  # a row a clip
    assert set(table["cluster_4"].to_pylist()) <= {0, 1, 2, 3}
    scores = pq.read_table(tmp_path / "c" / "scores.parquet")
    assert set(scores.column_names) >= {"metric", "value", "low", "high", "n_patients", "seed", "split"}
    assert set(scores["source"].to_pylist()) == {"encoder", "pixels", "random"}
    # The drawn classes are plain to see, so pixels must find them: a low figure here is a broken score.
    assert result["baselines"]["pixels"][1]["purity"] == 1


def test_labels_never_reach_the_clusters(work, tmp_path):
    with_labels = sslecho.cluster(work / "emb", tmp_path / "a", k=(3,), purity=True).table
    without = sslecho.cluster(work / "emb", tmp_path / "b", k=(3,)).table
    assert with_labels["cluster_3"] == without["cluster_3"]
    assert "purity" not in read_json(tmp_path / "b" / "result.json")["results"][0]


def test_labels_of_a_file_win_over_the_stores(work, tmp_path):
    clips = sslecho.Store.open(work / "store").column("clip_id")
    file = tmp_path / "other.csv"
    file.write_text("clip_id,sex\n" + "".join(f"{clip},{'fm'[i % 2]}\n" for i, clip in enumerate(clips)))
    result = sslecho.cluster(
        work / "emb", tmp_path / "c", k=(2,), purity=True, labels=str(file), label_column="sex"
    ).scores
    assert result["classes"] == {"f": 12, "m": 12}
    file.write_text("clip_id,label\nunknown,x\n")
    with pytest.raises(InputError, match="none of its 1 clips is among the embeddings"):
        sslecho.cluster(work / "emb", tmp_path / "d", k=(2,), purity=True, labels=str(file))
    assert not (tmp_path / "d").exists()


def test_frames_can_be_clustered_too(work, tmp_path):
    predictions = sslecho.cluster(work / "emb", tmp_path / "c", k=(2,), purity=True, level="frame")
    assert predictions.table.num_rows == 48


def test_without_the_store_baselines_are_null(work, tmp_path, capsys):
    shutil.copytree(work / "emb", tmp_path / "emb")
    shutil.copytree(work / "run", tmp_path / "run")
    result = sslecho.cluster(tmp_path / "emb", tmp_path / "c", k=(2,), purity=True).scores
    assert result["baselines"] == {"pixels": None, "random": None}
    assert result["results"][0]["n"] == 6  # labels and splits as they were when embedding
    said = capsys.readouterr().err
    assert "the labels and splits recorded when embedding are used" in said
    assert "baselines are left out" in said


def test_another_store_in_its_place_is_noticed(work, tmp_path):
    draw_store(tmp_path / "other", patients=5)
    with pytest.raises(InputError, match="holds other frames than those that were embedded"):
        sslecho.cluster(work / "emb", tmp_path / "c", k=(2,), store=str(tmp_path / "other"))


def test_more_clusters_than_frames_leaves_nothing_behind(work, tmp_path):
    with pytest.raises(InputError, match="--k 50: more clusters than the 18 embeddings"):
        sslecho.cluster(work / "emb", tmp_path / "c", k=(2, 50), purity=True)
    assert not (tmp_path / "c").exists()


def test_purity_without_labels_says_what_to_do(tmp_path):
    store = draw_store(tmp_path / "store")
    bare = store.clips.set_column(store.clips.column_names.index("label"), "label", [[None] * store.clips.num_rows])
    store.with_tables(clips=bare.cast(store.clips.schema))
    sslecho.embed(tmp_path / "store", tmp_path / "emb", encoder="pixels")
    with pytest.raises(InputError, match="--purity needs labels and none is known.*--labels CSV"):
        sslecho.cluster(tmp_path / "emb", tmp_path / "c", k=(2,), purity=True)
    assert sslecho.cluster(tmp_path / "emb", tmp_path / "c", k=(2,)).table.num_rows == 24


def test_one_patient_only_has_no_transfer_purity(tmp_path):
    draw_store(tmp_path / "store", patients=1, clips=6, split=False)
    sslecho.embed(tmp_path / "store", tmp_path / "emb", encoder="pixels")
    row = sslecho.cluster(tmp_path / "emb", tmp_path / "c", k=(3,), purity=True).scores["results"][0]
    assert row["transfer_purity"] is None
    assert row["split"] == "all"
    assert "at least 2 patients, and there are 1" in row["warning"]


def test_one_frame_a_clip(tmp_path):
    store = draw_store(tmp_path / "store", frames=1, split=False)
    sslecho.pretrain(store, tmp_path / "run", **QUICK, positives="clip")
    sslecho.embed(store, tmp_path / "emb", encoder=tmp_path / "run")
    assert sslecho.cluster(tmp_path / "emb", tmp_path / "c", k=(3,), purity=True).scores["n"] == 24


def test_one_clip_has_no_negatives(tmp_path):
    draw_store(tmp_path / "store", patients=1, clips=1, frames=8, split=False)
    with pytest.raises(InputError, match=r"has 1 clip to train on; a contrastive loss needs at least 2"):
        sslecho.pretrain(tmp_path / "store", tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()


def test_a_batch_larger_than_the_store_is_cut_with_a_word(tmp_path, capsys):
    draw_store(tmp_path / "store", patients=2, clips=2, frames=1, split=False)
    sslecho.pretrain(tmp_path / "store", tmp_path / "run", **{**QUICK, "batch_size": 64})
    assert "--batch-size 64 is more than the 4 frames; 4 is used" in capsys.readouterr().err


def test_clips_in_place_of_patients_are_stamped(tmp_path):
    draw_store(tmp_path / "store", unit="unknown", split=False)
    sslecho.embed(tmp_path / "store", tmp_path / "emb", encoder="pixels")
    result = sslecho.cluster(tmp_path / "emb", tmp_path / "c", k=(3,), purity=True).scores
    assert result["groups"] == "clips"
    assert result["results"][0]["unit"] == "clip"


def test_a_store_of_another_version(tmp_path):
    draw_store(tmp_path / "store")
    manifest = tmp_path / "store" / "manifest.json"
    manifest.write_text(manifest.read_text().replace(f'"version": {VERSION}', '"version": 9'))
    with pytest.raises(NounError, match="version"):
        sslecho.pretrain(tmp_path / "store", tmp_path / "run", **QUICK)


def test_a_truncated_shard(tmp_path):
    draw_store(tmp_path / "store")
    shard = next((tmp_path / "store" / "shards").iterdir())
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(NounError, match=shard.name):
        sslecho.embed(tmp_path / "store", tmp_path / "emb", encoder="pixels")


def test_nothing_opens_a_connection(work, tmp_path, monkeypatch):
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("sslecho must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    sslecho.pretrain(work / "store", tmp_path / "run", **{**QUICK, "epochs": 1})
    sslecho.embed(work / "store", tmp_path / "emb", encoder=tmp_path / "run")
    assert sslecho.cluster(tmp_path / "emb", tmp_path / "c", k=(2,), purity=True)


def test_without_faiss_nothing_is_begun(work, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"sslecho\[cpu\].*sslecho\[gpu\]"):
        sslecho.cluster(work / "emb", tmp_path / "c", k=(2,))
    assert not (tmp_path / "c").exists()


def test_labels_of_single_frames_stay_with_their_frames(work, tmp_path):
    clips = sslecho.Store.open(work / "store").column("clip_id")
    file = tmp_path / "frames.csv"
    rows = [f"{clip},{frame},{('even', 'odd')[frame]}" for clip in clips for frame in (0, 1)]
    file.write_text("\n".join(["clip_id,frame,label", *rows]) + "\n")
    result = sslecho.cluster(work / "emb", tmp_path / "c", k=(2,), purity=True, level="frame", labels=str(file)).scores
    assert result["classes"] == {"even": 24, "odd": 24}


def test_a_run_that_ended_while_its_encoder_was_saved_goes_on(work, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise SslechoError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(sslecho.Encoder, "save", full)
        with pytest.raises(SslechoError, match="no space left"):
            sslecho.pretrain(work / "store", tmp_path / "run", **QUICK)
    sslecho.pretrain(work / "store", tmp_path / "run", **QUICK)
    again, straight = (read_json(folder / "result.json") for folder in (tmp_path / "run", work / "run"))
    assert again["loss"] == straight["loss"]
    assert again["images_per_s"] > 0


def test_another_split_is_another_run(work, tmp_path):
    shutil.copytree(work / "store", tmp_path / "store")
    sslecho.pretrain(tmp_path / "store", tmp_path / "run", **QUICK)
    with pytest.raises(InputError, match="came with its labels; say --overwrite"):
        sslecho.split(tmp_path / "store", test=0.3, val=0.0, seed=5)
    sslecho.split(tmp_path / "store", test=0.3, val=0.0, seed=5, overwrite=True)
    sslecho.split(tmp_path / "store", test=0.3, val=0.0, seed=5)  # the same again is done already
    with pytest.raises(InputError, match="seed was 5 and is now 6"):
        sslecho.split(tmp_path / "store", test=0.3, val=0.0, seed=6)
    with pytest.raises(InputError, match="rows was"):
        sslecho.pretrain(tmp_path / "store", tmp_path / "run", **QUICK)


def test_scored_patients_that_were_pretrained_on_are_counted(work, tmp_path, capsys):
    sslecho.pretrain(work / "store", tmp_path / "run", **{**QUICK, "epochs": 1, "all": True})
    sslecho.embed(work / "store", tmp_path / "emb", encoder=tmp_path / "run")
    result = sslecho.cluster(tmp_path / "emb", tmp_path / "c", k=(2,), purity=True).scores
    assert result["n_seen_in_pretraining"] == 2
    assert "pretrained on 2 of the 2 scored patients" in result["results"][0]["warning"]
    assert "pretrained on 2 of the 2 scored patients" in capsys.readouterr().err
    clean = sslecho.cluster(work / "emb", tmp_path / "d", k=(2,), purity=True).scores
    assert clean["n_seen_in_pretraining"] == 0


def test_a_mistyped_option_leaves_no_folder(work, tmp_path):
    with pytest.raises(InputError, match="'resnet81' is no timm architecture"):
        sslecho.pretrain(work / "store", tmp_path / "run", **{**QUICK, "backbone": "resnet81"})
    with pytest.raises(NounError, match="holds no encoder"):
        sslecho.cluster(work / "emb", tmp_path / "c", k=(2,), purity=True, baseline=(f"old={tmp_path}/none",))
    with pytest.raises(InputError, match="must read NAME=ENCODER"):
        sslecho.cluster(work / "emb", tmp_path / "c", k=(2,), purity=True, baseline=(f"../x={work}/run",))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("k", "said"), [(",", "--k is empty"), ("3,3", "k is 3,3; each may stand there once")])
def test_numbers_of_clusters_that_make_no_sense(work, tmp_path, k, said):
    with pytest.raises(InputError, match=said):
        sslecho.cluster(work / "emb", tmp_path / "c", k=k)


def test_no_path_stands_in_a_result(work, tmp_path):
    clips = sslecho.Store.open(work / "store").column("clip_id")
    labels = tmp_path / "MUELLER_labels.csv"
    labels.write_text("clip_id,label\n" + "".join(f"{clip},x\n" for clip in clips))
    baseline = (f"old={work}/run",)
    sslecho.cluster(work / "emb", tmp_path / "c", k=(2,), purity=True, labels=str(labels), baseline=baseline)
    result = read_json(tmp_path / "c" / "result.json")
    assert set(result["baselines"]) == {"pixels", "random", "old"}
    for file in (tmp_path / "c").rglob("*"):
        if file.is_file():
            content = file.read_bytes().replace(str(tmp_path / "c").encode(), b"")  # `out`, which the contract wants
            assert b"MUELLER" not in content, file
            assert str(tmp_path).encode() not in content, file
