import json

import numpy as np
import pytest
import torch

from sslecho.errors import InputError, NounError
from sslecho.models.baselines import PixelEncoder, random_encoder
from sslecho.models.encoder import Encoder, check_size, resize


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


# The smallest of each family that timm has for tests, one that is used, and what has a layer after its features.
FAMILIES = {
    "test_resnet": 96,
    "resnet18": 512,
    "resnet50": 2048,
    "test_convnext": 64,
    "convnext_atto": 320,
    "test_vit": 64,
    "vit_tiny_patch16_224": 192,
    "test_efficientnet": 256,
    "efficientnet_b0": 1280,
    "mobilenetv3_small_050": 1024,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_works_with_one_channel_here_and_in_timm(tmp_path, frames, name):
    import timm

    torch.manual_seed(2)
    encoder = Encoder(name, image_size=64, mean=0.2, std=0.3).eval()
    vectors = encoder.encode(frames)
    assert vectors.shape == (3, encoder.dim) == (3, FAMILIES[name])
    # timm starts the last layer of MobileNetV3 and others with zeros: no two pictures are told apart by them.
    assert (vectors[0] - vectors[1]).abs().max() > 0
    encoder.save(tmp_path)
    assert torch.equal(Encoder.load(tmp_path).encode(frames), vectors)
    net = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    with torch.inference_mode():
        assert torch.allclose(net((resize(frames, 64) - 0.2) / 0.3), vectors, atol=1e-5)
    untrained = random_encoder(encoder, seed=5)
    assert untrained.encode(frames).shape == vectors.shape


def test_pictures_are_letterboxed_never_warped():
    ramp = torch.arange(48, dtype=torch.uint8).mul(5).expand(48, 48)[None]  # 0 to 235 from left to right
    wide = resize(ramp, (24, 40))
    assert wide.shape == (1, 1, 24, 40)
    assert wide[..., :8].abs().max() == wide[..., 32:].abs().max() == 0
    assert torch.equal(wide[..., 8:32], resize(ramp, 24))
    high = resize(ramp, (50, 24))
    assert torch.equal(high[:, :, 13:37], resize(ramp, 24))
    assert high[:, :, :13].abs().max() == high[:, :, 37:].abs().max() == 0
    # A frame that is no square is not made one.
    assert torch.equal(resize(ramp[:, :24], 48)[:, :, 12:36], ramp[:, None, :24].float() / 255)


@pytest.mark.parametrize(("name", "side"), [("test_vit", 50), ("test_maxvit", 50)])
def test_a_size_that_a_network_can_not_take_is_named_with_the_cure(name, side):
    encoder = Encoder(name, image_size=side, mean=0.2, std=0.2)
    with pytest.raises(InputError, match=rf"--backbone {name} can't be built .*--image-size {side} \(.+\); choose"):
        check_size(encoder)
    assert encoder.training


def test_a_size_that_it_can_take_changes_nothing(encoder):
    encoder.train()
    before = encoder.hash()
    check_size(encoder)
    assert encoder.hash() == before
    assert encoder.training


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
