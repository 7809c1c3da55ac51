"""Weights of other libraries in an encoder: the network that was meant, the account of it, and what is refused."""

import argparse
import json

import numpy as np
import pytest
import torch
from made_checkpoints import LAYOUTS, timm_network, torchvision_resnet18
from safetensors.torch import save_file

from sslecho.errors import InputError
from sslecho.models.encoder import Encoder, resize
from sslecho.models.weight_files import read_weights
from sslecho.models.weights import IMAGENET, fit_weights, load_encoder

HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.fixture(scope="module")
def resnet():
    return torchvision_resnet18(0)


@pytest.fixture(scope="module")
def another():
    return torchvision_resnet18(1)


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 64, 64)).astype(np.uint8))


def in_color(network, frames, mean, std, *, side=64):
    """What a network for RGB makes of gray frames."""
    x = resize(frames, side).expand(-1, 3, -1, -1)
    with torch.inference_mode():
        return network((x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1))


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("library", LAYOUTS)
def test_every_layout_is_found_and_gives_the_networks_embeddings(tmp_path, resnet, another, frames, library):
    layout, where, others = LAYOUTS[library]
    torch.save(layout(resnet, another), tmp_path / "checkpoint.pth")
    encoder = Encoder("resnet18", image_size=64, mean=0.1, std=0.1).eval()
    match = fit_weights(encoder, read_weights(tmp_path / "checkpoint.pth"))
    assert (match.n_matched, match.n_wanted) == (100, 100)
    assert (match.where, match.others) == (where, others)
    assert match.missing == match.unexpected == match.reshaped == match.resampled == ()
    assert match.normalized == "not said by the file; ImageNet's"
    given, own = resnet.state_dict(), encoder.net.state_dict()
    for name, value in own.items():
        if name not in ("conv1.weight", "bn1.running_mean"):
            assert torch.equal(value, given[name]), name
    # Not to rounding: the stem's filters reach over the edge, where zero is three gray levels, or one.
    features = torch.nn.Sequential(*list(resnet.children())[:-1], torch.nn.Flatten())
    wanted = in_color(features, frames, *IMAGENET)
    assert 1e-6 < difference(encoder.encode(frames), wanted) < 0.01
    assert difference(encoder.encode(frames), in_color(features, frames, *HALF)) > 0.05
    assert match.stem == "RGB weights summed, equal on gray pictures but where filters reach over the edge"


@pytest.mark.parametrize("levels", [tuple(IMAGENET), HALF])
@pytest.mark.parametrize("name", ["test_vit", "test_convnext", "test_efficientnet", "test_resnet"])
@pytest.mark.parametrize("safe", [True, False])
def test_a_folder_of_timms_gives_timms_embeddings(tmp_path, frames, name, levels, safe):
    from timm.models import save_for_hf

    network = timm_network(name, **({"img_size": 64} if name == "test_vit" else {}))
    mean, std = levels
    network.pretrained_cfg = {**network.pretrained_cfg, "mean": mean, "std": std, "input_size": (3, 64, 64)}
    save_for_hf(network, tmp_path, safe_serialization=safe)
    network.reset_classifier(0)
    encoder = load_encoder(tmp_path)
    said = encoder.provenance["weights"]
    assert (encoder.backbone, encoder.image_size, said["kind"], said["where"]) == (name, 64, "timm", "")
    assert said["n_matched"] == said["n_wanted"]
    assert said["unexpected"] == []  # the classifier is not counted
    assert (encoder.mean, encoder.std) == pytest.approx((sum(mean) / 3, sum(std) / 3))
    padded = name in ("test_efficientnet", "test_resnet") and levels != HALF
    error = difference(encoder.encode(frames), in_color(network, frames, mean, std))
    assert error < (0.01 if padded else 1e-5)
    assert said["stem"].endswith("over the edge") == padded
    assert encoder.hash() == load_encoder(tmp_path).hash()
    # The gray network is an encoder like all others.
    encoder.save(tmp_path / "gray")
    assert torch.equal(load_encoder(tmp_path / "gray").encode(frames), encoder.encode(frames))
    assert load_encoder(tmp_path / "gray").provenance["weights"]["stem"] == "one channel already"


def test_a_vits_positions_are_resampled_as_timm_does(tmp_path, frames):
    import timm

    large = timm_network("test_vit", img_size=160)
    torch.save({"teacher": {f"backbone.{k}": v for k, v in large.state_dict().items()}}, tmp_path / "dino.pth")
    save_file(large.state_dict(), tmp_path / "large.safetensors")
    overlay = {"file": str(tmp_path / "large.safetensors")}
    small = timm.create_model("test_vit", img_size=64, pretrained=True, pretrained_cfg_overlay=overlay)
    small.reset_classifier(0)
    encoder = Encoder("test_vit", image_size=64, mean=0.1, std=0.1).eval()
    match = fit_weights(encoder, read_weights(tmp_path / "dino.pth"))
    assert match.resampled == ("pos_embed",)
    assert match.complete
    assert difference(encoder.encode(frames), in_color(small.eval(), frames, *IMAGENET)) < 1e-5


def test_safetensors_are_normalized_as_timm_has_it(tmp_path, frames):
    network = timm_network("test_vit", img_size=64)
    save_file(network.state_dict(), tmp_path / "vit.safetensors")
    encoder = load_encoder(tmp_path / "vit.safetensors", backbone="test_vit", image_size=64)
    assert encoder.provenance["weights"]["normalized"] == "not said by the file; timm's for the architecture"
    network.reset_classifier(0)
    assert difference(encoder.encode(frames), in_color(network, frames, *HALF)) < 1e-5


def test_one_channel_stays_as_it_is(tmp_path):
    network = timm_network("test_resnet", in_chans=1)
    torch.save(network.state_dict(), tmp_path / "gray.pt")
    encoder = Encoder("test_resnet", image_size=64, mean=0.12, std=0.34)
    match = fit_weights(encoder, read_weights(tmp_path / "gray.pt"))
    assert match.stem == "one channel already"
    assert (encoder.mean, encoder.std) == (0.12, 0.34)  # the frames', for the file has none
    for name, value in encoder.net.state_dict().items():
        assert torch.equal(value, network.state_dict()[name]), name


def test_a_stem_that_can_not_be_equal_says_so(tmp_path):
    save_file(timm_network("test_nfnet").state_dict(), tmp_path / "nf.safetensors")
    match = fit_weights(
        Encoder("test_nfnet", image_size=64, mean=0.1, std=0.1), read_weights(tmp_path / "nf.safetensors")
    )
    assert match.stem == "RGB weights summed, not equal on gray pictures"


def test_the_account_names_what_is_missing_unexpected_and_of_another_shape(tmp_path):
    state = dict(timm_network("test_resnet").state_dict())
    names = [name for name in state if name.endswith("bn1.bias")]
    del state[names[0]]
    state[names[1]] = torch.zeros(7)
    state["odd.weight"] = torch.zeros(2)
    torch.save(state, tmp_path / "damaged.pt")
    encoder = Encoder("test_resnet", image_size=64, mean=0.1, std=0.1)
    before = encoder.net.state_dict()[names[0]].clone()
    match = fit_weights(encoder, read_weights(tmp_path / "damaged.pt"))
    assert (match.n_matched, match.n_wanted, match.complete) == (73, 75, False)
    assert match.missing == (names[0],)
    assert match.reshaped == (names[1],)
    assert match.unexpected == ("odd.weight",)
    assert torch.equal(encoder.net.state_dict()[names[0]], before)
    for part in (
        "73 of 75 tensors matched",
        f"1 missing ({names[0]})",
        f"1 of another shape ({names[1]})",
        "1 not the encoder's (odd.weight)",
    ):
        assert part in str(match)
    assert json.loads(json.dumps(match.as_dict()))["missing"] == [names[0]]
    assert str(tmp_path) not in str(match)


def test_less_than_nine_tenths_is_refused_and_the_files_architecture_named(tmp_path, resnet, another):
    torch.save(LAYOUTS["MoCo"][0](resnet, another), tmp_path / "moco.pth.tar")
    encoder = Encoder("resnet34", image_size=64, mean=0.1, std=0.1)
    before = encoder.hash()
    with pytest.raises(
        InputError,
        match=r"moco.pth.tar is not of --backbone resnet34 .*100 of 180 tensors matched.*80 missing.*at least 90%.*"
        r"the file says 'resnet18'",
    ):
        fit_weights(encoder, read_weights(tmp_path / "moco.pth.tar"))
    assert encoder.hash() == before
    content = {"model": dict(resnet.state_dict()), "args": argparse.Namespace(arch="wide18")}
    torch.save(content, tmp_path / "mae.pth")
    with pytest.raises(InputError, match=r"the file says 'wide18'"):
        fit_weights(encoder, read_weights(tmp_path / "mae.pth"))


def test_no_common_name_is_refused_with_the_names_of_both(tmp_path):
    torch.save({"state_dict": {"trunk.a": torch.zeros(2), "trunk.b": torch.zeros(2)}}, tmp_path / "x.ckpt")
    with pytest.raises(InputError, match=r"\(trunk.a, trunk.b\) is one of --backbone test_resnet \(conv1.0.weight, "):
        load_encoder(tmp_path / "x.ckpt", backbone="test_resnet")
    torch.save({"epoch": 3}, tmp_path / "empty.ckpt")
    with pytest.raises(InputError, match=r"it holds no tensor"):
        load_encoder(tmp_path / "empty.ckpt", backbone="test_resnet")


class Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, path: str):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_no_pickle_is_run(tmp_path):
    touched = tmp_path / "touched"
    torch.save({"state_dict": {"a": torch.zeros(1)}, "extra": Evil(str(touched))}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match=r"evil.pt can't be read as plain tensors \(it holds a .*open.*tensors alone"):
        read_weights(tmp_path / "evil.pt")
    assert not touched.exists()
    torch.save(timm_network("test_resnet"), tmp_path / "whole.pt")
    with pytest.raises(InputError, match=r"it holds a timm.*state_dict"):
        read_weights(tmp_path / "whole.pt")


def test_what_can_not_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match=r"--weights .*nothing.pt does not exist; name a run"):
        read_weights(tmp_path / "nothing.pt")
    (tmp_path / "noise.pt").write_bytes(bytes(range(256)) * 8)
    with pytest.raises(InputError, match=r"noise.pt can't be read as plain tensors"):
        read_weights(tmp_path / "noise.pt")
    (tmp_path / "noise.safetensors").write_bytes(bytes(range(256)) * 8)
    with pytest.raises(InputError, match=r"--baseline .*noise.safetensors can't be read as safetensors"):
        read_weights(tmp_path / "noise.safetensors", option="--baseline")
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(InputError, match=r"list.pt holds a list, not tensors by name; save a state_dict"):
        read_weights(tmp_path / "list.pt")
    with pytest.raises(InputError, match=r"has no config.json that names an architecture"):
        read_weights(tmp_path)
    (tmp_path / "config.json").write_text('{"architecture": "test_resnet"}')
    with pytest.raises(InputError, match=r"neither model.safetensors nor pytorch_model.bin"):
        read_weights(tmp_path)
    (tmp_path / "config.json").write_text('{"architecture": "test_resnet", "model_args": {"output_stride": 8}}')
    with pytest.raises(InputError, match=r"built with output_stride \(model_args in config.json\)"):
        read_weights(tmp_path)


def test_a_file_alone_needs_its_architecture(tmp_path):
    save_file(timm_network("test_resnet").state_dict(), tmp_path / "r.safetensors")
    with pytest.raises(InputError, match=r"r.safetensors does not say its architecture; name a folder.*backbone=…"):
        load_encoder(tmp_path / "r.safetensors")


def test_another_architecture_or_pooling_than_asked_for_is_refused(tmp_path):
    from timm.models import save_for_hf

    save_for_hf(timm_network("test_vit", global_pool="avg", fc_norm=False, img_size=64), tmp_path / "avg")
    config = json.loads((tmp_path / "avg" / "config.json").read_text())
    del config["model_args"]["fc_norm"]
    (tmp_path / "avg" / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"pools by 'avg' and timm's test_vit by 'token'"):
        load_encoder(tmp_path / "avg")
    with pytest.raises(InputError, match=r"is a test_vit and --backbone is test_resnet; say --backbone test_vit"):
        load_encoder(tmp_path / "avg", backbone="test_resnet")
