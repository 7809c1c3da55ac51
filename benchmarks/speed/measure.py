"""Time things against each other in one run, and print what was found in one form."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sslecho.rundir import commit


def in_turn(variants: Mapping[str, Callable[[], float]], *, repeats: int) -> dict[str, list[float]]:
    """Rates of each variant, measured one after another in each repeat, so that a slow minute hits all alike."""
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for repeat in range(repeats):
        # Every second repeat backward: what comes first finds a cooler machine.
        for name in list(variants)[:: 1 if repeat % 2 == 0 else -1]:
            rates[name].append(variants[name]())
    return rates


def ratio(above: Sequence[float], below: Sequence[float]) -> dict[str, float]:
    """The ratio of two medians, and the smallest and largest ratio within a repeat."""
    within = [a / b for a, b in zip(above, below, strict=True)]
    return {
        "ratio": round(statistics.median(above) / statistics.median(below), 3),
        "lowest": round(min(within), 3),
        "highest": round(max(within), 3),
    }


def machine() -> dict[str, Any]:
    """What it ran on; no host name."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}


def finish(
    name: str,
    *,
    ratios: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    seeds: Sequence[int] = (0,),
    goals: Mapping[str, float] | None = None,
    tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    **more: Any,
) -> None:
    """Print the rows as a table, the ratios beside their goals, and last one line of JSON.

    Args:
        ratios: numbers, or what `ratio` returns; None where it was not measured.
        goals: what a ratio of that name should be.
        tables: further tables; a page shows them by name, `{table:NAME}`.
        more: further entries of the JSON.
    """
    goals, tables = goals or {}, tables or {}
    _print(rows)
    for label, further in tables.items():
        print(f"\n{label}")
        _print(further)
    for label, value in ratios.items():
        said = f"{value['ratio']} ({value['lowest']}-{value['highest']})" if isinstance(value, Mapping) else f"{value}"
        print(f"{label}: {said}" + (f", goal {goals[label]}" if label in goals else ""))
    plain = {label: value["ratio"] if isinstance(value, Mapping) else value for label, value in ratios.items()}
    spread = {label: [v["lowest"], v["highest"]] for label, v in ratios.items() if isinstance(v, Mapping)}
    print(
        json.dumps(
            {
                "name": name,
                "commit": commit(),
                "machine": machine(),
                "seeds": list(seeds),
                "ratios": plain,
                "spread": spread,
                **({"goals": goals} if goals else {}),
                **({"tables": tables} if tables else {}),
                **more,
                "rows": list(rows),
            }
        )
    )


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_said(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(column), *(len(line[i]) for line in cells)) for i, column in enumerate(columns)]
    for line in [columns, *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def _said(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)
