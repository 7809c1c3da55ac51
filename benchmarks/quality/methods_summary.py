"""What the lines of `methods.py` come to: a table, a recommendation by rule, and a figure."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from methods_arms import ARMS
from methods_scores import Scored, draws, values

from sslecho.metrics.intervals import percentiles, too_few
from sslecho.rundir import commit

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import machine

FIGURE = Path(__file__).parents[2] / "docs" / "images" / "methods.png"
ENDPOINT = "knn"
# The simplest first: no second network, no queue, no schedule of its own. A tie goes to whoever stands first.
SIMPLEST = ("simclr", "vicreg", "barlowtwins", "byol", "mocov3", "swav", "dino", "mae")
# What else is chosen: the flag, and what each of its values is called among the arms. The first is what stands now.
CHOICES = {
    "policy": {"the organ's own": "simclr", "simclr": "simclr, preset simclr"},
    "positives": {
        "frame": "simclr",
        "clip": "simclr, positives of the clip",
        "clip within 1 s": "simclr, positives within 1 s",
    },
    "batches": {"frames": "simclr", "clips": "simclr, batches of clips"},
}
SAID = {"phantom": "simulated hearts (12 views)", "lung": "real lungs (3 classes)"}


@dataclass(frozen=True)
class Part:
    """One data set's arms, those that were done under every seed.

    Args:
        by_seed: metric to [seeds, arms].
        drawn: metric to [draws, arms], paired.
    """

    name: str
    arms: list[str]
    by_seed: dict[str, np.ndarray]
    drawn: dict[str, np.ndarray]
    n_patients: int

    def column(self, arm: str) -> int:
        return self.arms.index(arm)

    def difference(self, a: str, b: str, metric: str = ENDPOINT) -> tuple[float, np.ndarray]:
        """Mean over seeds of a minus b, and its draws."""
        i, j = self.column(a), self.column(b)
        by_seed, drawn = self.by_seed[metric], self.drawn[metric]
        return float((by_seed[:, i] - by_seed[:, j]).mean()), drawn[:, i] - drawn[:, j]


def part_of(name: str, rows: Sequence[Mapping[str, Any]]) -> Part:
    """The lines of one data set, seeds beneath each other."""
    seeds = sorted({row["seed"] for row in rows})
    by_arm = {arm: [row for row in rows if row["arm"] == arm and "answers" in row] for arm in ARMS}
    arms = [arm for arm, lines in by_arm.items() if len(lines) == len(seeds)]
    by_seed, drawn = {}, {}
    tested: list[Scored] = []
    for metric in ("knn", "probe", "few"):
        tested = []
        for seed in seeds:
            lines = [next(row for row in by_arm[arm] if row["seed"] == seed) for arm in arms]
            truth = np.array(lines[0]["truth"])
            right = np.stack([np.array(line["answers"][metric]) == truth for line in lines], axis=1)
            # A simulated patient belongs to a seed; a real one is the same under all.
            names = [f"{seed if name == 'phantom' else ''}:{patient}" for patient in lines[0]["patients"]]
            assert all(line["patients"] == lines[0]["patients"] for line in lines)
            tested.append(Scored(truth, np.array(names), right))
        by_seed[metric] = values(tested)
        drawn[metric] = draws(tested, rng=np.random.default_rng(0))
    n_patients = len(set(np.concatenate([seed.patients for seed in tested])))
    return Part(name, arms, by_seed, drawn, n_patients)


def points(part: Part, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A line an arm: means over seeds, intervals over seeds and patients, and what it cost."""
    found = []
    for k, arm in enumerate(part.arms):
        point: dict[str, Any] = {"data": part.name, "arm": arm, "kind": ARMS[arm].kind}
        for metric in part.by_seed:
            low, high = percentiles(part.drawn[metric][:, k])
            point |= {metric: float(part.by_seed[metric][:, k].mean()), f"{metric}_low": low, f"{metric}_high": high}
            point[f"{metric}_by_seed"] = [round(float(value), 3) for value in part.by_seed[metric][:, k]]
        for other in ("simclr", "untrained"):
            if other in part.arms:
                difference, drawn = part.difference(arm, other)
                low, high = percentiles(drawn)
                point |= {f"over_{other}": difference, f"over_{other}_low": low, f"over_{other}_high": high}
        trained = [row for row in rows if row["arm"] == arm and "epochs" in row]
        if trained:
            point |= {name: mean(row[name] for row in trained) for name in ("core_s", "epochs", "frames")}
            point["lr"] = trained[0]["lr"]
        found.append(point)
    return sorted(found, key=lambda point: -point[ENDPOINT])


def table(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same for people."""

    def said(point: Mapping[str, Any], name: str, sign: str = "") -> str | None:
        if name not in point:
            return None
        return f"{point[name]:{sign}.3f} ({point[f'{name}_low']:{sign}.3f} to {point[f'{name}_high']:{sign}.3f})"

    return [
        {
            "data": point["data"],
            "arm": point["arm"] + (" *" if point["kind"] == "labels" else ""),
            "5-NN": said(point, "knn"),
            "over untrained": None if point["arm"] == "untrained" else said(point, "over_untrained", "+"),
            "over simclr": None if point["arm"] == "simclr" else said(point, "over_simclr", "+"),
            "probe, all labels": said(point, "probe"),
            "probe, 5 patients a class": said(point, "few"),
            "rate": f"{point['lr']:.0e}" if "lr" in point else None,
            "epochs": f"{point['epochs']:.0f}" if "epochs" in point else None,
            "frames seen": f"{point['frames']:,.0f}" if "frames" in point else None,
            "core seconds": f"{point['core_s']:.0f}" if "core_s" in point else None,
        }
        for point in lines
    ]


def recommendation(parts: Sequence[Part]) -> dict[str, Any]:
    """The default method, policy and positives, by a rule that was fixed before the run.

    The best method without labels is that with the highest endpoint averaged over the data sets; a simpler one that
    it does not beat, the interval of their difference holding 0, is taken in its place. Policy and positives stay as
    they are, unless another value is better by more than the interval.
    """

    def over(a: str, b: str) -> tuple[float, float, float]:
        differences = [part.difference(a, b) for part in parts if {a, b} <= set(part.arms)]
        low, high = percentiles(np.mean([drawn for _, drawn in differences], axis=0))
        return mean(value for value, _ in differences), low, high

    def everywhere(arm: str) -> bool:
        return all(arm in part.arms for part in parts)

    methods = [arm for arm in SIMPLEST if everywhere(arm)]
    best = max(methods, key=lambda arm: mean(p.by_seed[ENDPOINT][:, p.column(arm)].mean() for p in parts))
    method = next(arm for arm in methods if arm == best or over(best, arm)[1] <= 0)
    chosen: dict[str, Any] = {"best": best, "method": method}
    lines = [f"Best on average without labels: `{best}`."]
    if method != best:
        lines.append(f"`{method}` is simpler and not worse beyond chance ({_said(over(method, best))} to `{best}`).")
    lines.append(f"**Method: `{method}`.**")
    for flag, arms in CHOICES.items():
        (stands, base), *others = arms.items()
        chosen[flag] = stands
        for value, arm in others:
            compared = [SAID[part.name] for part in parts if {arm, base} <= set(part.arms)]
            if not compared:
                continue
            difference = over(arm, base)
            # What was tried on some of the data alone can't become the default of all.
            better = difference[1] > 0 and everywhere(arm)
            if better:
                chosen[flag] = value
            verdict = "change" if better else "keep"
            lines.append(
                f"`{flag}` on {' and '.join(compared)}: {value} against {stands} {_said(difference)}: {verdict}."
            )
    for part in parts:
        for other in ("untrained", "pixels", "supervised"):
            if other in part.arms:
                value, drawn = part.difference(method, other)
                lines.append(f"`{method}` over {other} on {SAID[part.name]}: {_said((value, *percentiles(drawn)))}.")
    for part in parts:
        if (warning := too_few(part.n_patients, unit="patient")) is not None:
            lines.append(f"{SAID[part.name]}: {warning}.")
    return {**chosen, "text": lines}


def _said(difference: tuple[float, float, float]) -> str:
    value, low, high = difference
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def finish(rows: Sequence[Mapping[str, Any]], *, seeds: Sequence[int], budget_s: float) -> None:
    """Print table, recommendation and, last, one line of JSON."""
    names = list(dict.fromkeys(row["part"] for row in rows))
    of_part = {name: [row for row in rows if row["part"] == name] for name in names}
    parts = [part_of(name, lines) for name, lines in of_part.items()]
    lines = [point for part in parts for point in points(part, of_part[part.name])]
    shown = table(lines)
    widths = {column: max(len(column), *(len(str(row[column] or "")) for row in shown)) for column in shown[0]}
    for row in [{column: column for column in widths}, *shown]:
        print("  ".join(str(row[column] or "").ljust(width) for column, width in widths.items()))
    failed = sorted({f"{row['arm']} on {row['part']}: {row['failed']}" for row in rows if "failed" in row})
    advice = recommendation(parts)
    advice["text"] += [f"Failed: {line}." for line in failed]
    print("\n".join(advice["text"]))
    ratios = {
        f"{advice['method']}_minus_{other}_{part.name}": {
            "mean": part.difference(advice["method"], other)[0],
            "by_seed": [
                round(float(line[part.column(advice["method"])] - line[part.column(other)]), 3)
                for line in part.by_seed[ENDPOINT]
            ],
        }
        for part in parts
        for other in ("untrained", "pixels", "supervised")
    }
    kept = ("truth", "patients", "answers", "key", "failed")
    print(
        json.dumps(
            {
                "name": "methods",
                "commit": commit(),
                "machine": machine(),
                "seeds": list(seeds),
                "budget_s": budget_s,
                "patients": {part.name: part.n_patients for part in parts},
                "ratios": ratios,
                "recommendation": advice,
                "means": shown,
                "points": lines,
                "rows": [{name: value for name, value in row.items() if name not in kept} for row in rows],
            }
        )
    )


# Okabe and Ito's palette, which color-blind readers tell apart; shapes say the same.
LOOKS = {
    "method": ("#0072B2", "o", "method, no labels"),
    "variant": ("#56B4E9", "D", "variant of simclr"),
    "vit": ("#009E73", "s", "ViT, no labels"),
    "labels": ("#D55E00", "^", "knows the training labels"),
    "reference": ("#767676", "x", "learns nothing"),
}
LINES = {"untrained": "--", "pixels": ":", "supervised": "-"}


def plot(result: Mapping[str, Any], out: Path = FIGURE) -> None:
    """The endpoint of every arm with its interval, the data sets side by side; the best on average on top."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    lines = result["points"]
    parts = list(dict.fromkeys(point["data"] for point in lines))
    arms = list(dict.fromkeys(point["arm"] for point in lines))
    arms.sort(key=lambda arm: mean(point[ENDPOINT] for point in lines if point["arm"] == arm))
    figure, panels = plt.subplots(
        1, len(parts), figsize=(1 + 4.6 * len(parts), 1.6 + 0.28 * len(arms)), sharey=True, squeeze=False
    )
    labels: dict[str, Any] = {}
    for axis, part in zip(panels[0], parts, strict=True):
        for point in (point for point in lines if point["data"] == part):
            y, (color, marker, name) = arms.index(point["arm"]), LOOKS[point["kind"]]
            axis.plot([point[f"{ENDPOINT}_low"], point[f"{ENDPOINT}_high"]], [y, y], color=color, lw=2, alpha=0.55)
            labels[name] = axis.plot(point[ENDPOINT], y, marker, color=color, ms=6.5, ls="none", zorder=3)[0]
            if point["arm"] in LINES:
                style = {"color": color, "ls": LINES[point["arm"]], "lw": 1, "alpha": 0.8, "zorder": 0}
                labels[f"level of {point['arm']}"] = axis.axvline(point[ENDPOINT], **style)
        axis.set_title(SAID[part], fontsize=11, loc="left")
        axis.set_xlabel("balanced accuracy of clips, 5 neighbors", fontsize=9)
        axis.set_yticks(range(len(arms)), arms, fontsize=9)
        axis.tick_params(axis="x", labelsize=9)
        axis.tick_params(length=0)
        axis.grid(axis="y", color="#eeeeee", zorder=-1)
        axis.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(labels.values(), labels.keys(), loc="lower center", ncols=4, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    figure.savefig(out, dpi=150, metadata={"Software": None})
