"""What `methods.py` compares: arms, the archives that they learn from, and how one of them is trained."""

import csv
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

import sslecho
from sslecho.api.pretrain_encoder import new_encoder
from sslecho.api.pretrain_frames import training_frames, training_rows
from sslecho.api.pretrain_labels import KnownLabels, known_labels
from sslecho.api.pretrain_views import view_makers
from sslecho.api.settings import PretrainSettings
from sslecho.data.store import Store
from sslecho.models.encoder import Encoder
from sslecho.objectives.objective import Batch, Known, MethodSettings, Now, Objective, embed
from sslecho.phantom.heart.views import VIEWS
from sslecho.train.device import choose_precision, make_fabric
from sslecho.train.log import TrainingLog
from sslecho.train.loop import Plan, fit

BATCH = 32  # with so few steps, small batches learn more
# The smallest of timm: minutes of one core are then tens of epochs. A ResNet-10-T takes nine times as long, most of it
# in a layer that sees one pixel.
RESNET = {"backbone": "test_resnet", "image_size": 32}
# Patches of 16 pixels: at 32 pixels a ViT would see four of them.
VIT = {"backbone": "test_vit", "image_size": 64}
WIDE = (
    "hidden_dim=512"  # heads; the defaults are for encoders a hundred times as large, and would take most of the time
)
STORED = 64  # side of the stored frames
LUNG_LABELS = ("covid", "pneumonia", "regular")  # viral pneumonia has five clips: too few to test on
DEVELOPMENT_SEED = 100  # of the phantom seeds below 1,000, which nothing is reported on


@dataclass(frozen=True)
class Arm:
    """One line of the comparison.

    Args:
        kind: "method", "variant" of SimCLR, "vit", "labels" (it knows the training patients' labels) or "reference".
        options: of `pretrain`; none for what isn't trained.
        tuned_as: the arm whose learning rate it takes.
        parts: the data on which it differs from another arm.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    tuned_as: str | None = None
    parts: tuple[str, ...] = ("phantom", "lung")


def _simclr(parts: tuple[str, ...] = ("phantom", "lung"), **options: Any) -> Arm:
    return Arm("variant", {"method": "simclr", **RESNET, **options}, "simclr", parts)


# The papers' slow copies average over 250 steps and more, and their schedules hold layers for one epoch of hundreds:
# here that would be the whole run, so both are shortened, for all methods alike.
ARMS: dict[str, Arm] = {
    "untrained": Arm("reference", RESNET),
    "untrained ViT": Arm("reference", VIT),
    "pixels": Arm("reference"),
    "supervised": Arm("labels", {"method": "supervised", **RESNET}),
    "supcon": Arm("labels", {"method": "supcon", **RESNET}),
    "supcon_ntxent": Arm("labels", {"method": "supcon_ntxent", **RESNET}),
    "simclr": Arm("method", {"method": "simclr", **RESNET}),
    "vicreg": Arm("method", {"method": "vicreg", "method_set": (WIDE, "projection_dim=512"), **RESNET}),
    "barlowtwins": Arm("method", {"method": "barlowtwins", "method_set": (WIDE, "projection_dim=512"), **RESNET}),
    "byol": Arm("method", {"method": "byol", "method_set": ("momentum=0.99", WIDE), **RESNET}),
    "mocov3": Arm("method", {"method": "mocov3", "method_set": (WIDE,), **RESNET}),
    "swav": Arm("method", {"method": "swav", "method_set": ("hold_epochs=0.1", "queue_from_epoch=1", WIDE), **RESNET}),
    "dino": Arm(
        "method",
        {
            "method": "dino",
            "method_set": ("momentum=0.99", "hold_epochs=0.1", "warmup_epochs=1", "prototypes=1024", WIDE),
            **RESNET,
        },
    ),
    "mae": Arm("vit", {"method": "mae", **VIT}),
    "simclr ViT": Arm("vit", {"method": "simclr", **VIT}),
    "simclr, positives of the clip": _simclr(positives="clip"),
    # The window is the lung's; the simulated clips are shorter than it.
    "simclr, positives within 1 s": _simclr(parts=("lung",), positives="clip", max_gap_s=1.0),
    "simclr, batches of clips": _simclr(batches="clips"),
    "simclr, preset simclr": _simclr(policy="simclr"),
}
TUNED = tuple(name for name, arm in ARMS.items() if arm.kind != "reference" and arm.tuned_as is None)
POLICY = {"phantom": "echo", "lung": "lung"}  # each organ's own


def make_store(part: str, seed: int, folder: Path, *, lung: Path | None, patients: int) -> Path:
    """The store of one part and seed, split by patient; made once, kept in `folder`.

    Args:
        lung: the folder of the lung data.
        patients: of the phantom.
    """
    store = folder / f"{part}-{seed}"
    if store.exists():
        return store
    raw = folder / f"{part}.unfinished"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    if part == "lung":
        assert lung is not None
        whole = folder / "lung"
        if not whole.exists():
            labels = _lung_labels(lung, raw / "labels.csv")
            # All clips: their publisher has cropped them, so that a sector is often uncertain and no name is left.
            sslecho.ingest(lung, raw / "store", labels=str(labels), size=STORED, max_frames=8, doubtful="keep")
            (raw / "store").rename(whole)
        shutil.copytree(whole, raw / "store")
    else:
        how = {"patients": patients, "views_per_patient": len(VIEWS), "clips_per_view": 1, "frames": 2, "size": 128}
        sslecho.phantom(raw / "archive", kind="echo", classes=tuple(VIEWS), overlays=False, seed=seed, **how)
        labels = raw / "archive" / "labels.csv"
        sslecho.ingest(raw / "archive", raw / "store", labels=str(labels), size=STORED, doubtful="keep")
    sslecho.split(raw / "store", test=0.4, val=0.15, seed=seed, overwrite=True)
    (raw / "store").rename(store)
    shutil.rmtree(raw)
    return store


def _lung_labels(data: Path, out: Path) -> Path:
    """The publisher's table with the labels that are scored; other clips are learned from without one."""
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [{name: row[name] for name in ("path", "label", "patient")} for row in csv.DictReader(file)]
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "label", "patient"])
        writer.writeheader()
        writer.writerows({**row, "label": row["label"] if row["label"] in LUNG_LABELS else ""} for row in rows)
    return out


def options_of(arm: Arm, part: str) -> dict[str, Any]:
    """What `pretrain` is told, but for epochs, rate and seed."""
    return {"batch_size": BATCH, "policy": POLICY[part], "device": "cpu", "workers": 1, **arm.options}


def steps_an_epoch(arm: Arm, store: Store) -> int:
    """Steps of one pass over the frames that the arm learns from."""
    rows, _ = training_rows(store, False)
    if arm.options["method"] in ("supervised", "supcon"):
        rows = rows[known_labels(store, "supcon").of_frame[rows] >= 0]
    return len(rows) // BATCH


def train(arm: Arm, store: Store, folder: Path, *, part: str, seed: int, epochs: int, lr: float) -> Encoder:
    """The arm's encoder."""
    options = {**options_of(arm, part), "epochs": epochs, "lr": lr, "seed": seed}
    if options["method"] != "supervised":
        return sslecho.pretrain(store, folder, **options)
    del options["method"]
    return supervised(store, folder, PretrainSettings(**options))


def untrained(arm: Arm, store: Store, seed: int) -> Encoder:
    """A network of the arm's kind with random weights, that knows the frames' gray levels."""
    rows, _ = training_rows(store, False)
    settings = PretrainSettings(**arm.options, seed=seed)
    return new_encoder(store, rows, settings, {}, size=arm.options["image_size"], weights=None)[0].eval()


@final
class Supervised(Objective):
    """A linear layer to the classes, and cross-entropy with the inverse of the classes' sizes as weights."""

    settings_class = MethodSettings
    labels = "all"
    n_views = 1
    weights: Tensor

    def __init__(self, encoder: Encoder, sizes: np.ndarray):
        super().__init__()
        weights = sizes.sum() / (len(sizes) * sizes)
        self.register_buffer("weights", torch.from_numpy(weights).float())
        self.head = nn.Linear(encoder.dim, len(sizes))

    def forward(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, ...]:
        return tuple(self.head(x) for x in embed(encoder, batch.views))

    def loss(self, outputs: tuple[Tensor, ...], known: Known) -> Float[Tensor, ""]:
        return F.cross_entropy(outputs[0].float(), known.labels, weight=self.weights)

    def after_step(self, encoder: Encoder, now: Now) -> None:
        """Nothing follows."""

    def chance(self, n: int) -> None:
        """Not needed here."""


def supervised(store: Store, folder: Path, settings: PretrainSettings) -> Encoder:
    """As `sslecho.pretrain`, with the labels of the training patients in place of an objective."""
    labels: KnownLabels = known_labels(store, "supervised")
    rows = training_rows(store, False)[0]
    rows = rows[labels.of_frame[rows] >= 0]
    sizes = np.bincount(labels.of_frame[rows], minlength=len(labels.names))
    torch.manual_seed(settings.seed)
    assert settings.image_size is not None
    encoder, _ = new_encoder(store, rows, settings, {}, size=settings.image_size, weights=None)
    objective = Supervised(encoder, sizes)
    torch.set_num_threads(settings.workers)
    folder.mkdir(parents=True)
    fit(
        encoder,
        objective,
        training_frames(store, rows, settings, objective, labels),
        view_makers(objective, encoder, settings),
        Plan(
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            optimizer=settings.optimizer,
            warmup_epochs=min(settings.warmup_epochs, settings.epochs / 4),
            seed=settings.seed,
        ),
        fabric=make_fabric(device="cpu", devices=1, nodes=1, precision=choose_precision("auto", "cpu")[0]),
        folder=folder,
        log=TrainingLog(folder, active=True),
    )
    return encoder
