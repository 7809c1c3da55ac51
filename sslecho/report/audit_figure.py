"""The audit as a picture: each figure with its interval, and the chance that it must stand above."""

from collections.abc import Mapping, Sequence
from typing import Any

from sslecho.report.curves import foot
from sslecho.report.figure import DPI, LIGHT, Theme, drawable, new_figure, plain_axes, png_of

WIDTH, ROW, HEAD, FOOT = 8.4, 0.34, 0.95, 0.85  # inches


def draw_audit(
    rows: Sequence[Mapping[str, Any]],
    *,
    footer: str = "",
    stamp: str | None = None,
    theme: Theme = LIGHT,
    dpi: int = DPI,
) -> bytes:
    """A PNG of 8.4 inches: a line a figure, filled where it is above chance; what has no figure is named below none.

    Args:
        rows: of the audit, with `what`, `source`, `metric`, `value`, `low`, `high`, `chance`, `above_chance`.
        footer: what the figures are of.
        stamp: what makes them doubtful.
    """
    known = [row for row in rows if row["value"] is not None]
    height = HEAD + ROW * max(1, len(known)) + FOOT
    figure = new_figure(WIDTH, height, theme)
    axes = figure.add_axes((0.36, FOOT / height, 0.52, 1 - (HEAD + FOOT) / height))
    plain_axes(axes, theme)
    axes.grid(visible=False)
    axes.grid(axis="x", color=theme.line, linewidth=0.7)
    for place, row in enumerate(known):
        color = theme.second if row["above_chance"] else theme.muted
        if row["low"] is not None:
            axes.plot([row["low"], row["high"]], [place, place], color=color, linewidth=2.2, solid_capstyle="butt",
                      clip_on=False)  # fmt: skip
        axes.plot([row["value"]], [place], marker="o", markersize=6.5, color=color, markeredgewidth=1.5, clip_on=False,
                  markerfacecolor=color if row["above_chance"] else theme.paper)  # fmt: skip
        axes.plot([row["chance"]] * 2, [place - 0.32, place + 0.32], color=theme.ink, linewidth=1.3)
        axes.annotate(_name(row), (0, place), xycoords=("axes fraction", "data"), xytext=(-10, 0),
                      textcoords="offset points", ha="right", va="center", size=8.5, color=theme.ink,
                      parse_math=False)  # fmt: skip
        axes.annotate(f"{row['value']:.2f}".removeprefix("0"), (1.03, place), xycoords=("axes fraction", "data"),
                      va="center", size=8.5, color=color,
                      weight="bold" if row["above_chance"] else "normal")  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".50", ".75", "1"])
    axes.set_ylim(max(1, len(known)) - 0.4, -0.6)
    axes.set_yticks([])
    figure.text(0.017, 1 - 0.30 / height, "Shortcut audit", color=theme.ink, size=12, weight="bold", va="center")
    figure.text(0.017, 1 - 0.55 / height, "filled: above chance; black: what chance gives; an attribute is a possible "
                "shortcut only if both of its lines are filled", color=theme.muted, size=7.5, va="center")  # fmt: skip
    foot(figure, height, footer, None, theme)
    if stamp:
        figure.text(0.017, 0.36 / height, drawable(stamp, longest=120), color=theme.second, size=7.5, weight="bold")
    return png_of(figure, dpi=dpi)


def _name(row: Mapping[str, Any]) -> str:
    if row["metric"] == "same_patient":
        return f"{drawable(row['source'], longest=40)}: same {row['what']}"
    return f"{drawable(row['what'])} from {drawable(row['source'])}"
