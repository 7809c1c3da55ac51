"""Figures of each class, or of each view, as a table with a bar a row."""

from collections.abc import Mapping
from typing import Any

from sslecho.metrics.intervals import FEW_UNITS
from sslecho.report.markup import text
from sslecho.report.run_folder import Run
from sslecho.report.wording import bounds, metric_name, share

METRICS = ("recall", "precision", "f1", "auroc")


def class_table(run: Run) -> str:
    """Recall as a bar, then all figures with their intervals, and how many items and units each rests on."""
    groups: Mapping[str, Any] = run.result.get("per_class") or {}
    head = "".join(f'<th scope="col">{text(metric_name(name))}</th>' for name in METRICS)
    head = (
        '<thead><tr><th scope="col" class="who">class</th><th scope="col" class="who">recall, 95 %</th>'
        f'{head}<th scope="col">{text(run.level)}s</th><th scope="col">{text(run.unit)}s</th></tr></thead>'
    )
    rows = "".join(_row(name, of_one) for name, of_one in groups.items())
    few = (
        f'<p class="key">* fewer than {FEW_UNITS}: the interval is too narrow to trust.</p>'
        if any(of_one.get("n_patients", 0) < FEW_UNITS for of_one in groups.values())
        else ""
    )
    return f'<div class="table card" tabindex="0"><table>{head}<tbody>{rows}</tbody></table></div>{few}'


def figure_cell(of_one: Mapping[str, Any], metric: str) -> str:
    """A cell with a figure and its interval."""
    ends = bounds(of_one.get(f"{metric}_low"), of_one.get(f"{metric}_high"))
    return f"<td>{share(of_one.get(metric))}{f'<small>{ends}</small>' if ends else ''}</td>"


def _row(name: str, of_one: Mapping[str, Any]) -> str:
    n_units = of_one.get("n_patients", 0)
    few = "*" if n_units < FEW_UNITS else ""
    value, low, high = (of_one.get(f"recall{end}") for end in ("", "_low", "_high"))
    marks = ""
    if low is not None and high is not None:
        marks += f'<i class="range" style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></i>'
    if value is not None:
        marks += f'<i class="dot" style="left:{100 * value:.1f}%"></i>'
    cells = "".join(figure_cell(of_one, metric) for metric in METRICS)
    return (
        f'<tr><th scope="row" class="who">{text(name)}</th>'
        f'<td class="spark"><span class="track" aria-hidden="true">{marks}</span></td>'
        f"{cells}<td>{of_one.get('n', 0):,}</td><td>{n_units:,}{few}</td></tr>"
    )
