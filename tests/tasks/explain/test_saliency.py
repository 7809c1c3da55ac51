"""Maps against their equations, written out by hand on small networks."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn
from torch.nn import functional as F

from sslecho.errors import SslechoError
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.tasks.explain.randomized import randomized, rank_correlation
from sslecho.tasks.explain.saliency import grad_cam, gradient, guided
from sslecho.tasks.explain.subject import MeanOfFrames, OfFrames


class Small(nn.Module):
    """conv, ReLU as a function, conv, ReLU in place, mean over places, linear: windows of one frame."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.in_place, self.last = nn.ReLU(inplace=True), nn.Linear(4, 3)

    def forward(self, x):
        y = F.relu(self.first(x[:, 0]))
        return self.last(self.in_place(self.second(y)).mean((2, 3)))


class OverTime(nn.Module):
    """A convolution over time and space, as networks of clips have."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv3d(1, 2, 3, stride=(2, 1, 1), padding=1), nn.Linear(2, 2)

    def forward(self, x):
        return self.last(F.relu(self.conv(x.movedim(2, 1))).mean((2, 3, 4)))


@pytest.fixture
def small():
    torch.manual_seed(3)
    return Small().eval().requires_grad_(False), torch.rand(2, 1, 1, 8, 10), torch.tensor([2, 0])


def test_the_gradient_is_that_of_small_steps(small):
    network, x, classes = small
    network, x = network.double(), x.double()
    maps = gradient(network, x, classes)
    for window, y, column in ((0, 3, 4), (1, 7, 0), (1, 2, 9)):
        step = torch.zeros_like(x)
        step[window, 0, 0, y, column] = 1e-6
        slope = (network(x + step) - network(x - step))[window, classes[window]] / 2e-6
        assert float(maps[window, 0, y, column]) == pytest.approx(abs(float(slope)), rel=1e-4, abs=1e-9)


def test_guided_backpropagation_is_springenbergs_at_every_relu(small):
    network, x, classes = small
    below = network.first(x[:, 0])
    above = network.second(F.relu(below))
    back = network.last.weight[classes][:, :, None, None] / above[0, 0].numel()
    back = back.expand_as(above)
    back = back * (back > 0) * (above > 0)
    back = F.conv_transpose2d(back, network.second.weight, stride=2, padding=1, output_padding=1)
    back = back * (back > 0) * (below > 0)
    back = F.conv_transpose2d(back, network.first.weight, padding=1)
    maps = guided(network, x, classes)
    torch.testing.assert_close(maps, back.abs())
    assert not torch.allclose(maps, gradient(network, x, classes))


def test_a_smooth_rectifier_is_gated_with_its_own_slope():
    class Smooth(nn.Module):
        def forward(self, x):
            return F.gelu(x[:, 0, 0, :, 0] * 3) @ torch.tensor([[1.0, -1.0], [2.0, 1.0], [-1.0, 1.0]])

    x = torch.tensor([0.5, -0.4, 0.3]).view(1, 1, 1, 3, 1)
    maps = guided(Smooth(), x, torch.tensor([0]))[0, 0, :, 0]
    # The first is open with a positive weight; the second is shut; the third is open with a negative weight.
    at = torch.tensor(1.5, requires_grad=True)
    F.gelu(at).backward()
    assert maps.tolist() == pytest.approx([3 * float(at.grad), 0.0, 0.0])


def test_guided_backpropagation_says_where_it_can_not_be():
    class Linear(nn.Module):
        def forward(self, x):
            return x.flatten(1) @ torch.ones(4, 2)

    class Overwriting(nn.Module):
        def forward(self, x):
            y = x.flatten(1) - 0.5
            F.relu_(y)
            return y @ torch.ones(4, 2)

    x, classes = torch.tensor([0.1, 0.9, 0.2, 0.4]).view(1, 1, 1, 2, 2), torch.tensor([1])
    assert guided(Linear(), x, classes) is None
    with pytest.raises(SslechoError, match="explains another one"):
        guided(Overwriting(), x, classes)


def test_grad_cam_is_the_weighted_sum_of_the_last_feature_maps(small):
    network, x, classes = small
    maps = F.relu(network.second(F.relu(network.first(x[:, 0]))))
    places = maps.shape[2] * maps.shape[3]
    for window in range(2):
        # Behind the mean over places d o_c / d A_k is the same everywhere: w_ck over their number.
        wanted = sum(network.last.weight[classes[window], k] / places * maps[window, k] for k in range(4)).relu()
        wanted = F.interpolate(wanted[None, None], size=(8, 10), mode="bilinear", align_corners=False)[0, 0]
        torch.testing.assert_close(grad_cam(network, x, classes)[window, 0], wanted)


def test_grad_cam_of_a_network_over_time_weighs_places_of_all_frames_together():
    torch.manual_seed(0)
    network = OverTime().eval()
    x, classes = torch.rand(2, 4, 1, 6, 6), torch.tensor([1, 0])
    kept = F.relu(network.conv(x.movedim(2, 1)))  # [n, k, t', h, w]
    weights = network.last.weight[classes] / kept[0, 0].numel()
    # The hook sees the convolution, behind which the rectifier passes the slope where it is open.
    before = network.conv(x.movedim(2, 1))
    slope = weights[:, :, None, None, None] * (before > 0)
    wanted = (slope.mean((2, 3, 4), keepdim=True) * before).sum(1).relu()
    wanted = F.interpolate(wanted[:, None], size=(4, 6, 6), mode="trilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(grad_cam(network, x, classes), wanted)


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
def test_maps_of_real_encoders_are_of_this_network_and_not_of_one_with_random_weights(backbone):
    torch.manual_seed(0)
    encoder = Encoder(backbone, image_size=32, mean=0.4, std=0.2)
    network = OfFrames(encoder, LinearHead(encoder.dim, (3,))).eval().requires_grad_(False)
    other = randomized(network, seed=1)
    assert all(
        not torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True) if a.std() > 0
    )
    again = randomized(network, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(other.parameters(), again.parameters(), strict=True))
    x, classes = torch.rand(2, 1, 1, 32, 32), torch.tensor([0, 2])
    for make in (gradient, guided, grad_cam):
        ours, theirs = make(network, x, classes), make(other, x, classes)
        assert ours.shape == (2, 1, 32, 32)
        assert (ours >= 0).all()
        assert not torch.allclose(ours, theirs, rtol=0.05)


def test_a_whole_clip_is_the_mean_of_its_frames_and_each_frame_has_its_map():
    torch.manual_seed(0)
    network = Small().eval().requires_grad_(False)
    clip = torch.rand(2, 3, 1, 8, 8)
    mean = torch.stack([network(clip[:, [t]]).softmax(1) for t in range(3)]).mean(0)
    torch.testing.assert_close(MeanOfFrames(network)(clip).exp(), mean)
    maps = gradient(MeanOfFrames(network), clip, torch.tensor([0, 1]))
    assert maps.shape == (2, 3, 8, 8)
    assert (maps.sum((2, 3)) > 0).all()


def test_the_rank_correlation_is_spearmans_inside_the_mask():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, (9, 9)).astype(float), rng.normal(size=(9, 9))
    where = rng.random((9, 9)) < 0.6
    assert rank_correlation(a, b, where) == pytest.approx(spearmanr(a[where], b[where]).statistic)
    assert rank_correlation(a, np.exp(a), where) == pytest.approx(1.0)
    assert np.isnan(rank_correlation(a, np.ones((9, 9)), where))
