"""What `pretrain` begins with: weights from elsewhere, an earlier run, a named network with its own picture size."""

import json

import numpy as np
import pytest
import torch
from drawn_store import draw_store
from made_checkpoints import timm_network, under

import sslecho
from sslecho.api.pretrain_views import view_makers
from sslecho.api.settings import PretrainSettings
from sslecho.config import build
from sslecho.errors import InputError
from sslecho.objectives.dino import DINO, DINOSettings
from sslecho.rundir import read_json, sha256_of

QUICK = {"backbone": "test_resnet", "epochs": 1, "batch_size": 16, "device": "cpu", "precision": "32"}
NOTHING_LEARNED = {"lr": 1e-8, "weight_decay": 0.0}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return draw_store(tmp_path_factory.mktemp("weights") / "store")


@pytest.fixture(scope="module")
def first(store, tmp_path_factory):
    """A run at 48 pixels."""
    run = tmp_path_factory.mktemp("weights") / "first"
    sslecho.pretrain(store, run, **QUICK, image_size=48)
    return run


@pytest.fixture
def checkpoint(tmp_path):
    network = timm_network("test_resnet", num_classes=0)
    torch.save({"state_dict": under("backbone.", network.state_dict())}, tmp_path / "private-name.ckpt")
    return tmp_path / "private-name.ckpt", network


def test_a_checkpoint_is_begun_with_and_accounted_for(store, tmp_path, capsys, checkpoint):
    path, network = checkpoint
    encoder = sslecho.pretrain(store, tmp_path / "run", **QUICK, image_size=32, **NOTHING_LEARNED, weights=str(path))
    said = "75 of 75 tensors matched under state_dict: backbone."
    assert f"--weights: {said}; stem: RGB weights summed" in capsys.readouterr().err
    result = read_json(tmp_path / "run" / "result.json")["weights"]
    assert (result["n_matched"], result["sha256"]) == (75, sha256_of(path))
    assert sslecho.Encoder.load(tmp_path / "run").provenance["weights"] == result
    assert (encoder.mean, encoder.std) == pytest.approx((0.449, 0.226))  # ImageNet's, not the frames'
    for name, value in encoder.net.state_dict().items():
        if name.endswith(("conv1.weight", "conv2.weight")):
            assert torch.allclose(value, network.state_dict()[name], atol=1e-5), name
    # The file's name could name a person.
    for file in (tmp_path / "run").rglob("*"):
        assert not file.is_file() or b"private-name" not in file.read_bytes(), file


def test_other_weights_are_another_run(store, tmp_path, checkpoint, first):
    path, _ = checkpoint
    sslecho.pretrain(store, tmp_path / "run", **QUICK, image_size=48, weights=str(path))
    again = sslecho.pretrain(store, tmp_path / "run", **QUICK, image_size=48, weights=str(path))
    assert again.hash() == sslecho.Encoder.load(tmp_path / "run").hash()
    with pytest.raises(InputError, match=rf"weights was '{sha256_of(path)}' and is now '"):
        sslecho.pretrain(store, tmp_path / "run", **QUICK, image_size=48, weights=str(first))
    with pytest.raises(InputError, match=r"weights was '.*' and is now None"):
        sslecho.pretrain(store, tmp_path / "run", **QUICK, image_size=48)


def test_missing_tensors_are_warned_of(store, tmp_path, capsys, checkpoint):
    path, network = checkpoint
    state = network.state_dict()
    del state["conv1.0.weight"]
    torch.save(state, path)
    sslecho.pretrain(store, tmp_path / "run", **QUICK, image_size=32, weights=str(path))
    assert "warning: --weights: 74 of 75 tensors matched; 1 missing (conv1.0.weight)" in capsys.readouterr().err


def test_an_earlier_run_is_gone_on_from(tmp_path, first, store):
    # Of other patients than the first run's: both are known to have been seen.
    other = draw_store(tmp_path / "other", patients=2, unit="clip")
    encoder = sslecho.pretrain(other, tmp_path / "run", **QUICK, **NOTHING_LEARNED, weights=str(first))
    begun = sslecho.Encoder.load(first)
    assert (encoder.image_size, encoder.mean, encoder.std) == (48, begun.mean, begun.std)
    assert encoder.provenance["settings"]["image_size"] == 48
    for name, value in encoder.net.named_parameters():
        assert torch.allclose(value, begun.net.get_parameter(name), atol=1e-5), name
    seen = set(encoder.provenance["units"])
    assert set(begun.provenance["units"]) < seen
    assert set(other.column("unit_id").tolist()) <= seen


def test_another_network_than_asked_for_stops_before_the_folder_is_begun(store, tmp_path, first):
    with pytest.raises(InputError, match=r"is a test_resnet and --backbone is resnet10t; say --backbone test_resnet"):
        sslecho.pretrain(store, tmp_path / "run", **{**QUICK, "backbone": "resnet10t"}, weights=str(first))
    with pytest.raises(InputError, match=r"--backbone test_vit can't be built .*--image-size 50 .*divisible"):
        sslecho.pretrain(store, tmp_path / "run", **{**QUICK, "backbone": "test_vit"}, image_size=50)
    assert not (tmp_path / "run").exists()


def test_pictures_are_of_128_pixels_where_nothing_is_said(store, tmp_path):
    encoder = sslecho.pretrain(store, tmp_path / "run", **QUICK)
    assert encoder.image_size == 128
    assert encoder.provenance["settings"]["image_size"] == 128
    assert "image_size = 128" in (tmp_path / "run" / "settings.toml").read_text()
    # Said or not, it is the same run.
    assert sslecho.pretrain(store, tmp_path / "run", **QUICK, image_size=128).hash() == encoder.hash()


def test_a_named_network_sets_the_size_and_is_pretrained_and_embeds(store, tmp_path):
    settings = ("hidden_dim=16", "projection_dim=16")
    options = {**QUICK, "backbone": "madani-60x80", "method": "vicreg", "method_set": settings}
    encoder = sslecho.pretrain(store, tmp_path / "run", **options)
    assert encoder.image_size == (60, 80)
    result = read_json(tmp_path / "run" / "result.json")
    assert (result["dim"], result["backbone"]) == (512, "madani-60x80")
    config = json.loads((tmp_path / "run" / "encoder" / "config.json").read_text())
    assert config["pretrained_cfg"]["input_size"] == [1, 60, 80]
    embeddings = sslecho.embed(store, tmp_path / "embeddings", encoder=tmp_path / "run")
    assert embeddings.vectors.shape == (len(store), 512)
    # The same call again finds the run done.
    assert sslecho.pretrain(store, tmp_path / "run", **options).hash() == encoder.hash()
    with pytest.raises(InputError, match=r"--image-size 64 does not fit --backbone madani-60x80"):
        sslecho.pretrain(store, tmp_path / "other", **options, image_size=64)


def test_a_named_network_sees_small_crops_at_its_own_size():
    encoder = sslecho.Encoder("madani-60x80", image_size=(60, 80), mean=0.2, std=0.3)
    objective = DINO(encoder, DINOSettings(hidden_dim=8, prototypes=8, local_views=2))
    makers = view_makers(objective, encoder, build(PretrainSettings, {"method": "dino"}))
    frames = torch.randint(0, 256, (2, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    prepared = makers[0].prepare(frames)
    views = [maker(prepared, np.arange(2), epoch=0, view=view) for view, maker in enumerate(makers)]
    assert [tuple(view.shape) for view in views] == [(2, 1, 60, 80)] * 4
