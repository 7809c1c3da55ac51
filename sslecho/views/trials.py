"""One change at a time: every augmentation at several strengths, as a sheet or a test wants to see it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from sslecho.views.attenuation import Attenuation
from sslecho.views.blur import Blur
from sslecho.views.cutout import Cutout
from sslecho.views.display import Display, Gamma
from sslecho.views.fan import Fan
from sslecho.views.haze import Haze
from sslecho.views.jitter import Jitter
from sslecho.views.noise import Noise
from sslecho.views.pose import Pose
from sslecho.views.shadow import Shadow
from sslecho.views.speckle import Despeckle, Respeckle
from sslecho.views.transform import Augmentation, Params, Scan


class Trial(NamedTuple):
    """An augmentation whose named parameters take several values while the others stay where nothing happens.

    Attributes:
        name: what a reader calls it.
        augmentation: what is tried.
        neutral: the parameters that change nothing, as numbers.
        steps: a caption and the parameters that differ.
    """

    name: str
    augmentation: Augmentation
    neutral: dict[str, float]
    steps: Sequence[tuple[str, dict[str, float]]]

    @property
    def moves(self) -> bool:
        """Whether it makes pictures of its size out of stored ones."""
        return isinstance(self.augmentation, Pose)

    def params(self, step: int | None, n: int) -> Params:
        """The parameters of a step for n pictures; None: those that change nothing."""
        values = self.neutral | ({} if step is None else self.steps[step][1])
        return {name: torch.full((n,), value) for name, value in values.items()}

    def apply(self, scan: Scan, step: int | None) -> Scan:
        """The pictures as a step changes them."""
        return self.augmentation.apply(scan, self.params(step, len(scan.pixels)))


def trials(size: int | tuple[int, int]) -> list[Trial]:
    """All of them, for pictures of this size."""
    pose = Pose(size, spread=1.08, rotation_deg=12.0)
    still: dict[str, float] = dict.fromkeys(("center_x", "center_y", "angle_deg", "shift_x", "shift_y", "shear"), 0.0)
    still |= dict.fromkeys(("width", "height", "depth", "spread", "mirror_x", "mirror_y"), 1.0)
    whole: dict[str, float] = dict.fromkeys(
        ("cut_left", "cut_right", "cut_near", "cut_far", "cut_bottom", "cut_sides"), 0.0
    )
    # Where on the field of speckle or noise a patch is cut.
    place = {"top": 0.3, "left": 0.6}
    whole_picture = Pose(size, about="center", keep_fan=False)
    flat = {f"slider_{k}_db": 0.0 for k in range(4)}
    return [
        Trial("depth", pose, still, _steps("depth", "x {:g}", 0.8, 0.9, 1.12, 1.25)),
        Trial("sector angle", pose, still, _steps("spread", "x {:.2f}", 1 / 1.08, 1 / 1.04, 1.04, 1.08)),
        Trial("rotation, apex", pose, still, _steps("angle_deg", "{:+g} deg", -12, -6, 6, 12)),
        Trial("rotation, center", whole_picture, still, _steps("angle_deg", "{:+g} deg", -30, -10, 10, 30)),
        Trial(
            "crop",
            pose,
            still,
            [
                (f"{side * side:.0%} of area", {"width": side, "height": side, "center_x": x, "center_y": x})
                for side, x in ((0.89, 0.1), (0.8, -0.2), (0.7, 0.3), (0.55, 0.2))
            ],
        ),
        Trial("shift", pose, still, _steps("shift_x", "{:+.0%}", -0.1, -0.05, 0.05, 0.1)),
        Trial(
            "aspect",
            pose,
            still,
            [
                (f"width x {factor:.2f}", {"width": min(1, factor), "height": min(1, 1 / factor)})
                for factor in (0.75, 0.92, 1.08, 1.33)
            ],
        ),
        Trial("shear", pose, still, _steps("shear", "{:+g} rad", -0.1, -0.03, 0.03, 0.1)),
        Trial(
            "flips",
            pose,
            still,
            [("left-right", {"mirror_x": -1.0}), ("up-down", {"mirror_y": -1.0})],
        ),
        Trial(
            "another device's fan",
            Fan(1.0),
            whole,
            [
                ("narrower", {"cut_left": 0.3, "cut_right": 0.3, "cut_far": 0.1}),
                ("steered", {"cut_left": 0.35, "cut_right": 0.05}),
                ("apex cut", {"cut_near": 0.12, "cut_left": 0.1, "cut_right": 0.1}),
                ("flat, zoom box", {"cut_bottom": 0.12, "cut_sides": 0.25, "cut_near": 0.08}),
            ],
        ),
        Trial(
            "attenuation, TGC",
            Attenuation(),
            flat,
            [
                ("-4 dB far", {f"slider_{k}_db": -4.0 * k / 3 for k in range(4)}),
                ("+4 dB far", {f"slider_{k}_db": 4.0 * k / 3 for k in range(4)}),
                ("-4 dB middle", {"slider_1_db": -4.0, "slider_2_db": -4.0}),
                ("+4 dB near", {"slider_0_db": 4.0, "slider_3_db": -4.0}),
            ],
        ),
        Trial("gain", Display(), {"gain_db": 0.0, "range_db": 60.0}, _steps("gain_db", "{:+g} dB", -8, -4, 4, 8)),
        Trial(
            "dynamic range",
            Display(),
            {"gain_db": 0.0, "range_db": 60.0},
            _steps("range_db", "{:g} dB", 45, 52, 68, 75),
        ),
        Trial("gamma", Gamma(1.0), {"gamma": 1.0}, _steps("gamma", "{:g}", 0.7, 0.85, 1.2, 1.4)),
        Trial(
            "shadow",
            Shadow(1.0),
            {"loss_db": 0.0, "center": -0.3, "width": 0.12, "start": 0.1},
            [
                *_steps("loss_db", "{:g} dB", 8, 16, 25),
                ("25 dB, deeper", {"loss_db": 25.0, "center": 0.5, "start": 0.2, "width": 0.06}),
            ],
        ),
        Trial(
            "haze",
            Haze(1.0),
            {"strength": 0.0, "fall_db": 55.0, "tilt_db": 3.0, **place},
            [
                *_steps("strength", "{:.0%}", 0.33, 0.67, 1.0),
                ("100 %, deep", {"strength": 1.0, "fall_db": 35.0, "tilt_db": -6.0}),
            ],
        ),
        Trial(
            "re-speckle", Respeckle(1.0), {"strength_db": 0.0, **place}, _steps("strength_db", "{:g} dB", 1, 2, 3, 4)
        ),
        Trial("speckle filter", Despeckle(1.0), {"amount": 0.0}, _steps("amount", "{:.0%}", 0.25, 0.5, 0.75, 1.0)),
        Trial("blur", Blur(1.0), {"sigma_mm": 0.0}, _steps("sigma_mm", "{:g} mm", 0.25, 0.5, 0.75, 1.0)),
        Trial("noise", Noise(1.0), {"strength": 0.0, **place}, _steps("strength", "{:.1%}", 0.015, 0.03, 0.045, 0.06)),
        Trial(
            "brightness",
            Jitter(1.0),
            {"brightness": 1.0, "contrast": 1.0},
            _steps("brightness", "x {:g}", 0.6, 0.8, 1.2, 1.4),
        ),
        Trial(
            "contrast",
            Jitter(1.0),
            {"brightness": 1.0, "contrast": 1.0},
            _steps("contrast", "x {:g}", 0.6, 0.8, 1.2, 1.4),
        ),
        Trial(
            "cutout",
            Cutout(1.0),
            {"side": 0.0, "center_x": 0.2, "center_y": 0.1},
            _steps("side", "{:.0%}", 0.06, 0.12, 0.18, 0.25),
        ),
    ]


def _steps(name: str, form: str, *values: int | float) -> list[tuple[str, dict[str, float]]]:
    """A step for each value of one parameter, its caption from a format."""
    return [(form.format(value), {name: float(value)}) for value in values]
