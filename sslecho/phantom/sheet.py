"""Contact sheets: all views at end-diastole and end-systole, fetal planes, or phantom beside real frames."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sslecho.phantom.acquisition import JITTER
from sslecho.phantom.echo import EchoClip
from sslecho.phantom.factors import Factors
from sslecho.phantom.fetal.still import PLANE_SHARES, draw_still
from sslecho.phantom.heart.views import VIEWS

GAP = 4


def grid_of(pictures: Sequence[np.ndarray], captions: Sequence[str], *, columns: int) -> Image.Image:
    """Pictures of one size row by row, each with its caption in the corner."""
    size = pictures[0].shape[0]
    rows = -(-len(pictures) // columns)
    sheet = Image.new("L", (columns * (size + GAP) - GAP, rows * (size + GAP) - GAP), 40)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=max(9.0, size * 0.05))
    for k, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        corner = ((k % columns) * (size + GAP), (k // columns) * (size + GAP))
        sheet.paste(Image.fromarray(picture), corner)
        draw.text((corner[0] + 4, corner[1] + 3), caption, fill=255, font=font)
    return sheet


def echo_sheet(
    *, seed: int = 0, size: int = 256, jitter: float = 0.5, columns: int = 6, views: Sequence[str] = tuple(VIEWS)
) -> Image.Image:
    """Every view, names of `heart.views.PLANES`, of a new patient: a row at end-diastole, the next at end-systole."""
    pictures: list[np.ndarray] = []
    captions: list[str] = []
    names = list(views)
    for first in range(0, len(names), columns):
        rows: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for k, view in enumerate(names[first : first + columns]):
            clip = EchoClip(Factors.from_seed(seed), patient=first + k, view=view, frames=40, size=size, jitter=jitter)
            contraction = clip.courses[:, 0]
            for row, moment in zip(rows, (int(contraction.argmin()), int(contraction.argmax())), strict=True):
                row.append(clip.renderer.frame(clip.courses[moment], moment)[0])
        pictures += [*rows[0], *rows[1]]
        captions += names[first : first + columns] + [""] * len(rows[1])
    return grid_of(pictures, captions, columns=columns)


def fetal_sheet(*, seed: int = 0, size: int = 256, jitter: float = JITTER, rows: int = 4) -> Image.Image:
    """A column per plane, a pregnancy per picture."""
    pictures: list[np.ndarray] = []
    captions: list[str] = []
    planes = list(PLANE_SHARES)
    for k in range(rows * len(planes)):
        plane = planes[k % len(planes)]
        still = draw_still(Factors.from_seed(seed), patient=k, plane=plane, size=size, jitter=jitter)
        pictures.append(still.frames[0])
        captions.append(f"{plane}: {still.latents['look']}" if plane == "other" else plane)
    return grid_of(pictures, captions, columns=len(planes))


def beside(sheet: Image.Image, folder: Path, *, rows: int = 4, columns: int = 3) -> Image.Image:
    """The sheet, and on its right pictures from a folder (of folders), evenly drawn from it."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
    size = (sheet.height - GAP * (rows - 1)) // rows
    wide = Image.new("L", (sheet.width + 3 * GAP + columns * (size + GAP), sheet.height), 120)
    wide.paste(sheet, (0, 0))
    for k in range(min(rows * columns, len(files))):
        with Image.open(files[int((k + 0.5) * len(files) / (rows * columns))]) as picture:
            picture = picture.convert("L")
            picture.thumbnail((size, size))
            corner = (sheet.width + 3 * GAP + (k % columns) * (size + GAP), (k // columns) * (size + GAP))
            wide.paste(picture, corner)
    return wide
