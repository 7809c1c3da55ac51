"""A run as a folder for `timm.create_model("local-dir:DIR", pretrained=True)`, its head as timm's own classifier.

A classifier's outputs are logits; a grader's single output ("mse") is the grade, those of ordered thresholds are their
logits, whose sigmoids' sum above the lowest grade is the grade. Pictures are letterboxed and normalized by whoever
calls it, as config.json says: `timm.data.resolve_model_data_config(model)` has mean, std and size.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from sslecho.errors import InputError, SslechoError
from sslecho.models.encoder import Encoder, height_width
from sslecho.models.presets import PRESETS
from sslecho.models.torchvision_ops import mend_torchvision
from sslecho.rundir import read_json, write_atomic, write_json
from sslecho.tasks.classifier import Classifier
from sslecho.tasks.fitted import Fitted
from sslecho.tasks.grader import Grader
from sslecho.tasks.viewer import Viewer

NEAR = 1e-4  # logits of the folder and of the run, in float32
ONNX = "take --format onnx, which holds any of ours"


def write_timm(model: Fitted | Encoder, out: Path) -> dict[str, Any]:
    """Write `config.json` and `model.safetensors`, and load them as a stranger would.

    Returns:
        What the command says of it: files, outputs, largest_difference, warnings.

    Raises:
        InputError: timm does not have the architecture, or has no linear classifier on top of it.
        SslechoError: timm's outputs differ from ours.
    """
    if isinstance(model, Viewer):
        raise InputError(f"--format timm: a network of clips ({model.arch}) has no place in timm; {ONNX}")
    encoder = model if isinstance(model, Encoder) else model.encoder
    if encoder.backbone in PRESETS:
        raise InputError(f"--format timm: {encoder.backbone} is a network of sslecho that timm does not have; {ONNX}")
    encoder.save(out)
    config = read_json(out / "config.json")
    if not isinstance(model, Encoder):
        weight, bias, about = _linear(model)
        _write_classifier(encoder, out, config, weight, bias, about)
        write_json(out / "config.json", config)
    difference = _difference(model, out)
    if not difference <= NEAR:
        raise SslechoError(
            f"timm's {encoder.backbone} says something else than the run: outputs differ by {difference:.2g}, more "
            f"than {NEAR:g}; {ONNX}"
        )
    warnings = []
    if isinstance(model, Grader) and model.views:
        warnings.append("timm's networks have one head: the grade's was taken; --format onnx has the views' too")
    return {
        "files": ["config.json", "model.safetensors"],
        "outputs": config.get("label_names") or ["embedding"],
        "largest_difference": difference,
        "warnings": warnings,
    }


def _linear(model: Classifier | Grader) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Weight and bias of one linear layer that says what the head says; names of its outputs, and how to read them."""
    head: Any = model.head
    if isinstance(model, Classifier):
        weight = torch.cat([layer.weight for layer in head.layers])
        bias = torch.cat([layer.bias for layer in head.layers])
        conformal = None if model.conformal is None else model.conformal._asdict()
        reading = {
            "outputs": "logits",
            "temperature": model.temperature,
            "level": model.level,
            "conformal": conformal,
        }
        return weight, bias, {"label_names": list(model.classes), "reading": reading}
    low, high = head.scale
    weight, bias = head.line.weight, head.offsets
    if head.kind == "mse":
        names, said = ["grade"], f"the grade, to be kept within {low} and {high}"
        weight, bias = weight * (high - low), low + (high - low) * bias
    else:
        names = [f"grade above {grade}" for grade in range(low, high)]
        said = f"logits; the grade is {low} + the sum of their sigmoids"
        weight = weight.expand(len(names), -1)
    return weight, bias, {"label_names": names, "reading": {"outputs": said, "scale": [low, high]}}


def _write_classifier(
    encoder: Encoder, out: Path, config: dict[str, Any], weight: Tensor, bias: Tensor, about: dict[str, Any]
) -> None:
    """Put a linear layer in timm's place for it; fills `config`."""
    import timm

    n = len(weight)
    with _unseeded():
        net: Any = timm.create_model(encoder.backbone, pretrained=False, **{**config["model_args"], "num_classes": n})
    layer = net.get_classifier()
    if not isinstance(layer, nn.Linear) or layer.weight.shape != weight.shape or layer.bias is None:
        raise InputError(
            f"--format timm: the classifier of timm's {encoder.backbone} is no linear layer on the embedding, so the "
            f"head has no place there; {ONNX}"
        )
    missing = net.load_state_dict(encoder.net.state_dict(), strict=False)
    named = {id(parameter): name for name, parameter in net.named_parameters()}
    own = {named[id(layer.weight)], named[id(layer.bias)]}
    if missing.unexpected_keys or set(missing.missing_keys) != own:
        raise InputError(
            f"--format timm: timm's {encoder.backbone} with a classifier has other layers than without one; {ONNX}"
        )
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    weights = {name: value.detach().cpu().contiguous().clone() for name, value in net.state_dict().items()}
    write_atomic(out / "model.safetensors", save(weights))
    config |= {"num_classes": n, "label_names": about["label_names"]}
    config["pretrained_cfg"] |= {"num_classes": n}
    # No `sslecho` entry: as an encoder of ours it would not fit its hash. What is known of it is under another name.
    config["sslecho_export"] = {**about["reading"], "letterbox": True, "encoder_hash": encoder.hash()}
    del config["sslecho"]


@torch.inference_mode()
def _difference(model: Classifier | Grader | Encoder, out: Path) -> float:
    """The largest difference between what timm loads and the run, on pictures of noise."""
    mend_torchvision()
    import timm

    with _unseeded():
        net = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
    encoder = model if isinstance(model, Encoder) else model.encoder
    height, width = height_width(encoder.image_size)
    pictures = torch.rand(2, 1, height, width, generator=torch.Generator().manual_seed(0))
    ours = encoder.eval()(pictures)
    theirs = net((pictures - encoder.mean) / encoder.std)
    if isinstance(model, Classifier):
        ours = model.head.eval()(ours)
    elif isinstance(model, Grader):
        outputs = model.head(ours)
        low, high = model.head.scale
        ours = low + (high - low) * outputs if model.head.kind == "mse" else outputs
    return float((ours - theirs).abs().max())


@contextmanager
def _unseeded() -> Iterator[None]:
    """Making a network draws weights; the caller's random numbers stay as they are."""
    with torch.random.fork_rng(devices=[]):
        yield
