"""A store of fans of moving speckle with a bright spot on one side, and a mark in a corner that may follow the label."""

from pathlib import Path

import numpy as np
from moving_fan import fan_mask, moving_fan

from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter

SIZE = 64


def fan_store(
    path: Path,
    *,
    patients: int,
    clips: int = 2,
    frames: int = 4,
    spot: bool = True,
    mark: str = "none",
    sector: str = "off",
    seed: int = 0,
) -> Store:
    """Clips of two classes, "left" and "right"; every third patient is in test.

    Args:
        spot: whether the spot lies where the label says; else in the middle.
        mark: "none"; "label", a corner bright in clips of "right" alone; "chance", in every second clip of either.
        sector: as ingest says it; with "mask" its polygon is stored, and nothing outside.
    """
    rng = np.random.default_rng(seed)
    mask = fan_mask(SIZE, SIZE)
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    with StoreWriter(path, (SIZE, SIZE)) as writer:
        for patient in range(patients):
            for number in range(clips):
                right = bool((patient + number) % 2)
                center = (32 + (10 if right else -10)) if spot else 32
                pictures = np.stack(moving_fan(frames, SIZE, SIZE, seed=1000 * seed + 10 * patient + number))
                pictures[:, (np.hypot(x - center, y - 40) < 6) & mask] = 235
                if mark == "label" and right or mark == "chance" and rng.random() < 0.5:
                    pictures[:, 2:9, 2:9] = 220
                known = {"sector": sector}
                if sector == "mask":
                    pictures = pictures * mask
                    known["sector_polygon"] = [32.0, 4.0, 62.0, 46.0, 50.0, 60.0, 14.0, 60.0, 2.0, 46.0]
                writer.add_clip(
                    pictures.astype(np.uint8),
                    {
                        "clip_id": f"c{patient:02d}{number}",
                        "patient_id": f"p{patient:02d}",
                        "source_id": f"s{patient:02d}{number}",
                        "label": "right" if right else "left",
                        "split": ("train", "train", "test")[patient % 3],
                        **known,
                    },
                )
        return writer.commit()
