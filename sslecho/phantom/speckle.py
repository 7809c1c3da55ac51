"""Random fields of a clip: scatterers, slow texture, receiver noise, clutter of the near field.

All are drawn once per clip; a frame only gathers from them.
"""

import numpy as np
from jaxtyping import Complex64, Float32
from scipy import fft

from sslecho.phantom.geometry import BeamGrid

CELLS = (256, 512)  # rows (depth) and columns; powers of two, so that wrapping around is a bit mask
CELL_MM = 0.5
HAZE_MM = 22.0  # depth over which near-field haze falls to 1/e of its amplitude (chosen)
DB = np.float32(np.log(10) / 20)  # amplitude = exp(DB * decibels)


def complex_white(rng: np.random.Generator, *shape: int) -> Complex64[np.ndarray, "..."]:
    """Circular complex white noise with mean square 1: fully developed speckle's scatterers."""
    parts = rng.standard_normal((*shape, 2), dtype=np.float32)
    parts *= np.float32(np.sqrt(0.5))
    return parts.view(np.complex64)[..., 0]


def smooth_field(
    rng: np.random.Generator, shape: tuple[int, int], correlation: tuple[float, float]
) -> Float32[np.ndarray, "a b"]:
    """Periodic Gaussian noise, SD 1, smoothed with the given SDs in cells along both axes."""
    white = rng.standard_normal(shape, dtype=np.float32)
    fa = np.fft.fftfreq(shape[0]).astype(np.float32)[:, None]
    fb = np.fft.rfftfreq(shape[1]).astype(np.float32)[None, :]
    keep = np.exp(-2 * np.pi**2 * ((fa * correlation[0]) ** 2 + (fb * correlation[1]) ** 2)).astype(np.float32)
    noise = np.asarray(fft.irfft2(np.asarray(fft.rfft2(white)) * keep, s=shape))
    return (noise / noise.std()).astype(np.float32)


def gaussian_taps(fwhm_samples: float) -> Float32[np.ndarray, " taps"]:
    """An odd FIR with unit energy, so that white noise keeps its mean square."""
    sigma = max(fwhm_samples / 2.355, 0.3)
    half = max(1, int(np.ceil(2.2 * sigma)))
    taps = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    return (taps / np.sqrt(np.sum(taps**2))).astype(np.float32)


def triangle_taps(half_width: float) -> Float32[np.ndarray, " taps"]:
    """An odd FIR of sum 1 that falls linearly to 0 at `half_width` samples."""
    reach = int(np.ceil(half_width)) - 1
    taps = 1 - np.abs(np.arange(-reach, reach + 1)) / half_width if reach > 0 else np.ones(1)
    return (taps / taps.sum()).astype(np.float32)


def convolve(field: np.ndarray, taps: Float32[np.ndarray, " taps"], axis: int) -> np.ndarray:
    """`field` [lines, samples] convolved along an axis, zero beyond the ends; symmetric taps only."""
    half = len(taps) // 2
    n = field.shape[axis]
    out = field * taps[half]
    scratch = np.empty_like(field)
    for k in range(1, half + 1):
        np.multiply(field, taps[half + k], out=scratch)
        if axis == 0:
            out[: n - k] += scratch[k:]
            out[k:] += scratch[: n - k]
        else:
            out[:, : n - k] += scratch[:, k:]
            out[:, k:] += scratch[:, : n - k]
    return out


def soften(
    field: Float32[np.ndarray, "lines samples"], share: float, axis: int
) -> Float32[np.ndarray, "lines samples"]:
    """The field, of which a share is the mean of three neighbors along an axis; the ends repeat."""
    field = field if axis == 0 else field.T
    out = field * np.float32(1 - share * 2 / 3)
    third = field * np.float32(share / 3)
    out[1:-1] += third[:-2]
    out[1:-1] += third[2:]
    out[0] += third[0] + third[1]
    out[-1] += third[-1] + third[-2]
    return out if axis == 0 else out.T


def box_blur(
    field: Float32[np.ndarray, "lines samples"], lines: int, samples: int
) -> Float32[np.ndarray, "lines samples"]:
    """Mean over a box, by running sums; the ends repeat."""
    for axis, width in ((0, lines), (1, samples)):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (width // 2 + 1, width // 2)
        total = np.cumsum(np.pad(field, pad, mode="edge"), axis=axis, dtype=np.float32)
        field = (total[width:] - total[:-width] if axis == 0 else total[:, width:] - total[:, :-width]) / np.float32(
            width
        )
    return field


def near_field(
    rng: np.random.Generator, grid: BeamGrid, *, clutter: float, decay_mm: float, bands: int
) -> Complex64[np.ndarray, "lines samples"]:
    """Echoes that stand still under the probe: clutter falling off with depth, and reverberation bands.

    Args:
        clutter: amplitude at the face against myocardium's.
        decay_mm: depth at which it has fallen to 1/e.
        bands: reverberations of the skin layers, every 10-12 mm.
    """
    depths = grid.depths_mm
    spacing = rng.uniform(10, 12)
    amplitude = clutter * np.exp(-depths / decay_mm) + 1.5 * np.exp(-((depths / 2.0) ** 2))
    speckle = complex_white(rng, grid.lines, grid.samples)
    still = amplitude * speckle
    for k in range(1, bands + 1):
        # No echo of an echo is as straight and as even as the probe's face.
        bent = k * spacing + 0.5 * smooth_field(rng, (2 * grid.lines, 1), (12.0, 0.1))[: grid.lines]
        strength = (
            clutter * 0.4 * np.exp(-k / 2.0) * np.exp(DB * 5 * smooth_field(rng, (2 * grid.lines, 1), (7.0, 0.1)))
        )
        band = np.exp(-(((depths[None, :] - bent) / 0.9) ** 2))
        still += strength[: grid.lines] * band * (0.4 + speckle)
    return still.astype(np.complex64)


def haze(rng: np.random.Generator, grid: BeamGrid, level_db: float) -> Complex64[np.ndarray, "lines samples"]:
    """Echoes that went to and fro before the heart: they stand still and fade over some centimeters.

    Args:
        level_db: at the face, against myocardium.
    """
    patches = 5.0 * smooth_field(rng, (2 * grid.lines, grid.samples), (12.0, 14.0))[: grid.lines]
    fading = level_db - grid.depths_mm * np.float32(8.7 / HAZE_MM) + patches
    return (np.exp(DB * fading) * complex_white(rng, grid.lines, grid.samples)).astype(np.complex64)
