"""How good are clusters of real lung ultrasound, by patient, against pixels and an untrained encoder?

    python benchmarks/quality/pocus_lung.py --data DIR [--seeds 5] [--quick]

DIR holds the videos and stills and a `manifest.csv` (path, label, patient). Each seed divides the patients anew
(40 % test), pretrains on the others' frames, clusters the train clips and scores the test clips. One endpoint, named
beforehand: transfer purity at k = 10. One to two minutes a seed on two cores. Prints a table and, last, one
line of JSON.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import sslecho
from sslecho.rundir import commit, read_json

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import machine

KS = (5, 10, 20)
ENDPOINT = 10
LEARNING = {
    "backbone": "resnet10t",
    "image_size": 48,
    "batch_size": 32,
    "temperature": 0.2,
    "policy": "lung",
    "min_area": 0.6,
    "positives": "clip",
}


def one_seed(store_path: Path, folder: Path, *, seed: int, epochs: int) -> dict[str, Any]:
    """Split, pretrain, embed, cluster; returns the JSON of `cluster --purity`."""
    store = sslecho.split(store_path, test=0.4, val=0.0, seed=seed, overwrite=True)
    sslecho.pretrain(store, folder / "run", epochs=epochs, seed=seed, **LEARNING)
    sslecho.embed(store, folder / "embeddings", encoder=folder / "run")
    scores = sslecho.cluster(folder / "embeddings", folder / "clusters", k=KS, purity=True, seed=seed).scores
    return {**scores, "pretrain": read_json(folder / "run" / "result.json")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="one seed, one epoch")
    given = parser.parse_args()
    seeds = range(1 if given.quick else given.seeds)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        # All clips: their publisher has cropped them, so that a sector is often uncertain and no name is left.
        settings = {"size": 128, "max_frames": 8, "doubtful": "keep"}
        sslecho.ingest(given.data, store, labels=str(given.data / "manifest.csv"), **settings)
        for seed in seeds:
            scores = one_seed(store, Path(folder) / str(seed), seed=seed, epochs=1 if given.quick else given.epochs)
            for name, results in {"SimCLR": scores["results"], **scores["baselines"]}.items():
                rows += [{"encoder": name, "seed": seed, **row} for row in results]
            print(f"seed {seed} done", file=sys.stderr, flush=True)
    ends = ("transfer_purity_low", "transfer_purity_high")
    shown = ("purity", "purity_chance", "transfer_purity", *ends, "coverage", "nmi")
    print(f"{'encoder':10} {'k':>4} " + " ".join(f"{name:>20}" for name in shown) + "   (means over seeds)")
    means = []
    for name in ("SimCLR", "pixels", "random"):
        for k in KS:
            chosen = [row for row in rows if row["encoder"] == name and row["k"] == k]
            mean = {metric: statistics.mean(row[metric] for row in chosen) for metric in shown}
            means.append({"encoder": name, "k": k, "n_seeds": len(chosen), **mean})
            print(f"{name:10} {k:4d} " + " ".join(f"{mean[metric]:20.3f}" for metric in shown))
    at = {
        name: [row["transfer_purity"] for row in rows if row["encoder"] == name and row["k"] == ENDPOINT]
        for name in ("SimCLR", "pixels", "random")
    }
    ratios = {
        f"simclr_minus_{other}": {
            "mean": statistics.mean(a - b for a, b in zip(at["SimCLR"], at[other], strict=True)),
            "by_seed": [round(a - b, 3) for a, b in zip(at["SimCLR"], at[other], strict=True)],
        }
        for other in ("pixels", "random")
    }
    print(f"transfer purity at k = {ENDPOINT}, paired by seed: {json.dumps(ratios)}")
    print(
        json.dumps(
            {
                "name": "pocus_lung",
                "commit": commit(),
                "machine": machine(),
                "seeds": list(seeds),
                "ratios": ratios,
                "means": means,
                "rows": rows,
            }
        )
    )


if __name__ == "__main__":
    main()
