"""Curves: purity and transfer purity against k, and what happened while the encoder trained."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from sslecho.report.figure import DPI, LIGHT, Theme, drawable, new_figure, plain_axes, png_of, spread

LOG_FROM = 6.0  # ks that span more than this factor are drawn on a log axis
MOST_TICKS = 8
FEWEST_TO_SMOOTH = 20  # lines of a log; fewer are drawn as they are


def draw_scores(
    results: Sequence[Mapping[str, Any]],
    baselines: Mapping[str, Sequence[Mapping[str, Any]] | None],
    *,
    names: Mapping[str, str],
    most_frequent: float | None = None,
    chosen_k: int | None = None,
    unit: str = "patient",
    footer: str = "",
    stamp: str | None = None,
    theme: Theme = LIGHT,
    width: float = 9.4,
    dpi: int = DPI,
) -> bytes:
    """A PNG of `width` x 3.9 inches: transfer purity and purity with their intervals, and purity's chance.

    Both axes run from 0 to 1, so that a small gain looks small.

    Args:
        results: the encoder's figures, one entry a k, as `cluster --purity` gives them.
        baselines: the same for each baseline; None where it could not be scored.
        names: what "encoder" and each baseline are called in the figure.
        most_frequent: share of the most frequent label: what naming every cluster alike would reach.
        chosen_k: the k that the page speaks of, marked.
        unit: whose independence the interval assumes: "patient", "sweep" or "clip".
    """
    height = 3.9
    figure = new_figure(width, height, theme)
    left = figure.add_axes((0.045, 0.215, 0.325, 0.595))
    right = figure.add_axes((0.56, 0.215, 0.325, 0.595))
    ks = sorted({int(entry["k"]) for entry in results})
    # Drawn in this order, so that the encoder lies on top.
    lines = [(name, _by_k(baselines[name] or []), color) for name, color in zip(baselines, _muted(theme), strict=False)]
    lines = [line for line in lines if line[1]] + [("encoder", _by_k(results), theme.accent)]
    for axes, metric in ((left, "transfer_purity"), (right, "purity")):
        _prepare(axes, ks, chosen_k, theme)
        labels = [_draw_line(axes, entries, metric, names.get(name, name), color, theme, main=name == "encoder")
                  for name, entries, color in lines]  # fmt: skip
        if metric == "transfer_purity" and most_frequent is not None:
            axes.axhline(most_frequent, color=theme.muted, linewidth=1.1, linestyle=(0, (1, 2)), zorder=1)
            labels.append((most_frequent, "one label for all", theme.muted, False))
        if metric == "purity":
            labels.append(_draw_chance(axes, _by_k(results), theme))
        label_ends(axes, [label for label in labels if label is not None])
    head(left, "Transfer purity", f"named on half of the {unit}s, scored on the others; band: 95 % interval", theme)
    bounds = "; bands: 95 %" if any(entry.get("purity_low") is not None for entry in results) else ""
    head(right, "Purity", f"majority label of each cluster; dashed: labels of whole clips shuffled{bounds}", theme)
    foot(figure, height, footer, stamp, theme)
    return png_of(figure, dpi=dpi)


def draw_training(
    log: Sequence[Mapping[str, Any]],
    *,
    chance: float | None = None,
    subtitles: Mapping[str, str] | None = None,
    theme: Theme = LIGHT,
    width: float = 9.4,
    dpi: int = DPI,
) -> bytes:
    """A PNG of `width` x 3 inches: the loss, images per second, and the share of time spent waiting for data.

    Args:
        log: lines of a run's log with epoch, loss, images_per_s, data_wait.
        chance: the loss of an encoder that can't tell frames apart.
        subtitles: of the panels, by the log's field; without them those of pretraining.
    """
    under = {"loss": "contrastive, on training frames", "images_per_s": "two views each", **(subtitles or {})}
    panels = (
        ((0.05, 0.435), "Loss", under["loss"], "loss"),
        ((0.56, 0.17), "Images per second", under["images_per_s"], "images_per_s"),
        ((0.81, 0.165), "Waiting for data", "share of the time", "data_wait"),
    )
    return _draw_by_epoch(log, panels, chance=chance, theme=theme, width=width, dpi=dpi)


def draw_health(log: Sequence[Mapping[str, Any]], *, theme: Theme = LIGHT, width: float = 9.4, dpi: int = DPI) -> bytes:
    """A PNG of `width` x 3 inches: validation figures, effective rank and the gradient's norm, those that are known.

    Args:
        log: lines of a run's log; those that a watch added to have effective_rank, and knn_accuracy where it is known;
            those of a network that learns from labels val_balanced_accuracy or val_mse.
    """
    told = (
        ("Accuracy by neighbors", "balanced, validation clips", "knn_accuracy"),
        ("Balanced accuracy", "validation clips", "val_balanced_accuracy"),
        ("Mean squared error", "validation frames", "val_mse"),
        ("Validation loss", "validation clips", "val_loss"),
        ("Effective rank", "of the embeddings of a fixed sample", "effective_rank"),
        ("Norm of the gradient", "of a step, before any clipping", "grad_norm"),
    )
    known = [panel for panel in told if any(line.get(panel[2]) is not None for line in log)]
    share = 1 / max(1, len(known))
    panels = [((0.05 + n * share, share - 0.07), *panel) for n, panel in enumerate(known)]
    return _draw_by_epoch(log, panels, chance=None, theme=theme, width=width, dpi=dpi)


def _draw_by_epoch(
    log: Sequence[Mapping[str, Any]],
    panels: Sequence[tuple[tuple[float, float], str, str, str]],
    *,
    chance: float | None,
    theme: Theme,
    width: float,
    dpi: int,
) -> bytes:
    """A row of panels: where each stands and how wide it is, its title and subtitle, and the log's field."""
    figure = new_figure(width, 3.0, theme)
    for (left, wide), title, subtitle, field in panels:
        lines = [line for line in log if line.get(field) is not None]
        axes = figure.add_axes((left, 0.18, wide, 0.56))
        plain_axes(axes, theme)
        head(axes, title, subtitle, theme)
        if not lines:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.text(0.5, 0.5, "not known", transform=axes.transAxes, color=theme.muted, size=8.5, ha="center")
            continue
        epochs = np.array([line["epoch"] for line in lines], float)
        values = np.array([line[field] for line in lines], float)
        if len(values) >= FEWEST_TO_SMOOTH:
            axes.plot(epochs, values, color=theme.accent, linewidth=0.8, alpha=0.3)
        axes.plot(
            epochs, _smoothed(values), color=theme.accent, linewidth=1.9, marker="o" if len(values) == 1 else None
        )
        top = float(values.max()) * 1.12
        if field == "loss" and chance is not None:
            axes.axhline(chance, color=theme.muted, linewidth=1.1, linestyle=(0, (4, 3)))
            halo = [withStroke(linewidth=3, foreground=theme.paper)]
            axes.text(1, chance, "chance", transform=axes.get_yaxis_transform(), color=theme.muted, size=7.5,
                      path_effects=halo, ha="right", va="bottom")  # fmt: skip
            top = max(top, chance * 1.12)
        if field == "data_wait":
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
            top = max(top, 0.1)
        if field in ("knn_accuracy", "val_balanced_accuracy"):
            top = 1.0
        last = float(max(line["epoch"] for line in log))
        axes.set_ylim(0, top or 1.0)
        axes.set_xlim(0, last)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8 if wide > 0.3 else 4, integer=last >= 4))
        axes.set_xlabel("epoch", color=theme.muted, size=8)
    return png_of(figure, dpi=dpi)


def _by_k(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(entries, key=lambda entry: entry["k"])


def _muted(theme: Theme) -> list[str]:
    return [theme.second, theme.third, theme.muted, *[theme.nothing] * 20]


def _prepare(axes: Axes, ks: list[int], chosen_k: int | None, theme: Theme) -> None:
    plain_axes(axes, theme)
    if ks[-1] / ks[0] > LOG_FROM:
        axes.set_xscale("log")
        axes.set_xlim(ks[0] / 1.12, ks[-1] * 1.12)
    else:
        room = max((ks[-1] - ks[0]) * 0.06, 1)
        axes.set_xlim(ks[0] - room, ks[-1] + room)
    step = -(-len(ks) // MOST_TICKS)
    axes.xaxis.set_major_locator(FixedLocator(ks[::step]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".50", ".75", "1"])
    axes.set_xlabel("number of clusters k", color=theme.muted, size=8)
    if chosen_k is not None and len(ks) > 1:
        axes.axvline(chosen_k, color=theme.line, linewidth=7, zorder=0)


def _draw_line(
    axes: Axes, entries: list[Mapping[str, Any]], metric: str, name: str, color: str, theme: Theme, *, main: bool
) -> tuple[float, str, str, bool] | None:
    """Draw one encoder's line; returns where and how its name is to stand."""
    entries = [entry for entry in entries if entry.get(metric) is not None]
    if not entries:
        return None
    ks, values = [entry["k"] for entry in entries], [entry[metric] for entry in entries]
    bounded = [entry for entry in entries if entry.get(f"{metric}_low") is not None]
    if main and bounded:
        at = [entry["k"] for entry in bounded]
        low, high = ([entry[f"{metric}_{end}"] for entry in bounded] for end in ("low", "high"))
        axes.fill_between(at, low, high, color=color, alpha=0.14, linewidth=0)
        axes.vlines(at, low, high, color=color, linewidth=1.2, alpha=0.6)
    axes.plot(ks, values, color=color, linewidth=2.3 if main else 1.5, marker="o", markersize=5.5 if main else 3.8,
              markeredgecolor=theme.paper, markeredgewidth=0.9, zorder=4 if main else 3)  # fmt: skip
    return values[-1], name, color, main


def _draw_chance(axes: Axes, entries: list[Mapping[str, Any]], theme: Theme) -> tuple[float, str, str, bool] | None:
    known = [entry for entry in entries if entry.get("purity_chance") is not None]
    if not known:
        return None
    values = [entry["purity_chance"] for entry in known]
    if all(entry.get("purity_chance_low") is not None for entry in known):
        low, high = ([entry[f"purity_chance_{end}"] for entry in known] for end in ("low", "high"))
        axes.fill_between([entry["k"] for entry in known], low, high, color=theme.muted, alpha=0.2, linewidth=0)
    axes.plot([entry["k"] for entry in known], values, color=theme.accent, linewidth=1.3, linestyle=(0, (4, 3)),
              marker="_" if len(known) == 1 else None, markersize=14, alpha=0.85)  # fmt: skip
    return values[-1], "chance", theme.accent, False


def label_ends(axes: Axes, labels: list[tuple[float, str, str, bool]]) -> None:
    """Names at the lines' right ends instead of a legend, moved apart where lines end close together."""
    places = spread([label[0] for label in labels], gap=0.062, low=0.02, high=0.99)
    for (value, name, color, main), place in zip(labels, places, strict=True):
        axes.annotate(
            f"{drawable(name, longest=20)}  {short(value)}", (1.02, place), xycoords="axes fraction", color=color,
            size=8.5, weight="bold" if main else "normal", va="center", annotation_clip=False, parse_math=False,
        )  # fmt: skip


def short(value: float) -> str:
    """A share in two digits without its leading zero: .62, and 1.00 for one."""
    return f"{value:.2f}".removeprefix("0")


def head(axes: Axes, title: str, subtitle: str, theme: Theme) -> None:
    """Title and subtitle above a panel, left of its axes."""
    axes.annotate(title, (0, 1), xycoords="axes fraction", xytext=(-18, 25), textcoords="offset points",
                  color=theme.ink, size=11.5, weight="bold")  # fmt: skip
    axes.annotate(subtitle, (0, 1), xycoords="axes fraction", xytext=(-18, 12), textcoords="offset points",
                  color=theme.muted, size=7.5)  # fmt: skip


def foot(figure: Figure, height: float, footer: str, stamp: str | None, theme: Theme) -> None:
    """What the figure is of, and on the right what makes it doubtful."""
    figure.text(0.017, 0.16 / height, drawable(footer, longest=150), color=theme.muted, size=7.5, parse_math=False)
    if stamp:
        # Both on one line of some 175 letters, or the stamp above.
        line = 0.16 if len(footer) + len(stamp) < 160 else 0.36
        figure.text(0.983, line / height, drawable(stamp, longest=100), color=theme.second, size=7.5, weight="bold",
                    ha="right", parse_math=False)  # fmt: skip


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Mean of a window around each step, narrower at the ends, so that the curve neither lags nor bends there."""
    half = len(values) // 24 if len(values) >= FEWEST_TO_SMOOTH else 0
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    reach = np.minimum(half, np.minimum(at, len(values) - 1 - at))
    return (sums[at + reach + 1] - sums[at - reach]) / (2 * reach + 1)
