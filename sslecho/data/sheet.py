"""Contact sheets: frames in a grid with a caption under each, or in rows with a label beside each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

GAP = 4  # pixels between pictures
PAPER, INK = 255, 0


def contact_sheet(
    frames: UInt8[np.ndarray, "n h w"], *, columns: int, captions: Sequence[str] | None = None, scale: float = 1.0
) -> Image.Image:
    """Gray frames in rows of `columns`.

    Args:
        frames: at least one frame.
        columns: pictures a row.
        captions: one for each frame; what is wider than a picture is cut.
        scale: size of a picture against its frame's.

    Raises:
        ValueError: no frame, no column, or another number of captions.
    """
    if not len(frames) or columns < 1:
        raise ValueError(f"a sheet needs at least one frame and one column, not {len(frames)} and {columns}")
    if captions is not None and len(captions) != len(frames):
        raise ValueError(f"{len(captions)} captions for {len(frames)} frames")
    if not scale > 0:
        raise ValueError(f"scale {scale} must be positive")
    height, width = max(1, round(frames.shape[1] * scale)), max(1, round(frames.shape[2] * scale))
    font_size = max(10, height // 12)
    font = ImageFont.load_default(size=font_size)
    text_height = round(font_size * 1.5) if captions is not None else 0
    columns = min(columns, len(frames))
    rows = -(-len(frames) // columns)
    cell = width + GAP, height + text_height + GAP
    sheet = Image.new("L", (columns * cell[0] + GAP, rows * cell[1] + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, frame in enumerate(frames):
        left, top = GAP + place % columns * cell[0], GAP + place // columns * cell[1]
        picture = Image.fromarray(frame)
        if (height, width) != frame.shape:
            picture = picture.resize((width, height), Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR)
        sheet.paste(picture, (left, top))
        if captions is not None:
            draw.text((left, top + height), _fitting(captions[place], font, width), fill=INK, font=font)
    return sheet


class SheetRow(NamedTuple):
    """Frames side by side, and what stands to their left.

    Attributes:
        label: the row's name.
        note: further lines below it, smaller.
        frames: as many in all rows.
    """

    label: str
    note: str
    frames: UInt8[np.ndarray, "n h w"]


def labeled_sheet(rows: Sequence[SheetRow], *, groups: Sequence[tuple[str, int]] = ()) -> Image.Image:
    """Rows of gray frames of one size, each with its label.

    Args:
        groups: headings, and how many frames of each row stand under each; a wider gap parts them.

    Raises:
        ValueError: no row, rows of other shapes, or headings for another number of frames.
    """
    shapes = {row.frames.shape for row in rows}
    if len(shapes) != 1:
        raise ValueError(f"rows must have frames of one number and size, not of {sorted(shapes)}")
    ((count, height, width),) = shapes
    if groups and sum(n for _, n in groups) != count:
        raise ValueError(f"headings for {sum(n for _, n in groups)} of {count} frames")
    size = max(11, height // 9)
    bold, small = ImageFont.load_default(size=size), ImageFont.load_default(size=round(size * 0.85))
    lines = [(row.label, row.note.split("\n") if row.note else []) for row in rows]
    margin = 2 * GAP + round(
        max(max(bold.getlength(label), *(small.getlength(line) for line in [*note, ""])) for label, note in lines)
    )
    group_of = [number for number, (_, n) in enumerate(groups) for _ in range(n)] or [0] * count
    lefts = [margin + place * (width + GAP) + group_of[place] * 4 * GAP for place in range(count)]
    head = round(1.6 * size) if groups else 0
    sheet = Image.new("L", (lefts[-1] + width + 2 * GAP, head + len(rows) * (height + GAP) + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (heading, n) in enumerate(groups):
        draw.text((lefts[group_of.index(number)], GAP), _fitting(heading, bold, n * width), fill=INK, font=bold)
    for number, row in enumerate(rows):
        top = head + GAP + number * (height + GAP)
        draw.text((GAP, top), row.label, fill=INK, font=bold)
        for line, words in enumerate(lines[number][1]):
            draw.text((GAP, top + round(1.4 * size) + round(line * 1.15 * size)), words, fill=90, font=small)
        for place, frame in enumerate(row.frames):
            sheet.paste(Image.fromarray(frame), (lefts[place], top))
    return sheet


def _fitting(caption: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(caption) <= width:
        return caption
    while caption and font.getlength(caption + "…") > width:
        caption = caption[:-1]
    return caption + "…"
