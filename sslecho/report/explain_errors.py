"""A gallery of the worst errors: clips that were named wrong with the highest confidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sslecho.report.curves import foot
from sslecho.report.figure import DPI, LIGHT, Theme, drawable, new_figure, png_of

SIDE, GAP, WORDS, HEAD, FOOT = 1.5, 0.16, 0.62, 0.8, 0.6  # inches
ACROSS = 6


@dataclass(frozen=True)
class Wrong:
    """One item: a frame of it, gray levels in [0, 1], and what was said of it."""

    picture: Float[np.ndarray, "h w"]
    truth: str
    answer: str
    confidence: float
    in_truth: float
    uncertainty: float


def draw_errors(
    wrong: Sequence[Wrong],
    *,
    title: str,
    footer: str,
    stamp: str | None = None,
    theme: Theme = LIGHT,
    dpi: int = DPI,
) -> bytes:
    """A PNG: the worst first, row by row; without any error it says so."""
    columns = min(ACROSS, max(3, len(wrong)))
    lines = max(1, -(-len(wrong) // columns))
    tall = SIDE * (wrong[0].picture.shape[0] / wrong[0].picture.shape[1] if wrong else 0.4)
    width = 0.24 + columns * (SIDE + GAP)
    height = HEAD + lines * (tall + WORDS + GAP) + FOOT
    figure = new_figure(width, height, theme)
    for number, one in enumerate(wrong):
        line, column = divmod(number, columns)
        left, top = 0.12 + column * (SIDE + GAP), HEAD + line * (tall + WORDS + GAP)
        axes = figure.add_axes((left / width, 1 - (top + tall) / height, SIDE / width, tall / height))
        axes.imshow(one.picture, cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
        said = [
            (drawable(f"is {one.truth}", longest=22), theme.ink, "bold"),
            (drawable(f"named {one.answer}", longest=22), theme.second, "bold"),
            (f"{_short(one.confidence)} sure, {_short(one.in_truth)} in truth, u {_short(one.uncertainty)}",
             theme.muted, "normal"),
        ]  # fmt: skip
        for place, (text, color, weight) in enumerate(said):
            figure.text(left / width, 1 - (top + tall + 0.13 + 0.17 * place) / height, text, size=7.5, color=color,
                        weight=weight, va="center", parse_math=False)  # fmt: skip
    if not wrong:
        figure.text(0.5, 0.5, "no item was named wrong", color=theme.muted, size=10, ha="center")
    figure.text(0.12 / width, 1 - 0.28 / height, title, color=theme.ink, size=11, weight="bold", va="center")
    figure.text(0.12 / width, 1 - 0.52 / height, "probability of the answer and of the truth; u: uncertainty",
                color=theme.muted, size=7.5, va="center")  # fmt: skip
    foot(figure, height, footer, None, theme)
    if stamp:
        figure.text(0.017, 0.36 / height, drawable(stamp, longest=110), color=theme.second, size=7.5, weight="bold",
                    parse_math=False)  # fmt: skip
    return png_of(figure, dpi=dpi)


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")
