"""The encoder that `pretrain` begins with, and a sample of what it makes of the frames."""

from typing import Any

import numpy as np
import torch

from sslecho.api.settings import PretrainSettings
from sslecho.data.store import Store
from sslecho.models.encoder import Encoder
from sslecho.rundir import provenance

SAMPLE = 1000  # frames for the gray levels' mean and for the effective rank: enough for two digits


def new_encoder(store: Store, rows: np.ndarray, settings: PretrainSettings, how: dict[str, Any]) -> Encoder:
    """An encoder with random weights that knows the frames' gray levels."""
    gray = store.read(_sample(rows, settings.seed)).astype(np.float32) / 255
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return Encoder(
            settings.backbone,
            image_size=settings.image_size,
            mean=round(float(gray.mean()), 6),
            std=round(max(float(gray.std()), 1e-3), 6),
            provenance={
                "settings": how,
                "frames": store.frames_hash,
                # Hashes: what scores this encoder can tell whom it has seen.
                "units": sorted(set(store.column("unit_id")[np.unique(store.clip_of_frame[rows])].tolist())),
                **provenance(),
            },
        )


def embed_sample(store: Store, rows: np.ndarray, encoder: Encoder, seed: int) -> np.ndarray:
    encoder.eval()
    device = next(encoder.parameters()).device
    parts = [part for part in np.array_split(_sample(rows, seed), 8) if len(part)]
    return torch.cat([encoder.encode(torch.from_numpy(store.read(part)).to(device)) for part in parts]).cpu().numpy()


def _sample(rows: np.ndarray, seed: int) -> np.ndarray:
    if len(rows) <= SAMPLE:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
