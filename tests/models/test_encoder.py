import json

import numpy as np
import pytest
import torch

from sslecho.errors import InputError, NounError
from sslecho.models.baselines import PixelEncoder, random_encoder
from sslecho.models.encoder import Encoder, resize


@pytest.fixture
def encoder() -> Encoder:
    torch.manual_seed(1)
    return Encoder("resnet18", image_size=32, mean=0.21, std=0.17, provenance={"seed": 1}).eval()


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 48, 48)).astype(np.uint8))


def test_round_trip_gives_the_same_vectors(tmp_path, encoder, frames):
    encoder.save(tmp_path / "run" / "encoder")
    again = Encoder.load(tmp_path / "run")
    assert torch.equal(again.encode(frames), encoder.encode(frames))
    assert again.encode(frames).shape == (3, 512)
    assert again.hash() == encoder.hash()
    assert (again.mean, again.std, again.image_size, again.provenance) == (0.21, 0.17, 32, {"seed": 1})


def test_timm_loads_it_without_sslecho(tmp_path, encoder, frames):
    import timm

    encoder.save(tmp_path)
    net = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    config = net.pretrained_cfg
    side = config["input_size"][-1]
    x = (resize(frames, side) - config["mean"][0]) / config["std"][0]
    assert torch.allclose(net(x), encoder.encode(frames), atol=1e-5)


def test_vision_transformers_take_the_image_size(tmp_path, frames):
    vit = Encoder("vit_tiny_patch16_224", image_size=64, mean=0.2, std=0.2).eval()
    vit.save(tmp_path)
    assert torch.equal(Encoder.load(tmp_path).encode(frames), vit.encode(frames))


def test_an_embedding_does_not_depend_on_its_batch(encoder, frames):
    assert torch.allclose(encoder.encode(frames)[:1], encoder.encode(frames[:1]), atol=1e-5)


def test_wrong_folders_are_named(tmp_path, encoder):
    with pytest.raises(NounError, match="holds no encoder .* `sslecho pretrain`"):
        Encoder.load(tmp_path)
    encoder.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["sslecho"]["version"] = 99
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(NounError, match="version 99, this sslecho reads version 1"):
        Encoder.load(tmp_path)


def test_damaged_weights_are_refused(tmp_path, encoder):
    encoder.save(tmp_path)
    weights = tmp_path / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 0xFF
    weights.write_bytes(content)
    with pytest.raises(NounError, match="is not what config.json describes"):
        Encoder.load(tmp_path)
    weights.write_bytes(content[: len(content) // 2])
    with pytest.raises(NounError, match=r"model.safetensors can't be read"):
        Encoder.load(tmp_path)


def test_unknown_backbone_is_named_with_a_suggestion():
    with pytest.raises(InputError, match=r"--backbone 'resnet81' is no timm architecture.*did you mean"):
        Encoder("resnet81", image_size=32, mean=0.2, std=0.2)


def test_pixels_are_the_picture_itself():
    frames = torch.zeros(1, 48, 48, dtype=torch.uint8)
    frames[:, :24] = 255
    vector = PixelEncoder().encode(frames)
    assert vector.shape == (1, 576)
    assert vector[0, :264].min() > 0.99
    assert vector[0, -264:].max() < 0.01


def test_the_untrained_encoder_is_of_the_same_kind_and_seeded(encoder):
    first, again, other = (
        random_encoder(encoder, seed=3),
        random_encoder(encoder, seed=3),
        random_encoder(encoder, seed=4),
    )
    assert (first.backbone, first.image_size, first.mean) == ("resnet18", 32, 0.21)
    assert first.hash() == again.hash() != other.hash()
    assert first.hash() != encoder.hash()
