"""Was pretraining worth it? Few labels, every way to learn from them, simulated hearts, real lungs and breasts.

    python benchmarks/quality/label_efficiency.py --data DIR --rows FILE.jsonl [--workers N] [--part NAME] [--quick]
    python benchmarks/quality/label_efficiency.py --plot RESULT.json            docs/images/label_efficiency.png

DIR holds `pocus_lung` and `busi256`, each with a `manifest.csv`. Each seed simulates other patients (kind `echo`, whose
views are as uneven as in an archive), or divides the real ones anew (repeated grouped cross-validation: 40 % test, by
patient; of the breasts no patient is known, so by picture). An encoder is pretrained on the frames of the training
patients, without labels; then five draws say whose labels come first, and every arm has the same ones:

    finetune           the pretrained encoder with a new head, learned end to end, class-weighted
    encoder            a linear probe on the frozen encoder
    untrained, pixels  the same probe on a network of random weights, and on 24 x 24 pixels
    scratch            the architecture from random weights, class-weighted; scratch-plain (hearts) without weights

It is `sslecho benchmark label-efficiency` in pieces, for the networks learn at two numbers of labels alone: at the
endpoint's, and with all labels, where draws are the same and one is enough. Beside it what a split by frames would have
claimed: a warning, never a result.

**One endpoint for each data set, named before the run**: macro F1 of clips, finetune minus scratch, with 2 labeled
patients of each class (hearts: a patient has a view once), 8 labeled patients (lungs), 8 labeled pictures of each class
(breasts). The gate is the hearts': above both ways from scratch, intervals above zero; goal +.15. Intervals resample
test patients and seeds together, all arms alike, and allow for so few seeds (Student's distribution).

One process a core, each of one thread. Stores, encoders and every cell stay beside FILE.jsonl: a killed run goes on.
Prints tables and, last, one line of JSON.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from clustering_data import make_stores, store_path
from methods_arms import BATCH, RESNET

import sslecho
from sslecho.api.label_efficiency import by_frames
from sslecho.api.label_efficiency_arms import network_arms, probe_arms, sources
from sslecho.api.label_efficiency_design import design_of
from sslecho.api.label_efficiency_settings import LabelEfficiencySettings
from sslecho.api.nouns import groups
from sslecho.data.store import Store
from sslecho.evaluate.arms import Arm
from sslecho.evaluate.cells import answers, path_of, run_cells
from sslecho.evaluate.design import Design
from sslecho.phantom.heart.views import VIEWS

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish
from rows import Rows

TEST_SHARE = 0.4
ALL = "all"
LEARNING: dict[str, Any] = {**RESNET, "method": "simclr", "batch_size": BATCH, "temperature": 0.2, "min_area": 0.6}
HERE: dict[str, Any] = {"device": "cpu", "workers": 1}


@dataclass(frozen=True)
class Data:
    """A data set of the benchmark.

    Args:
        first_seed: the others follow it.
        axis: what is counted: labeled "patients", or "labels" of each class.
        at: numbers of them, beside all.
        endpoint: the number at which finetune and scratch are compared.
        pretrained: steps of pretraining.
        networks: the arms that learn end to end.
        learning: of pretraining, further.
    """

    first_seed: int
    axis: str
    at: tuple[int, ...]
    endpoint: int
    policy: str
    pretrained: int
    networks: tuple[str, ...]
    learning: dict[str, Any] = field(default_factory=dict)


DATA = {
    # Seeds below 11,000 have been looked at by other benchmarks, which chose methods and positives.
    "phantom": Data(
        11_000, "labels", (1, 2, 4, 8), 2, "echo", 1000, ("finetune", "scratch", "scratch-plain"), {"positives": "clip"}
    ),
    "lung": Data(0, "patients", (2, 4, 8, 16, 32), 8, "lung", 300, ("finetune", "scratch"), {"positives": "clip"}),
    # Stills; no policy is the breast's own.
    "breast": Data(0, "labels", (2, 4, 8, 16, 32), 8, "simclr", 300, ("finetune", "scratch")),
}


@dataclass(frozen=True)
class Size:
    """How large a run is.

    Args:
        patients: of the phantom.
        steps: of each network's learning.
        supports: draws of who is labeled first.
        quick: four steps of pretraining, and the endpoint's number of labels alone.
    """

    patients: int = 40
    steps: int = 100
    supports: int = 5
    quick: bool = False


QUICK = Size(patients=8, steps=4, supports=2, quick=True)
# Of the rates that were tried on the phantom's development seed with one draw of labels, each arm's best.
RATES = {"finetune_lr": 3e-3, "scratch_lr": 3e-3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder of the real data sets")
    parser.add_argument("--part", choices=(*DATA, "all"), default="all")
    parser.add_argument("--rows", type=Path, help="what is done already; stores and cells are kept beside it")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--plot", type=Path, help="only draw the figure of this result")
    parser.add_argument("--quick", action="store_true", help="one seed, few patients, a few steps")
    given = parser.parse_args()
    from label_efficiency_summary import plot, summary

    if given.plot:
        plot(json.loads(given.plot.read_text(encoding="utf-8").splitlines()[-1]))
        return
    names = list(DATA) if given.part == "all" else [given.part]
    if given.data is None and names != ["phantom"]:
        parser.error("--data is missing: the folder that holds pocus_lung and busi256; or say --part phantom")
    size = QUICK if given.quick else Size()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as nowhere:
        rows = Rows(given.rows or Path(nowhere) / "rows.jsonl")
        kept = rows.file.with_suffix(".kept")
        seeds = {name: [DATA[name].first_seed + k for k in range(1 if given.quick else given.seeds)] for name in names}
        keys = {(name, seed): _key(name, seed, size) for name in names for seed in seeds[name]}
        missing = [job for job, key in keys.items() if key not in rows.done]
        with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
            waiting = {pool.submit(one_seed, *job, kept, given.data, size): job for job in missing}
            for number, future in enumerate(as_completed(waiting), 1):
                job = waiting[future]
                rows.add({"key": keys[job], **future.result()})
                print(f"{number} of {len(missing)}: {job[0]}, seed {job[1]}", file=sys.stderr, flush=True)
        found = {name: [rows.done[keys[name, seed]] for seed in seeds[name]] for name in names}
    finish("label_efficiency", seeds=sorted({s for of in seeds.values() for s in of}), **summary(found))


def one_seed(name: str, seed: int, kept: Path, source: Path | None, size: Size) -> dict[str, Any]:
    """All arms on one seed of a data set, in this process, on one thread: what each answers for every test clip."""
    import torch

    torch.set_num_threads(1)
    folder = kept / f"{name}-{seed}-{hashlib.sha256(_key(name, seed, size).encode()).hexdigest()[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.redirect_stderr(io.StringIO()):
        store = make_store(name, seed, folder, source=source, patients=size.patients)
        return _learned(DATA[name], seed, store, folder, size)


def _learned(data: Data, seed: int, store: Store, folder: Path, size: Size) -> dict[str, Any]:
    n_frames = int((store.column("split", level="frame") == "train").sum())
    epochs = max(1, round((4 if size.quick else data.pretrained) * BATCH / n_frames))
    how = {**LEARNING, **data.learning, **HERE, "policy": data.policy, "epochs": epochs, "seed": seed}
    sslecho.pretrain(store, folder / "run", **how)
    settings = LabelEfficiencySettings(
        encoder=(str(folder / "run"),),
        x=data.axis,
        runs=1,
        networks=data.networks,
        steps=size.steps,
        policy=data.policy,
        device="cpu",
        seed=seed,
        workers=1,
        **RATES,
    )
    design, _ = design_of(store, settings)
    clips = np.sort(np.concatenate([design.pool.clips, design.test.clips]))
    encoders = sources(store, settings)
    probes, networks = probe_arms(store, clips, encoders, settings, folder), network_arms(store, settings)
    at = [x for x in ((data.endpoint,) if size.quick else data.at) if x < design.most]
    everyone = [*probes, *networks]
    asked = [  # arms, numbers of labels, draws of them; with all labels draws are the same, and folds alone differ
        (probes, [*at, design.most], size.supports),
        (networks, [x for x in at if x == data.endpoint], size.supports),
        (networks, [design.most], 1),
    ]
    said: dict[str, dict[str, list[list[int]]]] = {arm.name: {} for arm in everyone}
    for arms, numbers, supports in asked:
        run_cells(design, arms, numbers, folder / "cells", supports=supports, workers=1)
        for arm in arms:
            for x in numbers:
                of_x = [_answers(folder, arm, x, support) for support in range(supports)]
                said[arm.name][ALL if x == design.most else str(x)] = of_x
    # Of stills each picture is a clip of its own: there are no frames to be dealt out.
    stills = len(store) == store.clips.num_rows
    leaky = None if stills else by_frames(store, design, clips, encoders[0], settings, folder)
    return {
        "seed": seed,
        "classes": list(design.classes),
        "truth": design.test.codes.tolist(),
        "units": store.column("unit_id")[design.test.clips].tolist(),
        "unit": groups(store.unit),
        "said": said,
        "leaky": leaky and leaky["macro_f1"],
        **_counts(design, epochs=epochs),
    }


def _answers(folder: Path, arm: Arm, x: int, support: int) -> list[int]:
    return answers(path_of(folder / "cells", arm, x=x, support=support, run=0)).argmax(1).tolist()


def _counts(design: Design, *, epochs: int) -> dict[str, int]:
    return {"n_train": len(design.pool), "n_train_units": design.pool.n_units, "epochs": epochs}


def make_store(name: str, seed: int, folder: Path, *, source: Path | None, patients: int) -> Store:
    """The store of one seed, split by patient where patients are known; made once."""
    done = folder / "store"
    if done.exists():
        return Store.open(done)
    if name == "phantom":
        raw = folder / "unfinished"
        shutil.rmtree(raw, ignore_errors=True)
        raw.mkdir()
        how = {"patients": patients, "frames": 2, "size": 128, "overlays": False, "seed": seed, "workers": 1}
        sslecho.phantom(raw / "archive", kind="echo", classes=tuple(VIEWS), **how)
        # Nothing is drawn outside the fan, so that no sector needs to be found.
        how = {"sector": "off", "size": 64, "doubtful": "keep", "workers": 1}
        sslecho.ingest(raw / "archive", raw / "store", labels=str(raw / "archive" / "labels.csv"), **how)
        made = raw / "store"
    else:
        made = store_path(folder, name, "shown", seed, 1.0)
        if not made.exists():
            make_stores(name, seed, folder, source=source, scale=1.0)
    by = "clip" if name == "breast" else "patient"
    sslecho.split(made, test=TEST_SHARE, val=0.0, by=by, seed=seed, overwrite=True)
    made.rename(done)
    shutil.rmtree(folder / "unfinished", ignore_errors=True)
    return Store.open(done)


def _key(name: str, seed: int, size: Size) -> str:
    return json.dumps([name, seed, asdict(DATA[name]), asdict(size), LEARNING, RATES, TEST_SHARE], sort_keys=True)


if __name__ == "__main__":
    main()
