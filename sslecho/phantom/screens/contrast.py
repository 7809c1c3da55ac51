"""Contrast: the left ventricle full of bubbles, muscle dark, and often a bronze gray map."""

import numpy as np
from jaxtyping import UInt8
from scipy import ndimage

from sslecho.phantom.screens.fan import BLOOD, Fan
from sslecho.phantom.speckle import smooth_field
from sslecho.phantom.tissues import STRUCTURE_NUMBER

FULL = tuple(STRUCTURE_NUMBER[name] for name in ("lv", "rv", "la"))


def opacify(fan: Fan, rng: np.random.Generator) -> UInt8[np.ndarray, "n size size"]:
    """The fan's frames with cavities filled.

    The ventricle is bright with a swirl toward the apex, muscle loses 10-15 dB (about three quarters of its gray),
    and beyond 60 % of the depth the bubbles cast a shadow.
    """
    size = fan.gray.shape[1]
    lines, samples = fan.beams.shape[1:]
    at = np.stack([fan.line * (lines - 1), fan.sample * samples - 0.5])
    level = float(rng.uniform(150, 205))
    filling = np.zeros(256, np.float32)
    filling[BLOOD] = rng.uniform(0.15, 0.6)
    filling[list(FULL)] = 1.0, rng.uniform(0.7, 1.1), rng.uniform(0.5, 0.9)
    swirl = smooth_field(rng, (lines, samples), (6.0, 14.0))
    shadow = np.clip(1.15 - 1.1 * np.clip(fan.sample - rng.uniform(0.45, 0.65), 0, 1) * 2, 0.12, 1.0)
    out = np.empty_like(fan.gray)
    for k, labels in enumerate(fan.beams):
        drift = np.roll(swirl, (2 * k, 5 * k), axis=(0, 1))
        amount = ndimage.gaussian_filter(filling[labels] * np.clip(1 + 0.16 * drift, 0.4, 1.3), 0.8)
        bubbles = ndimage.map_coordinates(amount.astype(np.float32), at, order=1, mode="nearest")
        grain = rng.normal(1, 0.11, (size, size))
        grain = 1 + (ndimage.gaussian_filter(grain, 0.7) - 1) * 2
        tissue = fan.gray[k] * 0.3
        picture = (tissue + level * bubbles * grain) * shadow
        out[k] = np.where(fan.sector, np.clip(picture, 0, 255), 0)
    return out


def tint(gray: UInt8[np.ndarray, "*shape"], name: str) -> UInt8[np.ndarray, "*shape 3"]:
    """A gray map of one hue, black at one end and nearly white at the other."""
    share = np.arange(256) / 255
    table = np.stack([share ** (0.75 if c > 0.9 else 1.0) * (c + (1 - c) * share**3) for c in TINTS[name]], axis=-1)
    return np.clip(table * 255, 0, 255).astype(np.uint8)[gray]


TINTS = {
    "amber": (1.0, 0.72, 0.42),
    "bronze": (1.0, 0.66, 0.32),
    "sepia": (1.0, 0.86, 0.66),
    "blue": (0.70, 0.82, 1.0),
    "ice": (0.82, 0.93, 1.0),
}
