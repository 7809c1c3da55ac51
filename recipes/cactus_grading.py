"""CACTUS (arXiv 2503.05604): name the view of a training phantom's frames, then grade them, and see what carries over.

    python recipes/cactus_grading.py -o cactus                 simulated sweeps, graded by two raters
    python recipes/cactus_grading.py CACTUS -o cactus          the data set as downloaded; grades come from its tables

One body, so the sweep is the unit: all of it is on one side of the split. A classifier of five views grows to six
(old logits stay to the last bit, forgetting is measured). Then the grader: from scratch, from the classifier, with
views learned beside, and with a frozen encoder, each beside the constant grade, whole and by view.

time: 25 minutes on two cores (simulated)    memory: 2 GiB    seed: 10000
expected: docs/systems.md has the table that this printed, with its commit
"""

import csv
import sys
from pathlib import Path

from opening import Given, given, interval, show

import sslecho

LATE = "PSMV"  # the view that comes later
ARMS = ("scratch", "transfer", "multitask", "frozen")


def main(told: Given) -> list[dict[str, object]]:
    archive, known = told.archive(
        kind="cactus", patients=24 if told.smoke else 90, frames=6 if told.smoke else 16, size=128
    )
    sweeps = {"unit": "sweep", "patient_from": "unknown"} if told.data is None else {}
    store = sslecho.ingest(archive, told.out / "store", size=96, doubtful="keep", **known, **sweeps)
    if not any(store.column("split")):
        store = sslecho.split(store, test=0.3, val=0.15, by="sweep", seed=told.seed)
    learning = told.learning(backbone="resnet18", image_size=64, epochs=15)
    tuning = {"epochs": learning["epochs"], "min_steps": 2 if told.smoke else 300, "seed": told.seed}
    start = {"from_": "scratch", "backbone": learning["backbone"], "image_size": learning["image_size"]}
    five = told.out / "five.csv"
    without(store, five, label=LATE)
    sslecho.finetune(store, told.out / "five", labels=str(five), **start, **tuning)
    six = sslecho.finetune(store, told.out / "six", encoder=str(told.out / "five"), head="keep", **tuning).scores
    lost = six["forgetting"]
    print(f"six views: accuracy {interval(six, 'accuracy')}; balanced accuracy on the old five: {lost}")
    raters = {}
    if told.data is None:
        raters = {"labels": str(archive / "labels.csv"), "raters": ("rater_1", "rater_2")}
    rows = []
    for arm in ARMS:
        how = {"encoder": str(told.out / "six")} if arm != "scratch" else dict(list(start.items())[1:])
        scores = sslecho.grade(
            store, told.out / arm, arm=arm, level="frame", scale=(0, 10), **how, **tuning, **raters
        ).scores
        rows += [_row(arm, "all", scores), *(_row(arm, view, one) for view, one in scores["per_view"].items())]
    return list(show(rows, told.out))


def without(store: sslecho.Store, out: Path, *, label: str) -> None:
    """Write the store's labels but for one class."""
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("clip_id", "label"))
        writer.writerows((c["clip_id"], c["label"]) for c in store.clips.to_pylist() if c["label"] not in (None, label))


def _row(arm: str, view: str, scores: dict[str, float]) -> dict[str, object]:
    return {
        "arm": arm,
        "view": view,
        "mse": interval(scores, "mse"),
        "constant": f"{scores['mse_constant']:.3f}",
        "mae": interval(scores, "mae"),
        "qwk": interval(scores, "qwk"),
        "spearman": interval(scores, "spearman"),
    }


if __name__ == "__main__":
    main(given(__doc__, sys.argv[1:]))
