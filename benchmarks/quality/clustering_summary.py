"""What the lines of `clustering.py` come to: means, intervals over seeds and patients, the gate, and a figure."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from clustering_arms import ARMS, TIMES
from methods_scores import Scored, draws, values

from sslecho.metrics.intervals import percentiles, too_few
from sslecho.rundir import commit

sys.path.append(str(Path(__file__).parents[1] / "speed"))
from measure import machine

FIGURE = Path(__file__).parents[2] / "docs" / "images" / "clustering.png"
GATE, GATE_ARM, GATE_SET = 0.92, "fusc", ("fetal", "hidden", "without other")
RIGHTS = {"transfer_purity": "transfer", "purity": "purity", "accuracy": "accuracy"}
HELD_AGAINST = ("kmeans", "fusc, as published", "pixels, kmeans", "untrained, kmeans")
SAID = {"fetal": "simulated fetal planes", "lung": "real lungs", "breast": "real breasts"}
Set = tuple[str, str, str]  # data, fan, variant


def points(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A line for each set, number of clusters and arm: means over seeds, and intervals over seeds and patients.

    `over_ARM` is transfer purity minus that of ARM, paired. NMI has no interval: its seeds are told. Arms that failed
    under a seed are left out.
    """
    found = []
    for which in dict.fromkeys((row["data"], row["fan"], row["variant"]) for row in rows):
        of_set = [row for row in rows if (row["data"], row["fan"], row["variant"]) == which]
        seeds = sorted({row["seed"] for row in of_set})
        lines = {
            arm: [row for seed in seeds for row in of_set if (row["arm"], row["seed"]) == (arm, seed)] for arm in ARMS
        }
        done = {arm: own for arm, own in lines.items() if own and all("results" in row for row in own)}
        for place, times in enumerate(TIMES):
            found += _of_k({arm: own for arm, own in done.items() if ARMS[arm].method}, which, place, times)
        if "linear probe" in done:
            found.append(_of_probe(done["linear probe"], which))
    return found


def _of_k(lines: Mapping[str, Sequence[Mapping[str, Any]]], which: Set, place: int, times: int) -> list[dict[str, Any]]:
    arms = list(lines)
    if not arms:
        return []
    by_seed, drawn = {}, {}
    for metric, name in RIGHTS.items():
        tested = []
        for rows in zip(*lines.values(), strict=True):
            assert all(row["patients"] == rows[0]["patients"] for row in rows)
            # A simulated patient belongs to a seed; a real one is the same under all.
            prefix = str(rows[0]["seed"]) if which[0] == "fetal" else ""
            patients = np.array([f"{prefix}:{patient}" for patient in rows[0]["patients"]])
            right = np.stack([np.array(row["results"][place]["right"][name]) for row in rows], axis=1)
            # One class holds all items, so that the mean over classes is the mean over items.
            tested.append(Scored(np.zeros(len(patients), int), patients, right))
        by_seed[metric] = values(tested)
        drawn[metric] = draws(tested, rng=np.random.default_rng(0))
    found = []
    for column, arm in enumerate(arms):
        results = [row["results"][place] for row in lines[arm]]
        point: dict[str, Any] = {
            **dict(zip(("data", "fan", "variant"), which, strict=True)),
            "arm": arm,
            "kind": ARMS[arm].kind,
            "times": times,
            "k": results[0]["k"],
            "n_patients": min(row["n_patients"] for row in lines[arm]),
        }
        for metric in RIGHTS:
            low, high = percentiles(drawn[metric][:, column])
            own = by_seed[metric][:, column]
            point |= {metric: float(own.mean()), f"{metric}_low": low, f"{metric}_high": high}
            point[f"{metric}_by_seed"] = [round(float(value), 3) for value in own]
        for name in ("nmi", "purity_chance", "inverse_purity", "coverage", "clusters_used"):
            point[name] = mean(row[name] for row in results)
        point["nmi_by_seed"] = [round(row["nmi"], 3) for row in results]
        for other in HELD_AGAINST:
            if other in arms and other != arm:
                at = arms.index(other)
                difference = by_seed["transfer_purity"][:, column] - by_seed["transfer_purity"][:, at]
                low, high = percentiles(drawn["transfer_purity"][:, column] - drawn["transfer_purity"][:, at])
                point |= {f"over_{other}": float(difference.mean())}
                point |= {f"over_{other}_low": low, f"over_{other}_high": high}
                point[f"over_{other}_by_seed"] = [round(float(value), 3) for value in difference]
        found.append(point)
    return found


def _of_probe(rows: Sequence[Mapping[str, Any]], which: Set) -> dict[str, Any]:
    """The probe's accuracy; its interval is the mean of the seeds' intervals over patients."""
    names = ("accuracy", "accuracy_low", "accuracy_high", "balanced_accuracy")
    return {
        **dict(zip(("data", "fan", "variant"), which, strict=True)),
        "arm": "linear probe",
        "kind": "labels",
        "times": 1,
        "n_patients": min(row["n_patients"] for row in rows),
        **{name: mean(row["results"][0][name] for row in rows) for name in names},
        "accuracy_by_seed": [round(row["results"][0]["accuracy"], 3) for row in rows],
    }


def find(lines: Sequence[Mapping[str, Any]], which: Set, arm: str, times: int = 1) -> Mapping[str, Any] | None:
    """The point of a set, arm and number of clusters a class."""
    return next(
        (p for p in lines if (p["data"], p["fan"], p["variant"], p["arm"], p["times"]) == (*which, arm, times)), None
    )


def table(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For people: k = classes, simulated fans hidden, and what showing them or three times as many clusters change."""
    rows = []
    for point in lines:
        data, fan, variant, arm = (point[name] for name in ("data", "fan", "variant", "arm"))
        if point["times"] != 1 or (data == "fetal" and fan != "hidden"):
            continue
        more = find(lines, (data, fan, variant), arm, TIMES[-1])
        shown = find(lines, (data, "shown", variant), arm) if data == "fetal" else None
        rows.append(
            {
                "data": data,
                "classes": variant,
                "arm": arm + (" *" if point["kind"] == "labels" else ""),
                "k": point.get("k"),
                "transfer purity": _said(point, "transfer_purity"),
                "over k-means": _said(point, "over_kmeans", "+"),
                "purity": _said(point, "purity"),
                "accuracy": _said(point, "accuracy"),
                "NMI": _plain(point.get("nmi")),
                "clusters used": f"{point['clusters_used']:.1f}" if "clusters_used" in point else None,
                f"transfer purity, {TIMES[-1]} k": _plain((more or {}).get("transfer_purity")),
                "transfer purity, fan shown": _plain((shown or {}).get("transfer_purity")),
            }
        )
    return rows


def _said(point: Mapping[str, Any], name: str, sign: str = "") -> str | None:
    if name not in point:
        return None
    return f"{point[name]:{sign}.3f} ({point[f'{name}_low']:{sign}.3f} to {point[f'{name}_high']:{sign}.3f})"


def _plain(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


def verdicts(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """The gate and the endpoint in words."""
    said = []
    gate = find(lines, GATE_SET, GATE_ARM)
    if gate is not None:
        is_met = "met" if gate["purity"] >= GATE else "not met"
        said.append(
            f'Gate: purity of `{GATE_ARM}` at k = {gate["k"]} without "other", fan hidden: {_said(gate, "purity")}; '
            f"{GATE} is {is_met}. `kmeans` there: {_said(find(lines, GATE_SET, 'kmeans') or {}, 'purity')}."
        )
    for point in lines:
        if (point["arm"], point["times"]) != (GATE_ARM, 1) or (point["data"], point["fan"]) == ("fetal", "shown"):
            continue
        against = [
            f"over {other} {_said(point, f'over_{other}', '+')}" for other in HELD_AGAINST if f"over_{other}" in point
        ]
        where = f"{SAID[point['data']]}, {point['variant']}" if point["data"] == "fetal" else SAID[point["data"]]
        said.append(
            f"Transfer purity of `{GATE_ARM}` on {where}: {_said(point, 'transfer_purity')}; {'; '.join(against)}."
        )
        if (warning := too_few(point["n_patients"], unit="patient")) is not None:
            said.append(f"{where}: {warning}.")
    return said


def ratios(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The gate's figure, and the endpoint's differences by set."""
    gate = find(lines, GATE_SET, GATE_ARM)
    found: dict[str, Any] = {"purity_without_other": gate and round(gate["purity"], 4)}
    for point in lines:
        if (point["arm"], point["times"]) == (GATE_ARM, 1):
            where = "_".join((point["data"], point["fan"], *point["variant"].split()))
            for other in HELD_AGAINST[:2]:
                if f"over_{other}" in point:
                    name = f"fusc_minus_{'_'.join(other.replace(',', '').split())}_{where}"
                    found[name] = {"mean": point[f"over_{other}"], "by_seed": point[f"over_{other}_by_seed"]}
    return found


def finish(rows: Sequence[Mapping[str, Any]], *, seeds: Sequence[int], scale: float, budget_s: float) -> None:
    """Print table, verdicts and, last, one line of JSON."""
    lines = points(rows)
    shown = table(lines)
    widths = {column: max(len(column), *(len(str(row[column] or "")) for row in shown)) for column in shown[0]}
    for row in [{column: column for column in widths}, *shown]:
        print("  ".join(str(row[column] or "").ljust(width) for column, width in widths.items()))
    said = verdicts(lines)
    failed = {f"{r['arm']} on {r['data']}, {r['variant']}: {r['failed']}" for r in rows if "failed" in r}
    said += [f"Failed: {line}." for line in sorted(failed)]
    print("\n".join(said))
    print(
        json.dumps(
            {
                "name": "clustering",
                "commit": commit(),
                "machine": machine(),
                "seeds": list(seeds),
                "scale": scale,
                "budget_s": budget_s,
                "goals": {"purity_without_other": GATE},
                "ratios": ratios(lines),
                "recommendation": {"text": said},
                "means": shown,
                "points": lines,
            }
        )
    )


# Okabe and Ito's palette, which color-blind readers tell apart; shapes say the same.
LOOKS = {
    "ours": ("#0072B2", "o", "ours"),
    "published": ("#D55E00", "s", "FUSC as published"),
    "plain": ("#009E73", "D", "k-means and its kin"),
    "nothing learned": ("#767676", "x", "features that learned nothing"),
    "chance": ("#767676", "|", "chance"),
    "labels": ("#000000", "^", "linear probe: knows the training labels"),
}


def plot(result: Mapping[str, Any], out: Path = FIGURE) -> None:
    """Transfer purity of every arm with its interval, purity as a ring, a panel for each set."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    lines = [p for p in result["points"] if p["times"] == 1 and (p["data"], p["fan"]) != ("fetal", "shown")]
    sets = list(dict.fromkeys((p["data"], p["variant"]) for p in lines))
    arms = [arm for arm in ARMS if any(p["arm"] == arm for p in lines)][::-1]
    columns = min(3, len(sets))
    n_rows = -(-len(sets) // columns)
    size = (1.6 + 3.2 * columns, 0.7 + n_rows * (0.9 + 0.22 * len(arms)))
    figure, panels = plt.subplots(n_rows, columns, figsize=size, sharey=True, sharex=True, squeeze=False)
    for axis in panels.flat[len(sets) :]:
        axis.set_visible(False)
    labels: dict[str, Any] = {}
    for axis, (data, variant) in zip(panels.flat, sets, strict=False):
        for point in (p for p in lines if (p["data"], p["variant"]) == (data, variant)):
            color, marker, name = LOOKS[point["kind"]]
            metric, y = ("accuracy" if point["kind"] == "labels" else "transfer_purity"), arms.index(point["arm"])
            axis.plot([point[f"{metric}_low"], point[f"{metric}_high"]], [y, y], color=color, lw=2, alpha=0.5)
            labels[name] = axis.plot(point[metric], y, marker, color=color, ms=6, ls="none", zorder=3)[0]
            if "purity" in point:
                ring = {"mec": color, "mfc": "none", "ms": 4, "ls": "none", "alpha": 0.7}
                labels["purity on the same patients"] = axis.plot(point["purity"], y, "o", **ring)[0]
        title = f"fetal, {variant}, fan hidden" if data == "fetal" else SAID[data]
        axis.set_title(title, fontsize=10, loc="left")
        axis.set_yticks(range(len(arms)), arms, fontsize=8)
        axis.tick_params(axis="x", labelsize=8)
        axis.tick_params(length=0)
        axis.grid(axis="both", color="#eeeeee", zorder=-1)
        axis.spines[["top", "right", "left"]].set_visible(False)
    figure.supxlabel("transfer purity of test clips at k = classes; line: 95 %, patients and seeds", fontsize=9)
    figure.legend(labels.values(), labels.keys(), loc="upper center", ncols=4, frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0, 1, 0.94))
    figure.savefig(out, dpi=150, metadata={"Software": None})
    plt.close(figure)
