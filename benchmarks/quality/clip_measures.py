"""What a clip's pictures measure: gray values, speckle, change from frame to frame, likeness of repeats.

The same code measures real and phantom clips, at the same millimeters per pixel. Real clips come from a folder
with a folder per clip and every fifth frame in it; they are only read.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull, Delaunay

from sslecho.phantom.echo import EchoClip
from sslecho.phantom.factors import Factors

REAL_MM_PER_PIXEL = 0.36  # assumed: 448 rows for about 160 mm; the pictures carry no scale
PATCH = 32  # pixels, 11.5 mm
TISSUE = (45, 190)  # gray levels of a patch's mean that is neither blood nor white


@dataclass(frozen=True)
class Measured:
    """A clip to be measured.

    Args:
        name: of the clip.
        group: patient, or block of files that is likely one.
        frames: every fifth frame.
        sector: pixels of the fan.
    """

    name: str
    group: str
    frames: UInt8[np.ndarray, "n rows columns"]
    sector: Bool[np.ndarray, "rows columns"]


def real_clips(folder: Path) -> list[Measured]:
    """All clips of a folder; a manifest.csv beside it (columns path, patient) says which belong together."""
    blocks: dict[str, str] = {}
    manifest = folder.parent / "manifest.csv"
    if manifest.exists():
        with manifest.open(encoding="utf-8") as lines:
            blocks = {Path(row["path"]).parent.name: row["patient"] for row in csv.DictReader(lines)}
    clips = []
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in (".jpg", ".png"))
        frames = np.stack([np.asarray(Image.open(file).convert("L")) for file in files])
        clips.append(Measured(path.name, blocks.get(path.name, path.name), frames, sector_of(frames)))
    return clips


def sector_of(frames: UInt8[np.ndarray, "n rows columns"]) -> Bool[np.ndarray, "rows columns"]:
    """Hull of the largest lit part: depth ticks and text beside the fan fall away."""
    lit = ndimage.binary_closing(frames.max(axis=0) > 12, iterations=3)
    parts, n = ndimage.label(lit)
    if n == 0:
        return lit
    largest = parts == 1 + np.argmax(ndimage.sum_labels(lit, parts, range(1, n + 1)))
    points = np.argwhere(largest ^ ndimage.binary_erosion(largest))
    hull = Delaunay(points[ConvexHull(points).vertices])
    rows, columns = np.indices(lit.shape)
    return (hull.find_simplex(np.stack([rows.ravel(), columns.ravel()], axis=1)) >= 0).reshape(lit.shape)


def gray_statistics(values: UInt8[np.ndarray, "..."]) -> dict[str, float]:
    """Seven numbers of one clip's pixels inside the sector."""
    return {
        **{f"P{q}": float(np.percentile(values, q)) for q in (25, 50, 75, 95, 99)},
        "share < 15": float(np.mean(values < 15)),
        "share > 200": float(np.mean(values > 200)),
    }


def frames_apart(clip: Measured) -> float:
    """Median correlation of neighbors among the frames (five apart) inside the sector."""
    inside = clip.frames[:, clip.sector].astype(np.float32)
    return float(np.median([np.corrcoef(a, b)[0, 1] for a, b in zip(inside[:-1], inside[1:], strict=True)]))


def likeness(first: Measured, second: Measured) -> float:
    """Correlation of the clips' mean pictures inside the sector that both have; 0 where that is under half."""
    if first.sector.shape != second.sector.shape:
        return 0.0
    common = first.sector & second.sector
    if common.sum() < 0.5 * max(first.sector.sum(), second.sector.sum()):
        return 0.0
    return float(np.corrcoef(*(clip.frames[:, common].mean(axis=0) for clip in (first, second)))[0, 1])


def patches(clip: Measured) -> dict[str, list[np.ndarray]]:
    """Patches of tissue by thirds of the sector's depth, from the first and the middle frame; each less its plane."""
    rows = np.flatnonzero(clip.sector.any(axis=1))
    found: dict[str, list[np.ndarray]] = {"near": [], "middle": [], "far": []}
    ramp = np.arange(PATCH) - (PATCH - 1) / 2
    for frame in (clip.frames[0], clip.frames[len(clip.frames) // 2]):
        for top in range(rows[0], rows[-1] - PATCH, PATCH // 2):
            third = list(found)[min(2, int(3 * (top + PATCH / 2 - rows[0]) / (rows[-1] - rows[0])))]
            for left in range(0, clip.sector.shape[1] - PATCH, PATCH // 2):
                square = (slice(top, top + PATCH), slice(left, left + PATCH))
                if not clip.sector[square].all():
                    continue
                patch = frame[square].astype(np.float64)
                if not TISSUE[0] < patch.mean() < TISSUE[1] or np.mean(patch < 15) > 0.05 or np.mean(patch > 250) > 0.1:
                    continue
                patch -= patch.mean()
                patch -= (patch @ ramp).mean() / (ramp @ ramp) * ramp[None, :]
                patch -= (ramp @ patch).mean() / (ramp @ ramp) * ramp[:, None]
                found[third].append(patch)
    return found


def half_widths(group: list[np.ndarray]) -> tuple[float, float, float]:
    """Lags in pixels, vertical and lateral, at which the mean autocorrelation is half; mean SD of the patches."""
    size = 2 * PATCH
    power = np.mean([np.abs(np.fft.fft2(patch, (size, size))) ** 2 for patch in group], axis=0)
    lags = np.real(np.fft.ifft2(power))
    # Fewer pairs overlap at greater lags.
    pairs = PATCH - np.arange(PATCH // 2)
    widths = []
    for profile in (lags[: PATCH // 2, 0], lags[0, : PATCH // 2]):
        correlation = profile / pairs * PATCH / profile[0]
        below = int(np.argmax(correlation < 0.5)) or PATCH // 2 - 1
        high, low = correlation[below - 1], correlation[below]
        widths.append(float(below - 1 + (high - 0.5) / max(high - low, 1e-9)))
    return widths[0], widths[1], float(np.mean([patch.std() for patch in group]))


def texture_statistics(clip: Measured) -> dict[str, float]:
    """What a picture's gray values and texture are like, free of where the heart lies.

    Layers (difference of Gaussians) by scale, edges by scale and direction, thin bright lines, depth and side
    profiles, patches of tissue, change in time. From the first, middle and last frames.
    """
    rows, columns = np.indices(clip.sector.shape)
    inside = ndimage.binary_erosion(clip.sector, iterations=6)
    depth = (rows[inside] - np.flatnonzero(clip.sector.any(axis=1))[0]) / clip.sector.any(axis=1).sum()
    middle = (clip.sector * columns).sum(axis=1) / np.maximum(clip.sector.sum(axis=1), 1)
    half = np.maximum(clip.sector.sum(axis=1) / 2, 1)
    side = np.abs((columns - middle[:, None]) / half[:, None])[inside]
    found: list[dict[str, float]] = []
    for picture in (clip.frames[0], clip.frames[len(clip.frames) // 2], clip.frames[-1]):
        values = picture[inside].astype(np.float32)
        row = gray_statistics(picture[inside])
        row["P5"] = float(np.percentile(values, 5))
        row["SD"] = float(values.std())
        for k, name in enumerate(("near", "middle", "far")):
            third = values[(depth >= k / 3) & (depth < (k + 1) / 3)]
            row[f"mean {name}"] = float(third.mean())
            row[f"dark {name}"] = float(np.mean(third < 15))
        row["face (first 8 %)"] = float(values[depth < 0.08].mean())
        row["side / center"] = float(values[side > 0.7].mean() / max(values[side < 0.3].mean(), 1))
        picture = picture.astype(np.float32)
        layers = [picture] + [ndimage.gaussian_filter(picture, sigma) for sigma in (1, 2, 4, 8, 16)]
        for k, (fine, coarse) in enumerate(zip(layers[:-1], layers[1:], strict=True)):
            layer = (fine - coarse)[inside]
            row[f"layer {k} SD"] = float(layer.std())
            row[f"layer {k} tails"] = float(np.mean(layer**4) / np.mean(layer**2) ** 2)
            row[f"layer {k} skew"] = float(np.mean(layer**3) / np.mean(layer**2) ** 1.5)
        for k in (1, 3):
            down, across = np.gradient(layers[k])
            slope = np.hypot(down, across)[inside]
            row[f"edges {k} down / across"] = float(np.abs(down[inside]).mean() / np.abs(across[inside]).mean())
            row[f"edges {k} P99 / P75"] = float(np.percentile(slope, 99) / max(np.percentile(slope, 75), 1e-3))
        # Second derivative across the strongest ridge at 2 px: thin lines beside smooth tissue.
        down, across = np.gradient(layers[2])
        hessian = (np.gradient(down)[0], np.gradient(down)[1], np.gradient(across)[1])
        ridge = -0.5 * (hessian[0] + hessian[2] - np.hypot(hessian[0] - hessian[2], 2 * hessian[1]))[inside]
        row["lines P99 / SD"] = float(np.percentile(ridge, 99) / values.std())
        row["dark noise"] = float(np.mean((values > 0) & (values < 15)) / max(np.mean(values < 15), 1e-3))
        found.append(row)
    row = {name: float(np.mean([each[name] for each in found])) for name in found[0]}
    row["frames apart"] = frames_apart(clip)
    for name, group in patches(clip).items():
        if len(group) >= 8:
            down, across, sd = half_widths(group)
            spread = np.std([patch.std() for patch in group])
            row |= {f"speckle down {name}": down, f"speckle across {name}": across, f"patch SD {name}": sd}
            row[f"patch SD's SD {name}"] = float(spread)
    return row


def phantom_clip(
    seed: int, *, patient: int, view: str, acquisition: int = 0, size: int | None = None, frames: int = 16
) -> Measured:
    """Every fifth frame of a simulated clip, as a real one would be read.

    Args:
        size: the picture's side; None: as many pixels as make them REAL_MM_PER_PIXEL.
    """
    settings = {"patient": patient, "view": view, "acquisition": acquisition, "frames": frames}
    factors = Factors.from_seed(seed)
    if size is None:
        size = round(256 * EchoClip(factors, **settings).renderer.converter.mm_per_pixel / REAL_MM_PER_PIXEL)
    pictures = EchoClip(factors, size=size, **settings).render().frames[::5]
    return Measured(f"p{patient} {view} {acquisition}", f"p{patient}", pictures, sector_of(pictures))
