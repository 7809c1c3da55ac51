"""Benchmarks: comparisons on the user's own data, under one group of commands."""

from typing import Any

import typer

from sslecho.api.label_efficiency_settings import LabelEfficiencySettings
from sslecho.cli.command import Call, Out, Said, add_command, result_of
from sslecho.cli.data import StoreArgument

GROUP = "benchmark"


def add_to(app: typer.Typer) -> None:
    """Register this file's group of commands."""
    group = typer.Typer(no_args_is_help=True, help="Compare encoders on your own data, with patients as the unit.")
    app.add_typer(group, name=GROUP)

    @add_command(group, LabelEfficiencySettings, group=GROUP)
    def label_efficiency(call: Call, store: StoreArgument, out: Out) -> Said:
        """Say what an encoder is worth in labels: it and its rivals with few labeled patients and with many."""
        from sslecho.api.label_efficiency import label_efficiency

        label_efficiency(store, out, overwrite=call.overwrite, **call.options)
        result = result_of(out)
        return Said(result, _label_efficiency(result), f"wrote {out}; next: look at {out}/figure.png")


def _label_efficiency(result: dict[str, Any]) -> list[str]:
    """The verdict, the declared metric of every arm, and how wide intervals will be."""
    metric, declared = result["endpoint"]["metric"], result["endpoint"]["x"]
    words = metric.replace("_", " ")
    what = f"labeled {result['unit']}s" if result["x"] == "patients" else "labels a class"
    arms = list(result["runs"])
    lines = [f"verdict: {result['verdict']}", f"{words} (95 %) by {what}; * the declared endpoint"]
    lines.append(f"{'':>7}" + "".join(f"{arm:>20}" for arm in arms))
    for x in result["numbers"]:
        rows = {row["arm"]: row for row in result["results"] if row["x"] == x}
        mark = "*" if x == declared else " "
        lines.append(f"{x:6d}{mark}" + "".join(f"{_figure(rows[arm], metric):>20}" for arm in arms))
    if leaky := result["leaky"]:
        lines.append(f"{leaky['said']}: {words} {leaky[metric]:.3f}")
    planned = ", ".join(
        f"{row['n_patients']}: ±{row['half_width']:.3f} (difference ±{row['half_width_of_difference']:.3f})"
        for row in result["planning"]["rows"]
    )
    lines.append(f"width of the 95 % interval with so many test {result['unit']}s: {planned}")
    lines.append(result["planning"]["note"])
    lines.append(
        f"n = {result['n']} clips of {result['n_patients']} {result['unit']}s, split: test; labels from "
        f"{result['n_train']} clips of {result['n_train_patients']} {result['unit']}s of train; "
        f"{result['supports']} nested draws of them; runs: "
        + ", ".join(f"{arm} {n}" for arm, n in result["runs"].items())
    )
    return lines


def _figure(row: dict[str, Any], metric: str) -> str:
    if row[metric] is None:
        return "–"
    interval = "" if row[f"{metric}_low"] is None else f" ({row[f'{metric}_low']:.2f}–{row[f'{metric}_high']:.2f})"
    return f"{row[metric]:.3f}{interval}"
