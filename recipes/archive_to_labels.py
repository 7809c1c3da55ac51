"""The whole way: an archive with patient identity in, an encoder, clusters, labels and a scored classifier out.

    python recipes/archive_to_labels.py -o story                simulated hearts, fake identities to remove
    python recipes/archive_to_labels.py ARCHIVE -o story        an archive that ingest reads, with labels and patients

ingest, check, split, pretrain, embed, cluster, select, propagate, finetune, report. The labels of the selected clips
stand for what a clinician would give them; the test patients, drawn first, lend none. Fine-tuning learns once from the
selected clips and once from what propagation made of them, against the same network from scratch.

time: 25 minutes on two cores (simulated)    memory: 2 GiB    seed: 10000
expected: docs/systems.md has the table that this printed, with its commit
"""

import csv
import sys
from collections.abc import Mapping
from pathlib import Path

from opening import Given, given, interval, show

import sslecho
from sslecho.phantom.heart.views import VIEWS

BUDGET = 60  # clips that get a label


def main(told: Given) -> list[dict[str, object]]:
    classes, patients = (tuple(VIEWS)[:3], 26) if told.smoke else (tuple(VIEWS), 90)
    archive, known = told.archive(kind="echo", classes=classes, patients=patients, frames=4, size=128)
    store = sslecho.ingest(archive, told.out / "store", size=96, **known)
    sslecho.check(store, told.out / "check.html")
    if not any(store.column("split")):
        store = sslecho.split(store, test=0.3, val=0.15, seed=told.seed)
    learning = told.learning(
        backbone="resnet10t", image_size=48, epochs=25, batch_size=64, temperature=0.2, min_area=0.6, positives="clip"
    )
    sslecho.pretrain(store, told.out / "run", policy="echo", **learning)
    embeddings = sslecho.embed(store, told.out / "embeddings", encoder=told.out / "run")
    sslecho.cluster(embeddings, told.out / "clusters", k=(12,), purity=True, seed=told.seed)
    sslecho.select(embeddings, told.out / "chosen.csv", budget=12 if told.smoke else BUDGET, seed=told.seed)
    truth = {clip["clip_id"]: clip for clip in store.clips.to_pylist() if clip["label"] is not None}
    with (told.out / "chosen.csv").open(encoding="utf-8", newline="") as file:
        chosen = {row["clip_id"] for row in csv.DictReader(file)}
    judged = {name: clip["label"] for name, clip in truth.items() if clip["split"] != "train"}  # val and test
    few = labels(told.out / "few.csv", {name: truth[name]["label"] for name in chosen if name in truth})
    spread = sslecho.propagate(embeddings, told.out / "propagated", labels=str(few), seed=told.seed)
    print(f"{len(chosen)} labels given; propagation names {spread.scores['n_propagated']} clips more")
    with (told.out / "propagated" / "labels.csv").open(encoding="utf-8", newline="") as file:
        reached = {row["clip_id"]: row["label"] for row in csv.DictReader(file) if row["label"]}
    rows = []
    shape = {"backbone": learning["backbone"], "image_size": learning["image_size"]}
    for name, known_labels, start in (
        ("pretrained, chosen labels", _read(few), {"encoder": str(told.out / "run")}),
        ("pretrained, propagated labels", reached, {"encoder": str(told.out / "run")}),
        ("from scratch, chosen labels", _read(few), {"from_": "scratch", **shape}),
    ):
        given_labels = labels(told.out / f"{name.replace(', ', '-').replace(' ', '-')}.csv", {**known_labels, **judged})
        scores = sslecho.finetune(
            store,
            given_labels.with_suffix(""),
            labels=str(given_labels),
            epochs=1 if told.smoke else 30,
            min_steps=2 if told.smoke else 300,
            seed=told.seed,
            **start,
        ).scores
        figures = ("macro_f1", "balanced_accuracy", "auroc")
        rows.append({"arm": name, "labels": len(known_labels), **{f: interval(scores, f) for f in figures}})
    sslecho.report(told.out / "clusters", told.out / "report.html")
    return list(show(rows, told.out))


def labels(path: Path, of_clip: Mapping[str, str]) -> Path:
    """Write a CSV of labels, as every command reads it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("clip_id", "label"), *sorted(of_clip.items())])
    return path


def _read(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["clip_id"]: row["label"] for row in csv.DictReader(file)}


if __name__ == "__main__":
    main(given(__doc__, sys.argv[1:]))
