"""The names of a map's groups, each at its group's medoid, none over another."""

from typing import Any

import numpy as np
from jaxtyping import Float32, Int64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from sslecho.report.figure import Theme, drawable

MEDOID_SAMPLE = 1500  # of a group's points: enough to find its middle
RINGS = 6  # of places around a medoid that are tried


def medoid(points: Float32[np.ndarray, "n 2"]) -> Int64[np.ndarray, ""]:
    """The row of the point that is nearest to all others; in a group of several islands it lies on one of them."""
    rows = np.unique(np.linspace(0, len(points) - 1, min(len(points), MEDOID_SAMPLE)).astype(np.int64))
    sample = points[rows].astype(np.float64)
    apart = np.zeros(len(sample))
    for start in range(0, len(sample), 256):
        apart[start : start + 256] = np.linalg.norm(sample[start : start + 256, None] - sample[None], axis=2).sum(1)
    return np.asarray(rows[apart.argmin()])


def write_names(
    figure: Figure,
    axes: Axes,
    points: Float32[np.ndarray, "n 2"],
    numbers: Int64[np.ndarray, " n"],
    names: list[str],
    theme: Theme,
) -> list[str]:
    """Each group's name at its medoid, moved aside where another name stands, the largest groups first.

    Args:
        points: of the map.
        numbers: the group of each point, -1 for none.
        names: of the groups.

    Returns:
        The names for which there was no room.
    """
    halo = [withStroke(linewidth=3, foreground=theme.paper)]
    letters = 9.5 if len(names) <= 14 else 8.0
    taken: list[Any] = []
    left_out = []
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
        at_medoid, pixels = text.get_window_extent(), figure.dpi / 72  # letters are laid out once: it takes long
        for x, y in _places_around(letters, above):
            box = at_medoid.translated(x * pixels, y * pixels)
            inside = axes.bbox.contains(box.x0, box.y0) and axes.bbox.contains(box.x1, box.y1)
            if inside and not any(box.overlaps(other) for other in taken):
                text.set_position((x, y))
                taken.append(box)
                break
        else:
            text.remove()
            left_out.append(names[number])
            continue
        if max(abs(x), abs(y)) > 2 * letters:
            line = {"arrowstyle": "-", "color": theme.muted, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
            axes.annotate(
                "", tuple(place.tolist()), xytext=(x, y), textcoords="offset points", arrowprops=line, zorder=4
            )
    return left_out


def _places_around(letters: float, above: float) -> list[tuple[float, float]]:
    """Offsets in points to try: the wanted one, then ever further up, down and aside."""
    step = letters * 1.25
    rings = [
        (x * step * 1.6, y * step) for ring in range(1, RINGS + 1) for x in (0, -ring, ring) for y in (ring, -ring, 0)
    ]
    return [(0.0, above), *((x, y) for x, y in rings if (x, y) != (0, 0))]
