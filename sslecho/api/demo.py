"""`demo`: the main job once, on simulated ultrasound, ending with a report page."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sslecho.api.cluster import cluster
from sslecho.api.embed import embed
from sslecho.api.ingest import ingest_with_summary
from sslecho.api.phantom import phantom
from sslecho.api.pretrain import pretrain
from sslecho.api.probe import probe
from sslecho.api.propagate import propagate
from sslecho.api.report import report
from sslecho.api.settings import DemoSettings
from sslecho.api.split import split
from sslecho.api.visualize import visualize
from sslecho.config import build, identity, to_toml
from sslecho.data.store import Store
from sslecho.phantom.heart.views import VIEWS
from sslecho.rundir import RunDir, say, write_text

# Small enough for two cores and three minutes; a real run has more of everything. With so few steps a small
# network, small pictures and small batches learn more than a ResNet-18 at 64 pixels does.
FRAMES = 4
PIXELS = 128
CLUSTERS = (6, 12, 24, 48)
LABELED_EACH = 4  # every fourth training patient is labeled, for propagation
PRECISION = 0.8  # that is asked of propagated labels; an encoder of a minute can't keep .95
LEARNING = {
    "backbone": "resnet10t",
    "image_size": 32,
    "batch_size": 32,
    "temperature": 0.2,
    "min_area": 0.85,
    "positives": "clip",
}


def demo(out: Path | str = "sslecho-demo", *, overwrite: bool = False, **options: Any) -> Path:
    """Simulate an archive, ingest, split, pretrain, embed, cluster, propagate, probe, draw; again: it goes on.

    Args:
        out: the folder that holds every step's result.
        overwrite: remove an earlier demo there first.
        options: the fields of `DemoSettings` (`kind="echo"`, `patients=60`, `epochs=18`, …).

    Returns:
        The report page.
    """
    settings = build(DemoSettings, options)
    out = Path(out)
    page = out / "report.html"
    run = RunDir.open(
        out,
        command="demo",
        identity=identity(settings),
        settings=to_toml(settings, "demo"),
        overwrite=overwrite,
    )
    if run.done:
        return page if page.exists() else report(out, page)
    began = time.monotonic()
    seconds: dict[str, float] = {}

    def step(name: str, work: Callable[[], Any]) -> Any:
        say(f"demo: {name} …")
        started = time.monotonic()
        result = work()
        seconds[name] = round(time.monotonic() - started, 1)
        return result

    archive, store, seed, workers = out / "archive", out / "store", settings.seed, settings.workers
    step(
        "simulate an archive",
        lambda: phantom(
            archive,
            kind=settings.kind,
            classes=tuple(VIEWS) if settings.kind == "echo" else (),  # clips of moving views: no stills, no `other`
            patients=settings.patients,
            frames=FRAMES,
            size=PIXELS,
            seed=seed,
            workers=workers,
        ),
    )
    _, ingested = step(
        "ingest it",
        lambda: ingest_with_summary(
            archive, store, labels=str(archive / "labels.csv"), size=PIXELS, keep=("device",), workers=workers
        ),
    )
    step("split by patient", lambda: _split_once(store, seed))
    step(
        "pretrain an encoder",
        lambda: pretrain(
            store,
            out / "run",
            epochs=settings.epochs,
            policy=settings.kind,
            seed=seed,
            device=settings.device,
            workers=workers,
            **LEARNING,
        ),
    )
    step(
        "embed all frames",
        lambda: embed(store, out / "embeddings", encoder=out / "run", seed=seed, device=settings.device),
    )
    predictions = step(
        "cluster and score",
        lambda: cluster(
            out / "embeddings", out / "clusters", k=CLUSTERS, purity=True, seed=seed, device=settings.device
        ),
    )
    few = step("label a few patients", lambda: _few_labels(store, out / "few_labels.csv"))
    step(
        "propagate their labels",
        lambda: propagate(
            out / "embeddings", out / "propagated", labels=str(few), precision=PRECISION, seed=seed, workers=workers
        ),
    )
    step("probe the embeddings", lambda: probe(out / "embeddings", out / "probe", kind="knn", seed=seed))
    step("draw the map", lambda: visualize(out / "embeddings", out / "map.png", color="label", seed=seed))
    step("write the report page", lambda: report(out, page))
    run.finish(
        {
            "out": str(out),
            "report": str(page),
            "n": predictions.scores["n"],
            "n_patients": predictions.scores["n_patients"],
            "split": predictions.scores["split"],
            "unit": predictions.scores["unit"],
            "archive": {name: ingested[name] for name in ("files", "clips", "frames", "patients")},
            "results": predictions.scores["results"],
            "baselines": predictions.scores["baselines"],
            "seconds": {**seconds, "all": round(time.monotonic() - began, 1)},
            "lines": _lines(predictions.scores, seconds),
        }
    )
    return page


def _split_once(store: Path, seed: int) -> Store:
    """Split, unless an interrupted demo did."""
    opened = Store.open(store)
    if any(word is not None for word in opened.column("split")):
        return opened
    return split(opened, test=0.4, val=0.0, seed=seed)


def _few_labels(store: Path, path: Path) -> Path:
    """Labels of every fourth training patient, as somebody would have given them; from the command line a CSV too."""
    opened = Store.open(store)
    clips, labels, owners, splits = (opened.column(name) for name in ("clip_id", "label", "unit_id", "split"))
    few = set(sorted({owner for owner, name in zip(owners, splits, strict=True) if name == "train"})[::LABELED_EACH])
    rows = [
        f"{clip},{label}\n"
        for clip, label, owner in zip(clips, labels, owners, strict=True)
        if owner in few and label is not None
    ]
    write_text(path, "clip_id,label\n" + "".join(rows))
    return path


def _lines(scores: dict[str, Any], seconds: dict[str, float]) -> list[str]:
    """The headline in words: encoder and baselines."""
    rows = {"SimCLR encoder": scores["results"], "untrained": scores["baselines"]["random"]}
    rows["raw pixels"] = scores["baselines"]["pixels"]
    # The number of clusters nearest to the number of labels: named before any result was seen.
    at = min(range(len(CLUSTERS)), key=lambda i: abs(CLUSTERS[i] - len(scores["classes"])))
    lines = [f"transfer purity at k = {CLUSTERS[at]} on {scores['n_patients']} patients never seen (95 % interval):"]
    for name, results in rows.items():
        row = results[at]
        low, high = row["transfer_purity_low"], row["transfer_purity_high"]
        lines.append(f"  {name:15} {row['transfer_purity']:.2f} ({low:.2f}–{high:.2f})")
    lines.append("simulated ultrasound shows that the machinery works; it says nothing about yours")
    return [*lines, "seconds: " + ", ".join(f"{name} {value:.0f}" for name, value in seconds.items())]
