"""Do networks of clips see what frames don't show, and does uncertainty know a ruined frame?

    python benchmarks/quality/view.py --rows FILE.jsonl [--seeds 5] [--parts echo,motion,planted] [--data DIR] [--quick]

Small networks (timm's test_resnet at 32 pixels, test_vit at 64 for divided), trained from scratch with `sslecho.view`
on one thread, all alike but for the architecture; patients apart. **Mechanism only** where pictures are simulated: no
figure of theirs stands beside a published one.

- echo: the twelve moving views. Accuracy of single windows and of clips, by the clip's mean grade. Of `frame` a window
  is a frame; endpoint: clip minus frame of that architecture.
- motion: all pairs in one network, scored within each pair. **Endpoint, named before the run**: on the three pairs
  with equal frames, each temporal architecture minus `frame` with its vote, of which .10 is wanted; `frame` at chance.
  On the levels, accuracy against the least error from a frame (`phantom/motion/bayes.py`).
- planted: clips of 8 segments of which 4 are ruined (`view_data.py`), frame + Re-EDL, selective sampling and its
  ablation epsilon = 1. Gates on the mechanism: correlation of u and quality at most -.80, good segments drawn more
  often than half, sums of evidence above the vote. Accuracy with and without selection is told, and no gate.
- lung: `../shared/data/pocus_lung` by patient, needs --data: every architecture in one table.

R(2+1)D and MC3 are torchvision's, a hundred times as large as the others: they get a fifth of the steps, and the table
says so. Intervals resample patients and seeds together. Each line stands in FILE.jsonl when it is done, and stores are
kept beside it: a killed run goes on. Estimated, not measured: ten to fifteen minutes of a core a seed for the simulated
parts, of which drawing takes three. Prints tables and, last, one line of JSON.
"""

import argparse
import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from methods_arms import RESNET, VIT
from view_data import made

import sslecho
from sslecho.metrics.intervals import percentiles

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import finish
from rows import Rows

FIRST_SEED, DRAWS = 10_000, 1000
BINS = (0, 2, 4, 6, 8, 10)  # of grades; the upper edge is inside
ARCHS = ("frame", "lstm", "gru", "attention", "r2plus1d", "mc3", "divided", "stfm")
PLANTED = {"selective": 0.2, "epsilon 1": 1.0}
PAIRS = {
    "tube": ("tube_breath", "tube_heart"),
    "lung": ("lung_sliding", "lung_still"),
    "tilt": ("tilt_up", "tilt_down"),
    "level": ("level_mitral", "level_papillary"),
}
EQUAL = ("tube", "lung", "tilt")
# Windows a step: `frame` gets as many as make up for its single frames, or nearly.
BATCH, FRAME_BATCH = 16, 64
STEPS = {"echo": 100, "motion": 200, "lung": 100}
# torchvision's networks of 18 layers have no small form: a step of theirs takes ten times as long.
LARGE, LARGE_SHARE = ("r2plus1d", "mc3"), 0.2
WINDOW = {"echo": (5, 1), "motion": (8, 2), "lung": (5, 2)}  # frames and stride
POLICY = {"echo": "echo", "motion": "none", "lung": "lung"}  # a turned or stretched tilt is another tilt
PLANTED_EPOCHS = 60


def learned(part: str, arm: str, seed: int, path: Path, *, steps: int) -> dict[str, Any]:
    """Train one arm and name the test clips, in this process, on one thread."""
    import torch

    torch.set_num_threads(1)
    how: dict[str, Any] = {
        "from_": "scratch", "seed": seed, "device": "cpu", "workers": 1, "lr": 1e-3, "windows": 8, "patience": 30
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as name, contextlib.redirect_stderr(io.StringIO()):
        if part == "planted":
            return _planted(path, Path(name) / "v", how, epsilon=PLANTED[arm], epochs=max(6, steps))
        frames, stride = WINDOW[part]
        how |= {**(VIT if arm == "divided" else RESNET), "arch": arm, "frames": frames, "stride": stride}
        steps = max(1, round(steps * LARGE_SHARE)) if arm in LARGE else steps
        how |= {"epochs": 1, "min_steps": steps, "batch_size": FRAME_BATCH if arm == "frame" else BATCH}
        how |= {"policy": POLICY[part], "aggregate": "vote" if arm == "frame" else "mean"}
        if arm == "stfm":
            how |= {"loss": "re-edl", "aggregate": "evidence"}
        found = sslecho.view(path, Path(name) / "v", **how)
        return _said(path, Path(name) / "v", found)


def _said(path: Path, run: Path, found: Any) -> dict[str, Any]:
    """Of each test clip truth, probabilities, patient, mean grade, and the share of its windows that are right."""
    from sslecho.metrics.aggregation import of_windows
    from sslecho.tasks.viewer import Viewer

    store, model = sslecho.Store.open(path), Viewer.load(run)
    logits, centers = model.logits(store)
    p = of_windows(logits, evidential=model.looking.evidential, prior=model.looking.prior).probabilities
    clip = store.clip_of_frame[centers]
    names = np.array(model.classes)
    right = (names[p.argmax(1)] == store.column("label")[clip]).astype(float)
    share = np.bincount(clip, weights=right) / np.bincount(clip)
    grades = [np.nan if grade is None else float(grade) for grade in store.column("grade", level="frame")]
    grade = np.bincount(store.clip_of_frame, weights=grades) / np.bincount(store.clip_of_frame)
    rows = found.table.to_pylist()
    tested = [n for n, row in enumerate(rows) if row["split"] == "test" and row["label"] in model.classes]
    return {
        "steps": found.scores["steps"],
        "classes": list(model.classes),
        "truth": [rows[n]["label"] for n in tested],
        "answers": [rows[n]["prediction"] for n in tested],
        "probabilities": [np.round(rows[n]["probabilities"], 4).tolist() for n in tested],
        "patients": [rows[n]["unit_id"] for n in tested],
        "grade": [None if np.isnan(grade[n]) else round(float(grade[n]), 3) for n in tested],
        "windows_right": share[tested].round(4).tolist(),
        "parameters": found.scores["parameters"],
    }


def _planted(path: Path, run: Path, how: dict[str, Any], *, epsilon: float, epochs: int) -> dict[str, Any]:
    from sslecho.metrics.aggregation import aggregate, of_windows
    from sslecho.tasks import view as task
    from sslecho.tasks.viewer import Viewer

    store = sslecho.Store.open(path)
    good = np.array(store.column("grade", level="frame"), dtype=float)
    drawn, draw = [], task.DrawnWindows.draw

    def noted(self: Any, **given: Any) -> Any:
        found = draw(self, **given)
        drawn.append(good[found].mean())
        return found

    task.DrawnWindows.draw = noted  # pyright: ignore[reportAttributeAccessIssue]
    try:
        found = sslecho.view(
            path, run, **how, **RESNET, arch="frame", loss="re-edl", balance="none", sampling="selective",
            epsilon=epsilon, epochs=epochs, min_steps=1, batch_size=30, policy="none", aggregate="evidence",
            most_frames=10_000,
        )  # fmt: skip
    finally:
        task.DrawnWindows.draw = draw
    model = Viewer.load(run)
    logits, centers = model.logits(store)
    clip, split = store.clip_of_frame[centers], store.column("split")
    at = split[clip] == "test"
    u = of_windows(logits, evidential=True).uncertainty
    labels, names = store.column("label"), np.array(model.classes)
    answers = {}
    for by in ("vote", "mean", "evidence", "min-uncertainty"):
        said = aggregate(logits, clip, store.clips.num_rows, how=by, evidential=True)
        answers[by] = (names[said.answer] == labels)[split == "test"].astype(int).tolist()
    return {
        "correlation": float(np.corrcoef(u[at], good[centers][at])[0, 1]),
        "good_drawn": float(np.mean(drawn[5:])),
        "right": answers,
        "patients": store.column("unit_id")[split == "test"].tolist(),
        "accuracy": found.scores["accuracy"],
    }


def resampled(lines: Sequence[dict[str, Any]], figure: Callable[[Sequence[tuple[dict, np.ndarray]]], Any]) -> Any:
    """A figure of all seeds and its draws: seeds, and the patients of each, are drawn with replacement.

    Args:
        figure: takes pairs of a seed's lines and a weight of each of its clips.
    """
    rng = np.random.default_rng(0)
    codes = [np.unique(line["patients"], return_inverse=True)[1] for line in lines]
    whole = figure([(line, np.ones(len(code))) for line, code in zip(lines, codes, strict=True)])
    drawn = []
    for _ in range(DRAWS):
        part = []
        for at in rng.integers(len(lines), size=len(lines)):
            n = int(codes[at].max()) + 1
            part.append((lines[at], np.bincount(rng.integers(n, size=n), minlength=n)[codes[at]].astype(float)))
        drawn.append(figure(part))
    return whole, np.array(drawn, dtype=float)


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    return float((values * weights).sum() / weights.sum()) if weights.sum() else float("nan")


def _interval(name: str, whole: float, drawn: np.ndarray) -> dict[str, float]:
    low, high = percentiles(drawn) if np.isfinite(drawn).any() else (float("nan"),) * 2
    return {name: round(whole, 3), "low": round(low, 3), "high": round(high, 3)}


def clip_rows(part: str, found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Of each architecture the accuracy of windows, of clips, and what clips gain; in all and by grade."""
    rows = []
    for arch, lines in found.items():
        has_grades = part == "echo"
        bins = [None, *zip(BINS[:-1], BINS[1:], strict=True)] if has_grades else [None]
        for edges in bins:

            def figures(pairs: Any, edges: Any = edges) -> list[float]:
                clips, windows = [], []
                for line, weights in pairs:
                    inside = np.ones(len(weights))
                    if edges is not None:
                        grade = np.array(line["grade"], dtype=float)
                        inside = ((grade > edges[0]) | ((edges[0] == 0) & (grade == 0))) & (grade <= edges[1])
                    right = np.array(line["answers"]) == np.array(line["truth"])
                    clips.append(_mean(right, weights * inside))
                    windows.append(_mean(np.array(line["windows_right"]), weights * inside))
                clip, window = (float(np.nanmean(v)) if np.isfinite(v).any() else np.nan for v in (clips, windows))
                return [window, clip, clip - window]

            whole, drawn = resampled(lines, figures)
            row = {"part": part, "arch": arch, "which": "all" if edges is None else f"grade {edges[0]}-{edges[1]}"}
            for k, name in enumerate(("window", "clip", "gain")):
                said = _interval(name, whole[k], drawn[:, k])
                row |= {name: said[name], f"{name}_low": said["low"], f"{name}_high": said["high"]}
            rows.append({**row, "parameters": lines[0]["parameters"], "steps": lines[0]["steps"]})
    return rows


def motion_rows(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Within each pair the accuracy of each architecture and its lead over frames that vote, paired."""
    both = [
        {"patients": lines[0]["patients"], "truth": lines[0]["truth"], "right": dict(zip(found, rights, strict=True))}
        for lines in zip(*found.values(), strict=True)
        for rights in [[_right_in_pair(line) for line in lines]]
    ]
    rows = []
    for pair in (*PAIRS, "equal frames"):
        classes = [name for p in (EQUAL if pair == "equal frames" else (pair,)) for name in PAIRS[p]]

        def figures(pairs: Any, classes: list[str] = classes) -> list[float]:
            accuracies = np.array(
                [
                    [_mean(line["right"][arch], weights * np.isin(line["truth"], classes)) for arch in found]
                    for line, weights in pairs
                ]
            ).mean(0)
            return [*accuracies, *(accuracies - accuracies[0])]

        whole, drawn = resampled(both, figures)
        for k, arch in enumerate(found):
            said, lead = (_interval(n, whole[j], drawn[:, j]) for n, j in (("clip", k), ("lead", len(found) + k)))
            row = {"part": "motion", "arch": arch, "which": pair, "clip": said["clip"], "clip_low": said["low"]}
            row |= {"clip_high": said["high"], "lead": lead["lead"], "lead_low": lead["low"], "lead_high": lead["high"]}
            rows.append(row)
    return rows


def _right_in_pair(line: dict[str, Any]) -> np.ndarray:
    """Whether the likelier of a clip's own pair is its class."""
    place = {name: code for code, name in enumerate(line["classes"])}
    other = {a: b for pair in PAIRS.values() for a, b in (pair, pair[::-1])}
    p = np.array(line["probabilities"])
    at = np.arange(len(p))
    own, rival = ([place[name] for name in names] for names in (line["truth"], [other[n] for n in line["truth"]]))
    # Equal ones count half, so that a network that says nothing is at chance.
    return np.where(p[at, own] == p[at, rival], 0.5, p[at, own] > p[at, rival])


def planted_rows(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Of each arm the mechanism's figures by seed in the mean, and the lead of evidence over the vote."""
    rows = []
    for arm, lines in found.items():

        def figures(pairs: Any) -> list[float]:
            means = {
                by: np.mean([_mean(np.array(line["right"][by]), weights) for line, weights in pairs])
                for by in ("vote", "mean", "evidence", "min-uncertainty")
            }
            return [*means.values(), means["evidence"] - means["vote"]]

        whole, drawn = resampled(lines, figures)
        low, high = percentiles(drawn[:, 4])
        rows.append(
            {
                "part": "planted",
                "arch": arm,
                "correlation": round(float(np.mean([line["correlation"] for line in lines])), 3),
                "weakest": round(max(line["correlation"] for line in lines), 3),
                "good_drawn": round(float(np.mean([line["good_drawn"] for line in lines])), 3),
                "least_drawn": round(min(line["good_drawn"] for line in lines), 3),
                **{by: round(float(whole[k]), 3) for k, by in enumerate(("vote", "mean", "evidence", "min_u"))},
                "lead": round(float(whole[4]), 3),
                "lead_low": round(low, 3),
                "lead_high": round(high, 3),
            }
        )
    return rows


def ratios_of(tables: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The endpoints of the parts that were run."""
    ratios: dict[str, Any] = {}
    if "echo" in tables:
        frame = next(row for row in tables["echo"] if row["arch"] == "frame" and row["which"] == "all")
        ratios["echo: clip - frame"] = {
            "ratio": frame["gain"], "lowest": frame["gain_low"], "highest": frame["gain_high"]
        }  # fmt: skip
    if "motion" in tables:
        from sslecho.phantom.motion import bayes

        for row in tables["motion"]:
            if row["which"] == "equal frames":
                name = "frame, vote" if row["arch"] == "frame" else f"{row['arch']} - frame"
                key = "clip" if row["arch"] == "frame" else "lead"
                ratios[f"motion, equal frames: {name}"] = {
                    "ratio": row[key], "lowest": row[f"{key}_low"], "highest": row[f"{key}_high"]
                }  # fmt: skip
        ratios["motion, levels: best accuracy from a frame's level"] = 1 - bayes.frame_bayes_error()
        ratios["motion, levels: best accuracy from a clip"] = 1 - bayes.clip_bayes_error()
    for row in tables.get("planted", []):
        ratios[f"planted, {row['arch']}: correlation of u and quality, weakest seed"] = row["weakest"]
        ratios[f"planted, {row['arch']}: good segments drawn, least seed"] = row["least_drawn"]
        ratios[f"planted, {row['arch']}: evidence - vote"] = {
            "ratio": row["lead"], "lowest": row["lead_low"], "highest": row["lead_high"]
        }  # fmt: skip
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, help="what is done already; stores are kept beside it")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--patients", type=int, default=32, help="simulated; half of them to learn from")
    parser.add_argument("--parts", default="echo,motion,planted")
    parser.add_argument("--archs", default=",".join(ARCHS))
    parser.add_argument("--data", type=Path, help="the folder of the lung data; adds that part")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true", help="one seed, few patients, few steps")
    given = parser.parse_args()
    parts = [*given.parts.split(","), *(["lung"] if given.data else [])]
    archs = given.archs.split(",")
    n_seeds, patients = (1, 8) if given.quick else (given.seeds, given.patients)
    seeds = [FIRST_SEED + number for number in range(n_seeds)]
    steps = {part: 3 if given.quick else STEPS.get(part, PLANTED_EPOCHS) for part in parts}
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as nowhere:
        rows = Rows(given.rows or Path(nowhere) / "rows.jsonl")
        kept = rows.file.with_suffix(".stores")
        kept.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
            # The planted clips are made of those of echo, which then are there.
            wanted = [(part, seed) for part in sorted(parts) for seed in seeds]
            paths: dict[tuple[str, int], Path] = {}
            for stage in ([w for w in wanted if w[0] != "planted"], [w for w in wanted if w[0] == "planted"]):
                jobs = [(part, seed, kept, patients, given.data) for part, seed in stage]
                paths |= dict(zip(stage, pool.map(_made, jobs), strict=True))
            work = [
                (part, arm, seed)
                for seed in seeds
                for part in parts
                for arm in (PLANTED if part == "planted" else archs)
            ]
            keys = {job: f"{job} {patients} {steps[job[0]]}" for job in work}
            waiting = {
                pool.submit(learned, *job, paths[job[0], job[2]], steps=steps[job[0]]): job
                for job in work
                if keys[job] not in rows.done
            }
            for number, future in enumerate(as_completed(waiting), 1):
                job = waiting[future]
                rows.add({"key": keys[job], **future.result()})
                print(f"{number} of {len(waiting)}: {job}", file=sys.stderr, flush=True)
        tables = {}
        for part in parts:
            arms = list(PLANTED) if part == "planted" else archs
            found = {arm: [rows.done[keys[part, arm, seed]] for seed in seeds] for arm in arms}
            tables[part] = (
                planted_rows(found)
                if part == "planted"
                else motion_rows(found)
                if part == "motion"
                else clip_rows(part, found)
            )
    ratios = ratios_of(tables)
    finish("view_quality", ratios=ratios, rows=[row for table in tables.values() for row in table], seeds=seeds)


def _made(job: tuple[str, int, Path, int, Path | None]) -> Path:
    part, seed, kept, patients, lung = job
    with contextlib.redirect_stderr(io.StringIO()):
        return made(part, seed, kept, patients=patients, lung=lung)


if __name__ == "__main__":
    main()
