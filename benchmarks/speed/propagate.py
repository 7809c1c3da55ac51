"""How much faster than scikit-learn's LabelSpreading do labels propagate, the graph on both sides?

    python benchmarks/speed/propagate.py [--quick] [--hardness 1.0] [--repeats 2] [--million]

88,063 vectors of 512 values (`mixture.py`) and the labels of 2 % of the patients: `Propagation` against
`LabelSpreading(kernel="knn", n_neighbors=7)` on all cores, in turn. `sklearn` is the ratio of their times, with a goal
of at least 6; `solve` is that of the solutions alone, each on its own ready graph; `accuracy` is that of the other
items, ours minus theirs. A last row adds what scikit-learn has not: each label judged without its patient, and a
threshold for 95 % precision. 6 to 12 minutes on two cores.

`--million` instead propagates on 1,000,000 x 256 memory-mapped vectors in a process of its own, and says its time and
peak memory. Prints a table and, last, one line of JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure import finish, in_turn, ratio
from mixture import mixture
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import kneighbors_graph
from sklearn.semi_supervised import LabelSpreading

from sslecho.embed.index.graph import neighbor_graph
from sslecho.tasks.propagate import Propagation

SEED = 10_000
LABELED = 0.02  # of the patients
GOALS = {"sklearn": 6.0, "accuracy": 0.0}
CORES = len(os.sched_getaffinity(0))
CHILD = """
import json, os, resource, sys, time
import numpy as np
from sslecho.embed.index.graph import neighbor_graph
from sslecho.tasks.propagate import Propagation
folder, cores = sys.argv[1], len(os.sched_getaffinity(0))
vectors = np.load(folder + "/vectors.npy", mmap_mode="r")
y, patients, labels = (np.load(f"{folder}/{name}.npy") for name in ("y", "patients", "labels"))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**30
started = time.perf_counter()
graph = neighbor_graph(vectors, 10)
rows = [{"what": "graph", "s": time.perf_counter() - started, "peak_gib": peak(), "recall": graph.recall}]
for what, how in (("labels", {"conflicts": False}), ("labels, judged, threshold", {"precision": 0.95})):
    started = time.perf_counter()
    model = Propagation(n_jobs=cores, **how).fit(vectors, y, groups=patients, graph=graph)
    taken = time.perf_counter() - started
    told = (y == -1) & ~model.abstained_
    right = float((model.transduction_ == labels)[told].mean())
    rows.append({"what": what, "s": taken, "peak_gib": peak(), "coverage": float(told.sum() / (y == -1).sum()),
                 "accuracy": right})
print(json.dumps(rows))
"""


def partly(labels: np.ndarray, patients: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The labels of this share of the patients, drawn at random; -1 elsewhere."""
    n = int(patients.max()) + 1
    drawn = np.random.default_rng(seed).permutation(n)[: max(1, round(share * n))]
    return np.where(np.isin(patients, drawn), labels, -1)


def spreading(**how: Any) -> LabelSpreading:
    return LabelSpreading(n_neighbors=7, n_jobs=CORES, **how)


def compare(
    vectors: np.ndarray, y: np.ndarray, patients: np.ndarray, labels: np.ndarray, repeats: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    rest = y == -1
    fitted: dict[str, Any] = {}

    def timed(name: str, work: Callable[[], Any]) -> Callable[[], float]:
        def run() -> float:
            started = time.perf_counter()
            fitted[name] = work()
            return time.perf_counter() - started

        return run

    plain = {"conflicts": False, "n_jobs": CORES}
    taken = in_turn(
        {
            "sklearn": timed("sklearn", lambda: spreading(kernel="knn").fit(vectors, y)),
            "ours": timed("ours", lambda: Propagation(**plain).fit(vectors, y)),
        },
        repeats=repeats,
    )
    graph = fitted["ours"].graph_
    # A 0/1 graph of 7 neighbors each, itself among them, as LabelSpreading makes it.
    theirs = kneighbors_graph(vectors, 7, mode="connectivity", include_self=True, n_jobs=CORES)
    alone = in_turn(
        {
            "sklearn": timed("sklearn, ready graph", lambda: spreading(kernel=lambda *_: theirs).fit(vectors, y)),
            "ours": timed("ours, ready graph", lambda: Propagation(**plain).fit(vectors, y, graph=graph)),
        },
        repeats=repeats,
    )
    rows = []
    for name, seconds in {
        "sklearn": taken["sklearn"],
        "ours": taken["ours"],
        "sklearn, ready graph": alone["sklearn"],
        "ours, ready graph": alone["ours"],
    }.items():
        right = float((fitted[name].transduction_ == labels)[rest].mean())
        rows.append({"what": name, "s": statistics.median(seconds), "coverage": 1.0, "accuracy": right})
    rows[1]["graph_recall"] = graph.recall
    started = time.perf_counter()
    judged = Propagation(precision=0.95, n_jobs=CORES).fit(vectors, y, groups=patients, graph=graph)
    seconds = time.perf_counter() - started
    told = rest & ~judged.abstained_
    right = float((judged.transduction_ == labels)[told].mean()) if told.any() else None
    rows.append(
        {
            "what": "ours, ready graph, judged, threshold",
            "s": seconds,
            "coverage": float(told.sum() / rest.sum()),
            "accuracy": right,
        }
    )
    ratios = {
        "sklearn": ratio(taken["sklearn"], taken["ours"]),
        "solve": ratio(alone["sklearn"], alone["ours"]),
        "accuracy": round(rows[1]["accuracy"] - rows[0]["accuracy"], 4),
    }
    return ratios, rows


def million(n: int, dim: int, hardness: float) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        vectors, labels, patients = mixture(n, dim, hardness=hardness, seed=SEED)
        y = partly(labels, patients, LABELED, SEED)
        for name, values in {"vectors": vectors, "y": y, "patients": patients, "labels": labels}.items():
            np.save(Path(folder) / f"{name}.npy", values)
        del vectors
        done = subprocess.run([sys.executable, "-c", CHILD, folder], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="12,000 x 128; with --million 50,000 x 64")
    parser.add_argument("--hardness", type=float, default=1.0, help="of the mixture")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--million", action="store_true", help="time and memory of 1,000,000 x 256")
    options = parser.parse_args()
    if options.million:
        n, dim = (50_000, 64) if options.quick else (1_000_000, 256)
        rows = million(n, dim, options.hardness)
        ratios = {
            "minutes": round((rows[0]["s"] + rows[1]["s"]) / 60, 2),
            "minutes_judged": round((rows[0]["s"] + rows[2]["s"]) / 60, 2),
            "peak_gib": round(max(row["peak_gib"] for row in rows), 2),
        }
        goals = {"minutes": 20, "peak_gib": 8}
        finish("propagate_million", ratios=ratios, rows=rows, seeds=[SEED], goals=goals, hardness=options.hardness)
        return
    n, dim = (12_000, 128) if options.quick else (88_063, 512)
    vectors, labels, patients = mixture(n, dim, hardness=options.hardness, seed=SEED)
    y = partly(labels, patients, LABELED, SEED)
    neighbor_graph(vectors[:2000], 10)  # what is imported late is not timed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 30 iterations are its default
        ratios, rows = compare(vectors, y, patients, labels, options.repeats)
    finish(
        "propagate",
        ratios=ratios,
        rows=rows,
        seeds=[SEED],
        goals=GOALS,
        hardness=options.hardness,
        n_labeled=int((y != -1).sum()),
    )


if __name__ == "__main__":
    main()
