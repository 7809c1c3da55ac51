"""What the lines of `label_efficiency.py` come to: means with intervals, the declared differences, and a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sslecho.evaluate.resampling import Draws, draw
from sslecho.metrics.intervals import percentiles, too_few

FIGURE = Path(__file__).parents[2] / "docs" / "images" / "label_efficiency.png"
SAID = {"phantom": "Simulated hearts", "lung": "Real lungs", "breast": "Real breasts"}
COUNTED = {"phantom": "labeled patients of each class", "lung": "labeled patients", "breast": "labels of each class"}
ENDPOINT = {"phantom": "2", "lung": "8", "breast": "8"}
ALL = "all"
ARM, RIVAL = "finetune", "scratch"
GOAL = {"phantom": 0.15}
N_DRAWS = 2000


class Part:
    """One data set: macro F1 of every arm and number of labels, by seed and resampled.

    Test patients are resampled with all their clips, under whichever seeds they are tested; seeds as in
    `sslecho/evaluate/resampling.py`, which has the reasons. Draws of labels stay with their seed: their noise is in it.

    Args:
        lines: of the seeds; simulated patients of two seeds are two patients, real ones one.
    """

    def __init__(self, name: str, lines: Sequence[Mapping[str, Any]]):
        self.name, self.lines = name, lines
        names = [
            [f"{line['seed'] if name == 'phantom' else ''}:{unit}" for unit in line["units"]]
            for line in lines
        ]  # fmt: skip
        self.units, codes = np.unique(np.concatenate([np.array(of) for of in names]), return_inverse=True)
        self._units = np.split(codes, np.cumsum([len(of) for of in names])[:-1])
        self._draws: Draws = draw(len(self.units), len(lines), rng=np.random.default_rng(0), n_draws=N_DRAWS)
        self.arms = list(lines[0]["said"])
        self._found = {(arm, x): self._of(arm, x) for arm in self.arms for x in self.numbers(arm)}

    def numbers(self, arm: str) -> list[str]:
        """The numbers of labels that every seed has."""
        return [x for x in self.lines[0]["said"][arm] if all(x in line["said"][arm] for line in self.lines)]

    def mean(self, arm: str, x: str) -> tuple[float, np.ndarray]:
        """The mean over seeds, and its draws."""
        by_seed, drawn = self._found[arm, x]
        return float(by_seed.mean()), drawn

    def lead(self, arm: str, rival: str, x: str) -> tuple[float, float, float]:
        """How far an arm is above a rival, paired, with its interval."""
        (value, drawn), (other, of_other) = self.mean(arm, x), self.mean(rival, x)
        return value - other, *percentiles(drawn - of_other)

    def _of(self, arm: str, x: str) -> tuple[np.ndarray, np.ndarray]:
        by_seed, drawn = [], np.zeros(N_DRAWS)
        for line, units, share in zip(self.lines, self._units, self._draws.supports, strict=True):
            tables = [
                confusion(np.array(line["truth"]), np.array(answers), units, len(line["classes"]), len(self.units))
                for answers in line["said"][arm][x]
            ]
            by_seed.append(np.mean([macro_f1(table.sum(2, keepdims=True)) for table in tables]))
            drawn += share * np.mean([macro_f1(table @ self._draws.units) for table in tables], axis=0)
        return np.array(by_seed), drawn


def confusion(truth: np.ndarray, answers: np.ndarray, units: np.ndarray, n_classes: int, n_units: int) -> np.ndarray:
    """How many clips of each class [truth] got each answer, by patient: [classes, classes, patients]."""
    table = np.zeros((n_classes, n_classes, n_units))
    np.add.at(table, (truth, answers, units), 1)
    return table


def macro_f1(tables: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes that occur, in truth or in answers.

    Args:
        tables: [truth, answer, draws].
    """
    right = np.diagonal(tables).T  # [classes, draws]
    both = tables.sum(0) + tables.sum(1)
    return np.nanmean(np.divide(2 * right, both, out=np.full_like(right, np.nan), where=both > 0), axis=0)


def summary(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """What `finish` prints: a row an arm, differences, and sentences."""
    parts = [Part(name, lines) for name, lines in found.items()]
    points = [point for part in parts for point in points_of(part)]
    ratios: dict[str, Any] = {}
    goals = {}
    sentences = []
    for part in parts:
        x = ENDPOINT[part.name]
        for rival in (RIVAL, *(arm for arm in part.arms if arm not in (ARM, RIVAL))):
            value, low, high = part.lead(ARM, rival, x)
            key = f"{part.name}: {ARM} - {rival} at {x}"
            ratios[key] = {"ratio": round(value, 4), "lowest": round(low, 4), "highest": round(high, 4)}
            if rival.startswith(RIVAL) and part.name in GOAL:
                goals[key] = GOAL[part.name]
        sentences += _sentences(part, x)
    return {"rows": table(points), "ratios": ratios, "goals": goals, "points": points,
            "recommendation": {"text": sentences}}  # fmt: skip


def points_of(part: Part) -> list[dict[str, Any]]:
    """A point an arm and number of labels, and the warning."""
    points = []
    for arm in part.arms:
        for x in part.numbers(arm):
            value, drawn = part.mean(arm, x)
            low, high = percentiles(drawn.clip(0, 1))
            point = {"data": part.name, "arm": arm, "labels": x, "macro_f1": value, "low": low, "high": high}
            points.append(point | {"n_seeds": len(part.lines), "n_units": len(part.units)})
    leaky = [line["leaky"] for line in part.lines if line["leaky"] is not None]
    if leaky:
        points.append({"data": part.name, "arm": "leaky", "labels": ALL, "macro_f1": float(np.mean(leaky))})
    return points


def table(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same for people: a row an arm, a column a number of labels."""
    rows = []
    for data in dict.fromkeys(point["data"] for point in points):
        of_data = [point for point in points if point["data"] == data]
        for arm in dict.fromkeys(point["arm"] for point in of_data):
            said = "encoder, split by frames (leaky: a warning)" if arm == "leaky" else arm
            row: dict[str, Any] = {"data": data, "macro F1 of": said}
            for x in sorted({p["labels"] for p in points}, key=lambda x: (x == ALL, len(x), x)):
                point = next((p for p in of_data if (p["arm"], p["labels"]) == (arm, x)), None)
                row[x] = None if point is None else _with_interval(point)
            rows.append(row)
    return rows


def _with_interval(point: Mapping[str, Any]) -> str:
    ends = f" ({point['low']:.2f} to {point['high']:.2f})" if "low" in point else ""
    return f"{point['macro_f1']:.3f}{ends}"


def _sentences(part: Part, x: str) -> list[str]:
    value, low, high = part.lead(ARM, RIVAL, x)
    word = "better than" if low > 0 else "worse than" if high < 0 else "not shown to differ from"
    count = f"with {x} {COUNTED[part.name]}"
    lines = [
        f"{SAID[part.name]}, {count}: fine-tuning the pretrained encoder is {word} training from scratch, "
        f"{value:+.3f} macro F1 (95 %: {low:+.3f} to {high:+.3f})."
    ]
    if part.name in GOAL:
        leads = [part.lead(ARM, rival, x) for rival in part.arms if rival.startswith(RIVAL)]
        held = all(lead[1] > 0 for lead in leads)
        reached = all(lead[0] >= GOAL[part.name] for lead in leads)
        lines.append(
            f"Gate (above scratch with and without weights, intervals above zero): {'passed' if held else 'failed'}; "
            f"goal of {GOAL[part.name]:+.2f}: {'reached' if reached else 'not reached'}."
        )
    unit = "picture" if part.lines[0]["unit"] == "clip" else "patient"
    if (warning := too_few(len(part.units), unit=f"test {unit}")) is not None:
        lines.append(f"{SAID[part.name]}: {warning}.")
    if unit == "picture":
        lines.append(f"{SAID[part.name]}: patients are unknown, pictures are the unit: intervals are too narrow.")
    return lines


# Arm: color of Okabe and Ito's palette, marker, words.
LOOKS = {
    "finetune": ("#0072B2", "o", "pretrained, fine-tuned"),
    "encoder": ("#56B4E9", "s", "pretrained, probe"),
    "untrained": ("#767676", "D", "untrained, probe"),
    "pixels": ("#B0A000", "v", "pixels, probe"),
    "scratch": ("#D55E00", "^", "scratch, weighted loss"),
    "scratch-plain": ("#CC79A7", "P", "scratch"),
}


def plot(result: Mapping[str, Any], out: Path = FIGURE) -> None:
    """Macro F1 against labels, a panel a data set; points side by side, so that bars don't hide each other."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    points = result["points"]
    names = list(dict.fromkeys(point["data"] for point in points))
    figure, panels = plt.subplots(1, len(names), figsize=(1 + 4.1 * len(names), 4.4), sharey=True, squeeze=False)
    lines: dict[str, Any] = {}
    for axis, name in zip(panels[0], names, strict=True):
        of_data = [point for point in points if point["data"] == name]
        xs = sorted({p["labels"] for p in of_data}, key=lambda x: (x == ALL, len(x), x))
        axis.axvspan(xs.index(ENDPOINT[name]) - 0.42, xs.index(ENDPOINT[name]) + 0.42, color="#eef1f4", zorder=-2)
        for number, (arm, (color, marker, words)) in enumerate(LOOKS.items()):
            mine = [point for point in of_data if point["arm"] == arm]
            at = [xs.index(point["labels"]) + 0.11 * (number - (len(LOOKS) - 1) / 2) for point in mine]
            axis.vlines(at, [p["low"] for p in mine], [p["high"] for p in mine], color=color, lw=1.6, alpha=0.5)
            # What was measured at two numbers alone is no curve.
            style = "-" if len(mine) > 2 else "none"
            lines[words] = axis.plot(
                at, [p["macro_f1"] for p in mine], color=color, marker=marker, ms=5.5, ls=style, lw=1, zorder=3
            )[0]
        for point in of_data:
            if point["arm"] == "leaky":
                lines["warning: the probe, split by frames"] = axis.axhline(
                    point["macro_f1"], color="#333333", ls=(0, (1, 2)), lw=1.2, zorder=0
                )
        axis.set_xticks(range(len(xs)), xs)
        axis.set_xlabel(COUNTED[name], fontsize=9)
        axis.set_title(SAID[name], fontsize=11, loc="left")
        axis.set_ylim(0, 1)
        axis.grid(axis="y", color="#e8e8e8", zorder=-3)
        axis.tick_params(length=0, labelsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    panels[0, 0].set_ylabel("macro F1 of clips, test patients", fontsize=9)
    figure.legend(lines.values(), lines.keys(), loc="lower center", ncols=4, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    figure.savefig(out, dpi=150, metadata={"Software": None})
