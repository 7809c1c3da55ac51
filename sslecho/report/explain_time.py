"""Which frames of a clip decide: saliency and occlusion over time, with the frame that weighs most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from sslecho.report.curves import foot
from sslecho.report.figure import DPI, LIGHT, Theme, drawable, new_figure, plain_axes, png_of

ROW, HEAD, FOOT, WIDTH = 1.55, 1.0, 0.75, 8.6  # inches


@dataclass(frozen=True)
class Course:
    """A window of a clip.

    Attributes:
        share: of the saliency, each frame's.
        fall: of the answer's probability where a frame is gray.
        picture: the frame with the greatest share, gray levels in [0, 1].
    """

    truth: str
    answer: str
    confidence: float
    share: Float[np.ndarray, " t"]
    fall: Float[np.ndarray, " t"]
    picture: Float[np.ndarray, "h w"]


def draw_time(
    courses: Sequence[Course],
    *,
    title: str,
    footer: str,
    stamp: str | None = None,
    theme: Theme = LIGHT,
    dpi: int = DPI,
) -> bytes:
    """A PNG of 8.6 inches: a row a clip, its frame that weighs most, and its two curves."""
    height = HEAD + ROW * len(courses) + FOOT
    figure = new_figure(WIDTH, height, theme)
    for number, course in enumerate(courses):
        bottom = height - HEAD - (number + 1) * ROW + 0.42
        axes = figure.add_axes((0.12 / WIDTH, (bottom - 0.1) / height, 1.2 / WIDTH, 1.2 / height))
        axes.imshow(course.picture, cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
        right = course.truth == course.answer
        said = f"named {drawable(course.answer, longest=16)}"
        for line, (text, color, weight) in enumerate(
            [
                (drawable(course.truth, longest=18), theme.ink, "bold"),
                (said, theme.muted if right else theme.second, "normal" if right else "bold"),
                (f"confidence {course.confidence:.2f}".replace("0.", "."), theme.muted, "normal"),
                (f"shown: frame {int(course.share.argmax()) + 1}", theme.muted, "normal"),
            ]
        ):
            figure.text(1.45 / WIDTH, (bottom + 0.92 - 0.19 * line) / height, text, size=8, color=color, weight=weight,
                        va="center", parse_math=False)  # fmt: skip
        last = number == len(courses) - 1
        for place, values, color, even in ((3.0, course.share, theme.accent, 1 / len(course.share)),
                                           (6.0, course.fall, theme.second, 0.0)):  # fmt: skip
            axes = figure.add_axes((place / WIDTH, bottom / height, 2.4 / WIDTH, (ROW - 0.55) / height))
            _curve(axes, values, color, even, theme, last=last)
    for place, name, color in ((3.0, "share of the gradient", theme.accent),
                               (6.0, "fall of confidence, frame gray", theme.second)):  # fmt: skip
        figure.text(place / WIDTH, 1 - (HEAD - 0.12) / height, name, size=8.5, color=color, weight="bold", va="center")
    figure.text(0.017, 1 - 0.3 / height, title, color=theme.ink, size=11, weight="bold", va="center")
    figure.text(0.017, 1 - 0.55 / height, "left: what each frame has of the map; right: what the answer loses "
                "when the frame is gray; gray lines: all frames alike, nothing lost", color=theme.muted, size=7.5,
                va="center")  # fmt: skip
    foot(figure, height, footer, None, theme)
    if stamp:
        figure.text(0.017, 0.36 / height, drawable(stamp, longest=130), color=theme.second, size=7.5, weight="bold",
                    parse_math=False)  # fmt: skip
    return png_of(figure, dpi=dpi)


def _curve(axes: Axes, values: np.ndarray, color: str, even: float, theme: Theme, *, last: bool) -> None:
    plain_axes(axes, theme)
    frames = np.arange(1, len(values) + 1)
    axes.axhline(even, color=theme.muted, linewidth=0.9)
    axes.plot(frames, values, color=color, linewidth=1.5, marker=".", markersize=5)
    top, low = max(float(values.max()), even), min(float(values.min()), even, 0.0)
    room = 0.12 * (top - low) or 0.01
    axes.set_ylim(low - room, top + room)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(labelsize=7)
    if last:
        axes.set_xlabel("frame of the window", color=theme.muted, fontsize=7.5, labelpad=1)
