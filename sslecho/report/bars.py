"""Figures with their intervals as bars of HTML: they follow the page's colors, print, and can be read aloud."""

from collections.abc import Iterable

from sslecho.report.chapter import Figure
from sslecho.report.markup import text
from sslecho.report.wording import bounds, share

AXIS = (
    '<div class="bar axis" aria-hidden="true"><span></span><span class="ticks"><span>0</span><span>.25</span>'
    "<span>.5</span><span>.75</span><span>1</span></span><span></span></div>"
)


def bar(figure: Figure, *, main: bool = False) -> str:
    """One figure on a scale from 0 to 1: its interval, its value, and a dotted mark that it must be above."""
    marks = "" if figure.mark is None else f'<i class="mark" style="left:{_percent(figure.mark)}"></i>'
    if figure.low is not None and figure.high is not None:
        low, high = max(figure.low, 0.0), max(figure.high, 0.0)
        marks += f'<i class="range" style="left:{_percent(low)};width:{_percent(high - low)}"></i>'
    if figure.value is not None:
        marks += f'<i class="dot" style="left:{_percent(figure.value)}"></i>'
    label, kind = (f"<b>{text(figure.name)}</b>", "bar main") if main else (text(figure.name), "bar")
    ends = bounds(figure.low, figure.high)
    return (
        f'<div class="{kind}"><span>{label}</span><span class="track" aria-hidden="true">{marks}</span>'
        f'<span class="value">{share(figure.value)}{f"<small>{ends}</small>" if ends else ""}</span></div>'
    )


def bars(figures: Iterable[Figure], *, main: int | None = 0, key: str = "") -> str:
    """Bars under each other above one axis, the `main`-th in color; `key` says what the dotted marks are."""
    rows = "".join(bar(figure, main=number == main) for number, figure in enumerate(figures))
    below = f'<p class="key"><i></i>{text(key)}</p>' if key else ""
    return rows + AXIS + below


def _percent(value: float) -> str:
    return f"{100 * min(max(value, 0.0), 1.0):.2f}%"
