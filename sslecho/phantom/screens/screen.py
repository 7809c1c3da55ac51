"""A screen as a machine stores it: pictures, what each part of them is, and what was burned in."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, UInt8

from sslecho.phantom.devices import Settings
from sslecho.phantom.screens.fan import Fan

# DICOM PS3.3 C.8.5.5.1.1 and .2 (spatial format, data type) and .15 (units)
TWO_D, M_MODE, SPECTRAL, WAVE, GRAPHICS = 1, 2, 3, 4, 5
TISSUE, COLOR_FLOW, PW, CW, ECG, GRAY_BAR, COLOR_BAR = 1, 2, 3, 4, 10, 13, 14
NO_UNIT, CM, SECONDS, CM_PER_S = 0, 3, 4, 7


@dataclass(frozen=True)
class Part:
    """A region of the picture in DICOM's terms.

    Args:
        box: x0, y0, x1, y1 in pixels, the second corner outside.
        format, data: RegionSpatialFormat and RegionDataType.
        units: of x and y.
        deltas: physical size of a pixel in those units.
    """

    box: tuple[int, int, int, int]
    format: int
    data: int
    units: tuple[int, int] = (NO_UNIT, NO_UNIT)
    deltas: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Screen:
    """Frames with all that is in them.

    Args:
        kind: a name of `mode.MODE_SHARES`.
        label: the view, for plain b-mode; "" else.
        view: the view behind it, whatever the kind; "" where there is none.
        frames: gray or RGB.
        sector: the pixels that show moving tissue or flow in two dimensions.
        graphics: glyphs that belong to the mode, as opacity 0..255 (a color box's outline, a cursor); drawn already.
        parts: what a file may say of its regions.
        codes: bits of DICOM's fourth value of ImageType.
        frame_time_ms: 0 for a still.
        depth_mm, mm_per_pixel: of the main fan.
        apex: column and row of the middle of the probe's face, None without a fan.
        settings: of the scanner.
        latents: everything that was drawn, flat.
    """

    kind: str
    label: str
    view: str
    frames: UInt8[np.ndarray, "n h w"] | UInt8[np.ndarray, "n h w 3"]
    sector: Bool[np.ndarray, "h w"]
    graphics: UInt8[np.ndarray, "h w"]
    parts: tuple[Part, ...]
    codes: int
    frame_time_ms: float
    depth_mm: float
    mm_per_pixel: float
    apex: tuple[float, float] | None
    settings: Settings
    latents: dict[str, float | int | str | bool]


def screen_shape(size: int) -> tuple[int, int]:
    """Height and width of a screen of a given height: 4 to 3, as nearly all archived pictures."""
    return size, 2 * round(size * 2 / 3)


def place(
    picture: np.ndarray, shape: tuple[int, int], corner: tuple[int, int], *, background: np.ndarray | None = None
) -> np.ndarray:
    """Pictures [n s s …] onto black screens [n h w …] with their top left at (column, row); what overhangs is lost."""
    n, h, w = len(picture), picture.shape[1], picture.shape[2]
    canvas = np.zeros((n, *shape, *picture.shape[3:]), picture.dtype) if background is None else background
    x, y = corner
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + w, shape[1]), min(y + h, shape[0])
    canvas[:, top:bottom, left:right] = picture[:, top - y : bottom - y, left - x : right - x]
    return canvas


def box_of(mask: Bool[np.ndarray, "h w"]) -> tuple[int, int, int, int]:
    """The bounding box of a mask, the second corner outside; all 0 for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def fan_part(sector: Bool[np.ndarray, "h w"], mm_per_pixel: float, data: int = TISSUE) -> Part:
    """The region of a fan."""
    spacing = mm_per_pixel / 10
    return Part(box_of(sector), TWO_D, data, (CM, CM), (spacing, spacing))


def fan_screen(
    kind: str, fan: Fan, frames: np.ndarray, *, size: int, align: float, label: str = "", view: str = "", codes: int = 1
) -> Screen:
    """One fan on a screen.

    Args:
        frames: the fan's pictures, gray or RGB, as large as the fan.
        align: 0 = at the left rim .. 1 = at the right rim.
    """
    shape = screen_shape(size)
    side = fan.sector.shape[0]
    corner = (round(align * (shape[1] - side)), round(0.5 * (shape[0] - side)))
    sector = place(fan.sector[None], shape, corner)[0]
    return Screen(
        kind=kind,
        label=label,
        view=view,
        frames=place(frames, shape, corner),
        sector=sector,
        graphics=np.zeros(shape, np.uint8),
        parts=(fan_part(sector, fan.mm_per_pixel),),
        codes=codes,
        frame_time_ms=fan.frame_time_ms,
        depth_mm=float(fan.latents["depth_mm"]),
        mm_per_pixel=fan.mm_per_pixel,
        apex=(fan.apex[0] + corner[0], fan.apex[1] + corner[1]),
        settings=fan.settings,
        latents=fan.latents,
    )


def colored(screen: Screen) -> Screen:
    """The screen in RGB."""
    if screen.frames.ndim == 4:
        return screen
    return replace(screen, frames=np.repeat(screen.frames[..., None], 3, axis=-1))


def draw_over(frames: np.ndarray, glyphs: UInt8[np.ndarray, "h w"], color: tuple[int, int, int]) -> np.ndarray:
    """Frames [n h w] or [n h w 3] with glyphs of some opacity 0..255 laid over them."""
    share = (glyphs.astype(np.float32) / 255)[None]
    if frames.ndim == 4:
        out = frames * (1 - share[..., None]) + share[..., None] * np.asarray(color, np.float32)
    else:
        luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
        out = frames * (1 - share) + share * np.float32(luma)
    return np.rint(out).astype(np.uint8)
