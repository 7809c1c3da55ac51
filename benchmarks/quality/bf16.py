"""Does bfloat16 cost quality? Pretraining with and without it: the same frames, seeds, order, steps and rate.

    python benchmarks/quality/bf16.py [--data DIR] [--seeds 5] [--epochs 10] [--quick]
    python benchmarks/quality/bf16.py --data DIR --part lung --first-seed 5 --seeds 10     a second look

SimCLR (timm's test_resnet at 32 pixels, batch 32, the organ's policy) on simulated hearts (30 patients a seed, twelve
views) and, where DIR holds the lung videos, stills and a `manifest.csv` (path, label, patient), on real lungs.
Embedding is in float32 for both. Where the CPU has no bfloat16 instructions they are emulated: slower, with the same
rounding.

One endpoint, named before the run: balanced accuracy of test clips by their five nearest neighbors among the training
patients; the difference bfloat16 - float32 is paired, its interval over seeds and patients. A quarter of an hour on
two slow cores, one process a core. Prints a table and, last, one line of JSON.
"""

import argparse
import contextlib
import io
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from methods import scored
from methods_arms import ARMS, make_store, train
from methods_scores import Scored, draws, values

import sslecho
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.metrics.intervals import percentiles

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish

FIRST_SEED = 10_000
PRECISIONS = ("32", "bf16")
RATE = 1e-3  # pretrain's default


def learned(part: str, seed: int, precision: str, store_path: str, epochs: int) -> dict[str, Any]:
    """Pretrain, embed and score once, in this process, on one thread."""
    import torch

    torch.set_num_threads(1)
    arm = replace(ARMS["simclr"], options={**ARMS["simclr"].options, "precision": precision})
    store = Store.open(store_path)
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stderr(io.StringIO()):
        folder = Path(name)
        encoder = train(arm, store, folder / "run", part=part, seed=seed, epochs=epochs, lr=RATE)
        sslecho.embed(store, folder / "embeddings", encoder=encoder, device="cpu", workers=1)
        return scored(Embeddings.load(folder / "embeddings"), seed=seed)


def compared(part: str, found: dict[tuple[int, str], dict[str, Any]], seeds: list[int]) -> dict[str, Any]:
    """One data set: both precisions, and their paired difference with its interval over seeds and patients."""
    tested = []
    for seed in seeds:
        lines = [found[seed, precision] for precision in PRECISIONS]
        truth = np.array(lines[0]["truth"])
        right = np.stack([np.array(line["answers"]["knn"]) == truth for line in lines], axis=1)
        # A simulated patient belongs to a seed; a real one is the same under all.
        names = [f"{seed if part == 'phantom' else ''}:{patient}" for patient in lines[0]["patients"]]
        tested.append(Scored(truth, np.array(names), right))
    by_seed, drawn = values(tested), draws(tested, rng=np.random.default_rng(0))
    low, high = percentiles(drawn[:, 1] - drawn[:, 0])
    differences = by_seed[:, 1] - by_seed[:, 0]
    return {
        "data": part,
        "seeds": len(seeds),
        "patients": len({name for seed in tested for name in seed.patients}),
        "float32": float(by_seed[:, 0].mean()),
        "bfloat16": float(by_seed[:, 1].mean()),
        "difference": f"{differences.mean():+.3f} ({low:+.3f} to {high:+.3f})",
        "by seed": ", ".join(f"{value:+.3f}" for value in differences),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the lung data; without it, the phantom alone")
    parser.add_argument("--part", choices=("phantom", "lung"), help="one of them alone")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0, help="of the lung, to look again with others")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="one seed, few patients, one epoch")
    given = parser.parse_args()
    n_seeds, patients, epochs = (1, 6, 1) if given.quick else (given.seeds, 30, given.epochs)
    parts = {"phantom": [FIRST_SEED + i for i in range(n_seeds)]}
    if given.data is not None:
        parts["lung"] = [given.first_seed + i for i in range(n_seeds)]
    if given.part is not None:
        parts = {given.part: parts[given.part]}
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    workers = len(os.sched_getaffinity(0))
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool,
    ):
        for part, seeds in parts.items():
            stores = {s: make_store(part, s, Path(folder), lung=given.data, patients=patients) for s in seeds}
            waiting = {
                (seed, precision): pool.submit(learned, part, seed, precision, str(stores[seed]), epochs)
                for seed in seeds
                for precision in PRECISIONS
            }
            rows.append(compared(part, {key: future.result() for key, future in waiting.items()}, seeds))
            print(f"{part}: done", file=sys.stderr, flush=True)
    name = "bf16_again" if given.first_seed else "bf16"
    finish(name, ratios={}, rows=rows, seeds=sorted({seed for seeds in parts.values() for seed in seeds}))


if __name__ == "__main__":
    main()
