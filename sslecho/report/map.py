"""The embedding map: one point a clip or frame, colored by what is known of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, UInt8
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure

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
from sslecho.report.map_density import SHADED_FROM, draw_density
from sslecho.report.map_names import write_names

MOST_NAMED = 40  # groups whose names still fit on a map
MOST_CATEGORIES = 12  # numbers with more values than this are a scale, not names


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
    shaded_from: int = SHADED_FROM,
) -> bytes:
    """A PNG of `width` x `width` + 0.5 inches.

    Text is a category with a color and its name at its medoid; numbers of many values are a scale. Points without a
    value (None) are gray and lie below the others. Very many are shaded by density.

    Args:
        points: coordinates, from `umap_layout`.
        values: one a point.
        footer: what the points are: how many, whose, of which split.
        named: write the categories' names; not where they are hashes, such as those of patients.
        stamp: a warning that must not be missed, such as "groups = clips".
        shaded_from: so many points are shaded by density, not drawn one by one.
    """
    if len(points) != len(values):
        raise ValueError(f"there are {len(points)} points and {len(values)} values")
    height = width + 0.5
    figure = new_figure(width, height, theme)
    axes = figure.add_axes((0.03, 0.62 / height, 0.94, (height - 1.05) / height))
    _prepare(axes, points, theme)
    known = np.array([value is not None for value in values], dtype=bool)
    shaded = len(points) >= shaded_from
    if shaded:
        footer += " · shaded by density"
        if not known.all():
            draw_density(axes, points[~known], _rgb([theme.nothing])[np.zeros(int((~known).sum()), np.int64)])
    size, alpha = _ink(len(points))
    if not shaded:
        axes.scatter(*points[~known].T, s=size * 0.7, c=theme.nothing, alpha=alpha * 0.8, linewidths=0, rasterized=True)
    if is_scale(values):
        numbers = np.array([value for value in values if value is not None], float)
        _draw_scale(figure, axes, points[known], numbers, size, alpha, theme, shaded=shaded)
    else:
        names = categories(values)
        number_of = {name: number for number, name in enumerate(names)}
        numbers = np.array([-1 if value is None else number_of[str(value)] for value in values], dtype=np.int64)
        if shaded:
            draw_density(axes, points[known], _rgb(PALETTE)[numbers[known] % len(PALETTE)])
        else:
            _draw_categories(axes, points, numbers, len(names), size, alpha, theme)
        if named and len(names) <= MOST_NAMED:
            left_out = write_names(figure, axes, points, numbers, names, theme)
            footer += f" · no room for {len(left_out)} names" if left_out else ""
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


def is_scale(values: Sequence[Any]) -> bool:
    """Whether values are numbers of a scale rather than names; a few different whole numbers are names."""
    known = [value for value in values if value is not None]
    numbers = [value for value in known if isinstance(value, (int, float, np.number)) and not isinstance(value, bool)]
    return len(numbers) == len(known) and len(set(numbers)) > MOST_CATEGORIES


def scale_colors(*, is_dark: bool) -> Float[np.ndarray, "256 4"]:
    """Cividis without the end that is nearest to the paper, where its points would vanish."""
    return colormaps["cividis"](np.linspace(0.3, 1, 256) if is_dark else np.linspace(0, 0.9, 256))


def _rgb(colors: Sequence[str]) -> UInt8[np.ndarray, "n 3"]:
    return np.array([[round(255 * part) for part in to_rgb(color)] for color in colors], dtype=np.uint8)


def _draw_scale(
    figure: Figure,
    axes: Axes,
    points: Float32[np.ndarray, "n 2"],
    values: Float[np.ndarray, " n"],
    size: float,
    alpha: float,
    theme: Theme,
    *,
    shaded: bool,
) -> None:
    shades = scale_colors(is_dark=theme.is_dark)
    drawn = axes.scatter(*points.T, s=size, c=values, cmap=ListedColormap(shades), alpha=alpha, linewidths=0)
    if shaded:
        draw_density(axes, points, (255 * drawn.to_rgba(values)[:, :3]).round().astype(np.uint8))
        drawn.set_visible(False)  # it stays for the bar
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
    shapes = np.array([shape_of(number) for number in range(n_names)])
    for shape in dict.fromkeys(shapes.tolist()):
        rows = order[shapes[numbers[order]] == shape]
        colors = [color_of(number) for number in numbers[rows].tolist()]
        axes.scatter(*points[rows].T, s=size, c=colors, marker=shape, alpha=alpha, edgecolors=theme.paper,
                     linewidths=0.35 if size > 8 else 0)  # fmt: skip
