"""Two encoders that learned nothing: what any trained one must beat."""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from sslecho.models.encoder import Encoder, resize

PIXELS_SIDE = 24  # small enough to be a blur of the picture's layout, large enough to tell views apart


class PixelEncoder:
    """The frame itself at 24 x 24 pixels, its rows one after another."""

    dim = PIXELS_SIDE**2

    def encode(self, frames: UInt8[Tensor, "n h w"]) -> Float[Tensor, "n d"]:
        return resize(frames, PIXELS_SIDE).flatten(1)

    def hash(self) -> str:
        return f"pixels-{PIXELS_SIDE}"


def random_encoder(like: Encoder | None = None, *, seed: int = 0) -> Encoder:
    """An untrained network: of the same architecture and preprocessing as `like`, else a ResNet-18 at 64 pixels."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if like is None:
            return Encoder("resnet18", image_size=64, mean=0.2, std=0.2, provenance={"untrained": True}).eval()
        return Encoder(
            like.backbone, image_size=like.image_size, mean=like.mean, std=like.std, provenance={"untrained": True}
        ).eval()
