"""What naming clusters costs: how much of the archive is named, and how rightly, for how many images looked at."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sslecho.report.cluster_run import ClusterRun
from sslecho.report.curves import LOG_FROM, MOST_TICKS, foot, head, label_ends
from sslecho.report.figure import DPI, LIGHT, Theme, new_figure, plain_axes, png_of
from sslecho.report.headline import name_of
from sslecho.report.markup import text
from sslecho.report.wording import share

Points = Sequence[Mapping[str, Any]]


def draw_naming(
    points: Points,
    *,
    k: int,
    m: int,
    agreement: float,
    unit: str = "patient",
    footer: str = "",
    stamp: str | None = None,
    theme: Theme = LIGHT,
    width: float = 9.4,
    dpi: int = DPI,
) -> bytes:
    """A PNG of `width` x 3.9 inches: coverage and precision against images per cluster, and against k.

    Args:
        points: `naming` of a clustering's result: one entry for each k, m and agreement.
        k: the clustering of the left panel.
        m: images per cluster of the right panel.
        agreement: the share of them that must agree.
        unit: whose independence the interval assumes.
    """
    height = 3.9
    figure = new_figure(width, height, theme)
    left = figure.add_axes((0.045, 0.215, 0.325, 0.595))
    right = figure.add_axes((0.56, 0.215, 0.325, 0.595))
    ruled = [point for point in points if point["agreement"] == agreement]
    _panel(left, [point for point in ruled if point["k"] == k], "m", "images looked at in each cluster", m, theme)
    _panel(right, [point for point in ruled if point["m"] == m], "k", "number of clusters k", k, theme)
    head(left, f"k = {k}", f"named on half of the {unit}s, measured on the others; bands: 95 % intervals", theme)
    head(right, f"{m} images per cluster", "the more clusters, the more images to look at", theme)
    foot(figure, height, footer, stamp, theme)
    return png_of(figure, dpi=dpi)


def naming_table(run: ClusterRun) -> str:
    """For the k that the page speaks of: every number of images, under each rule of agreement."""
    naming = run.result["naming"]
    points = [point for point in naming["points"] if point["k"] == run.chosen_k]
    others = naming.get("others") or []
    columns = ["images", "looked at in all", "clusters named", "archive named", "precision"]
    if others:
        columns += ["of classes named", "precision"]
    rules = sorted({point["agreement"] for point in points})
    blocks = []
    for rule in rules:
        rows = "".join(_row(point, others) for point in points if point["agreement"] == rule)
        title = f"<tr><th colspan='{len(columns)}' scope='rowgroup'>{text(_rule(rule))}</th></tr>"
        mark = " class='chosen'" if rule == naming["agreement"] else ""
        blocks.append(f"<tbody{mark}>{title}{rows}</tbody>")
    named = "".join(f"<th scope='col'>{name}</th>" for name in columns)
    return f'<div class="table card" tabindex="0"><table><thead><tr>{named}</tr></thead>{"".join(blocks)}</table></div>'


def baselines_table(run: ClusterRun, name: str) -> str:
    """The same images and rule for the encoder, called `name`, and for what it is held against."""
    sources = {name: run.result["results"]}
    sources |= {
        name_of(other).removeprefix("the "): rows for other, rows in (run.result.get("baselines") or {}).items()
    }
    rows = ""
    for source, entries in sources.items():
        entry = next((row for row in entries or () if row["k"] == run.chosen_k and "naming_coverage" in row), None)
        if entry is not None:
            cells = "".join(_cell(entry, f"naming_{metric}") for metric in ("coverage", "precision"))
            mark = " class='own'" if source == name else ""
            rows += f"<tr{mark}><th scope='row' class='who'>{text(source)}</th>{cells}</tr>"
    heads = "".join(f"<th scope='col'>{head}</th>" for head in ("archive named", "precision"))
    looked = f"{run.result['naming']['m']} images per cluster, k = {run.chosen_k}"
    head = f"<thead><tr><th scope='col' class='who'>{looked}</th>{heads}</tr></thead>"
    return f'<div class="table card" tabindex="0"><table>{head}<tbody>{rows}</tbody></table></div>' if rows else ""


def naming_intro(run: ClusterRun) -> str:
    """What was measured, in words."""
    naming = run.result["naming"]
    others = " and ".join(naming.get("others") or [])
    said = naming.get("said") or str(naming.get("warning") or "")
    open_set = (
        f" Items labeled {others} stay in the archive. On the left of the table {others} is a name like any other; on "
        "the right it is none: a cluster that shows it stays unnamed, and what took a class’s name from its cluster "
        "all the same is an error."
        if others
        else ""
    )
    return text(
        f"{said[:1].upper()}{said[1:]}. The images are the most typical ones of each cluster, of different {run.unit}s "
        f"where there are several; a cluster whose images disagree stays unnamed.{open_set}"
    )


def _panel(axes: Axes, points: Points, across: str, title: str, chosen: int, theme: Theme) -> None:
    plain_axes(axes, theme)
    points = sorted(points, key=lambda point: point[across])
    at = [point[across] for point in points]
    if at and at[-1] / at[0] > LOG_FROM:
        axes.set_xscale("log")
        axes.set_xlim(at[0] / 1.12, at[-1] * 1.12)
    elif at:
        room = max((at[-1] - at[0]) * 0.06, 1)
        axes.set_xlim(at[0] - room, at[-1] + room)
    axes.xaxis.set_major_locator(FixedLocator(at[:: -(-len(at) // MOST_TICKS) or 1]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".50", ".75", "1"])
    axes.set_xlabel(title, color=theme.muted, size=8)
    if len(at) > 1:
        axes.axvline(chosen, color=theme.line, linewidth=7, zorder=0)
    labels = []
    for metric, color in (("coverage", theme.second), ("precision", theme.accent)):
        known = [point for point in points if point[metric] is not None]
        if not known:
            continue
        where, values = [point[across] for point in known], [point[metric] for point in known]
        low, high = ([point[f"{metric}_{end}"] for point in known] for end in ("low", "high"))
        axes.fill_between(where, low, high, color=color, alpha=0.14, linewidth=0)
        axes.vlines(where, low, high, color=color, linewidth=1.2, alpha=0.6)
        axes.plot(where, values, color=color, linewidth=2.1, marker="o", markersize=5, markeredgecolor=theme.paper,
                  markeredgewidth=0.9, zorder=4)  # fmt: skip
        labels.append((values[-1], metric, color, metric == "precision"))
    label_ends(axes, labels)


def _rule(agreement: float) -> str:
    if agreement == 0:
        return "every cluster is named, by the most frequent label of its images"
    if agreement == 1:
        return "named only if all of its images agree"
    return "named if two thirds of its images agree"


def _row(point: Mapping[str, Any], others: Sequence[str]) -> str:
    cells = [
        f"<th scope='row'>{point['m']}</th>",
        f"<td>{point['n_images']:.0f}</td>",
        f"<td>{point['n_named']:.1f}</td>",
    ]
    metrics = ("coverage", "precision", *(("class_coverage", "class_precision") if others else ()))
    return f"<tr>{''.join([*cells, *(_cell(point, metric) for metric in metrics)])}</tr>"


def _cell(figures: Mapping[str, Any], metric: str) -> str:
    low, high = figures[f"{metric}_low"], figures[f"{metric}_high"]
    bounds = f"<small>{share(low)}–{share(high)}</small>" if low is not None else ""
    return f"<td>{share(figures[metric])}{bounds}</td>"
