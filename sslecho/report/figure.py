"""What all figures share: colors for light and dark pages, letters that can be drawn, PNG bytes.

Figures are made without pyplot, which keeps global state: a notebook's own figures are left alone.
"""

import io
from dataclasses import dataclass

import matplotlib
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

DPI = 160  # of pages; a paper gets more


@dataclass(frozen=True)
class Theme:
    """Colors of a figure, matched to those of the page around it."""

    paper: str
    ink: str
    muted: str
    line: str
    accent: str
    second: str
    third: str
    nothing: str  # points without a value
    is_dark: bool


LIGHT = Theme("#ffffff", "#1b2430", "#657182", "#dfe3e8", "#0b6375", "#b7791f", "#8a6fb0", "#c3c9d1", False)
DARK = Theme("#171e26", "#e9edf1", "#9aa7b5", "#303b47", "#5cc4d6", "#e0ab5a", "#b9a3dc", "#4a5664", True)

# Okabe and Ito 2008, "Color Universal Design", without black, which is the color of letters; its yellow is darkened,
# as points in it vanish on white. Wine, indigo and olive after Tol's muted scheme, gray and brown follow, so that 12
# classes have colors of their own on light and dark paper. With color deficiencies no 20 colors can be told apart:
# the next ones repeat them in another shape.
PALETTE = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#d6c300",
    "#9b2a60", "#5b45c0", "#999933", "#8a8f98", "#8c5a38",
)  # fmt: skip
SHAPES = ("o", "s", "^", "D", "v")

# Tried in this order where a letter is missing in the one before; only the first comes with matplotlib.
FONTS = (
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "PingFang SC", "Hiragino Sans", "Microsoft YaHei",
    "Yu Gothic", "Malgun Gothic", "Noto Sans Arabic", "Noto Sans", "Arial Unicode MS",
)  # fmt: skip


def color_of(number: int) -> str:
    """The color of the n-th class, the same in every figure of a page."""
    return PALETTE[number % len(PALETTE)]


def shape_of(number: int) -> str:
    """The marker of the n-th class: it changes where the colors start again."""
    return SHAPES[number // len(PALETTE) % len(SHAPES)]


def new_figure(width: float, height: float, theme: Theme) -> Figure:
    """An empty figure of so many inches on the theme's paper."""
    figure = Figure(figsize=(width, height), facecolor=theme.paper)
    FigureCanvasAgg(figure)  # the figure keeps it: with it the size of letters is known before they are drawn
    return figure


def plain_axes(axes: Axes, theme: Theme) -> None:
    """Light axes: a line below, faint lines across, small letters."""
    axes.set_facecolor(theme.paper)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(theme.muted)
    axes.spines["bottom"].set_linewidth(0.8)
    axes.grid(axis="y", color=theme.line, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(axis="both", colors=theme.muted, labelsize=8, length=0, pad=5)


def png_of(figure: Figure, *, dpi: int = DPI) -> bytes:
    """The figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({"font.family": _installed(), "axes.unicode_minus": False}):
        figure.savefig(buffer, format="png", dpi=dpi, facecolor=figure.get_facecolor(), metadata={"Software": None})
    return buffer.getvalue()


def drawable(text: str, *, longest: int = 28) -> str:
    """The text on one line, shortened, with "?" for letters that no installed font has."""
    text = " ".join(str(text).split())
    if len(text) > longest:
        text = text[: longest - 1].rstrip() + "…"
    return "".join(letter if _has(letter) else "?" for letter in text)


def spread(wanted: list[float], *, gap: float, low: float, high: float) -> list[float]:
    """Places for labels near the wanted heights, in the same order, at least `gap` apart where there is room."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    places = [min(max(wanted[i], low), high) for i in order]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    if places:
        places[-1] = min(places[-1], high)
    for i in range(len(places) - 2, -1, -1):
        places[i] = min(places[i], places[i + 1] - gap)
    # Half of the push goes back, so that a group of labels stands around its points and not above them.
    shift = sum(wanted[i] - place for i, place in zip(order, places, strict=True)) / max(len(places), 1)
    if places and low <= places[0] + shift and places[-1] + shift <= high:
        places = [place + shift for place in places]
    result = [0.0] * len(wanted)
    for i, place in zip(order, places, strict=True):
        result[i] = place
    return result


def _installed() -> list[str]:
    known = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in FONTS if name in known]


def _has(letter: str) -> bool:
    if letter.isascii():
        return letter.isprintable()
    return any(_font(name).get_char_index(ord(letter)) for name in _installed())


_FONTS: dict[str, FT2Font] = {}


def _font(name: str) -> FT2Font:
    if name not in _FONTS:
        _FONTS[name] = FT2Font(font_manager.findfont(name))
    return _FONTS[name]
