"""The Encoder noun: a network with one input channel, its preprocessing, one save and one load.

    encoder/model.safetensors   the weights
    encoder/config.json         timm's schema, with the preprocessing in `pretrained_cfg` and ours under `sslecho`

`timm.create_model("local-dir:encoder", pretrained=True)` loads the same network without sslecho. One of our presets,
whose architecture reads `sslecho/NAME`, is loaded here only.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

from sslecho.errors import InputError, NounError
from sslecho.models.presets import PREFIX, PRESETS
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.registry import did_you_mean
from sslecho.rundir import write_atomic, write_json

SCHEMA, VERSION = "sslecho.encoder", 1


class Encoder(nn.Module):
    """Gray uint8 frames in, one vector a frame out, taken before any projection head.

    Args:
        backbone: a timm architecture ("resnet18", "vit_tiny_patch16_224") or one of `PRESETS`.
        image_size: of the pictures it sees, in pixels: a side, or height and width; frames are letterboxed into it.
        mean, std: of gray levels scaled to [0, 1], measured on the training frames.
        provenance: what made the weights (settings, seed, hashes); saved with them.
    """

    def __init__(
        self,
        backbone: str,
        *,
        image_size: int | tuple[int, int],
        mean: float,
        std: float,
        provenance: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        self.backbone, self.image_size = backbone, plain_size(image_size)
        self.mean, self.std = mean, std
        self.provenance = dict(provenance or {})
        self.net: Any = create_backbone(backbone, image_size=self.image_size)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        # Where timm has a layer after its features (VGG, MobileNetV3), what that layer makes is the embedding.
        return int(getattr(self.net, "head_hidden_size", None) or self.net.num_features)

    def forward(self, x: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n d"]:
        """Embed frames whose gray levels are scaled to [0, 1] and whose size is `image_size`."""
        return self.net((x - self.mean) / self.std)

    @torch.inference_mode()
    def encode(self, frames: UInt8[Tensor, "n h w"]) -> Float[Tensor, "n d"]:
        """Embed stored frames; call in eval mode, or batch norm mixes the frames of a batch."""
        return self(resize(frames, self.image_size)).float()

    def hash(self) -> str:
        """SHA-256 over the weights and what must be known to use them."""
        digest = hashlib.sha256(json.dumps([self.backbone, self.image_size, self.mean, self.std]).encode())
        for name, value in sorted(self.net.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write the noun; the folder is complete once config.json stands in it."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.detach().cpu().contiguous() for name, value in self.net.state_dict().items()}
        write_atomic(folder / "model.safetensors", save(weights))
        write_json(
            folder / "config.json",
            {
                "architecture": PREFIX + self.backbone if self.backbone in PRESETS else self.backbone,
                "num_classes": 0,
                "num_features": self.dim,
                "model_args": {} if self.backbone in PRESETS else _model_args(self.backbone, self.image_size),
                "pretrained_cfg": {
                    "tag": "sslecho",
                    "num_classes": 0,
                    "input_size": [1, *height_width(self.image_size)],
                    "interpolation": "bilinear",
                    "crop_pct": 1.0,
                    "mean": [self.mean],
                    "std": [self.std],
                    "first_conv": self.net.default_cfg.get("first_conv"),
                    "classifier": self.net.default_cfg.get("classifier"),
                },
                "sslecho": {
                    "schema": SCHEMA,
                    "version": VERSION,
                    "letterbox": True,
                    "hash": self.hash(),
                    "provenance": self.provenance,
                },
            },
        )

    @classmethod
    def load(cls, folder: Path | str) -> "Encoder":
        """Read the noun from its folder or from the run that holds it, in eval mode.

        Raises:
            NounError: no encoder there, another version, or weights that don't fit their hash.
        """
        folder = Path(folder)
        if (folder / "encoder").is_dir():
            folder = folder / "encoder"
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            raise NounError(
                f"{folder} holds no encoder (no readable config.json); name the folder that `sslecho pretrain` wrote"
            ) from None
        ours, preprocessing = config.get("sslecho", {}), config.get("pretrained_cfg", {})
        if ours.get("version") != VERSION:
            raise NounError(
                f"{folder} is an encoder of version {ours.get('version')!r}, this sslecho reads version {VERSION}; "
                "pretrain again or install the sslecho that wrote it"
            )
        encoder = cls(
            config["architecture"].removeprefix(PREFIX),
            image_size=tuple(preprocessing["input_size"][-2:]),
            mean=preprocessing["mean"][0],
            std=preprocessing["std"][0],
            provenance=ours.get("provenance"),
        )
        try:
            encoder.net.load_state_dict(load_file(folder / "model.safetensors"))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise NounError(
                f"{folder / 'model.safetensors'} can't be read ({str(error).splitlines()[0]}); pretrain again"
            ) from None
        if encoder.hash() != ours.get("hash"):
            raise NounError(f"{folder / 'model.safetensors'} is not what config.json describes (hash); pretrain again")
        return encoder.eval()


def create_backbone(name: str, *, image_size: int | tuple[int, int]) -> nn.Module:
    """A network with random weights, one input channel and no classifier.

    Raises:
        InputError: there is no such architecture, or it can't be built so; or a preset's pictures have one size only.
    """
    if name in PRESETS:
        preset = PRESETS[name]
        if height_width(image_size) != preset.image_size:
            raise InputError(
                f"--image-size {size_text(image_size)} does not fit --backbone {name}, whose last layer is made for "
                f"{size_text(preset.image_size)} pixels; leave --image-size out"
            )
        return preset.create()
    mend_torchvision()
    import timm

    if name not in timm.list_models():
        raise InputError(
            f"--backbone {name!r} is no timm architecture{did_you_mean(name, [*PRESETS, *timm.list_models()])} "
            f"and none of {', '.join(PRESETS)}; `timm.list_models()` has them all"
        )
    try:
        return timm.create_model(name, num_classes=0, pretrained=False, **_model_args(name, image_size))
    except NETWORK_ERRORS as error:
        raise _not_so(name, image_size, error) from None


def check_size(encoder: Encoder) -> None:
    """Embed one black picture, before hours are spent on the way to the first.

    Raises:
        InputError: the network can't take pictures of this size: no whole number of patches, or nothing left of them.
    """
    training, black = encoder.training, torch.zeros(1, 1, 1, dtype=torch.uint8)
    try:
        encoder.eval().encode(black.to(next(encoder.parameters()).device))
    except NETWORK_ERRORS as error:
        raise _not_so(encoder.backbone, encoder.image_size, error) from None
    finally:
        encoder.train(training)


# What timm's and torch's layers raise when a picture does not fit them.
NETWORK_ERRORS = (TypeError, ValueError, AssertionError, RuntimeError, NotImplementedError)


def _not_so(name: str, image_size: int | tuple[int, int], error: Exception) -> InputError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(
        f"--backbone {name} can't be built for one channel and --image-size {size_text(image_size)} ({reason}); "
        "choose another size or architecture"
    )


def _model_args(name: str, image_size: int | tuple[int, int]) -> dict[str, Any]:
    """What timm needs to build the network; only networks with a position for each patch take an image size."""
    import timm

    fixed = timm.get_pretrained_cfg_value(name, "fixed_input_size")
    return {"in_chans": 1, **({"img_size": image_size} if fixed else {})}


def height_width(size: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width of a picture in pixels, where a side alone means a square."""
    return (size, size) if isinstance(size, int) else size


def plain_size(size: int | tuple[int, int]) -> int | tuple[int, int]:
    """A square's side alone, else height and width."""
    height, width = height_width(size)
    return height if height == width else (height, width)


def size_text(size: int | tuple[int, int]) -> str:
    """As a person writes it: 192, or 60x80 (height x width)."""
    return "x".join(map(str, size)) if isinstance(size, tuple) else str(size)


def resize(frames: UInt8[Tensor, "n h w"], size: int | tuple[int, int]) -> Float[Tensor, "n 1 new_h new_w"]:
    """Stored frames scaled to [0, 1] and letterboxed: one factor for both axes, centered, black at the sides.

    Args:
        size: of the result in pixels: a side, or height and width. Frames are low-pass filtered where they shrink.
    """
    height, width = height_width(size)
    x = frames.unsqueeze(1).float() / 255
    factor = min(height / x.shape[-2], width / x.shape[-1])
    inner = (max(1, round(x.shape[-2] * factor)), max(1, round(x.shape[-1] * factor)))
    if inner != x.shape[-2:]:
        x = F.interpolate(x, size=inner, mode="bilinear", antialias=True, align_corners=False).clamp(0, 1)
    if inner == (height, width):
        return x
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    return F.pad(x, (left, width - inner[1] - left, top, height - inner[0] - top))
