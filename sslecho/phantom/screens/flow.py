"""Colour Doppler: a box of blood's velocities over the gray picture, and the bar that explains the colours.

Velocities are drawn on the beam grid: slow where the chamber rests, in the direction that the heart's clock gives,
aliasing where they exceed the scale. No fluid is simulated; what matters is how it looks.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy import ndimage

from sslecho.phantom.screens.fan import BLOOD, Fan
from sslecho.phantom.speckle import smooth_field
from sslecho.phantom.tissues import STRUCTURE_NUMBER

LOOKS = {"velocity": 0.6, "variance": 0.25, "power": 0.08, "tissue": 0.07}
WALL_FILTER = 0.1  # of the scale: slower flow is not shown
THIN = (2, 3)  # color has fewer beams and samples than the gray picture
INFLOW = ("lv", "rv")
OUTFLOW = ("aorta", "pulmonary_artery")


@dataclass(frozen=True)
class Flow:
    """A picture in colour.

    Args:
        rgb: gray with colour over it.
        colored: where colour was drawn, in any frame.
        outline: the box's edge.
        box: the box.
        look: which colour map.
    """

    rgb: UInt8[np.ndarray, "n size size 3"]
    colored: Bool[np.ndarray, "n size size"]
    outline: Bool[np.ndarray, "size size"]
    box: Bool[np.ndarray, "size size"]
    look: str


def draw_flow(fan: Fan, rng: np.random.Generator) -> Flow:
    """Put colour over a fan's frames."""
    look = str(rng.choice(list(LOOKS), p=list(LOOKS.values())))
    box = _draw_box(fan, rng)
    beams = fan.beams[:, :: THIN[0], :: THIN[1]]
    shape = (beams.shape[1], beams.shape[2])
    signs = rng.choice([-1.0, 1.0], size=256)
    eddies = smooth_field(rng, shape, (3.0, 6.0)), smooth_field(rng, shape, (1.2, 2.5))
    speed = float(rng.uniform(0.7, 1.6))  # against the scale: above 1 it aliases
    jet = _draw_jet(beams[0], rng) if rng.uniform() < 0.4 else np.zeros(shape, np.float32)
    at = np.stack([fan.line * (shape[0] - 1), fan.sample * shape[1] - 0.5])
    rgb = np.repeat(fan.gray[..., None], 3, axis=-1)
    colored = np.zeros(fan.gray.shape, bool)
    for k, labels in enumerate(beams):
        velocity, turbulence = _velocity(labels, fan.courses[k], k, signs, eddies, jet, speed)
        if look == "tissue":
            velocity = _tissue_velocity(labels, fan.courses, k, eddies[0])
            turbulence = np.zeros_like(velocity)
        there = np.abs(velocity) > WALL_FILTER
        shown = ndimage.map_coordinates(there.astype(np.float32), at, order=1, mode="nearest") > 0.5
        # Tissue wins over colour where it is bright, as scanners decide it.
        shown &= box & ((fan.gray[k] < 130) if look != "tissue" else (fan.gray[k] > 25))
        values = ndimage.map_coordinates(velocity, at, order=1, mode="nearest")
        rough = ndimage.map_coordinates(turbulence, at, order=1, mode="nearest")
        rgb[k][shown] = paint(values, rough, look)[shown]
        colored[k] = shown
    edge = box ^ ndimage.binary_erosion(box, iterations=1)
    return Flow(rgb, colored, edge, box, look)


def _draw_box(fan: Fan, rng: np.random.Generator) -> Bool[np.ndarray, "size size"]:
    """A part of the sector between two beams and two depths."""
    width, height = float(rng.uniform(0.3, 0.75)), float(rng.uniform(0.35, 0.75))
    left, top = float(rng.uniform(0.05, 0.95 - width)), float(rng.uniform(0.08, 0.95 - height))
    return fan.sector & (fan.line > left) & (fan.line < left + width) & (fan.sample > top) & (fan.sample < top + height)


def _draw_jet(
    labels: UInt8[np.ndarray, "lines samples"], rng: np.random.Generator
) -> Float32[np.ndarray, "lines samples"]:
    """A narrow stream from a point in the blood: 1 at its core."""
    blood = np.argwhere(np.isin(labels, BLOOD))
    lines, samples = np.indices(labels.shape)
    line, sample = blood[int(rng.integers(len(blood)))] if len(blood) else (labels.shape[0] // 2, labels.shape[1] // 2)
    along = (samples - sample) / (0.22 * labels.shape[1])
    across = (lines - line) / (0.03 * labels.shape[0] * (1 + np.clip(along, 0, 2)))
    return (np.exp(-(across**2)) * np.exp(-2 * along**2)).astype(np.float32)


def _velocity(
    labels: UInt8[np.ndarray, "lines samples"],
    course: np.ndarray,
    frame: int,
    signs: np.ndarray,
    eddies: tuple[np.ndarray, np.ndarray],
    jet: np.ndarray,
    speed: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Velocity against the scale's end (aliased into -1..1) and turbulence, on the thinned beam grid."""
    contraction, mitral, aortic = float(course[0]), float(course[1]), float(course[2])
    amount = np.zeros(256)
    for number in BLOOD:
        amount[number] = 0.12 + 0.35 * signs[number] * contraction
    for name in INFLOW:
        amount[STRUCTURE_NUMBER[name]] = signs[0] * (0.08 + 0.9 * mitral - 0.8 * aortic)
    for name in OUTFLOW:
        amount[STRUCTURE_NUMBER[name]] = -signs[0] * (0.1 + 0.9 * aortic)
    slow, fast = (
        np.roll(field, (3 * frame, 7 * frame), axis=(0, 1))[: labels.shape[0], : labels.shape[1]] for field in eddies
    )
    blood = np.isin(labels, BLOOD).astype(np.float32)
    bleeding = ndimage.gaussian_filter(blood, 0.8)
    velocity = ndimage.gaussian_filter(amount[labels], 1.0) * (0.7 + 0.6 * slow) * speed
    leak = jet * (contraction if signs[1] > 0 else mitral)
    turbulence = np.clip(leak, 0, 1) * (0.6 + 0.6 * np.abs(fast))
    velocity = velocity + 1.8 * signs[2] * leak * (0.7 + 0.8 * fast)
    velocity = np.where(bleeding > 0.45, velocity, 0)
    return ((velocity + 1) % 2 - 1).astype(np.float32), turbulence.astype(np.float32)


def _tissue_velocity(
    labels: UInt8[np.ndarray, "lines samples"], courses: np.ndarray, frame: int, eddies: np.ndarray
) -> Float32[np.ndarray, "lines samples"]:
    """Of the walls, from how fast the heart contracts."""
    before = courses[max(frame - 1, 0), 0]
    rate = float(courses[min(frame + 1, len(courses) - 1), 0] - before)
    field = eddies[: labels.shape[0], : labels.shape[1]]
    velocity = np.clip(0.25 + 3.0 * rate, -0.9, 0.9) * (0.8 + 0.3 * field)
    return np.where(np.isin(labels, BLOOD), 0, velocity).astype(np.float32)


def paint(
    velocity: Float32[np.ndarray, "*shape"], turbulence: Float32[np.ndarray, "*shape"], look: str
) -> UInt8[np.ndarray, "*shape 3"]:
    """Velocities -1..1 as colours: toward the probe red to yellow, away blue to cyan."""
    size = np.abs(velocity)
    bright = np.clip(2 * size - 0.8, 0, 1)
    if look == "power":
        channels = 110 + 145 * size, 40 + 215 * bright, 40 * bright
    else:
        toward = velocity > 0
        channels = (
            np.where(toward, 85 + 170 * size, 60 * bright),
            215 * bright * np.where(toward, 1.0, 0.85),
            np.where(toward, 10 * bright, 95 + 160 * size),
        )
    if look == "variance":
        green = np.clip(turbulence, 0, 1)
        channels = (
            channels[0] * (1 - 0.6 * green),
            np.maximum(channels[1], 225 * green),
            channels[2] * (1 - 0.6 * green),
        )
    return np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)


def color_bar(height: int, width: int, look: str) -> UInt8[np.ndarray, "height width 3"]:
    """The map from the fastest flow toward the probe, on top, to the fastest away."""
    values = np.repeat(np.linspace(1, -1, height, dtype=np.float32)[:, None], width, axis=1)
    ramp = np.linspace(0, 1, width, dtype=np.float32)[None, :] * (np.abs(values) > 0.4)
    picture = paint(values, ramp.astype(np.float32), look)
    if look == "power":
        picture = paint((values + 1) / 2, np.zeros_like(values), look)
    picture[height // 2 - 1 : height // 2 + 1] = 0
    return picture
