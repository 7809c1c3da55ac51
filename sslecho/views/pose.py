"""Where the anatomy lies in the picture: each pixel of the result is looked up once."""

from dataclasses import dataclass
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from sslecho.views.beams import At, Beams, angle_of, as_mask
from sslecho.views.transform import Augmentation, Params, Scan, between, column, happens, height_width

# Ours: a narrow fan that turns by more than this share of its half-angle would lose much of what it shows.
MOST_TURN = 0.4


@final
@dataclass(frozen=True)
class Pose(Augmentation):
    """Crop, aspect, depth, sector angle, rotation about the apex, shift, shear and flips as one map, sampled once.

    A result point p becomes c(p) by crop, shear, shift and flips; that is scaled by 1 / depth about the middle of the
    probe's face; then, in beam coordinates about the apex, (r, theta) is looked up at
    (r, mid + (theta + angle - mid) / spread), where mid is the middle of the sector.

    Args:
        size: of the result in pixels, a side or height and width. A stored picture is letterboxed into it.
        min_area, max_area: smallest and largest share of the picture that a crop keeps.
        aspect: largest relative change of width against height.
        depth: largest change of scale about the probe's face; 1.25 shows 4/5 of the depth, or 5/4 of it.
        least_depth: the smallest, where it is not 1 / depth.
        spread: largest change of the angle between beams, as a factor; for a rectangle, of its width.
        rotation_deg: largest rotation to either side.
        about: rotate about the "apex" (the probe rocks) or the "center" of the picture.
        keep_fan: what turns or grows out of the sector's own outline is cut off, as on a screen; without it the
            outline moves with what it shows.
        shift: largest shift along each axis, as a share of the picture.
        shear: largest slant, in radians.
        flip_x: probability of a left-right mirror image.
        flip_y: probability of an upside-down image, which puts shadows above what casts them.
    """

    size: int | tuple[int, int]
    min_area: float = 1.0
    max_area: float = 1.0
    aspect: float = 0.0
    depth: float = 1.0
    least_depth: float | None = None
    spread: float = 1.0
    rotation_deg: float = 0.0
    about: Literal["apex", "center"] = "apex"
    keep_fan: bool = True
    shift: float = 0.0
    shear: float = 0.0
    flip_x: float = 0.0
    flip_y: float = 0.0
    n_draws = 12

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        scale = between(u[:, 0], self.min_area, self.max_area).sqrt()
        stretch = (1 + self.aspect) ** (between(u[:, 1], -1.0, 1.0) / 2)
        width, height = (scale * stretch).clamp(max=1), (scale / stretch).clamp(max=1)
        # Where 1 / depth and depth are equally far from 1, as factors are.
        least = 1 / self.depth if self.least_depth is None else self.least_depth
        return {
            "width": width,
            "height": height,
            # A crop lies anywhere inside the picture.
            "center_x": between(u[:, 2], -1.0, 1.0) * (1 - width),
            "center_y": between(u[:, 3], -1.0, 1.0) * (1 - height),
            "depth": least * (self.depth / least) ** u[:, 4],
            "spread": self.spread ** between(u[:, 5], -1.0, 1.0),
            "angle_deg": between(u[:, 6], -1.0, 1.0) * self.rotation_deg,
            "shift_x": between(u[:, 7], -1.0, 1.0) * self.shift,
            "shift_y": between(u[:, 8], -1.0, 1.0) * self.shift,
            "shear": between(u[:, 9], -1.0, 1.0) * self.shear,
            "mirror_x": torch.where(happens(u[:, 10], self.flip_x), -1.0, 1.0),
            "mirror_y": torch.where(happens(u[:, 11], self.flip_y), -1.0, 1.0),
        }

    def apply(self, scan: Scan, params: Params) -> Scan:
        height, width = height_width(self.size)
        lookup = _Lookup(scan.beams, params, about=self.about, keep_fan=self.keep_fan)
        plane = lookup.turned.plane(height, width)
        if self.spread != 1:
            plane = lookup.narrowed(plane)
        within = lookup.limits.within(plane[:, :1], plane[:, 1:])
        if self.keep_fan and self.about == "apex" and self.rotation_deg:
            # The box of what turned has turned too; a screen's has not.
            within.mul_(lookup.shown.within_box(*lookup.shown.places(height, width)))
        if scan.pixels.shape[-1] != scan.pixels.shape[-2]:
            raise ValueError(f"stored pictures are square, not {tuple(scan.pixels.shape[-2:])}")
        # Left as two planes, which `grid_sample` reads as they are: to interleave them costs more than sampling.
        grid = plane.add_(scan.beams.outline[:, [At.APEX_X, At.APEX_Y]].view(-1, 2, 1, 1)).permute(0, 2, 3, 1)
        pixels = F.grid_sample(scan.pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return Scan(pixels.mul_(within), as_mask(within), lookup.shown)


class _Lookup:
    """The beams that a pose makes of others, with the parameters of each picture.

    Attributes:
        turned: from the result's pixels to the stored plane, but for the spread.
        limits: what is shown, in the stored plane.
        shown: the beams of the result.
    """

    def __init__(self, beams: Beams, params: Params, *, about: str, keep_fan: bool):
        o = beams.outline
        fan = beams.is_fan
        apex_x, apex_y = o[:, At.APEX_X], o[:, At.APEX_Y]
        left, right, near, far = (o[:, at] for at in (At.LEFT, At.RIGHT, At.NEAR, At.FAR))
        self._mid, half = (left + right) / 2, (right - left) / 2
        top_x, top_y = (o[:, At.X0] + o[:, At.X1]) / 2, o[:, At.Y0]
        face_x = torch.where(fan, apex_x + near * self._mid.sin(), top_x)
        face_y = torch.where(fan, apex_y + near * self._mid.cos(), top_y)
        angle = torch.deg2rad(params["angle_deg"])
        self._spread, depth = params["spread"], params["depth"]
        if about == "apex":
            angle = torch.where(fan, torch.minimum(torch.maximum(angle, -MOST_TURN * half), MOST_TURN * half), angle)
            pivot_x, pivot_y = torch.where(fan, apex_x, face_x), torch.where(fan, apex_y, face_y)
        else:
            face_x = face_y = pivot_x = pivot_y = torch.zeros_like(angle)
        a, d = params["width"] * params["mirror_x"], params["height"] * params["mirror_y"]
        # Millimeters are measured along y.
        upright = torch.stack(
            [
                torch.stack([a, params["shear"] * d, params["center_x"] + 2 * params["shift_x"]], dim=1),
                torch.stack([torch.zeros_like(d), d, params["center_y"] + 2 * params["shift_y"]], dim=1),
            ],
            dim=1,
        )
        upright = _about(upright, face_x, face_y, 1 / depth, torch.zeros_like(depth))
        ones = torch.ones_like(depth)
        turned = _about(upright, pivot_x, pivot_y, ones, angle)
        self.turned = Beams(o, _joined(beams.matrix, turned))
        # About the apex a rotation only renames the beams; else it tilts them.
        renamed = fan & (about == "apex")
        turn = torch.where(renamed, angle, 0.0)
        shown_left = self._mid + (left - self._mid) * self._spread - turn
        shown_right = self._mid + (right - self._mid) * self._spread - turn
        if keep_fan and about == "apex":
            shown_left, shown_right = torch.maximum(shown_left, left), torch.minimum(shown_right, right)
            far = near + (far - near) / depth.clamp(min=1)
        self.limits = beams.cut_to(
            left=self._mid + (shown_left + turn - self._mid) / self._spread,
            right=self._mid + (shown_right + turn - self._mid) / self._spread,
            far=far,
        )
        # A rectangle's columns spread from its middle, so its sides do.
        grown = torch.where(fan, 1.0, self._spread.clamp(max=1) if keep_fan and about == "apex" else self._spread)
        wide = (o[:, At.X1] - o[:, At.X0]) / 2 * grown
        self.shown = Beams(
            beams.cut_to(left=shown_left, right=shown_right, far=far, x0=top_x - wide, x1=top_x + wide).outline,
            _joined(beams.matrix, torch.where(renamed[:, None, None], upright, turned)),
        )
        self._beams = beams

    def narrowed(self, plane: Float[Tensor, "n 2 h w"]) -> Float[Tensor, "n 2 h w"]:
        """Points (from the apex) whose angle from the sector's middle is divided by the spread, about the apex."""
        x, y = plane[:, :1], plane[:, 1:]
        beams, less = self._beams, column(1 / self._spread - 1)
        fan = beams.is_fan.view(-1, 1, 1, 1)
        # A rectangle has no angles; its columns move from its middle.
        turn = angle_of(x, y).sub_(column(self._mid)).mul_(torch.where(fan, less, 0.0))
        # Series of sine and cosine: the error for the largest turn, 0.1, is 3e-6.
        square = turn * turn
        cosine = square.mul(-1 / 2).add_(1)
        sine = square.mul_(-1 / 6).add_(1).mul_(turn)
        new = torch.empty_like(plane)
        new_x, new_y = new[:, :1], new[:, 1:]
        torch.mul(y, cosine, out=new_y).addcmul_(x, sine, value=-1)
        wider = torch.where(fan, 0.0, less)
        middle = (beams[At.X0] + beams[At.X1]) / 2 - beams[At.APEX_X]
        # Of rectangles the cosine is 1.
        torch.mul(x, cosine.add_(wider), out=new_x).addcmul_(y, sine).sub_(middle * wider)
        return new


def _about(
    matrix: Float[Tensor, "n 2 3"],
    x: Float[Tensor, " n"],
    y: Float[Tensor, " n"],
    scale: Float[Tensor, " n"],
    angle: Float[Tensor, " n"],
) -> Float[Tensor, "n 2 3"]:
    """A map followed by a scaling, and a turn that adds `angle` to each angle from straight down, about (x, y)."""
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [[cos, sin, x - cos * x - sin * y], [-sin, cos, y + sin * x - cos * y]]
    return _joined(torch.stack([torch.stack(row, dim=1) for row in rows], dim=1), matrix)


def _joined(outer: Float[Tensor, "n 2 3"], inner: Float[Tensor, "n 2 3"]) -> Float[Tensor, "n 2 3"]:
    """The map that is `inner`, then `outer`."""
    linear = outer[:, :, :2] @ inner
    return torch.cat([linear[:, :, :2], linear[:, :, 2:] + outer[:, :, 2:]], dim=2)
