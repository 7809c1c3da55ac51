"""Every registered method at a size that a test can afford, and something for it to look at."""

import dataclasses
from typing import Any

import torch
from torch.nn import functional as F

from sslecho.models.encoder import Encoder
from sslecho.objectives import OBJECTIVES
from sslecho.objectives.objective import Batch, Known, Now, Objective

SMALL = {
    "hidden_dim": 16,
    "projection_dim": 8,
    "prototypes": 12,
    "queue": 16,
    "queue_from_epoch": 0.0,
    "hold_epochs": 0.0,
    "local_views": 2,
    "decoder_heads": 1,
    "decoder_depth": 1,
}
N = 8


def small_settings(name: str, **values: Any) -> Any:
    """The method's settings with small networks, and without waiting for an epoch to pass."""
    settings_class = OBJECTIVES[name].settings_class
    known = {field.name for field in dataclasses.fields(settings_class)}
    return settings_class(**{key: value for key, value in SMALL.items() if key in known}, **values)


def make(name: str, **values: Any) -> tuple[Encoder, Objective]:
    """A small encoder that the method takes, and the method."""
    torch.manual_seed(0)
    backbone, side = ("test_vit", 64) if name == "mae" else ("test_resnet", 32)
    encoder = Encoder(backbone, image_size=side, mean=0.5, std=0.3)
    return encoder, OBJECTIVES[name](encoder, small_settings(name, **values))


def batch_for(encoder: Encoder, objective: Objective, *, step: int = 0, seed: int = 5) -> Batch:
    """Views of N blurred random pictures, each with noise of its own; small views show their middle."""
    generator = torch.Generator().manual_seed(seed)
    side = encoder.image_size
    coarse = torch.rand(N, 1, 4, 4, generator=generator)
    pictures = F.interpolate(coarse, size=(side, side), mode="bilinear")
    views = [pictures + 0.05 * torch.rand(pictures.shape, generator=generator) for _ in range(objective.n_views)]
    middle = pictures[:, :, side // 4 : -side // 4, side // 4 : -side // 4]
    for _ in range(objective.local.count if objective.local else 0):
        views.append(middle + 0.05 * torch.rand(middle.shape, generator=generator))
    draws = torch.rand(N, objective.n_draws, generator=generator)
    return Batch(tuple(views), draws, Now(step, 100, step / 4))


def known(batch: Batch, *, clips: list[int] | None = None, labels: list[int] | None = None) -> Known:
    """Clips of their own and two frames a class, where nothing else is said."""
    return Known(
        torch.tensor(clips or list(range(N))),
        torch.tensor(labels or [frame // 2 for frame in range(N)]),
        batch.now,
    )
