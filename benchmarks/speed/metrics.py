"""How long do all figures of a clustering take, with 1,000 draws of patients?

    python benchmarks/speed/metrics.py [--quick]

88,063 items of a mixture of 60 classes and 2,201 patients (benchmarks/speed/mixture.py), 60 clusters: what
`sslecho cluster --purity` computes for one k, part by part:

- evaluate: purity, its chance over 100 shuffles of clips, transfer purity over 100 halves with 2,000 draws, inverse
  purity, NMI, AMI, ARI, Hungarian accuracy;
- intervals: 1,000 draws of patients for purity, inverse purity, accuracy, NMI, AMI and ARI;
- naming: labeling cost for five numbers of images and three rules of agreement, over 100 halves with 2,000 draws;
- groups: by class, by a column of 4 values and by patient.

`evaluate_and_intervals` in seconds has the goal; `all` has the other two as well. As a peer, 1,000 draws of NMI by
scikit-learn, timed on a few draws of the same items. Prints a table and, last, one line of JSON.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from measure import finish
from mixture import mixture
from sklearn.metrics import normalized_mutual_info_score

from sslecho.metrics.by_group import by_group
from sslecho.metrics.clustering import evaluate
from sslecho.metrics.clustering_intervals import clustering_intervals
from sslecho.metrics.naming_cost import naming_cost
from sslecho.metrics.transfer import held_out

SEED = 10_000
N_CLASSES, K, FRAMES_A_CLIP = 60, 60, 5
GOAL_SECONDS = 5.0
PEER_DRAWS = 5  # of 1,000; each costs as much as another


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    n, repeats = (5_000, 1) if quick else (88_063, 5)
    parts = _parts(n)
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(repeats):
        for name, part in parts.items():
            seconds[name].append(_seconds(part))
    rows = [
        {
            "part": name,
            "n": n,
            "k": K,
            "seconds": round(statistics.median(times), 3),
            "lowest": round(min(times), 3),
            "highest": round(max(times), 3),
        }
        for name, times in seconds.items()
    ]
    asked = [a + b for a, b in zip(seconds["evaluate"], seconds["intervals"], strict=True)]
    every = [sum(times) for times in zip(*(seconds[name] for name in parts if name != "peer"), strict=True)]
    peer = [1000 / PEER_DRAWS * value for value in seconds["peer"]]
    finish(
        "metrics",
        ratios={
            "evaluate_and_intervals_s": round(statistics.median(asked), 2),
            "all_s": round(statistics.median(every), 2),
            "sklearn_nmi_over_intervals": round(statistics.median(peer) / statistics.median(seconds["intervals"]), 1),
        },
        rows=rows,
        seeds=(SEED,),
        goals={"evaluate_and_intervals_s": GOAL_SECONDS, "all_s": GOAL_SECONDS},
    )


def _parts(n: int) -> dict[str, Callable[[], object]]:
    """Each part of the figures as something to call."""
    _, codes, patients = mixture(n, 32, n_classes=N_CLASSES, seed=SEED)
    rng = np.random.default_rng(SEED)
    # Clusters that hold two thirds of their class: what k-means does to embeddings of middling hardness.
    clusters = np.where(rng.random(n) < 2 / 3, codes, rng.integers(K, size=n))
    confidences = rng.random(n)
    labels = np.array([f"class {code:02d}" for code in range(N_CLASSES)], dtype=object)[codes]
    units = np.array([f"{patient:032x}" for patient in range(patients.max() + 1)], dtype=object)[patients]
    clips = np.array([f"{clip:032x}" for clip in range(n // FRAMES_A_CLIP + 1)], dtype=object)[
        np.arange(n) // FRAMES_A_CLIP
    ]
    devices = np.array(list("abcd"), dtype=object)[patients % 4]

    def groups() -> None:
        scores = held_out(labels, clusters, unit_ids=units, rng=np.random.default_rng(0))
        for column in (labels, devices, units):
            by_group(labels, clusters, column, scores=scores, unit_ids=units, rng=np.random.default_rng(0))

    def peer() -> None:
        starts = np.searchsorted(patients, np.arange(patients.max() + 2))
        for draw in range(PEER_DRAWS):
            drawn = np.random.default_rng(draw).integers(patients.max() + 1, size=patients.max() + 1)
            items = np.concatenate([np.arange(starts[patient], starts[patient + 1]) for patient in drawn])
            normalized_mutual_info_score(codes[items], clusters[items])

    return {
        "evaluate": lambda: evaluate(labels, clusters, k=K, unit_ids=units, clip_ids=clips, split="test", seed=SEED),
        "intervals": lambda: clustering_intervals(labels, clusters, unit_ids=units, rng=np.random.default_rng(0)),
        "naming": lambda: naming_cost(
            labels, clusters, confidences, unit_ids=units, rng=np.random.default_rng(0), agreements=(0.0, 2 / 3, 1.0)
        ),
        "groups": groups,
        "peer": peer,
    }


def _seconds(part: Callable[[], object]) -> float:
    start = time.perf_counter()
    part()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
