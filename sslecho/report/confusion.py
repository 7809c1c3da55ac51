"""A confusion matrix as a picture: shares of each true class, with the counts, for any classifier's predictions."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64
from matplotlib.colors import LinearSegmentedColormap

from sslecho.report.curves import foot
from sslecho.report.figure import DPI, LIGHT, Theme, drawable, new_figure, png_of

CELL, MOST_CELL, LEFT, RIGHT, BOTTOM = 0.46, 0.9, 1.35, 0.95, 0.75  # inches
HEAD, LETTER = 0.85, 0.048  # above the names, and what a slanted letter adds
LEAST_WIDTH = 5.6
COUNTED = 16  # classes up to which cells have counts; in more there is no room
DARK_FROM = 0.55  # share from which letters on a cell are light


def confusion_counts(
    truth: Int64[np.ndarray, " n"], answers: Int64[np.ndarray, " n"], n_classes: int
) -> Int64[np.ndarray, "c c"]:
    """How often each class (rows) was called each class (columns)."""
    return np.bincount(truth * n_classes + answers, minlength=n_classes**2).reshape(n_classes, n_classes)


def draw_confusion(
    counts: Int64[np.ndarray, "c c"],
    names: Sequence[str],
    *,
    title: str,
    footer: str,
    stamp: str | None = None,
    theme: Theme = LIGHT,
    dpi: int = DPI,
) -> bytes:
    """A PNG: rows are the truth and sum to 1, columns are answers, cells have counts.

    Args:
        title: the main figure in words.
        footer: what the counts are of.
        stamp: what makes them doubtful.
    """
    n = len(names)
    words = [drawable(name, longest=16) for name in names]
    cell = min(MOST_CELL, max(CELL, (LEAST_WIDTH - LEFT - RIGHT) / n))
    width = max(LEAST_WIDTH, LEFT + n * cell + RIGHT)
    height = HEAD + 0.2 + LETTER * max(len(word) for word in words) + n * cell + BOTTOM
    figure = new_figure(width, height, theme)
    axes = figure.add_axes((LEFT / width, BOTTOM / height, n * cell / width, n * cell / height))
    total = counts.sum(1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    colors = LinearSegmentedColormap.from_list("share", [theme.paper, theme.accent])
    axes.imshow(share, cmap=colors, vmin=0, vmax=1)
    for true, answer in np.argwhere(counts > 0).tolist() if n <= COUNTED else []:
        axes.text(answer, true, f"{counts[true, answer]:,}", ha="center", va="center", size=7.5,
                  color=theme.paper if share[true, answer] > DARK_FROM else theme.ink)  # fmt: skip
    for edge in range(n + 1):
        axes.axhline(edge - 0.5, color=theme.line, linewidth=0.7)
        axes.axvline(edge - 0.5, color=theme.line, linewidth=0.7)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_yticks(range(n), words, parse_math=False)
    axes.set_xticks(range(n), words, rotation=40, ha="left", rotation_mode="anchor", parse_math=False)
    axes.tick_params(length=0, labelsize=8, colors=theme.ink, top=True, labeltop=True, bottom=False, labelbottom=False)
    for place in range(n):
        said = "–" if not total[place, 0] else f"{share[place, place]:.2f}".removeprefix("0")
        axes.text(n - 0.3, place, said, va="center", size=8, color=theme.ink)
    axes.annotate("recall", (n - 0.3, n - 0.5), xytext=(0, -6), textcoords="offset points", va="center", size=7.5,
                  color=theme.muted, annotation_clip=False)  # fmt: skip
    figure.text(0.017, 1 - 0.28 / height, title, color=theme.ink, size=11, weight="bold", va="center", parse_math=False)
    figure.text(0.017, 1 - 0.52 / height, "rows: truth; columns: answer; shade: share of the row", color=theme.muted,
                size=7.5, va="center")  # fmt: skip
    foot(figure, height, footer, None, theme)
    if stamp:
        figure.text(0.017, 0.36 / height, drawable(stamp, longest=110), color=theme.second, size=7.5, weight="bold",
                    parse_math=False)  # fmt: skip
    return png_of(figure, dpi=dpi)
