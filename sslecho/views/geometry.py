"""Where the anatomy lies in the picture (one affine resampling), and the outline of the fan."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from sslecho.views.transform import Augmentation, Params, between, column, happens


@final
@dataclass(frozen=True)
class Pose(Augmentation):
    """Crop, aspect, rotation about the probe, shift and flips as one affine map, sampled once.

    Args:
        size: side of the result in pixels.
        min_area, max_area: smallest and largest share of the picture that a crop keeps.
        aspect: largest relative change of width against height.
        rotation_deg: largest rotation to either side about the top center, where the probe stands.
        shift: largest shift along each axis, as a share of the picture.
        flip_x: probability of a left-right mirror image.
        flip_y: probability of an upside-down image, which puts shadows above what casts them.
    """

    size: int
    min_area: float = 1.0
    max_area: float = 1.0
    aspect: float = 0.0
    rotation_deg: float = 0.0
    shift: float = 0.0
    flip_x: float = 0.0
    flip_y: float = 0.0
    n_draws = 9

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        scale = between(u[:, 0], self.min_area, self.max_area).sqrt()
        stretch = (between(u[:, 1], -1.0, 1.0) * self.aspect).add(1).sqrt()
        width, height = (scale * stretch).clamp(max=1), (scale / stretch).clamp(max=1)
        return {
            "width": width,
            "height": height,
            # A crop lies anywhere inside the picture.
            "center_x": between(u[:, 2], -1.0, 1.0) * (1 - width),
            "center_y": between(u[:, 3], -1.0, 1.0) * (1 - height),
            "angle": torch.deg2rad(between(u[:, 4], -1.0, 1.0) * self.rotation_deg),
            "shift_x": between(u[:, 5], -2.0, 2.0) * self.shift,
            "shift_y": between(u[:, 6], -2.0, 2.0) * self.shift,
            "mirror_x": torch.where(happens(u[:, 7], self.flip_x), -1.0, 1.0),
            "mirror_y": torch.where(happens(u[:, 8], self.flip_y), -1.0, 1.0),
        }

    def apply(self, x: Float[Tensor, "n 1 h w"], params: Params) -> Float[Tensor, "n 1 s s"]:
        cos, sin = params["angle"].cos(), params["angle"].sin()
        # From the result's pixel to the source's, in [-1, 1]: first into the crop, then turn about (0, -1).
        a, d = params["width"] * params["mirror_x"], params["height"] * params["mirror_y"]
        tx, ty = params["center_x"] + params["shift_x"], params["center_y"] + params["shift_y"] + 1
        row_x = torch.stack([cos * a, -sin * d, cos * tx - sin * ty], dim=1)
        row_y = torch.stack([sin * a, cos * d, sin * tx + cos * ty - 1], dim=1)
        matrix = torch.stack([row_x, row_y], dim=1)
        grid = F.affine_grid(matrix, [len(x), 1, self.size, self.size], align_corners=False)
        return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@final
@dataclass(frozen=True)
class Fan(Augmentation):
    """Another device's outline: a narrower sector, a shallower depth or a blanked near field.

    The outline tells devices and depths apart, and blanking what lies outside it does not hide it; only
    changing it does.

    Args:
        probability: how often a picture gets another outline.
        narrow: largest share of the sector's half-angle that is cut on each side.
        shallow: largest share of the depth that is cut at the bottom.
    """

    probability: float = 0.5
    narrow: float = 0.25
    shallow: float = 0.15
    n_draws = 4

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        on = happens(u[:, 0], self.probability).float()
        return {
            "cut_left": u[:, 1] * self.narrow * on,
            "cut_right": u[:, 2] * self.narrow * on,
            "cut_bottom": u[:, 3] * self.shallow * on,
        }

    def apply(self, x: Float[Tensor, "n 1 h w"], params: Params) -> Float[Tensor, "n 1 h w"]:
        height, width = x.shape[-2:]
        across = torch.linspace(-1, 1, width, device=x.device).view(1, 1, 1, -1)
        down = torch.linspace(0, 2, height, device=x.device).view(1, 1, -1, 1)
        # Seen from a probe at the top center; 45 degrees is the half-angle of a 90 degree sector.
        angle = torch.atan2(across, down + 1e-6) / (torch.pi / 4)
        radius = (across.square() + down.square()).sqrt() / 2
        left, right = column(1 - params["cut_left"]), column(1 - params["cut_right"])
        # At strength 0 everything stays: a linear probe's corners lie at 90 degrees.
        inside = ((angle >= -left) | (left == 1)) & ((angle <= right) | (right == 1))
        bottom = column(params["cut_bottom"])
        inside &= (radius <= 1 - bottom) | (bottom == 0)
        return x * inside
