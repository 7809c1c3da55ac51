"""A small store of drawn pictures, for tests that need frames and no ultrasound."""

from pathlib import Path

import numpy as np

from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter


def draw_store(
    path: Path,
    *,
    patients: int = 8,
    clips: int = 3,
    frames: int = 2,
    size: int = 32,
    split: bool = True,
    unit: str = "patient",
) -> Store:
    """Clips of three classes (a bar across, a bar down, a disk) whose gray level and noise follow the patient."""
    rng = np.random.default_rng(7)
    across, down = np.meshgrid(np.arange(size), np.arange(size))
    shapes = {
        "across": np.abs(down - size // 2) < size // 8,
        "down": np.abs(across - size // 2) < size // 8,
        "disk": (across - size // 2) ** 2 + (down - size // 2) ** 2 < (size // 4) ** 2,
    }
    with StoreWriter(path, (size, size), unit=unit) as writer:
        for patient in range(patients):
            texture = rng.integers(20, 90, (size, size))
            name = "test" if patient % 4 == 3 else "train"
            for number in range(clips):
                label = list(shapes)[(patient + number) % 3]
                pictures = [
                    np.clip(texture + 120 * shapes[label] + rng.integers(0, 30, (size, size)), 0, 255).astype(np.uint8)
                    for _ in range(frames)
                ]
                writer.add_clip(
                    np.stack(pictures),
                    {
                        "clip_id": f"c{patient:02d}{number:02d}",
                        "patient_id": f"p{patient:02d}",
                        "label": label,
                        "split": name if split else None,
                        "source_id": f"s{patient:02d}{number:02d}",
                    },
                )
        return writer.commit()
