"""How do time and memory of clustering and propagation grow with the number of embeddings?

    python benchmarks/speed/growth.py --rows FILE.jsonl [--up-to 1000000] [--dim 256] [--quick]

10,000 to 1,000,000 vectors of 256 values from a mixture (`mixture.py`), read from a memory map. Each stage runs in a
process of its own, on all cores, so that its peak memory is its own:

- graph: 15 neighbors of every vector at a recall of .98;
- kmeans: 60 centroids, fitted on at most 1 GiB of the vectors;
- assignment: the nearest centroid of every vector, with distance and confidence;
- propagation: labels of 2 % of the patients over the graph, which is read from disk;
- metrics: the figures of `cluster --purity` for these clusters, with 1,000 draws of patients.

`peak_gib` is the largest resident memory of the process, `above_start_gib` what came on top after the libraries were
loaded; pages of the memory map that were read count. Each line stands in FILE.jsonl when it is done, and what a later
stage needs is kept beside it: a killed run goes on. An hour and more up to a million, on two cores. `STAGE_exponent`
is the slope of log time on log n between the two largest n. Prints a table and, last, one line of JSON.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measure import finish
from mixture import mixture
from rows import Rows

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
SEED, K, N_NEIGHBORS, LABELED = 10_000, 60, 15, 0.02
SHARDS, SHARDS_LOOKED_INTO, MACHINES = 100, 4, 16  # of the plan for 100 million
GOALS = {"graph_and_propagation_minutes": 20.0, "graph_and_propagation_gib": 8.0}  # at a million
START = f"""
import json, os, resource, sys, time
from pathlib import Path
import numpy as np
folder = Path(sys.argv[1])
SEED, K, N_NEIGHBORS, LABELED = {SEED}, {K}, {N_NEIGHBORS}, {LABELED}
def gib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
vectors = np.load(folder / "vectors.npy", mmap_mode="r")
labels, patients = np.load(folder / "labels.npy"), np.load(folder / "patients.npy")
"""
END = """
print(json.dumps({"s": seconds, "peak_gib": gib(), "above_start_gib": gib() - began_at, **told}))
"""
TIMED = "began_at, began = gib(), time.perf_counter()\n"
STAGES: dict[str, str] = {
    "graph": """
from sslecho.embed.index.graph import neighbor_graph
neighbor_graph(np.array(vectors[:1000]), N_NEIGHBORS)  # libraries load and start their threads
"""
    + TIMED
    + """
graph = neighbor_graph(vectors, N_NEIGHBORS, seed=SEED)
seconds = time.perf_counter() - began
told = {"recall": graph.recall, "kind": graph.kind}
np.save(folder / "ids.npy", graph.ids)
np.save(folder / "similarities.npy", graph.similarities)
""",
    "kmeans": """
from sslecho.embed.index.library import import_faiss
from sslecho.tasks.kmeans import fit_kmeans, points_to_fit_on
import_faiss()
fit_kmeans(np.array(vectors[:1000]), k=4, seed=0)
"""
    + TIMED
    + """
points = points_to_fit_on(vectors, np.arange(len(vectors)), seed=SEED, normalize=True)
centroids = fit_kmeans(points, k=K, seed=SEED, normalize=False)
seconds = time.perf_counter() - began
told = {"fitted_on": len(points)}
np.save(folder / "centroids.npy", centroids)
""",
    "assignment": """
from sslecho.tasks.assignment import assign
centroids = np.load(folder / "centroids.npy")
assign(np.array(vectors[:100]), centroids)
"""
    + TIMED
    + """
found = assign(vectors, centroids)
seconds = time.perf_counter() - began
told = {}
np.save(folder / "clusters.npy", found.clusters)
""",
    "propagation": """
from sslecho.embed.index.graph import Graph
from sslecho.tasks.propagate import Propagation
graph = Graph(np.load(folder / "ids.npy"), np.load(folder / "similarities.npy"), 1.0, "saved")
drawn = np.random.default_rng(SEED).permutation(patients.max() + 1)[: max(1, round(LABELED * (patients.max() + 1)))]
y = np.where(np.isin(patients, drawn), labels, -1)
model = Propagation(conflicts=False, n_jobs=len(os.sched_getaffinity(0)))
Propagation(conflicts=False).fit(np.array(vectors[:1000]), np.where(np.arange(1000) < 500, labels[:1000], -1))
"""
    + TIMED
    + """
model.fit(vectors, y, graph=graph)
seconds = time.perf_counter() - began
told = {"accuracy": float((model.transduction_ == labels)[y == -1].mean())}
""",
    "metrics": """
from sslecho.metrics.clustering import evaluate
from sslecho.metrics.clustering_intervals import clustering_intervals
clusters = np.load(folder / "clusters.npy")
clips = np.arange(len(labels)) // 5
clustering_intervals(labels[:1000], clusters[:1000], unit_ids=patients[:1000], rng=np.random.default_rng(0))
"""
    + TIMED
    + """
figures, _ = evaluate(labels, clusters, k=K, unit_ids=patients, clip_ids=clips, split="all", seed=SEED)
clustering_intervals(labels, clusters, unit_ids=patients, rng=np.random.default_rng(SEED))
seconds = time.perf_counter() - began
told = {"purity": figures["purity"]}
""",
}
# What a stage reads, and who leaves it behind.
NEEDS = {
    "assignment": ("centroids.npy", "kmeans"),
    "propagation": ("similarities.npy", "graph"),
    "metrics": ("clusters.npy", "assignment"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, help="what is done already; vectors and graphs are kept beside it")
    parser.add_argument("--up-to", type=int, default=SIZES[-1], help="the largest n")
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--hardness", type=float, default=1.0, help="of the mixture")
    parser.add_argument("--keep", action="store_true", help="leave vectors and graphs there; a million need 1.2 GB")
    parser.add_argument("--quick", action="store_true", help="2,000 and 4,000 vectors of 32")
    given = parser.parse_args()
    sizes, dim = ((2000, 4000), 32) if given.quick else (sizes_up_to(given.up_to), given.dim)
    with tempfile.TemporaryDirectory() as temporary:
        rows = Rows(given.rows or Path(temporary) / "rows.jsonl")
        work = rows.file.with_suffix(".vectors")
        for n in sizes:
            run_size(rows, work / f"{n}x{dim}", n, dim, given.hardness)
            if not given.keep:
                shutil.rmtree(work / f"{n}x{dim}", ignore_errors=True)
        lines = [rows.done[key_of(stage, n, dim, given.hardness)] for stage in STAGES for n in sizes]
    shown = [{name: value for name, value in line.items() if name != "key"} for line in lines]
    how = {"seeds": [SEED], "goals": GOALS, "hardness": given.hardness}
    finish("growth", ratios=summary(shown), rows=shown, recommendation={"text": plan(shown)}, **how)


def sizes_up_to(largest: int) -> list[int]:
    """The sizes to measure, the largest itself last."""
    return [*(n for n in SIZES if n < largest), largest]


def key_of(stage: str, n: int, dim: int, hardness: float) -> str:
    how = {"seed": SEED, "k": K, "neighbors": N_NEIGHBORS, "labeled": LABELED}
    return json.dumps([stage, n, dim, hardness, how])


def run_size(rows: Rows, folder: Path, n: int, dim: int, hardness: float) -> None:
    """Every stage of one n that is not done; what it needs and is gone is made again."""
    missing = [stage for stage in STAGES if key_of(stage, n, dim, hardness) not in rows.done]
    for stage in missing:
        if not (folder / "patients.npy").exists():
            folder.mkdir(parents=True, exist_ok=True)
            vectors, labels, patients = mixture(n, dim, hardness=hardness, seed=SEED)
            for name, values in {"vectors": vectors, "labels": labels, "patients": patients}.items():
                np.save(folder / f"{name}.npy", values)
            del vectors
        for needed in needed_by(stage, folder):
            run_stage(needed, folder)
        found = run_stage(stage, folder)
        rows.add({"key": key_of(stage, n, dim, hardness), "stage": stage, "n": n, "dim": dim, **found})
        print(f"{stage} {n}: {found['s']:.1f} s, {found['peak_gib']:.2f} GiB", file=sys.stderr, flush=True)


def needed_by(stage: str, folder: Path) -> list[str]:
    """The stages to run before this one, since what they leave behind is not there."""
    if stage not in NEEDS or (folder / NEEDS[stage][0]).exists():
        return []
    before = NEEDS[stage][1]
    return [*needed_by(before, folder), before]


def run_stage(stage: str, folder: Path) -> dict[str, Any]:
    """Seconds and memory of one stage, in a process of its own."""
    command = [sys.executable, "-c", START + STAGES[stage] + END, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def summary(lines: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """How each stage grows, and graph and propagation together at the largest n, where that is a million."""
    found: dict[str, float | None] = {}
    for stage in STAGES:
        own = sorted((line["n"], line["s"]) for line in lines if line["stage"] == stage)
        if len(own) > 1:
            (n, s), (more, longer) = own[-2:]
            found[f"{stage}_exponent"] = round(math.log(longer / s) / math.log(more / n), 2)
    both = [line for line in lines if line["n"] == SIZES[-1] and line["stage"] in ("graph", "propagation")]
    is_there = len(both) == 2
    found["graph_and_propagation_minutes"] = round(sum(line["s"] for line in both) / 60, 2) if is_there else None
    found["graph_and_propagation_gib"] = round(max(line["peak_gib"] for line in both), 2) if is_there else None
    return found


def plan(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """How 100 million would be done, reckoned from the lines of a million; nothing where these are missing."""
    at = {line["stage"]: line for line in lines if line["n"] == SIZES[-1]}
    if set(at) != set(STAGES):
        return []
    dim = at["graph"]["dim"]
    hours = {stage: SHARDS * line["s"] / 3600 for stage, line in at.items()}
    of_a_vector = (4 * dim, dim // 4 + 8, 12 * N_NEIGHBORS)  # bytes
    vectors_gb, codes_gb, graph_gb = (SHARDS * SIZES[-1] * size / 1e9 for size in of_a_vector)
    graph_h, propagation_gib = SHARDS_LOOKED_INTO * hours["graph"], SHARDS * at["propagation"]["above_start_gib"]
    return [
        f"**Plan for 100,000,000 x {dim}: reckoned from the lines of 1,000,000, not measured.** The vectors take "
        f"{vectors_gb:,.0f} GB of disk; {SHARDS} centroids divide them into shards of a million.",
        f"Search of new items: IVF-PQ, {dim // 4} bytes a vector and 8 for its id, {codes_gb:,.1f} GB in {SHARDS} "
        "shards that are searched one by one or each by a machine; the best of all are ranked by the vectors on disk.",
        f"Graph: each shard looks into itself and the {SHARDS_LOOKED_INTO - 1} nearest, {SHARDS} x "
        f"{SHARDS_LOOKED_INTO} times the graph of a million: {graph_h:,.0f} hours of this machine, "
        f"{graph_h / MACHINES:,.1f} of {MACHINES} such; {2 * at['graph']['peak_gib']:.0f} GiB each, for two shards. "
        f"Its recall is to be measured on a sample against exact search. The result takes {graph_gb:,.0f} GB.",
        f"k-means: on a sample of 1 GiB as now, {at['kmeans']['s'] / 60:.1f} minutes. Assignment: "
        f"{hours['assignment']:,.1f} hours of one process, divided by those of torchrun.",
        f"Propagation: {hours['propagation']:,.1f} hours if it grows as n, on one machine of about "
        f"{propagation_gib:,.0f} GiB, all classes at once; fewer classes at a time need less.",
        "Metrics: on the labeled test items alone, however large the archive is.",
    ]


if __name__ == "__main__":
    main()
