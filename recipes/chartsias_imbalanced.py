"""Chartsias et al. 2021 (arXiv 2108.03124): thirteen views of very unequal size, and what helps the rare ones.

    python recipes/chartsias_imbalanced.py -o imbalanced              simulated views with the paper's class sizes
    python recipes/chartsias_imbalanced.py ECHOS -o imbalanced        an archive that ingest reads, with patients

Cross-entropy, with weights, with adjusted logits, with a balanced sampler; or SupCon and SimCLR, and then a weighted
head on the frozen encoder. The paper compares SupCon with plain cross-entropy; weights are the real rival. Macro-F1,
and F1 of the rarest classes with the subjects that each figure stands on.

time: 40 minutes on two cores (simulated)    memory: 2 GiB    seed: 10000
expected: docs/systems.md has the table that this printed, with its commit
"""

import sys
from collections import Counter
from pathlib import Path

from opening import Given, given, interval, show

import sslecho

RAREST = 3  # classes that get a column
SOME = ("c_plax", "n_rv", "n_plax", "n_4ch")  # classes of a smoke run
# What pretrains, if anything does; and how the classifier learns.
ARMS = {
    "cross-entropy": (None, {"balance": "none"}),
    "cross-entropy, weights": (None, {"balance": "weights"}),
    "cross-entropy, adjusted logits": (None, {"balance": "logit"}),
    "cross-entropy, balanced sampler": (None, {"balance": "sampler"}),
    "supcon, weighted head": ("supcon", {"balance": "weights", "train": "none"}),
    "simclr, weighted head": ("simclr", {"balance": "weights", "train": "none"}),
}


def main(told: Given) -> list[dict[str, object]]:
    few = {"kind": "chartsias", "classes": SOME, "patients": 16, "clips_per_view": 1, "frames": 2, "size": 64}
    whole = {"sizes": "chartsias", "patients": 120, "frames": 2, "size": 128}
    archive, known = told.archive(**few if told.smoke else whole)
    store = sslecho.ingest(archive, told.out / "store", size=64, doubtful="keep", **known)
    if "val" not in store.column("split"):
        store = sslecho.split(store, test=0.3, val=0.15, seed=told.seed, overwrite=True)
    learning = told.learning(backbone="resnet10t", image_size=48, epochs=20, batch_size=64)
    rare = rarest(store)
    rows = []
    for arm, (method, how) in ARMS.items():
        start: dict[str, object] = {"from_": "scratch", "backbone": learning["backbone"]}
        start["image_size"] = learning["image_size"]
        if method is not None:
            run = told.out / method
            sslecho.pretrain(store, run, method=method, policy="chartsias", **learning)
            start = {"encoder": str(run)}
        scores = sslecho.finetune(
            store,
            Path(told.out / arm.replace(", ", "-").replace(" ", "-")),
            policy="chartsias",
            epochs=learning["epochs"],
            min_steps=2 if told.smoke else 600,
            lr=1e-3,
            seed=told.seed,
            **start,
            **how,
        ).scores
        row = {"arm": arm, "macro-F1": interval(scores, "macro_f1")}
        row |= {f"{name} (n={scores['per_class'][name]['n_patients']})": _f1(scores, name) for name in rare}
        rows.append(row)
    return list(show(rows, told.out))


def rarest(store: sslecho.Store) -> list[str]:
    """The classes of fewest patients among those that learn."""
    seen = {(c["label"], c["unit_id"]) for c in store.clips.to_pylist() if c["split"] == "train" and c["label"]}
    counts = Counter(label for label, _ in seen)
    return sorted(counts, key=lambda label: (counts[label], label))[:RAREST]


def _f1(scores: dict[str, dict[str, dict[str, float]]], name: str) -> str:
    return interval(scores["per_class"][name], "f1")


if __name__ == "__main__":
    main(given(__doc__, sys.argv[1:]))
