"""For whom the clusters hold: transfer purity by class, device and every other column, and from patient to patient."""

from collections.abc import Mapping
from typing import Any

from sslecho.report.chapter import Part
from sslecho.report.cluster_run import ClusterRun
from sslecho.report.markup import counted, text
from sslecho.report.wording import share

FEWEST_UNITS = 24


def groups_part(run: ClusterRun) -> list[Part]:
    """The scores by group of the k that the page speaks of; nothing where there are none."""
    groups = [row for row in run.result.get("by") or [] if row["k"] == run.chosen_k]
    if not groups:
        return []
    columns = list(dict.fromkeys(row["column"] for row in groups))
    head = "".join(
        f"<th scope='col'>{name}</th>"
        for name in (f"{run.level}s", f"{run.unit}s", "transfer purity", "coverage", "purity")
    )
    head = f"<thead><tr><th scope='col' class='who'>group</th>{head}</tr></thead>"
    blocks = []
    for column in columns:
        title = "by class" if column == "label" else f"by {column}"
        rows = "".join(_row(row) for row in groups if row["column"] == column)
        blocks.append(f"<tbody><tr><th colspan='6' scope='rowgroup'>{text(title)}</th></tr>{rows}</tbody>")
    body = f'<div class="table card" tabindex="0"><table>{head}{"".join(blocks)}</table></div>'
    return [Part("groups", "For whom", "For whom do the clusters hold?", _intro(run, groups), body)]


def _intro(run: ClusterRun, groups: list[Any]) -> str:
    few = any(row["n_patients"] < FEWEST_UNITS for row in groups)
    spread = next((row for row in run.result.get("patients") or [] if row["k"] == run.chosen_k), None)
    said = (
        f"k = {run.chosen_k}. Clusters are named on half of all {run.unit}s; each row scores its own in the other half."
    )
    if spread is not None and spread["median"] is not None and run.unit != run.level:
        said += (
            f" Of {counted(spread['n_patients'], run.unit)}, one by one, half have a transfer purity "
            f"above {share(spread['median'])}, a tenth one below {share(spread['low'])}."
        )
    if few:
        said += f" * fewer than {FEWEST_UNITS} {run.unit}s: the interval is too narrow to trust."
    return text(said)


def _row(row: Mapping[str, Any]) -> str:
    low, high = row["transfer_purity_low"], row["transfer_purity_high"]
    bounds = f"<small>{share(low)}–{share(high)}</small>" if low is not None else ""
    few = "*" if row["n_patients"] < FEWEST_UNITS else ""
    name = "unknown" if row["group"] is None else row["group"]
    return (
        f"<tr><th scope='row' class='who'>{text(name)}</th><td>{row['n']:,}</td><td>{row['n_patients']:,}{few}</td>"
        f"<td>{share(row['transfer_purity'])}{bounds}</td><td>{share(row['coverage'])}</td><td>{share(row['purity'])}</td></tr>"
    )
