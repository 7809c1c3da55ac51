"""Twelve layouts of what scanners burn in, for `archive`: eleven beside the fan, down to touching it, and one over it.

A glyph's kind is kept, so that what finds text can be measured apart from what finds ticks:
0 nothing, 1 graphics (ticks, bars, ECG, calipers), 2 text that names no one, 3 text that does.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from sslecho.phantom.overlay import Identity

GRAPHICS, TEXT, IDENTITY = 1, 2, 3
IDENTIFYING = frozenset({"name", "mrn", "birth", "date", "site", "operator", "id_line"})


@dataclass(frozen=True)
class Item:
    """Lines of text at a place: (x, y) as shares of the screen, `anchor` "l", "m" or "r" of its width."""

    what: tuple[str, ...]
    x: float
    y: float
    anchor: str = "l"


@dataclass(frozen=True)
class Layout:
    """A software version's habits.

    Args:
        fan: side of the fan against the screen's height.
        align: where the fan stands, 0 = left .. 1 = right.
        items: text.
        graphics: names of GRAPHIC.
        letters: height of the letters against the usual.
        color: of the text where the picture is stored in color.
        inside: text is left where it lies over the sector.
    """

    fan: float
    align: float
    items: tuple[Item, ...]
    graphics: tuple[str, ...]
    letters: float = 1.0
    color: tuple[int, int, int] = (225, 225, 225)
    inside: bool = False


LAYOUTS: dict[str, Layout] = {
    "header": Layout(0.86, 0.5, (Item(("name", "mrn"), 0.01, 0.005), Item(("date", "site"), 0.99, 0.005, "r"),
                                 Item(("machine",), 0.01, 0.2)), ("header", "gray_bar", "ticks", "marker")),
    "left_column": Layout(0.94, 0.75, (Item(("machine", "mi", "rate"), 0.01, 0.12),
                                             Item(("name", "mrn", "date"), 0.01, 0.80)),
                          ("gray_bar", "ticks"), color=(120, 210, 255)),
    "right_column": Layout(0.94, 0.2, (Item(("name", "mrn", "birth", "date"), 0.99, 0.02, "r"),
                                       Item(("probe", "machine", "mi"), 0.99, 0.45, "r")), ("ticks", "marker", "ecg")),
    "corners": Layout(0.90, 0.5, (Item(("name", "mrn"), 0.01, 0.01), Item(("site", "date", "clock"), 0.99, 0.01, "r"),
                                  Item(("machine",), 0.01, 0.84), Item(("rate",), 0.99, 0.93, "r")),
                      ("gray_bar", "ticks")),
    "bottom_strip": Layout(0.84, 0.45, (Item(("id_line",), 0.01, 0.005), Item(("date", "probe"), 0.99, 0.005, "r"),
                                        Item(("rate",), 0.99, 0.9, "r"), Item(("mi",), 0.01, 0.3)),
                           ("ecg", "gray_bar", "ticks"), color=(250, 230, 120)),
    "touching": Layout(0.95, 0.5, (Item(("name", "mrn"), 0.53, 0.02), Item(("date", "machine"), 0.44, 0.02, "r")),
                       ("ticks", "edge_ticks"), color=(255, 255, 255)),
    "table": Layout(0.92, 0.15, (Item(("name", "date"), 0.99, 0.01, "r"), Item(("table",), 0.70, 0.35),
                                 Item(("mi",), 0.99, 0.90, "r")),
                    ("gray_bar", "ticks", "calipers"), color=(255, 240, 140)),
    "monitor": Layout(0.88, 0.5, (Item(("name",), 0.01, 0.01), Item(("mrn", "date"), 0.99, 0.01, "r"),
                                  Item(("rate",), 0.01, 0.80), Item(("view",), 0.99, 0.84, "r")),
                      ("ecg", "ticks", "marker"), color=(120, 240, 150)),
    "sparse": Layout(0.96, 0.5, (Item(("date",), 0.99, 0.94, "r"), Item(("view",), 0.01, 0.01)), ("logo",)),
    "dense": Layout(0.90, 0.5, (Item(("name", "birth", "mrn", "site", "operator"), 0.005, 0.005),
                                Item(("date", "clock", "probe", "machine", "mi"), 0.995, 0.005, "r"),
                                Item(("table",), 0.005, 0.68)),
                    ("gray_bar", "ticks", "edge_ticks", "marker", "calipers"),
                    letters=0.85),
    "flanks": Layout(0.97, 0.5, (Item(("machine", "mi"), 0.03, 0.33), Item(("name", "mrn", "date"), 0.97, 0.33, "r")),
                     ("ticks", "marker"), color=(200, 200, 255)),
    "handheld": Layout(0.98, 0.5, (Item(("name", "mrn"), 0.40, 0.52), Item(("date",), 0.47, 0.68),
                                     Item(("machine",), 0.02, 0.02)),
                       ("marker",), inside=True),
}  # fmt: skip

DEVICE_LAYOUTS: dict[str, tuple[str, ...]] = {
    "phased_adult": ("corners", "header", "table"),
    "phased_old": ("left_column", "touching"),
    "phased_premium": ("bottom_strip", "monitor", "dense"),
    "phased_cart": ("right_column", "flanks"),
    "handheld": ("handheld", "sparse"),
}


@dataclass(frozen=True)
class Facts:
    """What the text tells besides the identity: the machine's state and the (invented) measurements."""

    probe: str
    frequency_mhz: float
    depth_mm: float
    rate_per_min: float
    view: str
    numbers: tuple[float, ...]  # eight in 0..1, whatever needs one
    mirrored: bool = False


@dataclass(frozen=True)
class Burned:
    """Glyphs as opacity 0..255, and their kinds (0-3)."""

    ink: UInt8[np.ndarray, "h w"]
    kinds: UInt8[np.ndarray, "h w"]


def draw_layout(
    name: str,
    sector: Bool[np.ndarray, "h w"],
    identity: Identity,
    facts: Facts,
    *,
    mm_per_pixel: float = 0.0,
    apex: tuple[float, float] | None = None,
    only: frozenset[str] | None = None,
) -> Burned:
    """Draw a layout's glyphs.

    Text that would run into the sector is pushed away from its middle until it touches, unless the layout writes over
    it; what still runs in is cut. Markers and calipers lie in the sector, as they do on every machine.

    Args:
        mm_per_pixel: for the ticks; 0 leaves them out.
        apex: column and row of the probe's face, for marker and edge ticks; None leaves them out.
        only: items to draw, None for all (a report page has its name and date, but no gray bar).
    """
    layout = LAYOUTS[name]
    height, width = sector.shape
    font = ImageFont.load_default(size=max(7.0, height * 0.036 * layout.letters))
    step = int(np.ceil(max(8.0, height * 0.042 * layout.letters)))
    ink = np.zeros((height, width), np.uint8)
    kinds = np.zeros((height, width), np.uint8)
    pen = _Pen(ink, kinds)
    if only is None:
        for graphic in layout.graphics:
            GRAPHIC[graphic](pen, sector, facts, mm_per_pixel, apex)
    for item in layout.items:
        row = int(item.y * height)
        for what in item.what:
            for line in text_of(what, identity, facts):
                if only is None or what in only:
                    kind = IDENTITY if what in IDENTIFYING else TEXT
                    _write(pen, line, (item.x * width, row), item.anchor, font, kind, None if layout.inside else sector)
                row += step
    return Burned(ink, kinds)


class _Pen:
    """Adds drawings to the glyphs, each with its kind."""

    def __init__(self, ink: np.ndarray, kinds: np.ndarray):
        self.ink, self.kinds = ink, kinds

    def add(self, glyphs: np.ndarray, kind: int, *, keep_out: np.ndarray | None = None) -> None:
        glyphs = np.asarray(glyphs)
        if keep_out is not None:
            glyphs = np.where(keep_out, np.uint8(0), glyphs)
        self.kinds[glyphs > 0] = kind
        np.maximum(self.ink, glyphs, out=self.ink)

    def sheet(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        sheet = Image.new("L", (self.ink.shape[1], self.ink.shape[0]), 0)
        return sheet, ImageDraw.Draw(sheet)


def _write(
    pen: _Pen, line: str, at: tuple[float, int], anchor: str, font, kind: int, keep_out: np.ndarray | None
) -> None:
    """One line; with `keep_out` moved sideways, away from the screen's middle, until it is clear of it."""
    width = pen.ink.shape[1]
    wide = font.getlength(line)
    x = at[0] - (wide if anchor == "r" else wide / 2 if anchor == "m" else 0)
    x = min(max(x, 1), max(width - wide - 1, 1))
    direction = 1 if x + wide / 2 > width / 2 else -1
    for moved in range(0, width, 2):
        sheet, draw = pen.sheet()
        draw.text((x + direction * moved, at[1]), line, fill=235, font=font)
        glyphs = np.asarray(sheet)
        at_rim = not 1 <= x + direction * moved <= width - wide - 1
        if keep_out is None or not (glyphs[keep_out] > 0).any() or at_rim:
            pen.add(glyphs, kind, keep_out=keep_out)
            return


def text_of(what: str, identity: Identity, facts: Facts) -> list[str]:
    """The lines of an item."""
    family, _, given = identity.name.partition("^")
    year, month, day = identity.study_date[:4], identity.study_date[4:6], identity.study_date[6:]
    n = facts.numbers
    lines: dict[str, list[str]] = {
        "name": [f"{family}, {given}"],
        "mrn": [f"MRN {identity.mrn}"],
        "id_line": [f"{family} {given[0]}. {identity.mrn}"],
        "birth": [f"*{identity.birth_date[6:]}.{identity.birth_date[4:6]}.{identity.birth_date[:4]}"],
        "date": [f"{day}.{month}.{year}" if n[0] < 0.5 else f"{month}/{day}/{year}"],
        "clock": [f"{8 + int(n[1] * 10):02d}:{int(n[2] * 60):02d}:{int(n[3] * 60):02d}"],
        "site": [identity.site],
        "operator": [f"Op: {'ABCDEFGH'[int(n[4] * 8)]}{'KLMNOPQR'[int(n[5] * 8)]}"],
        "probe": [facts.probe],
        "machine": [f"{facts.frequency_mhz:.1f} MHz", f"{facts.depth_mm / 10:.0f} cm", f"{30 + int(n[6] * 30)} Hz"],
        "mi": [f"MI {0.5 + n[7]:.1f}", f"TIS {0.3 + n[6]:.1f}"],
        "rate": [f"{facts.rate_per_min:.0f} bpm"],
        "view": [facts.view.upper().replace("_", " ")] if facts.view else [],
        "table": [f"1 D {3 + 3 * n[1]:.2f} cm", f"2 L {6 + 3 * n[2]:.2f} cm", f"A {15 + 20 * n[3]:.1f} cm2"],
    }
    return lines[what]


def _header(pen: _Pen, sector: np.ndarray, facts: Facts, mm: float, apex: tuple[float, float] | None) -> None:
    """A dark band behind the first lines, on top."""
    glyphs = np.zeros_like(pen.ink)
    glyphs[: int(pen.ink.shape[0] * 0.1)] = 70
    pen.add(glyphs, GRAPHICS, keep_out=sector)


def _gray_bar(pen: _Pen, sector: np.ndarray, facts: Facts, mm: float, apex: tuple[float, float] | None) -> None:
    height, width = pen.ink.shape
    top, tall = int(height * 0.22), int(height * 0.24)
    glyphs = np.zeros_like(pen.ink)
    glyphs[top : top + tall, width - 12 : width - 7] = np.linspace(255, 1, tall, dtype=np.uint8)[:, None]
    pen.add(glyphs, GRAPHICS, keep_out=sector)


def _deeper(sector: np.ndarray, apex: tuple[float, float]) -> int:
    """1 where depth runs down the screen, -1 where the picture stands on its head."""
    rows = np.flatnonzero(sector.any(axis=1))
    return -1 if len(rows) and apex[1] > rows.mean() else 1


def _ticks(pen: _Pen, sector: np.ndarray, facts: Facts, mm: float, apex: tuple[float, float] | None) -> None:
    """Every 10 mm at the right rim, longer every 50 mm."""
    if mm <= 0 or apex is None:
        return
    sheet, draw = pen.sheet()
    height, width = pen.ink.shape
    for k in range(int(facts.depth_mm // 10) + 1):
        row = apex[1] + _deeper(sector, apex) * k * 10 / mm
        if 0 < row < height - 1:
            draw.line([(width - (5 if k % 5 == 0 else 3), row), (width - 2, row)], fill=200)
    pen.add(np.asarray(sheet), GRAPHICS, keep_out=sector)


def _edge_ticks(pen: _Pen, sector: np.ndarray, facts: Facts, mm: float, apex: tuple[float, float] | None) -> None:
    """Dots along the fan's right edge, every 10 mm of depth."""
    if mm <= 0 or apex is None:
        return
    sheet, draw = pen.sheet()
    for k in range(1, int(facts.depth_mm // 10)):
        row = int(apex[1] + _deeper(sector, apex) * k * 8 / mm)
        lit = np.flatnonzero(sector[row]) if 0 <= row < len(sector) else np.empty(0)
        if len(lit):
            draw.rectangle([int(lit[-1]) + 1, row, int(lit[-1]) + 2, row], fill=220)
    pen.add(np.asarray(sheet), GRAPHICS)


def _marker(pen: _Pen, sector: np.ndarray, facts: Facts, mm: float, apex: tuple[float, float] | None) -> None:
    """The orientation marker beside the probe's face, partly in the sector."""
    if apex is None:
        return
    sheet, draw = pen.sheet()
    r, size = max(2.0, 0.012 * len(sector)), len(sector)
    x = apex[0] + (-0.04 if facts.mirrored else 0.04) * size
    y = apex[1] + 0.035 * _deeper(sector, apex) * size
    draw.ellipse([x - r, y - r, x + r, y + r], outline=230)
    pen.add(np.asarray(sheet), GRAPHICS)


def _ecg(pen: _Pen, sector: np.ndarray, facts: Facts, mm: float, apex: tuple[float, float] | None) -> None:
    height, width = pen.ink.shape
    sheet, draw = pen.sheet()
    box = (int(0.02 * width), int(0.92 * height), int(0.86 * width), height - 2)
    beats = np.linspace(0, 2.5 * facts.rate_per_min / 60, box[2] - box[0])
    ecg_line(draw, box, (beats + 0.11) % 1)
    pen.add(np.asarray(sheet), GRAPHICS, keep_out=sector)


def ecg_line(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], phase: Float[np.ndarray, " w"], *, p_wave: bool = True
) -> None:
    """P wave, QRS and T wave over a box's width.

    Args:
        box: x0, y0, x1, y1.
        phase: within the beat at every column of the box, 0..1 from R wave to R wave.
        p_wave: whether the atria contract.
    """
    x = np.arange(box[0], box[0] + len(phase))
    to_r = np.where(phase > 0.5, phase - 1, phase)
    height = (
        0.12 * np.exp(-(((to_r + 0.14) / 0.03) ** 2)) * p_wave
        - 0.15 * np.exp(-(((to_r + 0.03) / 0.01) ** 2))
        + 0.85 * np.exp(-((to_r / 0.012) ** 2))
        - 0.2 * np.exp(-(((to_r - 0.03) / 0.012) ** 2))
        + 0.25 * np.exp(-(((phase - 0.26) / 0.05) ** 2))
    )
    y = box[3] - (box[3] - box[1]) * (0.15 + 0.8 * height)
    draw.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=220)


def _calipers(pen: _Pen, sector: np.ndarray, facts: Facts, mm: float, apex: tuple[float, float] | None) -> None:
    """Two crosses in the sector and a dotted line between them."""
    rows, columns = np.nonzero(sector)
    if len(rows) == 0:
        return
    sheet, draw = pen.sheet()
    middle = np.array([np.median(columns), np.median(rows)])
    reach = 0.16 * len(sector) * np.array([np.cos(facts.numbers[4] * 3), np.sin(facts.numbers[4] * 3)])
    for end in (middle - reach, middle + reach):
        draw.line([(end[0] - 3, end[1]), (end[0] + 3, end[1])], fill=240)
        draw.line([(end[0], end[1] - 3), (end[0], end[1] + 3)], fill=240)
    for share in np.linspace(-1, 1, 15):
        x, y = middle + share * reach
        draw.point((x, y), fill=220)
    pen.add(np.asarray(sheet), GRAPHICS)


def _logo(pen: _Pen, sector: np.ndarray, facts: Facts, mm: float, apex: tuple[float, float] | None) -> None:
    height, width = pen.ink.shape
    sheet, draw = pen.sheet()
    draw.ellipse([width * 0.93, height * 0.03, width * 0.98, height * 0.09], fill=180)
    pen.add(np.asarray(sheet), GRAPHICS, keep_out=sector)


GRAPHIC: dict[str, Callable[[_Pen, np.ndarray, Facts, float, tuple[float, float] | None], None]] = {
    "header": _header, "gray_bar": _gray_bar, "ticks": _ticks, "edge_ticks": _edge_ticks, "marker": _marker,
    "ecg": _ecg, "calipers": _calipers, "logo": _logo,
}  # fmt: skip
