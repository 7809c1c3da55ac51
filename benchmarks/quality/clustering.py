"""Do clusters of views hold on patients never seen, on an imbalanced archive: FUSC, published and ours, and k-means?

    python benchmarks/quality/clustering.py --data DIR --rows FILE.jsonl          all of it, about 70 minutes of a core
    python benchmarks/quality/clustering.py --part fetal --seeds 1 --scale 0.03   a look, minutes
    python benchmarks/quality/clustering.py --plot RESULT.json                    docs/images/clustering.png

DIR holds `pocus_lung` and `busi256`, each with a `manifest.csv`. Each result is a line of FILE.jsonl, stores and
embeddings are kept beside it: a killed run goes on with what is missing, and a changed setting is a new line. One
process a core, each of one thread.

**Data.** Simulated fetal planes with the class sizes of FETAL_PLANES_DB, `--scale` of its 1,792 women and 12,400
images, published halves by woman; with and without "other", with and without the cervix, whose probe gives it away;
the fan hidden by cutting all pictures to a square inside it; and shown, of all classes. Real lungs (covid, pneumonia,
regular; split by patient) and breasts (benign, malignant, normal; whose they are is not known, so that pictures are
split).
**Features.** SimCLR on the pictures of the train and val patients, `--budget-s` processor seconds a store (all
classes, the left-out ones too); the same network untrained; 24 x 24 pixels. Everything is clustered on train, heads
are chosen on val, and all figures are of test patients. The linear probe alone learns from labels.
**One endpoint, named before the run**: transfer purity of our FUSC (estimated prior) at k = number of classes, minus
k-means and minus FUSC as published. `purity_without_other` is the gate: at least .92, fan hidden, k = classes.

Networks and pictures are small. Prints a table and, last, one line of JSON.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from clustering_arms import ARMS, TIMES, VARIANTS, scored
from clustering_data import FANS, LEARNING, OF_DATA, STORED, make_features, make_stores, step_seconds, store_path

from sslecho.data.store import Store
from sslecho.errors import InputError, Interrupted, SslechoError
from sslecho.rundir import commit

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from rows import Rows

FIRST_SEED = 10_000  # of the phantom seeds that nothing was tuned on
DEVELOPMENT_SEED, COST_SCALE = 100, 0.01  # where the time of a step is taken
PARTS = {"fetal": ("fetal",), "real": ("lung", "breast"), "all": ("fetal", "lung", "breast")}
SHARE = {"fetal": 1.0, "lung": 1.0, "breast": 0.5}  # of the budget: there are fewer breasts to learn from


@dataclass(frozen=True)
class Job:
    """One line to be: what decides it, and nothing else."""

    what: str  # "stores", "cost" of a step, "features" or "row"
    data: str
    fan: str
    seed: int
    scale: float
    budget_s: float = 0.0
    arm: str = ""
    variant: str = ""

    @property
    def key(self) -> str:
        how: dict[str, Any] = {"learning": {**LEARNING, **OF_DATA[self.data]}, "stored": STORED}
        if self.what == "row":
            how |= {"arm": asdict(ARMS[self.arm]), "left_out": VARIANTS[self.variant], "times": TIMES}
        return json.dumps([asdict(self), how], sort_keys=True)

    @property
    def features(self) -> str:
        """The name of the folder of embeddings that this job makes or reads."""
        return f"{self.data}-{self.fan}-{self.seed}-{self.scale:g}-{self.budget_s:g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder of the real data sets")
    parser.add_argument("--part", choices=PARTS, default="all")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=0.1, help="of FETAL_PLANES_DB: 0.1 is 179 women, 1,240 images")
    parser.add_argument("--budget-s", type=float, default=60.0, help="core seconds of pretraining a store")
    parser.add_argument("--rows", type=Path, help="what is done already; stores and embeddings are kept beside it")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--plot", type=Path, help="only draw the figure of this result")
    parser.add_argument("--quick", action="store_true", help="one seed, few women, one epoch")
    given = parser.parse_args()
    from clustering_summary import finish, plot

    if given.plot:
        plot(json.loads(given.plot.read_text(encoding="utf-8").splitlines()[-1]))
        return
    parts = PARTS[given.part]
    if given.data is None and given.part != "fetal":
        parser.error("--data is missing: the folder with pocus_lung and busi256; or say --part fetal")
    scale, budget_s, n_seeds = (0.01, 0.0, 1) if given.quick else (given.scale, given.budget_s, given.seeds)
    jobs = planned(parts, seeds=n_seeds, scale=scale, budget_s=budget_s)
    with tempfile.TemporaryDirectory() as folder:
        rows = Rows(given.rows or Path(folder) / "rows.jsonl")
        runner = Runner(rows, rows.file.with_suffix(".stores"), given.data, given.workers)
        found = runner.all_of(jobs)
    finish(found, seeds=sorted({job.seed for job in jobs}), scale=scale, budget_s=budget_s)


def planned(parts: Sequence[str], *, seeds: int, scale: float, budget_s: float) -> list[Job]:
    """All lines that a result needs. Real pictures have one fan and one variant, and seeds that divide the patients.

    With the fan shown all classes are clustered, and nothing else: what counts is what stands without it.
    """
    return [
        Job("row", data, fan, seed, scale if data == "fetal" else 1.0, budget_s * SHARE[data], arm, variant)
        for data in parts
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
        for fan in (FANS if data == "fetal" else ("shown",))
        for variant in (VARIANTS if fan == "hidden" else ("all",))
        for arm in ARMS
    ]


@dataclass
class Runner:
    """Does jobs that are not done yet, one a core."""

    rows: Rows
    kept: Path
    source: Path | None
    workers: int

    def all_of(self, jobs: Sequence[Job]) -> list[dict[str, Any]]:
        """The lines of these jobs, after what they need and is not there."""
        missing = [job for job in jobs if job.key not in self.rows.done]
        costs = [
            Job("cost", data, "shown", *((DEVELOPMENT_SEED, COST_SCALE) if data == "fetal" else (FIRST_SEED, 1.0)))
            for data in dict.fromkeys(job.data for job in missing)
        ]
        features = [replace(job, what="features", arm="", variant="") for job in missing]
        features = [job for job in dict.fromkeys(features) if not (self.kept / job.features).exists()]
        stores = [replace(job, what="stores", fan="", budget_s=0.0) for job in (*costs, *features)]
        self.do(list(dict.fromkeys(stores)), {})
        step_s = {row["data"]: row["step_s"] for row in self.do(costs, {})}
        self.do(features, step_s)
        return self.do(jobs, {})

    def do(self, jobs: Sequence[Job], step_s: Mapping[str, float]) -> list[dict[str, Any]]:
        """The lines of these jobs, in their order.

        Args:
            step_s: processor seconds of a step of pretraining, by data set.
        """
        missing = [job for job in jobs if job.key not in self.rows.done or job.what in ("stores", "features")]
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        self.kept.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            waiting = {pool.submit(work, job, self.kept, self.source, step_s.get(job.data)): job for job in missing}
            for number, future in enumerate(as_completed(waiting), 1):
                job = waiting[future]
                if (error := future.exception()) is not None:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise error
                self.rows.add({"key": job.key, **asdict(job), "commit": commit(), **future.result()})
                said = " ".join(filter(None, (job.what, job.data, job.fan, str(job.seed), job.variant, job.arm)))
                print(f"{number} of {len(missing)}: {said}", file=sys.stderr, flush=True)
        return [self.rows.done[job.key] for job in jobs]


def work(job: Job, kept: Path, source: Path | None, step_s: float | None) -> dict[str, Any]:
    """Do one job in this process, on one thread; what it finds, or why a method failed."""
    import torch

    torch.set_num_threads(1)
    said = io.StringIO()
    folder = Path(tempfile.mkdtemp())
    try:
        with contextlib.redirect_stderr(said):
            return _work(job, kept, source, folder, step_s)
    except (InputError, Interrupted):
        raise  # nothing that a method did
    except SslechoError as error:  # a method that fails has lost; the others go on
        if job.what != "row":
            raise
        return {"failed": str(error).split(";")[0]}
    finally:
        shutil.rmtree(folder)


def _work(job: Job, kept: Path, source: Path | None, folder: Path, step_s: float | None) -> dict[str, Any]:
    if job.what == "row":
        return scored(kept / job.features, arm=ARMS[job.arm], leave_out=VARIANTS[job.variant], seed=job.seed)
    stores = kept / f"{job.data}-{job.seed}-{job.scale:g}"
    path = store_path(stores, job.data, job.fan or FANS[0], job.seed, job.scale)
    if job.what == "stores":
        if not path.exists():
            make_stores(job.data, job.seed, stores, source=source, scale=job.scale)
        return {}
    if job.what == "cost":
        return {"step_s": step_seconds(job.data, Store.open(path), folder)}
    assert step_s is not None
    out = kept / job.features
    make_features(job.data, Store.open(path), out, seed=job.seed, budget_s=job.budget_s, step_s=step_s)
    return {"epochs": int((out / "epochs").read_text(encoding="utf-8"))}


if __name__ == "__main__":
    main()
