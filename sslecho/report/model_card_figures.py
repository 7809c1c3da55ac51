"""The tables of a model card: every figure of a result that has an interval, and the figures of each class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sslecho.report.cluster_run import nearest_k
from sslecho.report.run_folder import Run
from sslecho.report.wording import DASH, METRICS, bounds, metric_name, share


@dataclass(frozen=True)
class Table:
    """Words in rows under columns, the first of which names the row."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def figures_table(run: Run) -> Table | None:
    """Every figure that has an interval; None where nothing was scored."""
    of_whole, title = run.result, "Of the whole"
    if run.command == "cluster":
        # Its accuracy is that of a one-to-one match, which no user of clusters makes.
        of_whole = {key: value for key, value in (chosen_entry(run) or {}).items() if not key.startswith("accuracy")}
        title = f"Figures of k = {of_whole.get('k')}, the number of clusters nearest to the number of labels"
    found = figures_of(of_whole)
    if not found:
        return None
    rows = [[metric_name(key), share(value), bounds(low, high) or DASH] for key, value, low, high in found]
    return Table(title, ["figure", "value", "95 % interval"], rows)


def figures_of(result: Mapping[str, Any]) -> list[tuple[str, float, float | None, float | None]]:
    """Key, value and interval of every figure of a result that is given with one; those with a name first."""
    keys = [key.removesuffix("_low") for key in result if key.endswith("_low")]
    keys = [key for key in keys if isinstance(result.get(key), (int, float))]
    order = list(METRICS)
    keys.sort(key=lambda key: order.index(key) if key in order else len(order))
    return [(key, result[key], result[f"{key}_low"], result.get(f"{key}_high")) for key in keys]


def per_class_table(run: Run) -> Table | None:
    """Precision, recall, F1 and AUROC of each class, or a grader's figures of each view."""
    for key, title, first in (("per_class", "By class", "class"), ("per_view", "By view", "view")):
        groups = run.result.get(key)
        if isinstance(groups, Mapping) and groups:
            metrics = [name for name, *_ in figures_of(_fullest(groups))]
            columns = [first, *map(metric_name, metrics), f"{run.level}s", f"{run.unit}s"]
            return Table(title, columns, [_class_row(name, of_one, metrics) for name, of_one in groups.items()])
    return None


def chosen_entry(run: Run) -> Mapping[str, Any] | None:
    """Of a clustering, the figures of the k that is spoken of: chosen without looking at its score."""
    entries = run.result.get("results") or []
    if not entries:
        return None
    k = nearest_k([int(entry["k"]) for entry in entries], len(run.result.get("classes") or ()))
    return next(entry for entry in entries if entry["k"] == k)


def _fullest(groups: Mapping[str, Any]) -> Mapping[str, Any]:
    """Figures by key, of whichever group has them: one class may lack what another has."""
    merged: dict[str, Any] = {}
    for of_one in groups.values():
        merged |= {key: value for key, value in of_one.items() if value is not None or key not in merged}
    return merged


def _class_row(name: str, of_one: Mapping[str, Any], metrics: list[str]) -> list[str]:
    cells = []
    for metric in metrics:
        ends = bounds(of_one.get(f"{metric}_low"), of_one.get(f"{metric}_high"))
        cells.append(share(of_one.get(metric)) + (f" ({ends})" if ends else ""))
    return [str(name), *cells, f"{of_one.get('n', 0):,}", f"{of_one.get('n_patients', 0):,}"]
