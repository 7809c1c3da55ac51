"""How the probe is held and how the picture is set: what differs between repeats of a view, and between bodies.

The spread of every draw is in units of `jitter`. At 1.1, the default, the nearest neighbor on pixels finds the view of
a new patient in about six of ten frames, and from two patients per view in a third, as the phantom is meant to be
(settled on seeds 1 and 2 by benchmarks/quality/phantom_difficulty.py).

Size: the heart's own (SD 8 % and 5 % per axis, `patients`) and 1.5 % here. The depth is set to the heart's size and
then missed by 13.5 %, so that the picture's magnification has the SD of 7 % in size and 12 % in depth together.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from sslecho.phantom import speckle
from sslecho.phantom.devices import Settings
from sslecho.phantom.factors import Factors
from sslecho.phantom.geometry import BeamGrid
from sslecho.phantom.renderer import Look
from sslecho.phantom.scene import Placement

JITTER = 1.1
# Of the view's spread, for repeats. Two of three real clips have a twin with r > 0.9 among the same patient's clips:
# mostly the probe is held still and recorded again, sometimes it was moved in between.
HELD, MOVED = 0.02, 0.2
HELD_OFTEN = 0.8
LEFT_OF_GAIN = 0.25  # of its error, once scanner and sonographer have corrected it (chosen by the bright quantiles)


@dataclass(frozen=True)
class Position:
    """Where the probe stands against the template, and how well it sees.

    Args:
        rotation_deg, shift_mm, scale, depth, gain_db, angle_deg: offsets; scale and depth are factors.
        quality: 0 (perfect) .. 0.7 (hardly a picture).
    """

    rotation_deg: float
    shift_mm: tuple[float, float]
    scale: tuple[float, float]
    depth: float
    gain_db: float
    angle_deg: float
    quality: float

    def placement(self, center_mm: tuple[float, float], size: tuple[float, float]) -> Placement:
        """The scene's placement for a heart of a patient's `size`."""
        scale = (self.scale[0] * size[0], self.scale[1] * size[1])
        return Placement(self.rotation_deg, scale, self.shift_mm, center_mm)


def draw_position(factors: Factors, keys: tuple[int | str, ...], acquisition: int, *, jitter: float) -> Position:
    """The view's part (patient, study, view in `keys`) plus the repeat's small one."""
    view = factors.stream("view", *keys, "position")
    repeat = factors.stream("acquisition", *keys, acquisition, "position")
    share = HELD if repeat.uniform() < HELD_OFTEN else MOVED
    both = (view.standard_normal(9) + share * repeat.standard_normal(9)) / np.sqrt(1 + share**2)
    quality = min(abs(0.3 * jitter * float(both[7])), 0.7)
    return Position(
        rotation_deg=float(7 * jitter * both[0]),
        shift_mm=(float(6 * jitter * both[1]), float(5 * jitter * both[2])),
        scale=(float(np.exp(0.015 * jitter * both[3])), float(np.exp(0.015 * jitter * both[8]))),
        depth=float(np.exp(np.clip(0.135 * jitter * both[4], -0.33, 0.38))),
        gain_db=float(LEFT_OF_GAIN * np.clip(5.2 * jitter * both[5], -20, 20)),
        angle_deg=float(7 * jitter * both[6]),
        quality=float(quality),
    )


def draw_look(settings: Settings, position: Position, body_haze: float) -> Look:
    """Device, settings, gain and the body's haze as one look."""
    device = settings.device
    haze = device.haze_db - 4 + 9 * position.quality + 8 * body_haze
    return Look(
        frequency_mhz=settings.frequency_mhz,
        axial_fwhm_mm=settings.axial_fwhm_mm,
        lateral_fwhm_deg=settings.lateral_fwhm_deg,
        dynamic_range_db=settings.dynamic_range_db,
        gain_db=position.gain_db,
        gamma=settings.gamma,
        s_shape=device.s_shape,
        slice_mm=device.slice_mm,
        haze_db=min(haze, -15.0),
        noise_db=-49.0 + 8 * position.quality,
        clutter=0.6 + 0.6 * body_haze + 0.4 * position.quality,
        clutter_mm=4.0 + 6.0 * body_haze,
        near_haze_db=-12.0 + 8.0 * body_haze,
        reverberations=2 + int(position.quality > 0.3),
        compounding=device.compounding,
        persistence=device.persistence,
    )


def window_db(rng: np.random.Generator, grid: BeamGrid, quality: float) -> Float32[np.ndarray, "lines samples"]:
    """Transmission of the acoustic window: smooth over angle, weak at the edges, wedges behind ribs and lung."""
    share = np.linspace(-1, 1, grid.lines)
    smooth = 1.6 * speckle.smooth_field(rng, (2 * grid.lines, 1), (16.0, 0.1))[: grid.lines, 0]
    # Aberration and what lies before the heart: patches of a few centimeters come out darker or brighter.
    patches = (
        4.5 * speckle.smooth_field(rng, (2 * grid.lines, grid.samples + 64), (14.0, 32.0))[: grid.lines, : grid.samples]
    )
    edge_db = rng.uniform(0, 5, size=2)
    edges = (
        -edge_db[0] * np.clip((-share - 0.65) / 0.35, 0, 1) ** 1.5
        - edge_db[1] * np.clip((share - 0.65) / 0.35, 0, 1) ** 1.5
    )
    # The TGC sliders as somebody left them: most hold the near field down.
    near, middle, far = rng.normal((-5.0, -4.0, -1.0), (3.0, 1.5, 3.0))
    sliders = np.interp(grid.depths_mm / grid.depth_mm, [0.0, 0.18, 0.55, 1.0], [near + 2, near, middle, far])
    patches = patches + sliders.astype(np.float32)
    window = (smooth + edges).astype(np.float32)[:, None] + patches
    for _ in range(int(rng.choice(4, p=[0.45, 0.3, 0.15, 0.1])) + int(quality > 0.4)):
        side = rng.choice([-1, 1])
        center = side * rng.uniform(0.35, 1.0)
        width = rng.uniform(0.05, 0.14)
        loss = rng.uniform(6, 22)
        starts = rng.uniform(8, 30)
        profile = np.exp(-(((share - center) / width) ** 4))
        depth = np.clip((grid.depths_mm - starts) / 8, 0, 1)
        window -= (loss * profile[:, None] * depth[None, :]).astype(np.float32)
    return window
