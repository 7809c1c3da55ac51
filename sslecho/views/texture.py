"""Fields of speckle and of noise to cut patches from.

They are fixed once and for all: what varies is where a patch is cut, which the keyed numbers decide.
"""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from sslecho.views.transform import Params


def patches(bank: Float[Tensor, "bh bw"], params: Params, *, height: int, width: int) -> Float[Tensor, "n 1 h w"]:
    """A patch of a field for each picture, from the place that its parameters name."""
    rows = (params["top"] * (bank.shape[0] - height)).long()
    columns = (params["left"] * (bank.shape[1] - width)).long()
    return bank.unfold(0, height, 1).unfold(1, width, 1)[rows, columns].unsqueeze(1)


@lru_cache(maxsize=8)
def speckle_bank(height: int, width: int, device: str) -> Float[Tensor, "bh bw"]:
    """Log-Rayleigh noise with the grain of a point spread function, mean 0, standard deviation 1."""
    # The grain of a 60-pixel-a-side tissue patch at 64 pixels is about 1.3, and grows with the picture's size.
    sigma = max(min(height, width) / 48, 0.8)
    field = _normal(2, height, width)
    field = F.conv2d(field, gaussian(sigma).view(1, 1, -1, 1), padding="same")
    field = F.conv2d(field, gaussian(1.3 * sigma).view(1, 1, 1, -1), padding="same")  # wider across the beam
    log_envelope = field.square().sum(0).add(1e-12).log()[0]
    return ((log_envelope - log_envelope.mean()) / log_envelope.std()).to(device)


@lru_cache(maxsize=8)
def noise_bank(height: int, width: int, device: str) -> Float[Tensor, "bh bw"]:
    """White normal noise, mean 0, standard deviation 1."""
    return _normal(1, height, width)[0, 0].to(device)


def _normal(channels: int, height: int, width: int) -> Float[Tensor, "c 1 bh bw"]:
    generator = torch.Generator().manual_seed(20_17)
    return torch.randn(channels, 1, 3 * height, 3 * width, generator=generator)


def gaussian(sigma: float) -> Float[Tensor, " k"]:
    """A normalized Gaussian kernel that reaches 3 sigma to each side."""
    reach = max(1, int(3 * sigma + 0.5))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    return kernel / kernel.sum()
