"""A store of fans of moving speckle with a bright spot, large or small, and a mark in a corner that may follow the
label; and a classifier of its frames, fitted in a second."""

from pathlib import Path

import numpy as np
import torch
from moving_fan import fan_mask, moving_fan

from sslecho.data.store import Store
from sslecho.data.writer import StoreWriter
from sslecho.models.encoder import Encoder
from sslecho.models.heads import LinearHead
from sslecho.tasks.classifier import Classifier

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
    """Clips of two classes, "small" and "large"; every third patient is in test.

    Args:
        spot: whether the spot is as large as the label says; else always the same.
        mark: "none"; "label", a corner bright in clips of "large" alone; "chance", in every second clip of either.
        sector: as ingest says it; with "mask" its polygon is stored, and nothing outside.
    """
    rng = np.random.default_rng(seed)
    mask = fan_mask(SIZE, SIZE)
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    with StoreWriter(path, (SIZE, SIZE)) as writer:
        for patient in range(patients):
            for number in range(clips):
                large = bool((patient + number) % 2)
                radius = (9 if large else 4) if spot else 6
                pictures = np.stack(moving_fan(frames, SIZE, SIZE, seed=1000 * seed + 10 * patient + number))
                pictures[:, (np.hypot(x - 32, y - 38) < radius) & mask] = 235
                if (mark == "label" and large) or (mark == "chance" and rng.random() < 0.5):
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
                        "label": "large" if large else "small",
                        "split": ("train", "train", "test")[patient % 3],
                        **known,
                    },
                )
        return writer.commit()


def fit_head(store: Store, folder: Path, *, backbone: str = "test_resnet", size: int = 48) -> Classifier:
    """A classifier whose encoder has random weights and whose head is the ridge regression of the training frames."""
    torch.manual_seed(0)
    encoder = Encoder(backbone, image_size=size, mean=0.2, std=0.2).eval()
    labels, splits = (store.column(name, level="frame") for name in ("label", "split"))
    rows = np.flatnonzero(splits == "train")
    x = encoder.encode(torch.from_numpy(store.read(rows))).double()
    classes = tuple(sorted(set(labels)))
    y = torch.eye(len(classes), dtype=torch.float64)[[classes.index(label) for label in labels[rows]]]
    mean, spread = x.mean(0), x.std(0) + 1e-6
    z = (x - mean) / spread
    weight = torch.linalg.solve(z.T @ z + 1.0 * torch.eye(z.shape[1]), z.T @ (y - y.mean(0))).T / spread
    head = LinearHead(encoder.dim, (len(classes),))
    with torch.no_grad():
        head.layers[0].weight.copy_(8 * weight)
        head.layers[0].bias.copy_(8 * (y.mean(0) - weight @ mean))
    folder.mkdir(parents=True)
    found = Classifier(encoder, head.eval(), classes, 1.0, None, {"level": "clip", "unit": store.unit})
    found.save(folder)
    return found
