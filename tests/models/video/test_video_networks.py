"""What every classifier of clips must do, whatever its architecture."""

import copy
import functools
import subprocess
import sys

import pytest
import torch

from sslecho.errors import InputError, SettingsError
from sslecho.models.encoder import Encoder
from sslecho.models.video import ARCHITECTURES, create_video
from sslecho.models.video.recurrent import begin_recurrent

T, K = 5, 4
ALL = list(ARCHITECTURES)
TEMPORAL = [arch for arch in ALL if arch != "frame"]
TAKEN = {"r2plus1d": "nothing", "mc3": "nothing", "stfm": "stem and stages"}  # of a test_resnet; else the whole encoder


def encoder(backbone="test_resnet", *, seed=0):
    torch.manual_seed(seed)
    made = Encoder(backbone, image_size=32, mean=0.2, std=0.25, provenance={"seed": seed}).eval()
    return rough(made)


@torch.no_grad()
def rough(network, *, seed=7):
    """Give norms statistics and scales of their own, as a trained network has them."""
    rng = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.3, generator=rng)
            module.running_var.uniform_(0.5, 2, generator=rng)
            module.weight.uniform_(0.5, 1.5, generator=rng)
            module.bias.normal_(0, 0.3, generator=rng)
    return network


@functools.cache
def given(arch):
    return encoder("test_vit" if arch == "divided" else "test_resnet")


@functools.cache
def built(arch):
    torch.manual_seed(1)
    return create_video(arch, given(arch), n_classes=K, n_frames=T).eval()


def network(arch):
    """One that a test may change."""
    return copy.deepcopy(built(arch))


def clips(n=3, t=T, *, seed=2):
    return torch.rand(n, t, 1, 32, 32, generator=torch.Generator().manual_seed(seed))


def test_there_are_eight_of_them():
    assert ARCHITECTURES.names() == ["attention", "divided", "frame", "gru", "lstm", "mc3", "r2plus1d", "stfm"]


@pytest.mark.parametrize("arch", ALL)
def test_a_window_gets_a_logit_a_class_whatever_else_is_in_the_batch(arch):
    made = built(arch)
    assert (made.n_classes, made.n_frames, made.image_size) == (K, 1 if arch == "frame" else T, 32)
    windows = clips(t=made.n_frames)
    together = made(windows)
    assert together.shape == (3, K)
    assert torch.allclose(torch.cat([made(one[None]) for one in windows]), together, atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=1e-6)


@pytest.mark.parametrize("arch", ALL)
def test_it_begins_with_a_copy_of_the_encoder_and_leaves_the_encoder_alone(arch):
    start, made = given(arch), built(arch)
    assert made.taken == TAKEN.get(arch, "whole encoder")
    if made.taken == "nothing":
        assert made.encoder is None
        return
    assert made.encoder.hash() == start.hash()  # no layer of it was begun anew
    owned, lent = ({weight.data_ptr() for weight in one.parameters()} for one in (made, start))
    assert not owned & lent
    changed = network(arch).train()
    before = start.hash()
    changed(clips(t=changed.n_frames)).square().sum().backward()
    with torch.no_grad():
        for weight in changed.parameters():
            weight -= 0.1 * weight.grad
    assert start.hash() == before != changed.encoder.hash()


@pytest.mark.parametrize("arch", ALL)
def test_a_gradient_reaches_every_weight(arch):
    made = network(arch).train()
    torch.nn.functional.cross_entropy(made(clips(t=made.n_frames)), torch.tensor([0, 1, 2])).backward()
    assert not [name for name, weight in made.named_parameters() if weight.grad is None]
    silent = {name.split(".")[0] for name, weight in made.named_parameters() if not weight.grad.abs().sum() > 0}
    # What a temporal attention sees gets its gradient once its output is no longer zero.
    assert silent - ({"temporal", "when"} if arch == "divided" else set()) == set()


@pytest.mark.parametrize("arch", TEMPORAL)
def test_the_order_of_the_frames_is_seen(arch):
    made = network(arch)
    if arch == "divided":  # which begins blind to it
        for temporal in made.temporal:
            torch.nn.init.normal_(temporal.attention.out_proj.weight, std=0.1)
    if arch == "stfm":  # whose LSTM begins nearly so
        rough(made.motion)
        made.lstm.weight_ih_l0.data *= 20
    window = clips(1) * torch.tensor([0.1, 1.0, 0.6, 0.3, 0.8]).view(5, 1, 1, 1)  # gray levels that change in time
    shuffled = window[:, [1, 0, 2, 4, 3]]  # the middle frame stays where it is
    assert (made(window) - made(shuffled)).abs().max() > 1e-4


@pytest.mark.parametrize("arch", [arch for arch in ALL if arch != "r2plus1d"])  # 31 million weights: mc3 stands for it
def test_it_is_rebuilt_from_its_encoders_description_and_its_weights(arch):
    made = built(arch)
    other = encoder(given(arch).backbone, seed=5)
    again = create_video(arch, other, n_classes=K, n_frames=T).eval()
    windows = clips(t=made.n_frames)
    assert not torch.allclose(again(windows), made(windows), atol=1e-6)
    again.load_state_dict(made.state_dict())
    assert torch.equal(again(windows), made(windows))


@pytest.mark.parametrize("arch", [arch for arch in ALL if arch != "r2plus1d"])
def test_gray_levels_are_normalized_as_the_encoders(arch):
    made = network(arch)
    windows = clips(t=made.n_frames)
    before = made(windows)
    for normalizing in [made, *([made.encoder] if made.encoder else [])]:
        normalizing.mean, normalizing.std = 0.1, 0.5
    assert torch.allclose(made((windows - 0.2) / 0.25 * 0.5 + 0.1), before, atol=1e-4)


@pytest.mark.parametrize("arch", TEMPORAL)
def test_one_frame_is_a_window_too(arch):
    made = create_video(arch, given(arch), n_classes=2, n_frames=1).eval()
    assert made(clips(2, 1)).isfinite().all()


@pytest.mark.parametrize("arch", ALL)
def test_a_window_of_other_length_is_refused(arch):
    with pytest.raises(ValueError, match=r"a window has 7 frames; this network takes [15]"):
        built(arch)(clips(1, 7))


@pytest.mark.parametrize("arch", ["frame", "lstm", "gru", "attention", "divided", "stfm"])
def test_the_dropout_asked_for_is_the_dropout_there(arch):
    made = create_video(arch, given(arch), n_classes=K, n_frames=T, dropout=0.45)
    own = [module.p for name, module in made.named_modules() if name[:8] != "encoder." and hasattr(module, "p")]
    assert own
    assert set(own) == {0.45}


@pytest.mark.parametrize(("kind", "bias"), [(torch.nn.LSTM, [0, 1, 0, 0]), (torch.nn.GRU, [0, 0, 0])])
def test_recurrent_layers_remember_at_the_start(kind, bias):
    layer = kind(6, 16, 2)
    begin_recurrent(layer)
    for number in (0, 1):
        for name in ("ih", "hh"):
            assert getattr(layer, f"bias_{name}_l{number}").view(-1, 16).unique(dim=1).flatten().tolist() == bias
        states = getattr(layer, f"weight_hh_l{number}").detach()
        assert torch.allclose(states.T @ states, torch.eye(16), atol=1e-5)
        inputs = getattr(layer, f"weight_ih_l{number}").detach()
        bound = (6 / sum(inputs.shape)) ** 0.5
        assert 0.8 * bound < inputs.abs().max() <= bound


def test_bad_input_is_named():
    start = given("frame")
    with pytest.raises(SettingsError, match=r"architecture 'lstn' does not exist \(did you mean 'lstm'\?\)"):
        create_video("lstn", start, n_classes=K, n_frames=T)
    with pytest.raises(InputError, match="1 classes can't be told apart"):
        create_video("lstm", start, n_classes=1, n_frames=T)
    with pytest.raises(InputError, match="a window of 0 frames shows nothing"):
        create_video("lstm", start, n_classes=K, n_frames=0)
    with pytest.raises(InputError, match=r"dropout is 1.0; it must be 0 or more, and less than 1"):
        create_video("lstm", start, n_classes=K, n_frames=T, dropout=1.0)


def test_the_names_are_listed_without_torch():
    code = (
        "import sys; from sslecho.models.video import ARCHITECTURES as a; assert list(a) and 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
