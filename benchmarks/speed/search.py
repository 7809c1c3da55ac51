"""How much faster than exact search is the graph of nearest neighbors, its building included, and what does it miss?

    python benchmarks/speed/search.py [--quick] [--embeddings FILE.npy] [--hardness 1.0] [--million]

88,063 vectors of 512 values (`mixture.py`, or own embeddings), 16 neighbors of each: FAISS's exact search against
`neighbor_graph`, in turn. `graph_over_exact` is the ratio of their times, with a goal of at most .4; `recall` is the
share of all true neighbors that the graph has, with a goal of at least .98. Then the curve of recall against time: of
the graph's cells, and of each kind of index on 4,096 queries (`search_s` is that time, taken times n / 4,096).
`--million` instead makes the graph of 1,000,000 x 256 memory-mapped vectors in a process of its own, and says its time
and peak memory. Prints a table and, last, one line of JSON.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measure import finish, in_turn, ratio
from mixture import mixture

from sslecho.embed.index.approximate import ApproximateIndex
from sslecho.embed.index.cells import cells_to_search, n_comparisons, partition, search_cells
from sslecho.embed.index.flat import FlatIndex
from sslecho.embed.index.graph import Graph, neighbor_graph
from sslecho.embed.index.recall import Sample, mean_recall, recalls, two_samples
from sslecho.embed.index.reduction import reduced

K, SEED = 16, 10_000
QUERIES = 4096
GOALS = {"graph_over_exact": 0.4, "recall": 0.98}
EFFORTS = {"ivf": (4, 8, 16, 32, 64, 128), "hnsw": (32, 64, 128, 256), "ivfpq": (8, 16, 32, 64, 128)}
CELLS = (4, 8, 16, 32, 64, 128, 256)
CHILD = """
import json, resource, sys, time
import numpy as np
from sslecho.embed.index.graph import neighbor_graph
vectors = np.load(sys.argv[1], mmap_mode="r")
started = time.perf_counter()
graph = neighbor_graph(vectors, int(sys.argv[2]))
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"kind": graph.kind, "recall": graph.recall, "seconds": seconds, "peak_gib": peak / 2**30}))
"""


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def exact_graph(vectors: np.ndarray) -> np.ndarray:
    """Distances of the k nearest others, by FAISS alone."""
    own = np.arange(len(vectors))
    return FlatIndex.build(vectors).search(vectors, K, query_groups=own, groups=own)[0]


def compare(vectors: np.ndarray, repeats: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The graph against exact search, in turn; recall is over all vectors."""
    kept: dict[str, Any] = {}

    def timed(name: str, work: Callable[[], Any]) -> Callable[[], float]:
        def run() -> float:
            taken, kept[name] = seconds(work)
            return taken

        return run

    taken = in_turn(
        {
            "exact": timed("exact", lambda: exact_graph(vectors)),
            "graph": timed("graph", lambda: neighbor_graph(vectors, K, seed=SEED)),
        },
        repeats=repeats,
    )
    graph: Graph = kept["graph"]
    share = mean_recall(recalls(graph.similarities, 1 - kept["exact"]))
    rows = [
        {"what": "exact, FAISS", "recall": 1.0, "whole_s": statistics.median(taken["exact"])},
        {
            "what": f"graph ({graph.kind})",
            "recall": share,
            "said_recall": graph.recall,
            "whole_s": statistics.median(taken["graph"]),
        },
    ]
    return {"graph_over_exact": ratio(taken["graph"], taken["exact"]), "recall": round(share, 4)}, rows


def cells_curve(vectors: np.ndarray, samples: tuple[Sample, Sample], numbers: Sequence[int]) -> list[dict[str, Any]]:
    built, cells = seconds(lambda: partition(vectors, seed=SEED))
    codes, rows = np.arange(len(vectors)), []
    few, kept = reduced(
        cells.vectors, samples[0], order=cells.order, codes=cells.order, recall=GOALS["recall"], seed=SEED
    )
    chosen = cells_to_search(cells, samples[0], kept=kept, recall=GOALS["recall"])
    for n_cells in sorted({*numbers, chosen}):
        if n_cells > len(cells.near):
            break
        taken, (similarities, _) = seconds(lambda n=n_cells: search_cells(cells, K, few=few, n_cells=n, codes=codes))
        share = mean_recall(recalls(similarities[samples[1].rows], samples[1].similarities))
        rows.append(
            {
                "what": "cells" + (", as chosen" if n_cells == chosen else ""),
                "effort": n_cells,
                "axes": few.shape[1],
                "recall": share,
                "build_s": built,
                "search_s": taken,
                "compared": n_comparisons(cells, n_cells) / len(vectors) ** 2,
                "whole_s": built + taken,
            }
        )
    return rows


def kind_curve(
    vectors: np.ndarray, kind: str, samples: tuple[Sample, Sample], efforts: Sequence[int]
) -> list[dict[str, Any]]:
    built, index = seconds(lambda: ApproximateIndex.build(vectors, kind=kind, seed=SEED))
    codes, rows = np.arange(len(vectors)), []
    queries = np.random.default_rng(SEED).permutation(len(vectors))[:QUERIES]
    for effort in efforts:
        index.effort = effort
        taken, _ = seconds(
            lambda: index.search(vectors[queries], K, query_groups=queries, groups=codes)  # self left out, as above
        )
        found, _ = index.search(samples[1].queries, K, query_groups=samples[1].codes, groups=codes)
        whole = taken * len(vectors) / len(queries)
        rows.append(
            {
                "what": kind,
                "effort": effort,
                "recall": mean_recall(recalls(1 - found, samples[1].similarities)),
                "build_s": built,
                "search_s": whole,
                "whole_s": built + whole,
            }
        )
    return rows


def million(n: int, dim: int, hardness: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vectors.npy"
        np.save(file, mixture(n, dim, hardness=hardness, seed=SEED)[0])
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(file), str(K)], stdout=subprocess.PIPE, text=True, check=True
        )
    return {"n": n, "dim": dim, **json.loads(done.stdout.splitlines()[-1])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20,000 x 256, two repeats, fewer efforts")
    parser.add_argument("--embeddings", type=Path, help="a .npy file of own embeddings in place of the mixture")
    parser.add_argument("--hardness", type=float, default=1.0, help="of the mixture")
    parser.add_argument("--million", action="store_true", help="time and memory of the graph of 1,000,000 x 256")
    options = parser.parse_args()
    if options.million:
        n, dim = (50_000, 64) if options.quick else (1_000_000, 256)
        row = million(n, dim, options.hardness)
        finish(
            "search_million",
            ratios={"minutes": round(row["seconds"] / 60, 2), "peak_gib": round(row["peak_gib"], 2)},
            rows=[row],
            seeds=[SEED],
            goals={"minutes": 20, "peak_gib": 8},
            hardness=options.hardness,
        )
        return
    if options.embeddings is not None:
        vectors = np.ascontiguousarray(np.load(options.embeddings), np.float32)
    else:
        n, dim = (20_000, 256) if options.quick else (88_063, 512)
        vectors, _, _ = mixture(n, dim, hardness=options.hardness, seed=SEED)
    ratios, rows = compare(vectors, repeats=2 if options.quick else 3)
    samples = two_samples(vectors, K, codes=np.arange(len(vectors)), seed=SEED + 1)
    step = 3 if options.quick else 1
    rows += cells_curve(vectors, samples, CELLS[::step])
    for kind, efforts in EFFORTS.items():
        rows += kind_curve(vectors, kind, samples, efforts[::step])
    data = "own embeddings" if options.embeddings else f"mixture, hardness {options.hardness}"
    finish("search", ratios=ratios, rows=rows, seeds=[SEED], goals=GOALS, data=data, shape=list(vectors.shape))


if __name__ == "__main__":
    main()
