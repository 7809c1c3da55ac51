"""How soon is sslecho's encoder as good as the one that stock lightly has after 30 epochs?

    python benchmarks/speed/time_to_quality.py [--data DIR] [--rows FILE] [--seeds 5] [--quick]

Two sets: the phantom (50 patients, three clips of two frames each, eight views; a draw a seed), and, where DIR holds
real lung ultrasound with a `manifest.csv` (path, label, patient), that. Each seed puts 40 % of the patients into the
validation split; all learn from the frames of both splits, without labels, with the same network (ResNet-10-T, 32
pixels) and 32 frames a step.

Quality is the balanced accuracy of the vote of the 5 nearest clips of other patients, on the clips of validation
patients, after every pass over the frames. The time that looking takes is not counted.

- lightly: `SimCLRTransform` on PIL images, 2 workers, `NTXentLoss`, all with their defaults; SGD with the rates, decay
  and schedule of its SimCLR tutorial; float32;
- tuned: the same with channels-last, workers that stay, and bfloat16 where the hardware has it;
- ours: `fit` with AdamW at its default rate, two frames of a clip as positives, temperature 0.2, the organ's policy;
  the search for clips that repeat a view is counted.

The target is what lightly has after its last epoch; a learner has reached it when two passes in a row are at least as
good, and its time is that of the second. `time_to_quality` is ours over lightly's 30 epochs, median over seeds, of the
set where it is worse; goal: at most 1/4. `same_rule` stops lightly's clock, too, where it has reached its own target.
A seed whose untrained encoder passes the target says nothing and is null; one where ours does not reach it within as
many epochs counts as endless, and a median that is endless is null too.

Crops and temperature are those that the demo (phantom) and `quality/pocus_lung.py` (lung) have had before; nothing was
chosen on the seeds that are measured, which begin at 10,000.

A line a set and seed is added to FILE, and what stands there is not measured again: it can be stopped at any time.
About 35 minutes on two idle cores, `--quick` one. Prints a table and, last, one line of JSON.
"""

import argparse
import hashlib
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from measure import finish
from peers import Clock, Lightly, Setup, pil_frames
from quality_curve import NEIGHBORS, Curve, Judge
from torch import Tensor

import sslecho
from sslecho.api.pretrain_frames import training_frames, training_rows
from sslecho.api.pretrain_views import view_makers
from sslecho.api.settings import PretrainSettings
from sslecho.config import build
from sslecho.data.store import Store
from sslecho.models.encoder import Encoder, resize
from sslecho.objectives.simclr import SimCLR, SimCLRSettings
from sslecho.train import loop
from sslecho.train.device import choose_device, choose_precision, make_fabric

GOAL = 0.25
FIRST_SEED = 10_000
BATCH = 32
PIXELS = 64  # of the stored frames; twice what the network sees
VIEWS = ("a2c", "a3c", "a4c", "plax", "psax_av", "psax_mid", "sc4c", "sc_ivc")
PHANTOM = {"kind": "echo", "classes": VIEWS, "views_per_patient": 3, "clips_per_view": 1, "frames": 2, "size": 128}
OURS: dict[str, Any] = {
    "backbone": "resnet10t",
    "image_size": 32,
    "batch_size": BATCH,
    "positives": "clip",
    "temperature": 0.2,
    "warmup_epochs": 1.0,
}
POLICIES: dict[str, dict[str, Any]] = {
    "phantom": {"policy": "echo", "min_area": 0.85},
    "lung": {"policy": "lung", "min_area": 0.6},
}
LIGHTLY_TEMPERATURE = 0.5  # the default of NTXentLoss
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # what SimCLRTransform subtracts and divides by
COMPARED = {  # name of the ratio: which time over which
    "time_to_quality": ("ours_s", "lightly_s"),
    "same_rule": ("ours_s", "lightly_reached_s"),
    "tuned_lightly": ("tuned_s", "lightly_s"),
}


class Reached(Exception):
    """The target was reached: there is nothing more to find out here."""


class Looking:
    """What the loop calls after every pass: looks, and stops it once the target is reached."""

    every = 1
    score = "knn_accuracy"

    def __init__(self, curve: Curve, target: float):
        self._curve, self._target = curve, target

    def check(self, module: Any, *, step: int, total: int) -> dict[str, float]:
        device = next(module.parameters()).device
        self._curve.look(lambda part: module.encoder.encode(part.to(device)))
        if self._curve.reached(self._target) is not None:
            raise Reached
        return {}


def learn_ours(
    store: Store, judge: Judge, *, told: Mapping[str, Any], target: float, seed: int, device: str, precision: str
) -> tuple[float, Curve]:
    """Quality of the untrained encoder, and the curve of sslecho's loop until it has reached the target."""
    settings = build(PretrainSettings, {**OURS, **told, "seed": seed})
    rows, _ = training_rows(store, False)
    torch.manual_seed(seed)
    gray = store.read(rows) / 255
    size = OURS["image_size"]
    encoder = Encoder(OURS["backbone"], image_size=size, mean=float(gray.mean()), std=float(gray.std()))
    untrained = judge(encoder.eval().encode)
    objective = SimCLR(encoder, SimCLRSettings(temperature=OURS["temperature"]))
    plan = loop.Plan(
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        lr=settings.lr,
        weight_decay=settings.weight_decay,
        optimizer=settings.optimizer,
        warmup_epochs=settings.warmup_epochs,
        seed=seed,
    )
    fabric = make_fabric(device=device, devices=1, nodes=1, precision=precision)
    curve = Curve(judge)
    frames = training_frames(store, rows, settings, objective, None)
    views = view_makers(objective, encoder, settings)
    log: Any = Clock()
    with tempfile.TemporaryDirectory() as folder, suppress(Reached):
        how = {"fabric": fabric, "folder": Path(folder), "log": log, "watch": Looking(curve, target)}
        loop.fit(encoder, objective, frames, views, plan, **how)
    return untrained, curve


def learn_lightly(
    store: Store, judge: Judge, *, epochs: int, target: float | None, seed: int, device: str, precision: str
) -> Curve:
    """The curve of stock lightly over all its epochs; with a target, of tuned lightly until it has reached it."""
    setup = Setup(OURS["backbone"], OURS["image_size"], BATCH, "sgd", device, precision)
    data = pil_frames(store, training_rows(store, False)[0], setup.size)
    tuned = target is not None
    curve = Curve(judge)
    peer = Lightly(data, setup, tuned=tuned, temperature=LIGHTLY_TEMPERATURE, persistent=tuned, seed=seed)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(peer.optimizer, epochs)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in IMAGENET)

    @torch.inference_mode()
    def embed(part: Tensor) -> Tensor:
        return peer.net(((resize(part, setup.size) - mean) / std).to(device))

    for _ in range(epochs):
        for views in peer.loader:
            peer.learn(*views)
        schedule.step()
        setup.wait()
        peer.model.eval()
        curve.look(embed)
        peer.model.train()
        if target is not None and curve.reached(target) is not None:
            break
    return curve


def one_row(store: Store, data: str, *, seed: int, epochs: int) -> dict[str, Any]:
    """All three on one set with one seed, one after another: the target comes first."""
    device, _ = choose_device("auto")
    how: dict[str, Any] = {"seed": seed, "device": device, "precision": choose_precision("auto", device)[0]}
    judge = Judge(store)
    stock = learn_lightly(store, judge, epochs=epochs, target=None, **how)
    seconds, target = stock.points[-1]
    untrained, ours = learn_ours(store, judge, told={**POLICIES[data], "epochs": epochs}, target=target, **how)
    tuned = learn_lightly(store, judge, epochs=epochs, target=target, **how)
    return {
        "untrained": untrained,
        "target": target,
        "lightly_s": seconds,
        "lightly_reached_s": stock.reached(target),
        "tuned_s": tuned.reached(target),
        "ours_s": ours.reached(target),
        "ours_best": max(quality for _, quality in ours.points),
        "ours_epochs": len(ours.points),
        "curves": {"lightly": stock.points, "tuned": tuned.points, "ours": ours.points},
    }


def make_store(data: str, folder: Path, *, seed: int, patients: int, source: Path | None) -> Store:
    """The store of a set, split by patient."""
    store = folder / (f"phantom-{seed}" if data == "phantom" else data)
    if not store.exists():
        labels = "manifest.csv"
        if source is None:
            source, labels = folder / f"archive-{seed}", "labels.csv"
            sslecho.phantom(source, **PHANTOM, patients=patients, seed=seed)
        # All clips of the lung: their publisher has cropped them, so that a sector is often uncertain.
        told = {"size": PIXELS, "max_frames": 2, "doubtful": "keep"}
        sslecho.ingest(source, store, labels=str(source / labels), **told)
    return sslecho.split(store, test=0.0, val=0.4, seed=seed, overwrite=True)


def ratio(row: Mapping[str, Any], of: str, to: str) -> float | None:
    """Of two times: endless where the first was never reached; None where it says nothing."""
    if row["untrained"] >= row["target"] or row[to] is None:
        return None
    return math.inf if row[of] is None else row[of] / row[to]


def summary(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Ratios by name, and a row a set."""
    ratios: dict[str, Any] = {}
    means = []
    for data in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == data]
        shown: dict[str, Any] = {"data": data, "seeds": len(own)}
        shown |= {name: statistics.mean(row[name] for row in own) for name in ("untrained", "target", "lightly_s")}
        shown["null"] = sum(row["untrained"] >= row["target"] for row in own)
        shown["not_reached"] = sum(ratio(row, "ours_s", "lightly_s") == math.inf for row in own)
        for name, (of, to) in COMPARED.items():
            values = [value for row in own if (value := ratio(row, of, to)) is not None]
            ratios[f"{data}_{name}"] = shown[name] = _finite(statistics.median(values)) if values else None
            if values:
                shown[f"{name}_range"] = f"{min(values):.2f} to {max(values):.2f}"
        means.append(shown)
    told = [row for row in means if row["null"] < row["seeds"]]
    medians = [row["time_to_quality"] for row in told]
    ratios["time_to_quality"] = max(medians) if medians and None not in medians else None
    return ratios, means


def _finite(value: float) -> float | None:
    return round(value, 3) if math.isfinite(value) else None


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="real lung ultrasound; without it, the phantom alone")
    parser.add_argument("--rows", type=Path, help="JSON lines, added to; what stands there is not measured again")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)


def measured(given: argparse.Namespace) -> list[dict[str, Any]]:
    """A row a set and seed: those that stand in the file, and those that it lacks."""
    patients, epochs, seeds = (12, 2, 1) if given.quick else (50, 30, given.seeds)
    what = [PHANTOM, OURS, POLICIES, BATCH, PIXELS, NEIGHBORS, LIGHTLY_TEMPERATURE, patients, epochs]
    settings = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:8]
    standing = []
    if given.rows is not None and given.rows.exists():
        standing = [json.loads(line) for line in given.rows.read_text(encoding="utf-8").splitlines()]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.first_seed, given.first_seed + seeds):
            for data, source in {"phantom": None, **({"lung": given.data} if given.data else {})}.items():
                key = {"data": data, "seed": seed, "settings": settings}
                row = next((row for row in standing if key.items() <= row.items()), None)
                if row is None:
                    store = make_store(data, Path(folder), seed=seed, patients=patients, source=source)
                    row = {**key, **one_row(store, data, seed=seed, epochs=epochs)}
                    if given.rows is not None:
                        with given.rows.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(row) + "\n")
                    print(f"{data}, seed {seed}: done", file=sys.stderr, flush=True)
                rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, few patients, two epochs")
    add_options(parser)
    rows = measured(parser.parse_args())
    ratios, means = summary(rows)
    shown = [{name: value for name, value in row.items() if name != "curves"} for row in rows]
    curves = [{"data": row["data"], "seed": row["seed"], **row["curves"]} for row in rows]
    seeds = sorted({row["seed"] for row in rows})
    goals = {"time_to_quality": GOAL}
    finish("time_to_quality", ratios=ratios, rows=shown, seeds=seeds, goals=goals, means=means, curves=curves)


if __name__ == "__main__":
    main()
