"""Does contrastive pretraining with labels help rare views, where weights in the loss are its rival?

    python benchmarks/quality/chartsias.py --rows FILE.jsonl [--seeds 5] [--patients 120] [--quick]

Thirteen simulated classes with the sizes of Chartsias et al. 2021 (arXiv 2108.03124), to scale: `--patients` subjects
to learn from, every seventh of them for validation; others to test, at least forty of a class, for the published nine,
five and six carry no interval. **Mechanism only**: pictures are simulated, and no figure here stands beside theirs.

Arms share network (timm's test_resnet at 32 pixels), augmentations (their preset: no crop, no flip) and a budget of
steps: end to end with cross-entropy, weights, adjusted logits or a balanced sampler; or a stage that pretrains
(SupCon as Khosla's, as theirs with t = 1000 on raw projections, SimCLR) and then a head on the frozen encoder, with
and without weights. With all labels, and with `FEW` clips a class, which then are all that any arm may see labels of.

**One endpoint, named before the run**: mean F1 of the rare classes (fewest subjects in train), all labels, SupCon +
weighted head minus plain cross-entropy; the gate is above zero with less than .10 lost on the mean F1 of the others.
Weighted cross-entropy is the rival that counts. Intervals resample subjects and seeds together, all arms alike. Each
line stands in FILE.jsonl when it is done, and stores are kept beside it: a killed run goes on. Two minutes of a core
an arm, and ten for a store. Prints a table and, last, one line of JSON.
"""

import argparse
import contextlib
import csv
import io
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from clustering_data import with_validation
from methods_arms import RESNET

import sslecho
from sslecho.metrics.intervals import percentiles

sys.path.insert(0, str(Path(__file__).parents[1] / "speed"))
from measure import finish
from rows import Rows

FIRST_SEED = 10_000
RARE = ("c_plax", "n_rv", "n_ssn")  # 85, 52 and 55 of 1,538 subjects
FEW = 4  # clips a class
STEPS, PRETRAINED = 600, 600  # of labeled learning, and of the stage before it
DRAWS = 1000
RAW = ("form=in", "normalize=false", "head=relu")  # and t = 1000: METHODS of the paper, read as un-normalized
HEAD = {"train": "none"}
# Each arm: what pretrains (method, its settings, temperature), and how the classifier learns.
ARMS: dict[str, tuple[dict[str, Any] | None, dict[str, Any]]] = {
    "cross-entropy": (None, {"balance": "none"}),
    "cross-entropy, weights": (None, {"balance": "weights"}),
    "cross-entropy, logits adjusted": (None, {"balance": "logit"}),
    "cross-entropy, balanced sampler": (None, {"balance": "sampler"}),
    "supcon, plain head": ({"method": "supcon"}, {**HEAD, "balance": "none"}),
    "supcon, weighted head": ({"method": "supcon"}, {**HEAD, "balance": "weights"}),
    "supcon of 2021, weighted head": (
        {"method": "supcon", "method_set": RAW, "temperature": 1000.0},
        {**HEAD, "balance": "weights"},
    ),
    "simclr, weighted head": ({"method": "simclr"}, {**HEAD, "balance": "weights"}),
    "untrained, weighted head": ({}, {**HEAD, "balance": "weights"}),
}
ENDPOINT = ("supcon, weighted head", "cross-entropy")


def make_store(seed: int, kept: Path, *, patients: int) -> Path:
    """The store of one seed, split as published, with a part of train for validation; made once."""
    store = kept / f"store-{seed}-{patients}"
    if store.exists():
        return store
    raw = kept / f"unfinished-{seed}"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    how = {"sizes": "chartsias", "patients": patients, "frames": 2, "size": 128, "overlays": False, "workers": 1}
    sslecho.phantom(raw / "archive", seed=seed, **how)
    labels = raw / "archive" / "labels.csv"
    with_validation(labels)
    sslecho.ingest(raw / "archive", raw / "store", labels=str(labels), size=64, doubtful="keep", workers=1)
    (raw / "store").rename(store)
    shutil.rmtree(raw)
    return store


def few_labels(store: sslecho.Store, out: Path, *, seed: int) -> Path:
    """A CSV with the labels of val and test, and of FEW clips a class of train, each of another subject if it can."""
    rng = np.random.default_rng(seed)
    clips = store.clips.to_pylist()
    kept = [clip for clip in clips if clip["split"] != "train"]
    of_class: dict[str, list[dict[str, Any]]] = {}
    for place in rng.permutation(len(clips)):
        if clips[place]["split"] == "train":
            of_class.setdefault(clips[place]["label"], []).append(clips[place])
    for members in of_class.values():
        first, again = {}, []
        for clip in members:
            again.append(clip) if clip["unit_id"] in first else first.setdefault(clip["unit_id"], clip)
        kept += [*first.values(), *again][:FEW]
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([("clip_id", "label"), *((clip["clip_id"], clip["label"]) for clip in kept)])
    return out


def learned(arm: str, seed: int, regime: str, path: Path, *, steps: int) -> dict[str, Any]:
    """Train one arm and name the test clips, in this process, on one thread."""
    import torch

    torch.set_num_threads(1)
    stage, classifier = ARMS[arm]
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stderr(io.StringIO()):
        folder = Path(name)
        labels: dict[str, Any] = {}
        if regime == "few":
            labels = {"labels": str(few_labels(sslecho.Store.open(path), folder / "few.csv", seed=seed))}
        seen = {"policy": "chartsias", "device": "cpu", "workers": 1, "seed": seed}
        start: dict[str, Any] = {"from_": "scratch", **RESNET}
        if stage is not None:
            # SupCon may know no other labels than the classifier: a copy of the store has them alone.
            copy = folder / "store"
            shutil.copytree(path, copy)
            if labels:
                strip_labels(copy, labels["labels"])
            if stage:
                rows = int((sslecho.Store.open(copy).column("split", level="frame") != "test").sum())
                epochs = max(1, round(PRETRAINED * steps / STEPS * 64 / rows))
                sslecho.pretrain(copy, folder / "run", epochs=epochs, batch_size=64, **stage, **RESNET, **seen)
                start = {"encoder": str(folder / "run")}
        # Without a stage before it learning gets that stage's steps as well.
        n_steps = steps if stage else 2 * steps
        how = {**seen, **start, **labels, **classifier, "epochs": 1, "min_steps": n_steps, "batch_size": 64, "lr": 1e-3}
        found = sslecho.finetune(path, folder / "classifier", **how)
        tested = [row for row in found.table.to_pylist() if row["split"] == "test"]
        return {
            "truth": [row["label"] for row in tested],
            "answers": [row["prediction"] for row in tested],
            "subjects": [row["unit_id"] for row in tested],
        }


def strip_labels(store: Path, labels: str) -> None:
    """Leave the store only the labels that a CSV has."""
    from sslecho.data.relabel import labels_of_clips

    known, _ = labels_of_clips(Path(labels))
    opened = sslecho.Store.open(store)
    import pyarrow as pa

    kept = [known.get(clip) for clip in opened.column("clip_id")]
    place = opened.clips.column_names.index("label")
    opened.with_tables(clips=opened.clips.set_column(place, "label", pa.array(kept, pa.string())))


def figures(table: np.ndarray, names: list[str]) -> tuple[np.ndarray, float, float]:
    """F1 by class of a table [truth, answer], and the means over rare and other classes."""
    right, of_truth, of_answer = np.diagonal(table), table.sum(1), table.sum(0)
    f1 = np.divide(2 * right, of_truth + of_answer, out=np.zeros(len(names)), where=of_truth + of_answer > 0)
    rare = np.isin(names, RARE)
    return f1, float(f1[rare].mean()), float(f1[~rare].mean())


def summary(found: dict[tuple[int, str], dict[str, Any]], seeds: list[int], regime: str) -> list[dict[str, Any]]:
    """A row an arm: F1 of rare, other and all classes, with intervals, and the lead over plain cross-entropy."""
    names = sorted(set(found[seeds[0], "cross-entropy"]["truth"]))
    place = {name: code for code, name in enumerate(names)}
    tables: dict[tuple[int, str], np.ndarray] = {}  # of each subject
    for (seed, arm), line in found.items():
        subjects, code = np.unique(line["subjects"], return_inverse=True)
        table = np.zeros((len(subjects), len(names), len(names)))
        np.add.at(table, (code, [place[t] for t in line["truth"]], [place[a] for a in line["answers"]]), 1)
        tables[seed, arm] = table
    rng = np.random.default_rng(0)
    drawn: dict[str, list[tuple[float, float, float]]] = {arm: [] for arm in ARMS}
    for _ in range(DRAWS):
        of_seed = rng.integers(len(seeds), size=len(seeds))
        weights = []
        for at in of_seed:
            n = len(tables[seeds[at], "cross-entropy"])
            weights.append((seeds[at], np.bincount(rng.integers(n, size=n), minlength=n).astype(float)))
        for arm in ARMS:
            values = [figures(np.tensordot(w, tables[seed, arm], 1), names) for seed, w in weights]
            rare, other = (float(np.mean([value[i] for value in values])) for i in (1, 2))
            drawn[arm].append((rare, other, float(np.mean([value[0].mean() for value in values]))))
    rows = []
    for arm in ARMS:
        whole = [figures(tables[seed, arm].sum(0), names) for seed in seeds]
        row: dict[str, Any] = {"regime": regime, "arm": arm}
        point = [
            float(np.mean(values))
            for values in ([w[1] for w in whole], [w[2] for w in whole], [w[0].mean() for w in whole])
        ]
        base = np.array(drawn["cross-entropy"])
        for i, name in enumerate(("rare_f1", "other_f1", "macro_f1")):
            low, high = percentiles(np.array(drawn[arm])[:, i])
            row |= {name: point[i], f"{name}_low": low, f"{name}_high": high}
        low, high = percentiles(np.array(drawn[arm])[:, 0] - base[:, 0])
        row |= {"rare_lead_low": low, "rare_lead_high": high}
        row["by_class"] = {name: float(np.mean([w[0][i] for w in whole])) for i, name in enumerate(names)}
        rows.append(row)
    for row in rows:
        row["rare_lead"] = row["rare_f1"] - rows[0]["rare_f1"]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, help="what is done already; stores are kept beside it")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--patients", type=int, default=120, help="subjects to learn from")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="one seed, few subjects, few steps")
    given = parser.parse_args()
    n_seeds, patients, steps = (1, 60, 12) if given.quick else (given.seeds, given.patients, STEPS)
    seeds = [FIRST_SEED + number for number in range(n_seeds)]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as nowhere:
        rows = Rows(given.rows or Path(nowhere) / "rows.jsonl")
        kept = rows.file.with_suffix(".stores")
        kept.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
            paths = dict(zip(seeds, pool.map(_made, [(seed, kept, patients) for seed in seeds]), strict=True))
            jobs = [(arm, seed, regime) for seed in seeds for regime in ("all", "few") for arm in ARMS]
            keys = {job: f"{job} {patients} {steps} {ARMS[job[0]]}" for job in jobs}
            waiting = {
                pool.submit(learned, *job, paths[job[1]], steps=steps): job
                for job in jobs
                if keys[job] not in rows.done
            }
            for number, future in enumerate(as_completed(waiting), 1):
                job = waiting[future]
                rows.add({"key": keys[job], **future.result()})
                print(f"{number} of {len(waiting)}: {job}", file=sys.stderr, flush=True)
        table = []
        for regime in ("all", "few"):
            table += summary({(s, a): rows.done[keys[a, s, regime]] for a in ARMS for s in seeds}, seeds, regime)
    arm, base = ({row["arm"]: row for row in table if row["regime"] == "all"}[name] for name in ENDPOINT)
    lead = {
        "ratio": round(arm["rare_lead"], 4),
        "lowest": round(arm["rare_lead_low"], 4),
        "highest": round(arm["rare_lead_high"], 4),
        "lost_on_others": round(base["other_f1"] - arm["other_f1"], 4),
    }
    finish("chartsias", ratios={" - ".join(ENDPOINT): lead}, rows=table, seeds=seeds)


def _made(job: tuple[int, Path, int]) -> Path:
    with contextlib.redirect_stderr(io.StringIO()):
        return make_store(job[0], job[1], patients=job[2])


if __name__ == "__main__":
    main()
