"""The embedding map: one point a clip or frame, colored by what is known of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from sslecho.report.figure import (
    DPI,
    LIGHT,
    PALETTE,
    Theme,
    color_of,
    drawable,
    new_figure,
    plain_axes,
    png_of,
    shape_of,
)

MOST_NAMED = 40  # groups whose names still fit on a map
MOST_CATEGORIES = 12  # numbers with more values than this are a scale, not names
MEDOID_SAMPLE = 1500  # of a group's points: enough to find its middle


def draw_map(
    points: Float32[np.ndarray, "n 2"],
    values: Sequence[Any],
    *,
    title: str,
    footer: str,
    stamp: str | None = None,
    named: bool = True,
    theme: Theme = LIGHT,
    width: float = 6.4,
    dpi: int = DPI,
) -> bytes:
    """A PNG of `width` x `width` + 0.5 inches.

    Text is a category with a color and its name at its medoid; numbers of many values are a scale. Points without a
    value (None) are gray and lie below the others.

    Args:
        points: coordinates, from `umap_layout`.
        values: one a point.
        footer: what the points are: how many, whose, of which split.
        named: write the categories' names; not where they are hashes, such as those of patients.
        stamp: a warning that must not be missed, such as "groups = clips".
    """
    if len(points) != len(values):
        raise ValueError(f"there are {len(points)} points and {len(values)} values")
    height = width + 0.5
    figure = new_figure(width, height, theme)
    axes = figure.add_axes((0.03, 0.62 / height, 0.94, (height - 1.05) / height))
    _prepare(axes, points, theme)
    known = np.array([value is not None for value in values], dtype=bool)
    size, alpha = _ink(len(points))
    axes.scatter(*points[~known].T, s=size * 0.7, c=theme.nothing, alpha=alpha * 0.8, linewidths=0, rasterized=True)
    if _is_scale(values):
        _draw_scale(figure, axes, points[known], [value for value in values if value is not None], size, alpha, theme)
    else:
        names = categories(values)
        numbers = np.array([names.index(str(value)) if value is not None else -1 for value in values], dtype=np.int64)
        _draw_categories(axes, points, numbers, len(names), size, alpha, theme)
        if named and len(names) <= MOST_NAMED:
            _name(figure, axes, points, numbers, names, theme)
        elif len(names) > len(PALETTE):
            footer += f" · {len(names):,} groups share {len(PALETTE)} colors"
    if not known.all():
        footer += f" · gray: {int((~known).sum()):,} without a value"
    figure.text(0.03, 1 - 0.27 / height, drawable(title, longest=70), color=theme.ink, size=12, weight="bold",
                va="center", parse_math=False)  # fmt: skip
    figure.text(0.03, 0.40 / height, drawable(footer, longest=120), color=theme.muted, size=7.5, va="center",
                parse_math=False)  # fmt: skip
    if stamp:
        figure.text(0.03, 0.18 / height, drawable(stamp, longest=120), color=theme.second, size=7.5, weight="bold",
                    va="center", parse_math=False)  # fmt: skip
    return png_of(figure, dpi=dpi)


def categories(values: Sequence[Any]) -> list[str]:
    """The different values in the order of their colors: numbers by size, text by letter, None left out."""
    names = {str(value) for value in values if value is not None}
    return sorted(names, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))


def medoid(points: Float32[np.ndarray, "n 2"]) -> Int64[np.ndarray, ""]:
    """The row of the point that is nearest to all others; in a group of several islands it lies on one of them."""
    rows = np.unique(np.linspace(0, len(points) - 1, min(len(points), MEDOID_SAMPLE)).astype(np.int64))
    sample = points[rows].astype(np.float64)
    apart = np.zeros(len(sample))
    for start in range(0, len(sample), 256):
        apart[start : start + 256] = np.linalg.norm(sample[start : start + 256, None] - sample[None], axis=2).sum(1)
    return np.asarray(rows[apart.argmin()])


def _prepare(axes: Axes, points: Float32[np.ndarray, "n 2"], theme: Theme) -> None:
    axes.set_facecolor(theme.paper)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(theme.line)
    low, high = points.min(0).astype(float), points.max(0).astype(float)
    middle, half = (low + high) / 2, max(float((high - low).max()) / 2, 1e-3) * 1.08
    # One scale for both axes: the layout's distances are the same in all directions.
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)


def _ink(n: int) -> tuple[float, float]:
    """Area in points² and opacity of a dot, so that n of them neither vanish nor run together."""
    return float(np.clip(11000 / max(n, 1), 1.2, 46)), float(np.clip((2000 / max(n, 1)) ** 0.3, 0.3, 0.85))


def _is_scale(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    numbers = [value for value in known if isinstance(value, (int, float, np.number)) and not isinstance(value, bool)]
    return len(numbers) == len(known) and len(set(numbers)) > MOST_CATEGORIES


def _draw_scale(
    figure: Figure, axes: Axes, points: np.ndarray, values: list[Any], size: float, alpha: float, theme: Theme
) -> None:
    # The end of the scale that is nearest to the paper is left out, or its points would vanish.
    shades = colormaps["cividis"](np.linspace(0.3, 1, 256) if theme.is_dark else np.linspace(0, 0.9, 256))
    drawn = axes.scatter(
        *points.T, s=size, c=np.array(values, float), cmap=ListedColormap(shades), alpha=alpha, linewidths=0
    )
    inset = axes.inset_axes((0.70, 0.03, 0.27, 0.018))
    bar = figure.colorbar(drawn, cax=inset, orientation="horizontal")
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    plain_axes(inset, theme)
    inset.spines["bottom"].set_visible(False)
    inset.xaxis.set_ticks_position("top")


def _draw_categories(
    axes: Axes, points: np.ndarray, numbers: np.ndarray, n_names: int, size: float, alpha: float, theme: Theme
) -> None:
    # One scatter a shape, its points shuffled: else the last class would hide the others where they overlap.
    order = np.random.default_rng(0).permutation(np.flatnonzero(numbers >= 0))
    for shape in dict.fromkeys(map(shape_of, range(n_names))):
        rows = [row for row in order if shape_of(int(numbers[row])) == shape]
        colors = [color_of(int(numbers[row])) for row in rows]
        axes.scatter(*points[rows].T, s=size, c=colors, marker=shape, alpha=alpha, edgecolors=theme.paper,
                     linewidths=0.35 if size > 8 else 0)  # fmt: skip


def _name(figure: Figure, axes: Axes, points: np.ndarray, numbers: np.ndarray, names: list[str], theme: Theme) -> None:
    """Each group's name at its medoid, moved aside where another name stands, the largest groups first."""
    halo = [withStroke(linewidth=3, foreground=theme.paper)]
    letters = 9.5 if len(names) <= 14 else 8
    taken: list[Any] = []
    for number in np.argsort(-np.bincount(numbers[numbers >= 0], minlength=len(names)), kind="stable"):
        group = points[numbers == number]
        place = group[int(medoid(group))]
        text = axes.annotate(
            drawable(names[number]), tuple(place.tolist()), xytext=(0, 0), textcoords="offset points", ha="center",
            va="center", size=letters, weight="bold", color=theme.ink, path_effects=halo, parse_math=False, zorder=5,
        )  # fmt: skip
        # A name would hide a group that is smaller than itself, so it stands above such a one.
        reach = np.median(np.linalg.norm(axes.transData.transform(group) - axes.transData.transform(place), axis=1))
        above = letters * 1.1 if reach * 72 / figure.dpi < letters * 1.6 else 0.0
        for x, y in _places_around(letters, above):
            text.set_position((x, y))
            box = text.get_window_extent()
            if (
                not any(box.overlaps(other) for other in taken)
                and axes.bbox.containsx(box.x0)
                and axes.bbox.containsx(box.x1)
            ):
                break
        taken.append(box)
        if max(abs(x), abs(y)) > 2 * letters:
            line = {"arrowstyle": "-", "color": theme.muted, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
            axes.annotate(
                "", tuple(place.tolist()), xytext=(x, y), textcoords="offset points", arrowprops=line, zorder=4
            )


def _places_around(letters: float, above: float) -> list[tuple[float, float]]:
    """Offsets in points to try: the wanted one, then ever further up, down and aside."""
    step = letters * 1.25
    rings = [(x * step * 1.6, y * step) for ring in range(1, 5) for x in (0, -ring, ring) for y in (ring, -ring, 0)]
    return [(0.0, above), *((x, y) for x, y in rings if (x, y) != (0, 0))]
