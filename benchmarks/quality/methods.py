"""Every method at equal compute, on simulated hearts and real lungs: which is worth its name, and which is not.

    python benchmarks/quality/methods.py --data DIR --rows FILE.jsonl --part rates      learning rates, 10 minutes
    python benchmarks/quality/methods.py --data DIR --rows FILE.jsonl                   the comparison, 35 minutes
    python benchmarks/quality/methods.py --plot RESULT.json                             docs/images/methods.png

DIR holds the lung videos, stills and a `manifest.csv` (path, label, patient). Each result is a line of FILE.jsonl: a
killed run goes on with what is missing, and a changed setting is a new line. One process a core, each of one thread.

**Equal compute** is processor time of training, the same for every arm: it is what a user pays, teachers, small crops
and wide heads included, and other load on the machine doesn't decide it. How long a step takes is measured once per
arm, beforehand, and gives the number of epochs for all seeds; the frames that each arm has seen are said beside it.
**One endpoint, named before the run**: balanced accuracy of clips by their five nearest neighbors among the training
patients. Nothing is fitted to it, and it is what clusters and propagated labels rest on. A linear probe stands beside.

Networks, pictures and runs are small: the order of methods at this scale need not be that of long runs.
Prints a table and, last, one line of JSON.
"""

import argparse
import contextlib
import io
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from methods_arms import ARMS, DEVELOPMENT_SEED, STORED, TUNED, make_store, options_of, steps_an_epoch, train, untrained
from methods_scores import NEIGHBORS, few, neighbors_answers, probe, with_interval

import sslecho
from sslecho.data.store import Store
from sslecho.embed.embeddings import Embeddings
from sslecho.errors import InputError, Interrupted, SslechoError
from sslecho.rundir import commit

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from rows import Rows

RATES, RATE = (3e-4, 1e-3, 3e-3), 1e-3  # those that are tried, and pretrain's default
RATES_BUDGET_S = 20.0  # core seconds for each try
FIRST_SEED = 10_000  # of the phantom seeds that nothing was tuned on
SHARE = {"phantom": 1.0, "lung": 0.75}  # of the budget: there are fewer lungs to learn from
FEW = 5  # patients a class
TIMED_EPOCHS = (2, 14)  # of four steps; their difference is what epochs cost


@dataclass(frozen=True)
class Size:
    """How large a run is."""

    budget_s: float
    patients: int


@dataclass(frozen=True)
class Job:
    """One line to be: what decides it, and nothing else."""

    what: str  # "cost", "rate" or "row"
    part: str
    seed: int
    arm: str
    budget_s: float
    patients: int
    lr: float

    @property
    def key(self) -> str:
        options = options_of(ARMS[self.arm], self.part)
        return json.dumps([asdict(self), options, {"stored": STORED, "k": NEIGHBORS, "few": FEW}], sort_keys=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the lung data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--part", choices=("rates", "phantom", "lung", "all"), default="all")
    parser.add_argument(
        "--budget-s", type=float, default=40.0, help="core seconds of training for each arm; lung takes 3/4"
    )
    parser.add_argument("--patients", type=int, default=60, help="of the phantom")
    parser.add_argument("--rows", type=Path, help="what is done already; stores are kept beside it")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--plot", type=Path, help="only draw the figure of this result")
    parser.add_argument("--quick", action="store_true", help="one seed, few patients, one epoch")
    given = parser.parse_args()
    from methods_summary import finish, plot

    if given.plot:
        plot(json.loads(given.plot.read_text(encoding="utf-8").splitlines()[-1]))
        return
    if given.data is None and given.part in ("lung", "all"):
        parser.error("--data is missing: the folder of the lung data; or say --part phantom")
    size = Size(0.0, 10) if given.quick else Size(given.budget_s, given.patients)
    seeds = range(1 if given.quick else given.seeds)
    with tempfile.TemporaryDirectory() as folder:
        rows = Rows(given.rows or Path(folder) / "rows.jsonl")
        runner = Runner(rows, rows.file.with_suffix(".stores"), given.data, given.workers)
        costs = dict.fromkeys(ARMS, math.inf) if given.quick else runner.costs(size)
        if given.part == "rates":
            rates(runner, costs, size)
            return
        parts = ["phantom", "lung"] if given.part == "all" else [given.part]
        jobs = [
            Job("row", part, seed, name, size.budget_s * SHARE[part], size.patients, chosen_rate(rows, name))
            for part in parts
            for seed in (range(FIRST_SEED, FIRST_SEED + len(seeds)) if part == "phantom" else seeds)
            for name, arm in ARMS.items()
            if part in arm.parts
        ]
        found = runner.do(jobs, costs)
    finish(found, seeds=sorted({job.seed for job in jobs}), budget_s=size.budget_s)


@dataclass
class Runner:
    """Does jobs that are not done yet, one a core."""

    rows: Rows
    stores: Path
    data: Path | None
    workers: int

    def do(self, jobs: Sequence[Job], costs: dict[str, float]) -> list[dict[str, Any]]:
        """The lines of these jobs, in their order.

        Args:
            costs: processor seconds of a step, by arm.
        """
        missing = [job for job in jobs if job.key not in self.rows.done]
        stores = {
            (job.part, job.seed, job.patients): str(
                make_store(
                    job.part,
                    job.seed,
                    self.stores / str(job.patients),
                    lung=self.data,
                    patients=job.patients,
                )
            )
            for job in missing
        }
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            waiting = {
                pool.submit(work, job, stores[job.part, job.seed, job.patients], costs.get(job.arm)): job
                for job in missing
            }
            for number, future in enumerate(as_completed(waiting), 1):
                job = waiting[future]
                if (error := future.exception()) is not None:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise error
                self.rows.add({"key": job.key, **asdict(job), "commit": commit(), **future.result()})
                print(
                    f"{number} of {len(missing)}: {job.what} {job.part} {job.seed} {job.arm}",
                    file=sys.stderr,
                    flush=True,
                )
        return [self.rows.done[job.key] for job in jobs]

    def costs(self, size: Size) -> dict[str, float]:
        """Processor seconds of a step of every arm that is trained, on a few patients of the development seed."""
        few_patients = min(size.patients, 10)
        trained = [name for name, arm in ARMS.items() if arm.kind != "reference"]
        jobs = [Job("cost", "phantom", DEVELOPMENT_SEED, name, 0, few_patients, RATE) for name in trained]
        return {row["arm"]: row["step_s"] for row in self.do(jobs, {})}


def rates(runner: Runner, costs: dict[str, float], size: Size) -> None:
    """Try learning rates on the development seed; the best by the endpoint will be taken."""
    jobs = [
        Job("rate", "phantom", DEVELOPMENT_SEED, name, min(size.budget_s, RATES_BUDGET_S), size.patients, lr)
        for name in TUNED
        for lr in RATES
    ]
    for row in runner.do(jobs, costs):
        print(f"{row['arm']:30} {row['lr']:8.0e} {row.get('knn', float('nan')):.3f}")


def chosen_rate(rows: Rows, arm: str) -> float:
    """The rate that did best on the development seed, or pretrain's default where none was tried."""
    tried = [row for row in rows.done.values() if row["what"] == "rate" and row["arm"] == (ARMS[arm].tuned_as or arm)]
    tried = [row for row in tried if "knn" in row]
    return max(tried, key=lambda row: row["knn"])["lr"] if tried else RATE


def work(job: Job, store_path: str, step_s: float | None) -> dict[str, Any]:
    """Do one job in this process, on one thread; what it finds, or why it failed."""
    import torch

    torch.set_num_threads(1)
    said = io.StringIO()
    folder = Path(tempfile.mkdtemp())
    try:
        with contextlib.redirect_stderr(said):
            return _work(job, Store.open(store_path), folder, step_s)
    except (InputError, Interrupted):
        raise  # nothing that a method did
    except SslechoError as error:  # a method that collapses has lost; the others go on
        return {"failed": str(error).split(";")[0]}
    finally:
        shutil.rmtree(folder)


def _work(job: Job, store: Store, folder: Path, step_s: float | None) -> dict[str, Any]:
    arm, how = ARMS[job.arm], {"part": job.part, "seed": job.seed, "lr": job.lr}
    if job.what == "cost":
        # Once before the clock runs: a process that is new pays for its imports first.
        train(arm, store, folder / "warm", epochs=1, **how)
        spent = []
        for epochs in TIMED_EPOCHS:
            began = time.process_time()
            train(arm, store, folder / str(epochs), epochs=epochs, **how)
            spent.append(time.process_time() - began)
        steps = (TIMED_EPOCHS[1] - TIMED_EPOCHS[0]) * steps_an_epoch(arm, store)
        return {"step_s": (spent[1] - spent[0]) / steps}
    found: dict[str, Any] = {}
    if arm.kind != "reference":
        assert step_s is not None
        per_epoch = steps_an_epoch(arm, store)
        epochs = max(1, round(job.budget_s / (step_s * per_epoch)))
        began = time.process_time()
        encoder = train(arm, store, folder / "run", epochs=epochs, **how)
        found = {
            "core_s": round(time.process_time() - began, 1),
            "epochs": epochs,
            "frames": epochs * per_epoch * int(options_of(arm, job.part)["batch_size"]),
        }
    else:
        encoder = untrained(arm, store, job.seed) if arm.options else "pixels"
    sslecho.embed(store, folder / "embeddings", encoder=encoder, device="cpu", workers=1)
    return {**found, **scored(Embeddings.load(folder / "embeddings"), seed=job.seed)}


def scored(embeddings: Embeddings, *, seed: int) -> dict[str, Any]:
    """Figures of the tested clips, and the answers that they are made of."""
    clips = embeddings.per_clip()
    label, split, patient = (clips.column(name) for name in ("label", "split", "patient_id"))
    names = sorted({word for word in label if word is not None})
    codes = np.array([names.index(word) if word is not None else -1 for word in label])
    vectors = np.asarray(clips.vectors, dtype=np.float64)
    train, val, test = (np.flatnonzero((split == name) & (codes >= 0)) for name in ("train", "val", "test"))
    assert not set(patient[train]) & set(patient[test])
    truth, patients = codes[test], patient[test].astype(str)
    on_val = (vectors[val], codes[val])
    some = train[few(codes[train], patient[train].astype(str), patients_per_class=FEW, rng=np.random.default_rng(seed))]
    all_labels = probe((vectors[train], codes[train]), on_val, vectors[test])
    few_labels = probe((vectors[some], codes[some]), on_val, vectors[test])
    answers = {
        "knn": neighbors_answers(vectors[train], codes[train], vectors[test]),
        "probe": all_labels.answers,
        "few": few_labels.answers,
    }
    figures: dict[str, Any] = {"probe_c": all_labels.strength, "few_c": few_labels.strength}
    for name, answer in answers.items():
        interval = with_interval(truth, answer, patients)
        figures |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {
        **figures,
        "n": len(test),
        "n_patients": len(set(patients)),
        "classes": len(names),
        "truth": truth.tolist(),
        "patients": patients.tolist(),
        "answers": {name: answer.tolist() for name, answer in answers.items()},
    }


if __name__ == "__main__":
    main()
