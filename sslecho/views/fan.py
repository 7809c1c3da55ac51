"""The outline of another device."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from sslecho.views.beams import At
from sslecho.views.transform import Augmentation, Params, Scan, between, weight

KINDS = ("sector", "apex cut", "flat", "box")


@final
@dataclass(frozen=True)
class Fan(Augmentation):
    """A narrower or steered sector, a cut apex, a flat bottom, or a zoom box, out of what the sector shows.

    The outline tells devices, depths and patients apart, and blanking what lies outside it does not hide it; only
    changing it does. Nothing is invented: what another device would show beyond the sector is not known.

    Args:
        probability: how often a picture gets another outline.
        narrow: largest share of the half-angle that is cut on each side. 0.35 takes a 90 degree sector to 60.
        near: largest share of the depth that is cut at the top, as by the face of a convex probe.
        shallow: largest share of the depth that is cut at the bottom.
        box: largest share of the width that a zoom box cuts on each side.
    """

    probability: float = 0.5
    narrow: float = 0.35
    near: float = 0.12
    shallow: float = 0.2
    box: float = 0.3
    n_draws = 6

    def draw(self, u: Float[Tensor, "n draws"]) -> Params:
        sector, apex_cut, flat, box = (u[:, 0] * len(KINDS)).long() == torch.arange(len(KINDS)).view(-1, 1)
        steered = between(u[:, 2], 0.5, 1.5)
        narrow = torch.where(box, 0.0, u[:, 1] * self.narrow)
        return {
            "cut_left": narrow * steered.clamp(max=1),
            "cut_right": narrow * (2 - steered).clamp(max=1),
            "cut_near": u[:, 3] * self.near * (apex_cut | box),
            "cut_far": u[:, 4] * self.shallow * (sector | apex_cut),
            "cut_bottom": u[:, 4] * self.shallow * (flat | box),
            "cut_sides": u[:, 5] * self.box * box,
        }

    def apply(self, scan: Scan, params: Params) -> Scan:
        beams = scan.beams
        o = beams.outline
        fan = beams.is_fan
        left, right, near, far = (o[:, at] for at in (At.LEFT, At.RIGHT, At.NEAR, At.FAR))
        half, length = (right - left) / 2, far - near
        # The box around the sector, cut by the box that it has.
        x0 = torch.where(fan, torch.maximum(o[:, At.APEX_X] + far * left.sin(), o[:, At.X0]), o[:, At.X0])
        x1 = torch.where(fan, torch.minimum(o[:, At.APEX_X] + far * right.sin(), o[:, At.X1]), o[:, At.X1])
        y0 = o[:, At.Y0]
        y1 = torch.where(fan, torch.minimum(o[:, At.APEX_Y] + far, o[:, At.Y1]), o[:, At.Y1])
        wide, tall = x1 - x0, y1 - y0
        only = torch.where(fan, 0.0, 1.0)  # a rectangle's beams are cut where its columns and rows are
        sides, bottom = params["cut_sides"], params["cut_bottom"]
        # Without a cut a fan's box stays where it was, outside the sector.
        boxed, floored = ~fan | (sides > 0), ~fan | (bottom > 0)
        new = beams.cut_to(
            left=left + half * params["cut_left"],
            right=right - half * params["cut_right"],
            near=near + length * params["cut_near"],
            far=far - length * params["cut_far"],
            x0=torch.where(boxed, x0 + wide * (sides + only * params["cut_left"]) / 2, o[:, At.X0]),
            x1=torch.where(boxed, x1 - wide * (sides + only * params["cut_right"]) / 2, o[:, At.X1]),
            y0=y0 + tall * only * params["cut_near"],
            y1=torch.where(floored, y1 - tall * (bottom + only * params["cut_far"]), o[:, At.Y1]),
        )
        mask = new.inside(*new.places(*scan.pixels.shape[-2:])).logical_and_(scan.mask)
        return Scan(scan.pixels * weight(mask), mask, new)
