"""Accuracy with parts of the pictures covered, and what covering looks like."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from sslecho.report.curves import foot
from sslecho.report.figure import DPI, LIGHT, Theme, drawable, new_figure, plain_axes, png_of

WIDTH, ROW, HEAD, FOOT, SIDE = 9.4, 0.36, 1.0, 0.9, 1.35  # inches


@dataclass(frozen=True)
class Way:
    """One way to show the pictures, with its accuracy; `group` 0 is the accuracy of nothing changed."""

    name: str
    value: float
    low: float | None
    high: float | None
    group: int


def draw_occlusion(
    ways: Sequence[Way],
    examples: Sequence[tuple[str, UInt8[np.ndarray, "h w"]]],
    *,
    title: str,
    footer: str,
    stamp: str | None = None,
    theme: Theme = LIGHT,
    dpi: int = DPI,
) -> bytes:
    """A PNG of 9.4 inches: a line a way on the left, an example of each on the right.

    Args:
        ways: in order, those of a group together.
        examples: at most six, each with its name.
    """
    height = max(HEAD + ROW * (len(ways) + 0.5) + FOOT, HEAD + 2 * (SIDE + 0.3) + 0.4)
    figure = new_figure(WIDTH, height, theme)
    axes = figure.add_axes((2.35 / WIDTH, FOOT / height, 2.2 / WIDTH, 1 - (HEAD + FOOT) / height))
    plain_axes(axes, theme)
    axes.grid(visible=False)
    axes.grid(axis="x", color=theme.line, linewidth=0.7)
    colors = (theme.ink, theme.accent, theme.second)
    for place, way in enumerate(ways):
        color = colors[min(way.group, 2)]
        if way.low is not None and way.high is not None:
            axes.plot([way.low, way.high], [place, place], color=color, linewidth=2.2, solid_capstyle="butt",
                      clip_on=False)  # fmt: skip
        axes.plot([way.value], [place], marker="osD"[min(way.group, 2)], markersize=6.5, color=color, clip_on=False)
        axes.annotate(drawable(way.name, longest=34), (0, place), xycoords=("axes fraction", "data"), size=8.5,
                      xytext=(-9, 0), textcoords="offset points", ha="right", va="center", color=theme.ink,
                      parse_math=False)  # fmt: skip
        axes.annotate(f"{way.value:.2f}".removeprefix("0"), (1.05, place), xycoords=("axes fraction", "data"),
                      va="center", size=8.5, color=color)  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".50", ".75", "1"])
    axes.set_xlabel("accuracy", color=theme.muted, fontsize=8)
    axes.set_ylim(len(ways) - 0.4, -0.6)
    axes.set_yticks([])
    for number, (name, picture) in enumerate(examples[:6]):
        line, column = divmod(number, 3)
        left, top = 5.1 + column * (SIDE + 0.06), HEAD - 0.15 + line * (SIDE + 0.3)
        one = figure.add_axes((left / WIDTH, 1 - (top + SIDE) / height, SIDE / WIDTH, SIDE / height))
        one.imshow(picture, cmap="gray", vmin=0, vmax=255)
        one.set_axis_off()
        one.set_title(drawable(name, longest=24), size=7.5, color=theme.ink, pad=3, parse_math=False)
    figure.text(0.017, 1 - 0.3 / height, drawable(title, longest=120), color=theme.ink, size=11, weight="bold",
                va="center", parse_math=False)  # fmt: skip
    foot(figure, height, footer, None, theme)
    if stamp:
        figure.text(0.017, 0.36 / height, drawable(stamp, longest=130), color=theme.second, size=7.5, weight="bold",
                    parse_math=False)  # fmt: skip
    return png_of(figure, dpi=dpi)
