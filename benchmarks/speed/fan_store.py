"""A store of sector scans that is made in a second: grain inside fans of many shapes, each clip with its polygon."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter

GRAIN = 4  # pixels: noise would be no harder to read, but to look at
CORNERS = 24  # of an arc


def make_store(folder: Path, *, clips: int, frames: int, side: int = 256) -> Store:
    """`clips` of `frames` each, four a patient, all with the polygon of their own sector."""
    rng = np.random.default_rng(0)
    with StoreWriter(folder, (side, side)) as writer:
        for clip in range(clips):
            polygon = fan(
                side, half_deg=rng.uniform(30, 45), radius=rng.uniform(0, 0.12), depth=rng.uniform(0.85, 0.98)
            )
            coarse = rng.integers(0, 256, (frames, side // GRAIN, side // GRAIN)).astype(np.uint8)
            pictures = coarse.repeat(GRAIN, axis=1).repeat(GRAIN, axis=2) * filled(polygon, side)
            writer.add_clip(
                pictures,
                {
                    "clip_id": f"c{clip}",
                    "patient_id": f"p{clip // 4}",
                    "source_id": f"s{clip}",
                    "sector": "mask",
                    "sector_confidence": 1.0,
                    "sector_polygon": polygon.ravel().tolist(),
                },
            )
        return writer.commit()


def fan(side: int, *, half_deg: float, radius: float, depth: float) -> np.ndarray:
    """Corners [n, 2] of a sector whose probe stands at the top center, x and y in pixels.

    Args:
        half_deg: from the middle to an edge.
        radius: of the probe's face, as a share of the side.
        depth: of the lowest point, as a share of the side.
    """
    angles = np.deg2rad(np.linspace(-half_deg, half_deg, CORNERS))
    near, far = radius * side, (depth + radius * np.cos(np.deg2rad(half_deg))) * side
    arcs = [(near, angles), (far, angles[::-1])]
    top = near * np.cos(np.deg2rad(half_deg))
    corners = [np.stack([side / 2 + r * np.sin(a), r * np.cos(a) - top], axis=1) for r, a in arcs]
    return np.concatenate(corners).clip(0, side).astype(np.float32)


def filled(polygon: np.ndarray, side: int) -> np.ndarray:
    """uint8 [side, side], 1 inside."""
    image = Image.new("L", (side, side))
    ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in polygon], fill=1)
    return np.asarray(image)
