"""The encoder that `pretrain` begins with, and a sample of what it makes of the frames."""

from typing import Any

import numpy as np
import torch

from sslecho.api.settings import PretrainSettings
from sslecho.data.store import Store
from sslecho.models.encoder import Encoder, check_size, plain_size
from sslecho.models.presets import PRESETS
from sslecho.models.weight_files import Weights
from sslecho.models.weights import Match, fit_weights
from sslecho.rundir import provenance, say, warn

SAMPLE = 1000  # frames for the gray levels' mean and for the effective rank: enough for two digits


IMAGE_SIZE = 128


def picture_size(settings: PretrainSettings, weights: Weights | None) -> int | tuple[int, int]:
    """Of the pictures that the encoder sees: what was asked for, else that of the named network or the earlier run."""
    if settings.image_size is not None:
        return settings.image_size
    if settings.backbone in PRESETS:
        return plain_size(PRESETS[settings.backbone].image_size)
    if weights is not None and weights.kind == "sslecho" and weights.image_size is not None:
        return weights.image_size
    return IMAGE_SIZE


def new_encoder(
    store: Store,
    rows: np.ndarray,
    settings: PretrainSettings,
    how: dict[str, Any],
    *,
    size: int | tuple[int, int],
    weights: Weights | None,
) -> tuple[Encoder, Match | None]:
    """An encoder with random weights that knows the frames' gray levels, or one with weights from elsewhere.

    Returns:
        The encoder, and which of the weights matched.

    Raises:
        InputError: no such backbone, or not at this size; or the weights are of another network.
    """
    gray = store.read(_sample(rows, settings.seed)).astype(np.float32) / 255
    # Hashes: what scores this encoder can tell whom it has seen, before and now.
    units = set(store.column("unit_id")[np.unique(store.clip_of_frame[rows])].tolist())
    units |= set((weights.provenance.get("units") if weights else None) or ())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        encoder = Encoder(
            settings.backbone,
            image_size=size,
            mean=round(float(gray.mean()), 6),
            std=round(max(float(gray.std()), 1e-3), 6),
            provenance={
                "settings": how,
                "frames": store.frames_hash,
                "units": sorted(units),
                **provenance(),
            },
        )
    check_size(encoder)
    if weights is None:
        return encoder, None
    match = fit_weights(encoder, weights)
    encoder.provenance["weights"] = match.as_dict()
    return encoder, match


def say_match(match: Match) -> None:
    """What became of `--weights`, as a warning where it is not all that was asked for."""
    tell = say if match.complete and "not equal" not in match.stem else warn
    tell(f"--weights: {match}")


def embed_sample(store: Store, rows: np.ndarray, encoder: Encoder, seed: int) -> np.ndarray:
    encoder.eval()
    device = next(encoder.parameters()).device
    parts = [part for part in np.array_split(_sample(rows, seed), 8) if len(part)]
    return torch.cat([encoder.encode(torch.from_numpy(store.read(part)).to(device)) for part in parts]).cpu().numpy()


def _sample(rows: np.ndarray, seed: int) -> np.ndarray:
    if len(rows) <= SAMPLE:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
