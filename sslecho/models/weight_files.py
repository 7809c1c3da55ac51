"""Read weights from a file or folder, whoever wrote it. No pickle is run.

a run of `sslecho pretrain`, or the encoder in it
a folder of timm's: config.json with model.safetensors or pytorch_model.bin
a .safetensors file
a checkpoint of torch's (.pt, .pth, .ckpt, .tar) that holds tensors and plain values
"""

import argparse
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from sslecho.errors import InputError
from sslecho.models.encoder import Encoder, plain_size
from sslecho.models.stem import Levels
from sslecho.rundir import sha256_of

# Arguments of timm's networks that an Encoder sets itself, that don't change what it makes, or that are compared later.
SET_HERE = {"in_chans", "img_size", "num_classes", "dynamic_img_size", "drop_rate", "drop_path_rate", "global_pool"}


@dataclass(frozen=True)
class Weights:
    """What a file holds, before it is known which network it is for.

    Attributes:
        kind: "sslecho", "timm", "safetensors" or "checkpoint".
        content: tensors by name, or dictionaries of them.
        sha256: of the file.
        named: how messages call it: the option and the path.
        backbone, image_size, pool, levels: architecture, size, pooling and normalization, where it says so.
        provenance: of an encoder of ours.
    """

    kind: str
    content: Mapping[Any, Any]
    sha256: str
    named: str
    backbone: str | None = None
    image_size: int | tuple[int, int] | None = None
    pool: str | None = None
    levels: Levels | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)


def read_weights(path: Path | str, *, option: str = "--weights") -> Weights:
    """Read a file or folder.

    Args:
        option: how messages call the path.

    Raises:
        InputError: nothing is there, or nothing that can be read without running code.
    """
    path = Path(path)
    named = f"{option} {path}"
    if path.is_dir():
        folder = path / "encoder" if (path / "encoder").is_dir() else path
        config = _config(folder, named)
        return _ours(folder, named) if "sslecho" in config else _timms(folder, config, named)
    if not path.is_file():
        raise InputError(
            f"{named} does not exist; name a run, a folder of timm's, a .safetensors file or a checkpoint of torch's"
        )
    if path.suffix == ".safetensors":
        return Weights("safetensors", _safetensors(path, named), sha256_of(path), named)
    return Weights("checkpoint", _checkpoint(path, named), sha256_of(path), named)


def _config(folder: Path, named: str) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if isinstance(config, dict) and isinstance(config["architecture"], str):
            return config
    except (OSError, ValueError, KeyError):
        pass
    raise InputError(
        f"{named} has no config.json that names an architecture; name a run, a folder of timm's, or the file with "
        "weights itself"
    )


def _ours(folder: Path, named: str) -> Weights:
    encoder = Encoder.load(folder)
    return Weights(
        "sslecho",
        encoder.net.state_dict(),
        sha256_of(folder / "model.safetensors"),
        named,
        backbone=encoder.backbone,
        image_size=encoder.image_size,
        levels=Levels((encoder.mean,), (encoder.std,)),
        provenance=encoder.provenance,
    )


def _timms(folder: Path, config: dict[str, Any], named: str) -> Weights:
    arguments = config.get("model_args") or {}
    further = sorted(set(arguments) - SET_HERE)
    if further:
        raise InputError(
            f"{named} was built with {', '.join(further)} (model_args in config.json), which --backbone can't say; "
            "only architectures as timm names them can be taken"
        )
    cfg = config.get("pretrained_cfg") or {}
    size, mean, std = (cfg.get(name) for name in ("input_size", "mean", "std"))
    size = arguments.get("img_size") or (size and size[-2:])  # a side, or height and width
    known = {
        "backbone": config["architecture"],
        "image_size": size if size is None or isinstance(size, int) else plain_size((size[0], size[1])),
        "pool": arguments.get("global_pool"),
        "levels": Levels(tuple(mean), tuple(std)) if mean and std else None,
    }
    if (file := folder / "model.safetensors").is_file():
        return Weights("timm", _safetensors(file, named), sha256_of(file), named, **known)
    if (file := folder / "pytorch_model.bin").is_file():
        return Weights("timm", _checkpoint(file, named), sha256_of(file), named, **known)
    raise InputError(f"{named} has neither model.safetensors nor pytorch_model.bin beside config.json; put one there")


def _safetensors(path: Path, named: str) -> dict[str, Any]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{named} can't be read as safetensors ({_first_line(error)}); get the file again") from None


def _checkpoint(path: Path, named: str) -> Mapping[Any, Any]:
    """Tensors and plain values in dictionaries; of classes argparse's bag of options alone, which DINO and MAE add."""
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError, OSError, KeyError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{named} can't be read as plain tensors ({_refusal(error)}), and pickles are not run, for they can do "
            "anything; save its tensors alone where it was made: torch.save(model.state_dict(), 'NEW')"
        ) from None
    if not isinstance(content, Mapping):
        raise InputError(f"{named} holds a {type(content).__name__}, not tensors by name; save a state_dict()")
    return content


def _refusal(error: Exception) -> str:
    """The class that torch refused, out of its long explanation; else the first line."""
    _, found, rest = str(error).partition("Unsupported global: GLOBAL ")
    return f"it holds a {rest.split()[0]}" if found and rest else _first_line(error)


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:160] if lines else type(error).__name__
