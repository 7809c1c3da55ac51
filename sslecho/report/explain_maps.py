"""A sheet of frames and methods: what the network saw, and each method's map laid over it inside the sector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from matplotlib import colormaps
from matplotlib.axes import Axes

from sslecho.report.curves import foot
from sslecho.report.figure import DPI, LIGHT, Theme, drawable, new_figure, png_of

SIDE, GAP, NAMES, HEAD, FOOT = 1.25, 0.06, 1.45, 1.05, 0.62  # inches
COLORS = "inferno"  # even in lightness, so that it is read alike with any color vision, and in print
BRIGHT = 99.5  # percentile of a map that is drawn brightest: one pixel must not darken all others
FULL = 0.85  # share of color where a map is brightest


@dataclass(frozen=True)
class Shown:
    """One frame.

    Attributes:
        picture: gray levels in [0, 1].
        sector: inside which maps are drawn; None draws them all over.
        outline: of the sector, drawn as a line where maps are drawn outside it too; None draws none.
        maps: by the column's name; negative values are drawn as 0.
    """

    picture: Float[np.ndarray, "h w"]
    sector: Bool[np.ndarray, "h w"] | None
    outline: Bool[np.ndarray, "h w"] | None
    maps: Mapping[str, Float[np.ndarray, "h w"]]
    truth: str
    answer: str
    confidence: float


def draw_maps(
    rows: Sequence[Shown],
    columns: Sequence[str],
    *,
    title: str,
    footer: str,
    stamp: str | None = None,
    theme: Theme = LIGHT,
    dpi: int = DPI,
) -> bytes:
    """A PNG: a row a frame, a column a method.

    Args:
        columns: methods in order; a frame that has no map by one leaves its place empty.
        footer: what is shown, and of how many.
        stamp: what makes it doubtful.
    """
    h, w = rows[0].picture.shape
    tall = SIDE * h / w
    width = NAMES + (len(columns) + 1) * (SIDE + GAP) + 0.12
    height = HEAD + len(rows) * (tall + GAP) + FOOT
    figure = new_figure(width, height, theme)

    def place(row: int, column: int) -> Axes:
        bottom = height - HEAD - row * (tall + GAP) - tall
        return figure.add_axes(((NAMES + column * (SIDE + GAP)) / width, bottom / height, SIDE / width, tall / height))

    for number, shown in enumerate(rows):
        axes = place(number, 0)
        _bare(axes)
        axes.imshow(shown.picture, cmap="gray", vmin=0, vmax=1)
        _names(axes, shown, theme)
        for column, name in enumerate(columns, start=1):
            axes = place(number, column)
            _bare(axes)
            if name in shown.maps:
                axes.imshow(overlaid(shown, name))
                if shown.outline is not None and not shown.outline.all():
                    axes.contour(shown.outline, levels=[0.5], colors="white", linewidths=0.6)
            else:
                axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", va="center", size=8,
                          color=theme.muted)  # fmt: skip
    for column, name in enumerate(["frame", *columns]):
        figure.text((NAMES + column * (SIDE + GAP) + SIDE / 2) / width, 1 - (HEAD - 0.1) / height, name,
                    color=theme.ink, size=8.5, ha="center", va="center")  # fmt: skip
    figure.text(0.12 / width, 1 - 0.3 / height, title, color=theme.ink, size=11, weight="bold", va="center")
    figure.text(0.12 / width, 1 - 0.56 / height, "left: truth and answer, which is explained; brighter: more, each map "
                "by a scale of its own; line: sector", color=theme.muted, size=7.5, va="center")  # fmt: skip
    foot(figure, height, footer, None, theme)
    if stamp:
        figure.text(0.017, 0.36 / height, drawable(stamp, longest=130), color=theme.second, size=7.5, weight="bold",
                    parse_math=False)  # fmt: skip
    return png_of(figure, dpi=dpi)


def overlaid(shown: Shown, name: str) -> Float[np.ndarray, "h w 3"]:
    """The picture with one map over it, more of the map's color where it is higher; in gray outside the sector."""
    values = np.clip(np.asarray(shown.maps[name], np.float64), 0, None)
    if shown.sector is not None:
        values = np.where(shown.sector, values, 0)
    brightest = float(np.percentile(values, BRIGHT)) or float(values.max())
    values = np.clip(values / brightest, 0, 1) if brightest > 0 else values
    gray = np.repeat(0.75 * np.asarray(shown.picture, np.float64)[..., None], 3, axis=2)
    share = FULL * values[..., None] ** 0.7
    return (1 - share) * gray + share * colormaps[COLORS](0.25 + 0.75 * values)[..., :3]


def _names(axes: Axes, shown: Shown, theme: Theme) -> None:
    right = shown.truth == shown.answer
    lines = [
        (drawable(shown.truth, longest=18), theme.ink, "bold"),
        (f"named {drawable(shown.answer, longest=14)}",
         theme.muted if right else theme.second, "normal" if right else "bold"),
        (f"confidence {shown.confidence:.2f}".replace("0.", "."), theme.muted, "normal"),
    ]  # fmt: skip
    for line, (text, color, weight) in enumerate(lines):
        axes.annotate(text, (0, 0.5), xycoords="axes fraction", xytext=(-8, 12 - 12 * line), size=8, color=color,
                      textcoords="offset points", ha="right", va="center", weight=weight, parse_math=False)  # fmt: skip


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
