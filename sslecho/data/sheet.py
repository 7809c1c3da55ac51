"""A plain contact sheet: frames in a grid, with a caption under each."""

from collections.abc import Sequence

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


def _fitting(caption: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(caption) <= width:
        return caption
    while caption and font.getlength(caption + "…") > width:
        caption = caption[:-1]
    return caption + "…"
