"""What a grader says of test clips: its grades against those given, and their course over some clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from sslecho.report.figure import LIGHT, Theme, color_of, drawable, new_figure, plain_axes, png_of, shape_of

COURSES = (2, 3)  # rows and columns of clips
MOST_NAMED = 8  # views in the legend; of more no one can be told from the others


@dataclass(frozen=True)
class Course:
    """One clip over time: grades given (NaN where none was) and said, of its frames in order."""

    name: str
    given: Float[np.ndarray, " n"]
    said: Float[np.ndarray, " n"]


def draw_run(rows: Sequence[Mapping[str, Any]], result: Mapping[str, Any], *, theme: Theme = LIGHT) -> bytes:
    """`draw_grades` of a run: its test frames, and clips of theirs from the least to the largest error.

    Args:
        rows: one a frame, as the predictions have them.
        result: the figures of the run.
    """
    tested = [row for row in rows if row["split"] == "test" and row["grade"] is not None]
    of_clips = {row["clip_id"] for row in tested}
    clips: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["clip_id"] in of_clips:
            clips.setdefault(row["clip_id"], []).append(row)
    courses = [
        Course(
            str(of_clip[0]["label"] or "clip"),
            np.array([np.nan if row["grade"] is None else row["grade"] for row in of_clip]),
            np.array([row["predicted_grade"] for row in of_clip]),
        )
        for of_clip in clips.values()
        if len(of_clip) > 1
    ]
    # Evenly over all by their error, the best first: a choice that flatters nobody.
    courses.sort(key=lambda course: float(np.nanmean((course.given - course.said) ** 2)))
    n = COURSES[0] * COURSES[1]
    if len(courses) > n:
        courses = [courses[place] for place in np.linspace(0, len(courses) - 1, n).round().astype(int)]
    share = "" if result["mse_low"] is None else f" ({result['mse_low']:.2f}–{result['mse_high']:.2f})"
    level, unit = result["level"], result["unit"]
    few, narrow = (
        len(tested) if level == "frame" else len(of_clips),
        ", too few to trust it" if result["narrow"] else "",
    )
    given, said = (np.array([row[name] for row in tested], float) for name in ("grade", "predicted_grade"))
    return draw_grades(
        given,
        said,
        np.array([row["label"] for row in tested], dtype=object),
        courses,
        scale=(result["scale"][0], result["scale"][1]),
        title=f"Mean squared error of {level}s {result['mse']:.2f}{share}; of always the same grade "
        f"{result['mse_constant']:.2f}",
        stamp=f"Left: {len(tested)} test frames. Right: test clips from the least to the largest error. "
        f"{few} {level}s of {result['n_patients']} {unit}s scored; 95 % interval over {unit}s{narrow}.",
        theme=theme,
    )


def draw_grades(
    given: Float[np.ndarray, " n"],
    said: Float[np.ndarray, " n"],
    views: Shaped[np.ndarray, " n"] | None,
    courses: Sequence[Course],
    *,
    scale: tuple[int, int],
    title: str,
    stamp: str,
    theme: Theme = LIGHT,
) -> bytes:
    """A PNG of 10 x 4.6 inches.

    Args:
        given, said: of every scored item.
        views: of every scored item, None where unknown; or None for all.
        courses: clips to show on the right, at most six.
        title: the main figure in words.
        stamp: whose items these are.
    """
    figure = new_figure(10.0, 4.6, theme)
    figure.text(0.045, 0.945, title, color=theme.ink, fontsize=11, fontweight="bold", va="center")
    figure.text(0.045, 0.03, stamp, color=theme.muted, fontsize=7.5, va="center")
    axes = figure.add_axes((0.06, 0.155, 0.335, 0.68))
    _scatter(axes, given, said, views, scale=scale, theme=theme)
    if courses:
        figure.text(0.475, 0.865, "given", color=theme.second, fontsize=8.5, fontweight="bold", va="center")
        figure.text(0.525, 0.865, "and said, over a clip", color=theme.accent, fontsize=8.5, va="center")
    rows, columns = COURSES
    for number, course in enumerate(courses[: rows * columns]):
        row, column = divmod(number, columns)
        place = (0.475 + 0.178 * column, 0.155 + 0.36 * (rows - 1 - row), 0.145, 0.255)
        _course(figure.add_axes(place), course, scale=scale, theme=theme)
    return png_of(figure)


def _scatter(
    axes: Axes,
    given: Float[np.ndarray, " n"],
    said: Float[np.ndarray, " n"],
    views: Shaped[np.ndarray, " n"] | None,
    *,
    scale: tuple[int, int],
    theme: Theme,
) -> None:
    plain_axes(axes, theme)
    low, high = scale
    margin = 0.04 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(low - margin, high + margin)
    axes.set_aspect("equal")
    axes.plot([low, high], [low, high], color=theme.muted, linewidth=1, zorder=1)
    names = [] if views is None else sorted({str(name) for name in views if name is not None})
    # Whole grades lie on top of each other: each point is moved a little to the side, always alike.
    moved = given + np.random.default_rng(0).uniform(-0.18, 0.18, len(given))
    look = {"s": 14, "alpha": 0.75, "linewidths": 0, "zorder": 2}
    if not 1 < len(names) <= MOST_NAMED:
        axes.scatter(moved, said, color=theme.accent, **look)
    else:
        assert views is not None
        for number, name in enumerate(names):
            inside = np.array([str(view) == name for view in views])
            marker = {"color": color_of(number), "marker": shape_of(number), "label": drawable(name, longest=14)}
            axes.scatter(moved[inside], said[inside], **marker, **look)
        axes.legend(loc="upper left", fontsize=7, frameon=False, labelcolor=theme.ink, handletextpad=0.1, borderpad=0.1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("grade given", color=theme.muted, fontsize=8.5)
    axes.set_ylabel("grade said", color=theme.muted, fontsize=8.5)


def _course(axes: Axes, course: Course, *, scale: tuple[int, int], theme: Theme) -> None:
    plain_axes(axes, theme)
    frames = np.arange(len(course.said))
    given = {"color": theme.second, "linewidth": 1.4, "marker": "." if len(frames) < 12 else None}
    said = {"color": theme.accent, "linewidth": 1.4, "marker": "." if len(frames) < 12 else None}
    axes.plot(frames, course.given, **given)
    axes.plot(frames, course.said, **said)
    axes.set_ylim(scale[0] - 0.3, scale[1] + 0.3)
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.tick_params(labelsize=7)
    axes.set_title(drawable(course.name, longest=26), color=theme.ink, fontsize=7.5, loc="left", pad=4)
    axes.set_xlabel("frame", color=theme.muted, fontsize=7, labelpad=1)
