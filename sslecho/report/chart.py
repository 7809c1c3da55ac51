"""Small charts as inline SVG: a few kilobytes, sharp on paper, in the page's own colors, light and dark.

Colors are classes of the style sheet, so one drawing serves both; letters are text, so they can be searched and copied.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sslecho.report.markup import text

WIDTH, HEIGHT = 520, 340
LEFT, RIGHT, TOP, BOTTOM = 46, 16, 12, 46  # margins around the axes
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
WORDS = {0.0: "0", 0.25: ".25", 0.5: ".5", 0.75: ".75", 1.0: "1"}


@dataclass(frozen=True)
class Line:
    """Points of a chart, joined, with a band around them where `low` and `high` are given.

    Attributes:
        kind: its class in the style sheet: "main", "second" or "muted".
        radius: of each dot; nothing for none.
        joined: whether a line runs through the points.
    """

    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    kind: str = "main"
    radius: Sequence[float] = ()
    joined: bool = True


@dataclass(frozen=True)
class Axes:
    """What stands around the points.

    Attributes:
        x_name, y_name: below and above the axes.
        x_range, y_range: ends of the axes.
        x_ticks, y_ticks: values that are named.
        diagonal: a dotted line from corner to corner.
        level: height of a dotted line across, and its name.
        upright: a place on the x axis that is marked, and its name.
    """

    x_name: str
    y_name: str
    x_range: tuple[float, float] = (0.0, 1.0)
    y_range: tuple[float, float] = (0.0, 1.0)
    x_ticks: Sequence[float] = SHARES
    y_ticks: Sequence[float] = SHARES
    diagonal: bool = False
    level: tuple[float, str] | None = None
    upright: tuple[float, str] | None = None
    words: dict[float, str] = field(default_factory=lambda: dict(WORDS))


def chart(lines: Sequence[Line], axes: Axes, *, title: str, alt: str, caption: str = "") -> str:
    """A figure with a title, its drawing, and a caption, as HTML."""
    parts = [_grid(axes)]
    for line in lines:
        parts.append(_band(line, axes))
    for line in lines:
        parts.append(_line(line, axes))
    below = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    view = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(alt)}"'
    return (
        f'<figure class="card chart"><h3>{text(title)}</h3><p class="y">{text(axes.y_name)}</p>'
        f"<svg {view}>{''.join(parts)}</svg>{below}</figure>"
    )


def _grid(axes: Axes) -> str:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for tick in axes.y_ticks:
        y = _y(tick, axes)
        parts.append(f'<path class="grid" d="M{LEFT} {y}H{right}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 9}" y="{y + 4}" text-anchor="end">{_word(tick, axes)}</text>')
    for tick in axes.x_ticks:
        x = _x(tick, axes)
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 19}" text-anchor="middle">{_word(tick, axes)}</text>')
    parts.append(f'<path class="base" d="M{LEFT} {bottom}H{right}"/>')
    middle = (LEFT + right) / 2
    parts.append(f'<text class="name" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{text(axes.x_name)}</text>')
    if axes.diagonal:
        parts.append(f'<path class="mark" d="M{LEFT} {bottom}L{right} {TOP}"/>')
    if axes.level is not None:
        y = _y(axes.level[0], axes)
        parts.append(f'<path class="mark" d="M{LEFT} {y}H{right}"/>')
        # Below the line on the left, where a curve that falls to it is above.
        parts.append(f'<text class="tick" x="{LEFT + 6}" y="{y + 16}">{text(axes.level[1])}</text>')
    if axes.upright is not None:
        x = _x(axes.upright[0], axes)
        parts.append(f'<path class="mark" d="M{x} {TOP}V{bottom}"/>')
        end = "end" if x > middle else "start"
        shift = -6 if end == "end" else 6
        parts.append(
            f'<text class="tick" x="{x + shift}" y="{bottom - 8}" text-anchor="{end}">{text(axes.upright[1])}</text>'
        )
    return "".join(parts)


def _band(line: Line, axes: Axes) -> str:
    ends = [
        (x, low, high)
        for x, low, high in zip(line.x, line.low, line.high, strict=False)
        if low is not None and high is not None
    ]
    if len(ends) < 2:
        return ""
    over = " ".join(f"{_x(x, axes)},{_y(high, axes)}" for x, _, high in ends)
    under = " ".join(f"{_x(x, axes)},{_y(low, axes)}" for x, low, _ in reversed(ends))
    return f'<polygon class="band {text(line.kind)}" points="{over} {under}"/>'


def _line(line: Line, axes: Axes) -> str:
    places = [(_x(x, axes), _y(y, axes)) for x, y in zip(line.x, line.y, strict=True)]
    parts = []
    if line.joined and len(places) > 1:
        points = " ".join(f"{x},{y}" for x, y in places)
        parts.append(f'<polyline class="line {text(line.kind)}" points="{points}"/>')
    # One point alone is no line, so it must be seen as a dot.
    radii = line.radius or ([4.0] * len(places) if len(places) == 1 else [])
    for (x, y), radius in zip(places, radii, strict=False):
        parts.append(f'<circle class="point {text(line.kind)}" cx="{x}" cy="{y}" r="{radius:.1f}"/>')
    return "".join(parts)


def _x(value: float, axes: Axes) -> float:
    low, high = axes.x_range
    return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)


def _y(value: float, axes: Axes) -> float:
    low, high = axes.y_range
    inside = min(max((value - low) / (high - low), 0.0), 1.0)
    return round(HEIGHT - BOTTOM - inside * (HEIGHT - TOP - BOTTOM), 1)


def _word(tick: float, axes: Axes) -> str:
    return text(axes.words.get(tick, f"{tick:g}"))
