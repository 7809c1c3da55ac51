"""How long does a linear probe take, with all figures and their intervals over patients?

    python benchmarks/speed/probe.py [--quick]

100,000 embeddings of 512 numbers, 15 classes of uneven size and 2,500 patients (benchmarks/speed/mixture.py), divided
by patient: 60 % to learn from, 15 % to choose on, 25 % to score. What `sslecho probe` computes, part by part:

- fit: logistic regression at four strengths of the penalty, the best on val, then from all of train;
- predict: probabilities of every test item;
- intervals: accuracy, balanced accuracy, macro F1, AUROC and ECE, whole and by class, with 1,000 draws of patients.

`probe_and_intervals_s` is their sum, and has the goal; `core_s` are processor seconds of the same, which other load on
the machine doesn't decide. `accuracy` says that something was learned. Prints a table and, last, one line of JSON.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from measure import finish
from mixture import mixture

from sslecho.metrics.classification import classification_scores
from sslecho.tasks.probe import LinearProbe

SEED = 10_000
N_CLASSES, DIM = 15, 512
HARDNESS = 1.5  # classes overlap, so that there is a penalty to choose
TRAIN, VAL = 0.6, 0.15
GOAL_SECONDS = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the items, once")
    quick = parser.parse_args().quick
    n, repeats = (5_000, 1) if quick else (100_000, 3)
    vectors, labels, patients = mixture(n, DIM, n_classes=N_CLASSES, hardness=HARDNESS, seed=SEED)
    of_patient = np.random.default_rng(SEED).random(patients.max() + 1)[patients]
    train, val = of_patient < TRAIN, (of_patient >= TRAIN) & (of_patient < TRAIN + VAL)
    test = of_patient >= TRAIN + VAL
    found: dict[str, Any] = {}

    def fit() -> None:
        probe = LinearProbe(random_state=SEED)
        found["probe"] = probe.fit(vectors[train], labels[train], val=(vectors[val], labels[val]))

    def predict() -> None:
        found["said"] = found["probe"].predict_proba(vectors[test])

    def intervals() -> None:
        found["scores"] = classification_scores(
            labels[test],
            found["said"],
            names=[f"class {code:02d}" for code in range(N_CLASSES)],
            units=patients[test],
            rng=np.random.default_rng(SEED),
        )

    parts = {"fit": fit, "predict": predict, "intervals": intervals}
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in parts}
    for _ in range(repeats):
        for name, part in parts.items():
            spent[name].append(_seconds(part))
    rows = [
        {
            "part": name,
            "n": int({"fit": train | val, "predict": test, "intervals": test}[name].sum()),
            "dim": DIM,
            "classes": N_CLASSES,
            "seconds": round(statistics.median(wall for wall, _ in times), 2),
            "lowest": round(min(wall for wall, _ in times), 2),
            "highest": round(max(wall for wall, _ in times), 2),
            "core seconds": round(statistics.median(core for _, core in times), 2),
        }
        for name, times in spent.items()
    ]
    together = [[sum(of[k] for of in repeat) for repeat in zip(*spent.values(), strict=True)] for k in (0, 1)]
    finish(
        "probe",
        ratios={
            "probe_and_intervals_s": round(statistics.median(together[0]), 1),
            "core_s": round(statistics.median(together[1]), 1),
            "accuracy": round(found["scores"]["accuracy"], 3),
        },
        rows=rows,
        seeds=(SEED,),
        goals={"probe_and_intervals_s": GOAL_SECONDS},
    )


def _seconds(part: Callable[[], None]) -> tuple[float, float]:
    """On the clock, and of processors."""
    wall, core = time.perf_counter(), time.process_time()
    part()
    return time.perf_counter() - wall, time.process_time() - core


if __name__ == "__main__":
    main()
