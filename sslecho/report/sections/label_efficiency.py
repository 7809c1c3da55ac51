"""A label-efficiency benchmark: what each arm reaches with how many labels, and the verdict."""

from collections.abc import Mapping
from typing import Any

from sslecho.report.chapter import Chapter, Figure, Part, Room, warnings_of
from sslecho.report.class_table import figure_cell
from sslecho.report.label_efficiency import draw_label_efficiency
from sslecho.report.markup import counted, text
from sslecho.report.run_folder import Run
from sslecho.report.sections import SECTIONS
from sslecho.report.training_part import both
from sslecho.report.wording import metric_name, sentence, signed

ARMS = {"encoder": "your encoder", "untrained": "the untrained one", "pixels": "raw pixels"}
METRICS = ("macro_f1", "balanced_accuracy", "auroc")


@SECTIONS.add("label_efficiency")
def label_efficiency(run: Run, room: Room) -> Chapter:
    """The chapter of `sslecho benchmark label-efficiency`."""
    result = run.result
    endpoint = result["endpoint"]
    few = (
        [] if result["supports"] >= 5 else [f"only {result['supports']} draws of labels: their spread is hardly known"]
    )
    leaky = result.get("leaky")
    if leaky:
        few.append(
            f"a split by frames instead of {run.unit}s would claim {leaky[endpoint['metric']]:.2f}: it is drawn to warn"
        )
    return Chapter(
        kind="Label efficiency",
        title=_title(run),
        lede=str(result["verdict"]).partition(". ")[0].rstrip(".") + ".",
        facts=_facts(run),
        figures=_figures(result),
        warnings=warnings_of(run, *few),
        parts=[_figure_part(run), _table_part(run), *_planning_part(run)],
    )


def _title(run: Run) -> str:
    endpoint = run.result["endpoint"]
    low, high = endpoint["difference_low"], endpoint["difference_high"]
    metric = metric_name(endpoint["metric"])
    thing = _counted(run, endpoint["x"])
    own, other = (ARMS.get(endpoint[name], endpoint[name]) for name in ("arm", "against"))
    word = "beats" if low > 0 else "loses to" if high < 0 else "is not shown to differ from"
    return f"With {thing}, {own} {word} {other} in {metric}"


def _counted(run: Run, x: int) -> str:
    return counted(x, f"labeled {run.unit}") if run.result["x"] == "patients" else f"{counted(x, 'label')} a class"


def _figures(result: Mapping[str, Any]) -> list[Figure]:
    metric, x = result["endpoint"]["metric"], result["endpoint"]["x"]
    rows = [row for row in result["results"] if row["x"] == x and row[metric] is not None]
    return [Figure(str(row["arm"]), row[metric], row[f"{metric}_low"], row[f"{metric}_high"]) for row in rows[:4]]


def _facts(run: Run) -> list[tuple[str, str, str]]:
    result, endpoint = run.result, run.result["endpoint"]
    low, high = endpoint["difference_low"], endpoint["difference_high"]
    return [
        ("Endpoint", f"{metric_name(endpoint['metric'])} at {endpoint['x']}", "declared before the run"),
        ("Difference", signed(endpoint["difference"]), f"95 %: {signed(low)} to {signed(high)}"),
        ("Tested", counted(int(result["n"]), "clip"), counted(int(result["n_patients"]), run.unit)),
        ("Labels from", counted(int(result["n_train_patients"]), run.unit), f"{result['supports']} nested draws"),
        ("Arms", str(len(result["runs"])), ", ".join(str(name) for name in result["runs"])),
    ]


def _figure_part(run: Run) -> Part:
    result = run.result
    names = list(result["runs"])
    figure = both(
        lambda theme: draw_label_efficiency(result, names=names, theme=theme),
        alt=f"{metric_name(result['endpoint']['metric'])} of each arm against the number of labels, and its leads",
        wide=True,
    )
    said = [line for line in str(result["verdict"]).split(". ") if line]
    verdict = f'<ul class="points">{"".join(f"<li>{text(sentence(line))}</li>" for line in said)}</ul>'
    intro = (
        "All arms learn from the same labeled people, drawn again and again, and are scored on the same test people. "
        "Bands resample both. The gray line is the comparison that was named before the run."
    )
    return Part("worth", "Worth", "What was pretraining worth in labels?", intro, figure + verdict)


def _table_part(run: Run) -> Part:
    result = run.result
    heads = "".join(f'<th scope="col">{text(metric_name(name))}</th>' for name in METRICS)
    blocks = []
    for x in result["numbers"]:
        rows = []
        for number, row in enumerate(row for row in result["results"] if row["x"] == x):
            first = f'<th scope="row">{x}</th>' if number == 0 else "<td></td>"
            cells = "".join(figure_cell(row, metric) for metric in METRICS)
            mark = " class='own'" if row["arm"] == result["endpoint"]["arm"] else ""
            labels = row.get("n_labeled")
            rows.append(
                f"<tr{mark}>{first}<th scope='row' class='who'>{text(row['arm'])}</th>{cells}"
                f"<td>{'–' if labels is None else f'{labels:,.1f}'}</td></tr>"
            )
        chosen = " class='chosen'" if x == result["endpoint"]["x"] else ""
        blocks.append(f"<tbody{chosen}>{''.join(rows)}</tbody>")
    what = f"labeled {run.unit}s" if result["x"] == "patients" else "labels a class"
    table = "".join(blocks)
    body = (
        f'<div class="table card" tabindex="0"><table><thead><tr><th scope="col" class="who">{text(what)}</th>'
        f'<th scope="col" class="who">arm</th>{heads}<th scope="col">labels</th></tr></thead>{table}</table></div>'
    )
    intro = "Means over the draws, with 95 % intervals over test people and draws. Shaded: the declared endpoint."
    return Part("figures", "Figures", "All arms, all numbers", intro, body)


def _planning_part(run: Run) -> list[Part]:
    planning = run.result.get("planning") or {}
    if not planning.get("rows"):
        return []
    rows = "".join(
        f"<tr><th scope='row'>{row['n_patients']:,}</th><td>±{row['half_width']:.2f}</td>"
        f"<td>±{row['half_width_of_difference']:.2f}</td></tr>"
        for row in planning["rows"]
    )
    body = (
        '<div class="table card narrow" tabindex="0"><table><thead><tr>'
        f'<th scope="col" class="who">test {text(run.unit)}s</th><th scope="col">the figure</th>'
        '<th scope="col">the difference</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    intro = text(sentence(str(planning.get("note", ""))))
    return [Part("planning", "Planning", "How wide would the interval be with more of them?", intro, body)]
