"""Label efficiency as a figure: what each arm reaches with how many labels, and how far the first one is ahead."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from sslecho.metrics.intervals import FEW_UNITS
from sslecho.report.curves import foot, head, label_ends, short
from sslecho.report.figure import DPI, LIGHT, PALETTE, SHAPES, Theme, drawable, new_figure, plain_axes, png_of, spread

NAMES = {"macro_f1": "Macro F1", "balanced_accuracy": "Balanced accuracy", "auroc": "AUROC"}
MOST_TICKS = 8
RIVALS = (PALETTE[5], PALETTE[8], PALETTE[1], PALETTE[3], PALETTE[4], PALETTE[9])
HEIGHT = 4.3


def draw_label_efficiency(
    result: Mapping[str, Any], *, names: Sequence[str], theme: Theme = LIGHT, width: float = 9.4, dpi: int = DPI
) -> bytes:
    """A PNG of `width` x 4.3 inches: the declared metric of every arm, and the first arm's lead over each rival.

    Args:
        result: the JSON of `benchmark label-efficiency`.
        names: of the arms, the one that the verdict is of first.
    """
    metric, unit = result["endpoint"]["metric"], result["unit"]
    numbers, first = result["numbers"], names[0]
    colors = {first: theme.accent} | {n: RIVALS[i % len(RIVALS)] for i, n in enumerate(names[1:])}
    shapes = {name: SHAPES[i % len(SHAPES)] for i, name in enumerate(names)}
    figure = new_figure(width, HEIGHT, theme)
    left = figure.add_axes((0.05, 0.225, 0.33, 0.58))
    right = figure.add_axes((0.565, 0.225, 0.28, 0.58))
    counted = f"labeled {unit}s" if result["x"] == "patients" else "labels of each class"
    for axes in (left, right):
        _prepare(axes, numbers, counted, theme)
        axes.axvline(result["endpoint"]["x"], color=theme.line, linewidth=7, zorder=0)
    labels = []
    for name in [*names[1:], first]:  # the first one lies on top
        rows = [row for row in result["results"] if row["arm"] == name and row[metric] is not None]
        if not rows:
            continue
        xs, values = [row["x"] for row in rows], [row[metric] for row in rows]
        bounds = [(row[f"{metric}_low"], row[f"{metric}_high"]) for row in rows]
        _line(left, xs, values, bounds, color=colors[name], shape=shapes[name], main=name == first, theme=theme)
        labels.append((values[-1], name, colors[name], name == first))
    left.set_ylim(0, 1)
    left.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".50", ".75", "1"])
    if leaky := result.get("leaky"):
        left.axhline(leaky[metric], color=theme.second, linewidth=1.1, linestyle=(0, (1, 2)), zorder=1)
        left.annotate("WARNING: a split by frames would claim " + short(leaky[metric]), (0.99, leaky[metric]),
                      xycoords=left.get_yaxis_transform(), xytext=(0, -9), textcoords="offset points", size=7,
                      color=theme.second, ha="right",
                      path_effects=[withStroke(linewidth=3, foreground=theme.paper)])  # fmt: skip
    label_ends(left, labels)
    _leads(right, result, names, colors, shapes, theme)
    head(left, f"{NAMES[metric]} with few labels", "mean over draws of who is labeled; bands: 95 %, pointwise", theme)
    said = f"difference in {NAMES[metric]}, paired; bars: 95 % for all of them at once"
    head(right, f"Lead of {drawable(first)}", said, theme)
    footer = (
        f"n = {result['n']} clips of {result['n_patients']} {unit}s, split: test; labels from "
        f"{result['n_train_patients']} {unit}s of train; {result['supports']} nested draws; gray: the declared endpoint"
    )
    few = f"too few test {unit}s for the bands" if result["n_patients"] < FEW_UNITS else None
    grouped = None if result["groups"] == "patient" else f"groups = {result['groups']}"
    foot(figure, HEIGHT, footer, "; ".join(filter(None, (grouped, few))) or None, theme)
    return png_of(figure, dpi=dpi)


def _prepare(axes: Axes, numbers: Sequence[int], counted: str, theme: Theme) -> None:
    plain_axes(axes, theme)
    axes.set_xscale("log", base=2)
    room = 1.3 if len(numbers) > 1 else 2.0
    axes.set_xlim(numbers[0] / room, numbers[-1] * room)
    step = -(-len(numbers) // MOST_TICKS)
    # Counted from the right, as "all" must have its tick; where the one before is too close, that one has none.
    shown = [x for x in list(numbers)[::-1][::step][::-1] if x == numbers[-1] or x * 1.35 <= numbers[-1]]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.0f}\n(all)" if x == numbers[-1] else f"{x:.0f}"))
    axes.set_xlabel(f"{counted} (log scale)", color=theme.muted, size=8, labelpad=-3)


def _line(
    axes: Axes,
    xs: Sequence[int],
    values: Sequence[float],
    bounds: Sequence[tuple[float | None, float | None]],
    *,
    color: str,
    shape: str,
    main: bool,
    theme: Theme,
) -> None:
    known = [(x, low, high) for x, (low, high) in zip(xs, bounds, strict=True) if low is not None and high is not None]
    if known:
        at, low, high = zip(*known, strict=True)
        axes.fill_between(at, low, high, color=color, alpha=0.2 if main else 0.13, linewidth=0, zorder=2 if main else 1)
    axes.plot(xs, values, color=color, linewidth=2.3 if main else 1.5, marker=shape, markersize=5.5 if main else 4.2,
              markeredgecolor=theme.paper, markeredgewidth=0.9, zorder=4 if main else 3)  # fmt: skip


def _leads(
    axes: Axes,
    result: Mapping[str, Any],
    names: Sequence[str],
    colors: Mapping[str, str],
    shapes: Mapping[str, str],
    theme: Theme,
) -> None:
    """The differences, the rivals side by side at every number, so that bars don't hide each other."""
    rivals = names[1:]
    metric = result["endpoint"]["metric"]
    labels, ends = [], [0.05, -0.05]
    for i, name in enumerate(rivals):
        rows = [r for r in result["differences"] if r["against"] == name and r["metric"] == metric]
        shift = 1.09 ** (i - (len(rivals) - 1) / 2)
        xs = [row["x"] * shift for row in rows]
        axes.vlines(xs, [r["simultaneous_low"] for r in rows], [r["simultaneous_high"] for r in rows],
                    color=colors[name], linewidth=1.6, alpha=0.75, zorder=2)  # fmt: skip
        axes.plot(xs, [row["difference"] for row in rows], color=colors[name], linewidth=1.1, marker=shapes[name],
                  markersize=4.6, markeredgecolor=theme.paper, markeredgewidth=0.9, zorder=3)  # fmt: skip
        ends += [bound for row in rows for bound in (row["simultaneous_low"], row["simultaneous_high"])]
        labels.append((rows[-1]["difference"], f"over {name}", colors[name]))
    axes.axhline(0, color=theme.ink, linewidth=1.0, zorder=1)
    room = 0.06 * (max(ends) - min(ends))
    low, high = min(ends) - room, max(ends) + room
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _signed(value)))
    places = spread([(value - low) / (high - low) for value, *_ in labels], gap=0.062, low=0.02, high=0.99)
    for (value, name, color), place in zip(labels, places, strict=True):
        axes.annotate(f"{drawable(name, longest=19)}  {_signed(value)}", (1.02, place), xycoords="axes fraction",
                      color=color, size=8.5, va="center", annotation_clip=False, parse_math=False)  # fmt: skip


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("0.", ".", 1) if abs(value) >= 0.005 else "0"
