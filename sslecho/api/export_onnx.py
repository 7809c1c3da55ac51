"""A run as one ONNX graph: stored frames in, answers out; the letterbox, the normalization and the calibration inside.

    input    frames  uint8 [n, h, w], any n, h and w: gray, the sector cropped and the rest blanked, as ingest does it
    outputs  pretrain  embedding [n, d]
             finetune  probabilities [n, c] of each frame; clip_probabilities [c], where the n frames are one clip
             view      logits [m, c] of each window; its input is windows of t frames, uint8 [m, t, h, w]
             grade     grade [n], clip_grade [], and view_probabilities [n, v] where views were learned

Class names, temperature, sets and hashes stand in the graph's metadata and in config.json.
"""

import dataclasses
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from sslecho.errors import MissingExtraError, SslechoError
from sslecho.models.encoder import Encoder, resize
from sslecho.models.letterbox_graph import letterboxed
from sslecho.rundir import sha256_of, write_json
from sslecho.tasks.classifier import Classifier
from sslecho.tasks.fitted import Fitted
from sslecho.tasks.grader import Grader
from sslecho.tasks.probe_model import LEAST
from sslecho.tasks.viewer import Viewer

GRAPH = "model.onnx"
NEAR = 1e-4  # outputs of the graph and of the run
SIZES = ((3, 96, 128), (1, 50, 40))  # frames, height and width that the graph is compared on
BYTES_IN_ONE_FILE = 1_800_000_000  # protobuf ends at 2 GiB; larger weights lie beside the graph


class _Embeds(nn.Module):
    outputs = ("embedding",)

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, frames: UInt8[Tensor, "n h w"]) -> tuple[Float[Tensor, "n d"]]:
        return (self.encoder(letterboxed(frames, self.encoder.image_size)).float(),)


class _Classifies(nn.Module):
    outputs = ("probabilities", "clip_probabilities")

    def __init__(self, model: Classifier):
        super().__init__()
        self.embeds, self.head = _Embeds(model.encoder), model.head
        self.temperature, self.of_clips = model.temperature, model.level == "clip"

    def forward(self, frames: UInt8[Tensor, "n h w"]) -> tuple[Float[Tensor, "n c"], Float[Tensor, " c"]]:
        of_frames = self.head(self.embeds(frames)[0]).softmax(1)
        tempered = _tempered(of_frames, self.temperature)
        if self.of_clips:
            return tempered, _tempered(of_frames.mean(0, keepdim=True), self.temperature)[0]
        return tempered, tempered.mean(0)


class _Grades(nn.Module):
    def __init__(self, model: Grader):
        super().__init__()
        self.embeds, self.head, self.view_head = _Embeds(model.encoder), model.head, model.view_head
        self.outputs = ("grade", "clip_grade", *(() if model.view_head is None else ("view_probabilities",)))

    def forward(self, frames: UInt8[Tensor, "n h w"]) -> tuple[Tensor, ...]:
        embedded = self.embeds(frames)[0]
        grades = self.head.grades(self.head(embedded))
        of_views = () if self.view_head is None else (self.view_head(embedded).softmax(1),)
        return (grades, grades.mean(), *of_views)


class _Recognizes(nn.Module):
    outputs = ("logits",)

    def __init__(self, model: Viewer):
        super().__init__()
        self.network = model.network

    def forward(self, windows: UInt8[Tensor, "m t h w"]) -> tuple[Float[Tensor, "m c"]]:
        pictures = letterboxed(windows.flatten(0, 1), self.network.image_size)
        return (self.network(pictures.unflatten(0, (-1, self.network.n_frames))).float(),)


def _tempered(probabilities: Float[Tensor, "n c"], temperature: float) -> Float[Tensor, "n c"]:
    """As `sslecho.tasks.probe_model.tempered`."""
    return probabilities if temperature == 1 else (probabilities.clamp(min=LEAST).log() / temperature).softmax(1)


def write_onnx(model: Fitted | Encoder, out: Path) -> dict[str, Any]:
    """Write `model.onnx` and `config.json`, and compare the graph's answers with the run's own in onnxruntime.

    Returns:
        What the command says of it: files, outputs, largest_difference, warnings.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        SslechoError: the graph can't be made, or says something else than the run.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  the exporter's own import would fail much later, and less clearly
    except ImportError as error:
        raise MissingExtraError(
            f"--format onnx needs {error.name}, which is not installed; pip install 'sslecho[onnx]'"
        ) from None
    graph = _graph_of(model).cpu().eval()
    about = _about(model)
    files = _write(graph, about, out)
    session = onnxruntime.InferenceSession(str(out / GRAPH), providers=["CPUExecutionProvider"])
    difference = max(_difference(session, graph, model, shape) for shape in SIZES)
    if not difference <= NEAR:
        raise SslechoError(
            f"onnxruntime's answers differ from the run's by {difference:.2g}, more than {NEAR:g}, so the graph is not "
            f"to be used; `sslecho export --format timm` may hold this architecture"
        )
    write_json(out / "config.json", {**about, "sha256": {name: sha256_of(out / name) for name in files}})
    return {
        "files": [*files, "config.json"],
        "outputs": list(graph.outputs),
        "largest_difference": difference,
        "warnings": [],
    }


def _graph_of(model: Fitted | Encoder) -> Any:
    if isinstance(model, Encoder):
        return _Embeds(model)
    if isinstance(model, Viewer):
        return _Recognizes(model)
    return _Classifies(model) if isinstance(model, Classifier) else _Grades(model)


def _write(graph: Any, about: dict[str, Any], out: Path) -> list[str]:
    """Write the graph; returns the names of its files."""
    from torch.export import Dim

    of_clips = isinstance(graph, _Recognizes)
    shape = (2, graph.network.n_frames, 24, 32) if of_clips else (2, 24, 32)
    free = {0: Dim("n"), len(shape) - 2: Dim("h"), len(shape) - 1: Dim("w")}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own, of what it calls itself
            program: Any = torch.onnx.export(
                graph,
                (torch.zeros(shape, dtype=torch.uint8),),
                dynamo=True,
                input_names=["frames"],
                output_names=list(graph.outputs),
                dynamic_shapes=(free,),
                verbose=False,
            )
    except Exception as error:  # whatever torch's exporter raises on a layer that ONNX does not have
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SslechoError(f"torch could not write this network as ONNX ({reason}); try --format timm") from error
    for name, value in about.items():
        program.model.metadata_props[name] = value if isinstance(value, str) else json.dumps(value)
    n_bytes = sum(value.numel() * value.element_size() for value in graph.state_dict().values())
    apart = n_bytes > BYTES_IN_ONE_FILE
    program.save(str(out / GRAPH), external_data=apart)
    return [GRAPH, *([f"{GRAPH}.data"] if apart else [])]


@torch.inference_mode()
def _difference(session: Any, graph: Any, model: Fitted | Encoder, shape: tuple[int, int, int]) -> float:
    """The largest difference between what onnxruntime says and the run, which resizes in its own way."""
    of_window = (model.network.n_frames,) if isinstance(model, Viewer) else ()
    frames = np.random.default_rng(0).integers(0, 256, (shape[0], *of_window, *shape[1:])).astype(np.uint8)
    said = dict(zip(graph.outputs, session.run(None, {"frames": frames}), strict=True))
    rows = np.arange(shape[0])
    if isinstance(model, Encoder):
        pairs = [(said["embedding"], model.encode(torch.from_numpy(frames)).numpy())]
    elif isinstance(model, Viewer):
        pictures = resize(torch.from_numpy(frames).flatten(0, 1), model.network.image_size)
        pairs = [(said["logits"], model.network(pictures.unflatten(0, frames.shape[:2])).numpy())]
    elif isinstance(model, Classifier):
        pairs = [(said["probabilities"], model.of_frames(frames.__getitem__, rows))]
        pairs.append((said["clip_probabilities"], model.of_clips(frames.__getitem__, rows, rows * 0, 1)[0]))
    else:
        grades = model.grades(frames.__getitem__, rows)
        pairs = [(said["grade"], grades), (said["clip_grade"], grades.mean())]
        if model.view_head is not None:
            pairs.append((said["view_probabilities"], model.view_probabilities(frames.__getitem__, rows)))
    return max(float(np.abs(theirs - ours).max()) for theirs, ours in pairs)


def _about(model: Fitted | Encoder) -> dict[str, Any]:
    """What whoever runs the graph must know, JSON-ready."""
    if isinstance(model, Viewer):
        return {
            "made_by": "sslecho export",
            "architecture": f"{model.arch} on {model.backbone}",
            "input": f"frames: uint8 [m, {model.network.n_frames}, h, w], windows of gray frames, sector cropped",
            "classes": list(model.classes),
            "windows": dataclasses.asdict(model.looking),
            "temperature": model.temperature,
            "conformal": None if model.conformal is None else model.conformal._asdict(),
        }
    encoder = model if isinstance(model, Encoder) else model.encoder
    about: dict[str, Any] = {
        "made_by": "sslecho export",
        "architecture": encoder.backbone,
        "input": "frames: uint8 [n, h, w], gray, sector cropped, black outside",
        "encoder_hash": encoder.hash(),
    }
    if isinstance(model, Classifier):
        about |= {
            "classes": list(model.classes),
            "temperature": model.temperature,
            "level": model.level,
            "conformal": None if model.conformal is None else model.conformal._asdict(),
        }
    elif isinstance(model, Grader):
        about |= {"scale": list(model.head.scale), "views": list(model.views)}
    return about
