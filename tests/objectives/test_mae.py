import numpy as np
import pytest
import torch
from reference.losses import slow_mae

from sslecho.errors import InputError
from sslecho.models.encoder import Encoder
from sslecho.objectives.mae import MAE, Decoder, MAESettings, mae_loss, patches_of, positions
from sslecho.objectives.objective import Batch, Now

NOW = Now(0, 1, 0.0)


def vit(image_size: int = 64) -> Encoder:
    torch.manual_seed(0)
    return Encoder("test_vit", image_size=image_size, mean=0.4, std=0.2)


def picture(n: int = 3, side: int = 64) -> torch.Tensor:
    """Brighter to the right and downward, at other rates, with noise; the top row of patches is black."""
    generator = torch.Generator().manual_seed(1)
    across = torch.linspace(0, 0.5, side)
    x = across + 0.7 * across[:, None] ** 2 + 0.1 * torch.rand(n, 1, side, side, generator=generator)
    x[:, :, :16] = 0
    return x


def test_equals_the_slow_loops():
    hidden = patches_of(picture(), 16)[:, 2:7]
    predicted = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(2))
    expected = slow_mae(predicted.double().numpy(), hidden.double().numpy())
    assert float(mae_loss(predicted, hidden)) == pytest.approx(expected, rel=1e-5)


def test_patches_run_to_the_right_then_down():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert patches_of(x, 2)[0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]


def test_each_patchs_mean_has_a_loss_of_1_and_its_pixels_one_of_0():
    hidden = torch.rand(4, 9, 256)
    assert float(mae_loss(torch.zeros_like(hidden), hidden)) == pytest.approx(1 - 1 / 256, rel=1e-4)
    target = (hidden - hidden.mean(2, keepdim=True)) / hidden.std(2, keepdim=True)
    assert float(mae_loss(target, hidden)) == pytest.approx(0, abs=1e-8)


def test_black_patches_are_not_counted():
    hidden = torch.zeros(2, 3, 16)
    hidden[0, 1] = torch.rand(16)
    predicted = torch.full((2, 3, 16), 5.0)
    alone = mae_loss(predicted[:1, 1:2], hidden[:1, 1:2])
    assert float(mae_loss(predicted, hidden)) == pytest.approx(float(alone))
    black = predicted.clone().requires_grad_()
    mae_loss(black, torch.zeros(2, 3, 16)).backward()
    assert torch.equal(black.grad, torch.zeros_like(black))


def test_positions_tell_patches_apart_by_column_and_row():
    at = positions(4, 16).view(4, 4, 16)  # row, column
    assert torch.equal(at[0, 2, :8], at[3, 2, :8])
    assert torch.equal(at[2, 0, 8:], at[2, 3, 8:])
    assert len(np.unique(at.view(16, 16).numpy(), axis=0)) == 16
    assert at[0, 1, 0] == pytest.approx(np.sin(1))


def test_hidden_patches_are_returned_and_never_seen():
    encoder = vit()
    objective = MAE(encoder, MAESettings(decoder_heads=1, decoder_depth=1)).eval()
    x = picture()
    draws = torch.rand(3, objective.n_draws, generator=torch.Generator().manual_seed(4))
    predicted, hidden = objective(encoder, Batch((x,), draws, NOW))
    order = draws.argsort(dim=1)
    assert objective.n_draws == 16
    assert objective.n_seen == 4
    assert predicted.shape == hidden.shape == (3, 12, 256)
    for frame in range(3):
        assert torch.equal(hidden[frame], patches_of(x, 16)[frame, order[frame, 4:]])
    # Another picture behind the masks changes nothing that is predicted.
    other = patches_of(x, 16).clone()
    for frame in range(3):
        other[frame, order[frame, 4:]] = torch.rand(12, 256)
    other = other.view(3, 4, 4, 16, 16).permute(0, 1, 3, 2, 4).reshape(3, 1, 64, 64)
    again, _ = objective(encoder, Batch((other,), draws, NOW))
    assert torch.equal(predicted, again)
    # Another picture where it is seen does.
    seen, _ = objective(encoder, Batch((x.flip(3),), draws, NOW))
    assert not torch.allclose(predicted, seen)


def test_the_decoder_sees_every_patch_at_its_place():
    """Against tokens that are put back one by one into the picture's order, as the paper describes it."""
    torch.manual_seed(0)
    decoder = Decoder(6, 3, 1, 4, heads=2, depth=2)
    seen = torch.randn(2, 1 + 3, 6)
    order = torch.stack([torch.randperm(9) for _ in range(2)])
    found = decoder(seen, order)
    assert found.shape == (2, 6, 4)
    for frame in range(2):
        narrow = decoder.narrow(seen[frame])
        tokens = [narrow[0]]
        for patch in range(9):
            at = order[frame].tolist().index(patch)
            token = narrow[1 + at] if at < 3 else decoder.hidden
            tokens.append(token + positions(3, 64)[patch])
        drawn = decoder.pixels(decoder.norm(decoder.blocks(torch.stack(tokens)[None])))[0, 1:]
        for at in range(3, 9):
            assert torch.allclose(found[frame, at - 3], drawn[order[frame, at]], atol=1e-5)


def test_masks_follow_the_frame_not_the_batch():
    objective = MAE(encoder := vit(), MAESettings(decoder_heads=1, decoder_depth=1)).eval()
    x, draws = picture(), torch.rand(3, 16)
    together, _ = objective(encoder, Batch((x,), draws, NOW))
    alone, _ = objective(encoder, Batch((x[1:2],), draws[1:2], NOW))
    assert torch.allclose(together[1:2], alone, atol=1e-5)


@pytest.mark.parametrize(("name", "side"), [("resnet10t", 32), ("test_vit3", 64)])  # no patches; pooled by attention
def test_other_networks_are_refused(name, side):
    with pytest.raises(
        InputError, match=rf"--method mae needs a plain ViT of timm, and --backbone {name} is none.*vit_tiny"
    ):
        MAE(Encoder(name, image_size=side, mean=0.5, std=0.3), MAESettings())


def test_a_vit_that_averages_its_patches_is_trained_to_its_last_norm():
    torch.manual_seed(0)
    encoder = Encoder("test_vit2", image_size=64, mean=0.4, std=0.2)
    objective = MAE(encoder, MAESettings(decoder_heads=1, decoder_depth=1))
    predicted, _ = objective(encoder, Batch((picture(),), torch.rand(3, 16), NOW))
    predicted.square().mean().backward()
    assert all(p.grad is not None for p in encoder.parameters() if p.requires_grad)


def test_pictures_of_a_broken_number_of_patches_are_refused():
    with pytest.raises(InputError, match=r"--image-size 40 is no multiple of the 16 pixels .* choose 32"):
        MAE(vit(40), MAESettings())
