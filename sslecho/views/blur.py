"""A wider point spread function."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from sslecho.views.beams import At
from sslecho.views.transform import Intensity, Params, Scan, column, weight

USUAL_MM = 150.0  # depth of a picture where it is not known: adult echo; ours
MOST = 0.02  # largest sigma as a share of the shorter side: 1 mm where 50 mm are shown


@final
@dataclass(frozen=True)
class Blur(Intensity):
    """Smoothing by a Gaussian, within the sector.

    Args:
        probability: how often.
        max_mm: largest standard deviation, in millimeters; of a picture 150 mm deep where spacing is not known.
    """

    probability: float = 0.3
    max_mm: float = 1.0
    n_draws = 1

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        return {"sigma_mm": u[:, 0] * self.max_mm}

    def change(self, scan: Scan, params: Params) -> Float[Tensor, "n 1 h w"]:
        shorter = min(scan.pixels.shape[-2:])
        linear = scan.beams.matrix[:, :, :2]
        scale = (linear[:, 0, 0] * linear[:, 1, 1] - linear[:, 0, 1] * linear[:, 1, 0]).abs().sqrt()
        mm = torch.nan_to_num(scan.beams.outline[:, At.MM], nan=USUAL_MM / 2)
        # The picture is 2 units of `scale * mm` millimeters.
        sigma = params["sigma_mm"] * shorter / (2 * scale * mm)
        return smooth_inside(scan, sigma.clamp(max=MOST * shorter), most=MOST * shorter)


def smooth_inside(scan: Scan, sigma: Float[Tensor, " n"], *, most: float) -> Float[Tensor, "n 1 h w"]:
    """Means, weighted by a Gaussian of `sigma` pixels, over what lies inside the sector.

    Args:
        most: largest sigma, which decides how far is looked.
    """
    inside = weight(scan.mask)
    return smooth(scan.pixels * inside, sigma, most=most).div_(smooth(inside, sigma, most=most).clamp_(min=1e-3))


def smooth(x: Float[Tensor, "n 1 h w"], sigma: Float[Tensor, " n"], *, most: float) -> Float[Tensor, "n 1 h w"]:
    """Gaussian smoothing with a width for each picture, in pixels; black beyond the picture.

    Shifted copies are added up: a grouped convolution or a matrix product over pictures is several times
    slower on a CPU for kernels of a few pixels.
    """
    reach = max(1, round(2.5 * most))
    at = torch.arange(reach + 1, device=x.device)
    kernel = torch.exp(-0.5 * (at / sigma[:, None].clamp(min=1e-2)) ** 2)
    kernel = kernel / (kernel.sum(1, keepdim=True) + kernel[:, 1:].sum(1, keepdim=True))
    for axis in (-2, -1):
        length = x.shape[axis]
        padded = F.pad(x, (0, 0, reach, reach) if axis == -2 else (reach, reach, 0, 0))
        total = x * column(kernel[:, 0])
        for step in range(1, reach + 1):
            pair = padded.narrow(axis, reach - step, length) + padded.narrow(axis, reach + step, length)
            total.addcmul_(column(kernel[:, step]), pair)
        x = total
    return x
