"""What is a grader worth on sweeps that it has not seen, and what would a split by frames have claimed?

    python benchmarks/quality/grading.py --rows FILE.jsonl [--seeds 5] [--workers N] [--quick]

Each seed simulates another body with other raters (kind `cactus`: sweeps of slowly changing quality, a grade a frame by
two raters and their consensus) and divides its sweeps. **Mechanism only**: no figure here stands beside CACTUS's.

Arms share network (timm's test_resnet at 32 pixels), augmentations and a budget of steps; each with the losses `mse`
and `ordinal`:

    scratch     random weights, grades alone
    transfer    begins with a network that has learned the views of the same sweeps (CACTUS, arXiv 2503.05604)
    multitask   random weights, views and grades at once
    frozen      as transfer, the head alone

Beside them: always the training mean, the same by view, one rater against the other, and what nobody can get below: the
error of the true grade, moved by what the raters add on average, against the consensus. The leaky split deals the same
frames out at random, to the classifier of views and to transfer with mse alike: a warning, never a result.

**One endpoint, named before the run**: mean squared error of test frames against the consensus, transfer with mse minus
rater against rater; the goal is not above zero. Intervals resample sweeps and seeds together, all arms alike, and allow
for so few seeds. Runs stay beside FILE.jsonl: a killed one goes on. Prints tables and, last, one line of JSON.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from grading_summary import summary
from methods_arms import BATCH, RESNET

import sslecho
from sslecho.data.relabel import labels_of_clips
from sslecho.data.store import Store
from sslecho.rundir import read_json

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish
from rows import Rows

FIRST_SEED = 10_000
ARMS = [(arm, loss) for arm in ("scratch", "transfer", "multitask", "frozen") for loss in ("mse", "ordinal")]
SPLIT = {"test": 0.35, "val": 0.15}
RATERS = ("rater_1", "rater_2")
RATE = 3e-3  # as label_efficiency.py has it from a development seed: few steps need a high one
TRUE = "true_grade"  # a column that is added to labels.csv, for scores alone
SCALE = (0, 10)


@dataclass(frozen=True)
class Size:
    """How large a run is.

    Args:
        sweeps, frames: of each seed, and of each sweep.
        steps: of each training.
    """

    sweeps: int = 48
    frames: int = 10
    steps: int = 200


QUICK = Size(sweeps=18, frames=4, steps=6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, help="what is done already; stores and runs are kept beside it")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="one seed, few sweeps, a few steps")
    given = parser.parse_args()
    size = QUICK if given.quick else Size()
    seeds = [FIRST_SEED + number for number in range(1 if given.quick else given.seeds)]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as nowhere:
        rows = Rows(given.rows or Path(nowhere) / "rows.jsonl")
        kept = rows.file.with_suffix(".kept")
        keys = {seed: json.dumps([seed, asdict(size), ARMS, SPLIT, RESNET, RATE], sort_keys=True) for seed in seeds}
        with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
            waiting = {
                pool.submit(one_seed, seed, kept / f"{seed}-{size.sweeps}-{size.frames}-{size.steps}", size): seed
                for seed in seeds
                if keys[seed] not in rows.done
            }
            for number, future in enumerate(as_completed(waiting), 1):
                rows.add({"key": keys[waiting[future]], **future.result()})
                print(f"{number} of {len(waiting)}: seed {waiting[future]}", file=sys.stderr, flush=True)
        found = [rows.done[keys[seed]] for seed in seeds]
    finish("grading", seeds=seeds, **summary(found))


def one_seed(seed: int, folder: Path, size: Size) -> dict[str, Any]:
    """All arms on one body, in this process, on one thread: the grade that each says of every test frame."""
    import torch

    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.redirect_stderr(io.StringIO()):
        labels = make_archive(seed, folder, size)
        store = make_store(folder / "by-sweep", labels, seed, by="sweep")
        found, said, views = _graded(store, labels, folder / "runs", ARMS, seed, size)
        apart = make_store(folder / "by-frame", without_sweeps(labels), seed, by="clip")
        leaky, _, _ = _graded(apart, None, folder / "leaky", [("transfer", "mse")], seed, size)
    return {
        "seed": seed,
        **found,
        "said": said,
        "said_views": views,
        "leaky": {name: leaky[name] for name in ("mse", "mse_constant", "view_accuracy")},
    }


def _graded(
    store: Store, labels: Path | None, folder: Path, arms: list[tuple[str, str]], seed: int, size: Size
) -> tuple[dict[str, Any], dict[str, list[float]], dict[str, list[str]]]:
    """Learn views and then grades; what is known of the test frames, what each arm says, and of which view."""
    how: dict[str, Any] = {"epochs": 1, "min_steps": size.steps, "patience": 30, "batch_size": BATCH, "lr": RATE}
    how |= {"policy": "echo", "device": "cpu", "workers": 1, "seed": seed}
    views = sslecho.finetune(store.path, folder / "views", from_="scratch", level="frame", **RESNET, **how)
    tested = [row for row in views.table.to_pylist() if row["split"] == "test" and row["label"] is not None]
    right = float(np.mean([row["prediction"] == row["label"] for row in tested]))
    said: dict[str, list[float]] = {}
    of_views: dict[str, list[str]] = {}
    frames: list[dict[str, Any]] = []
    result: dict[str, Any] = {}
    for arm, loss in arms:
        begins = {"encoder": str(folder / "views")} if arm in ("transfer", "frozen") else RESNET
        out = folder / f"{arm}-{loss}"
        # The head alone learns from embeddings that stand still: faster steps do it no harm.
        rate = {"lr": 1e-2} if arm == "frozen" else {}
        found = sslecho.grade(
            store.path, out, arm=arm, loss=loss, scale=SCALE, level="frame", **begins, **{**how, **rate}
        )
        frames = [row for row in found.table.to_pylist() if row["split"] == "test" and row["grade"] is not None]
        name = f"{arm}, {loss}"
        said[name] = [round(row["predicted_grade"], 4) for row in frames]
        if arm == "multitask":
            of_views[name] = [row["predicted_view"] for row in frames]
        result = read_json(out / "result.json")
    known = {
        "truth": [row["grade"] for row in frames],
        "views": [row["label"] for row in frames],
        "sweeps": [row["unit_id"] for row in frames],
        "constant": result["constant"],
        "constants": _means_by_view(store),
        "view_accuracy": right,
        "mse": result["mse"],
        "mse_constant": result["mse_constant"],
    }
    if labels is not None:
        for column in (*RATERS, TRUE):
            # A sweep all of whose frames have one value (Random) is told as a whole.
            clips, of_frames = labels_of_clips(labels, column=column, store=store)
            places = [(row["clip_id"], row["frame_index"]) for row in frames]
            known[column] = [float(of_frames.get(place) or clips[place[0]]) for place in places]
    return known, said, of_views


def _means_by_view(store: Store) -> dict[str, float]:
    """The training grades' mean of each view."""
    split, label, grade = (store.column(name, level="frame") for name in ("split", "label", "grade"))
    grade = np.array([np.nan if value is None else value for value in grade], float)
    train = (split == "train") & np.isfinite(grade)
    return {str(name): float(grade[train & (label == name)].mean()) for name in sorted(set(label[train]))}


def make_archive(seed: int, folder: Path, size: Size) -> Path:
    """The archive's labels.csv, with the true grade of each frame as a further column; made once."""
    labels = folder / "archive" / "labels.csv"
    done = folder / "archive" / "truth-added"
    if done.exists():
        return labels
    how = {"patients": size.sweeps, "frames": size.frames, "size": 128, "overlays": False, "workers": 1}
    sslecho.phantom(folder / "archive", kind="cactus", seed=seed, **how)
    rows = _rows_of(labels)
    courses: dict[str, list[float]] = {}
    for row in rows:
        if row["clip"] not in courses:
            record = read_json(folder / "archive.truth" / "clips" / f"{row['clip']}.json")
            courses[row["clip"]] = record["courses"]["grade"]
        row[TRUE] = f"{courses[row['clip']][int(row['frame'])]:.4f}"
    _write(labels, rows)
    done.touch()
    return labels


def without_sweeps(labels: Path) -> Path:
    """The same frames as pictures that nobody has told belong together."""
    out = labels.with_name("frames.csv")
    dropped = ("clip", "frame", "unit", "patient", "study", "split")
    _write(out, [{name: value for name, value in row.items() if name not in dropped} for row in _rows_of(labels)])
    return out


def make_store(path: Path, labels: Path, seed: int, *, by: str) -> Store:
    """The store of an archive, split by sweep or by picture; made once."""
    if path.exists():
        return Store.open(path)
    raw = path.with_name("unfinished")
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir()
    # Nothing is drawn outside the fan, so that no sector needs to be found.
    how = {"patient_from": "unknown", "sector": "off", "kinds": ("all",), "size": 64, "doubtful": "keep", "workers": 1}
    sslecho.ingest(labels.parent, raw / path.name, labels=str(labels), unit="sweep" if by == "sweep" else "clip", **how)
    sslecho.split(raw / path.name, by=by, seed=seed, overwrite=True, **SPLIT)
    for made in raw.iterdir():  # the store, and its key beside it
        made.rename(path.with_name(made.name))
    raw.rmdir()
    return Store.open(path)


def _rows_of(labels: Path) -> list[dict[str, str]]:
    with labels.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
