"""Text burned into the picture outside the sector: invented names, numbers and dates, scale and gray bar."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, ImageDraw, ImageFont

from sslecho.phantom.devices import Settings
from sslecho.phantom.factors import Factors

FAMILY = ("ALDER", "BRACKEN", "CEDAR", "DOGWOOD", "ELDER", "FERN", "GORSE", "HAZEL", "JUNIPER", "LARCH", "OAK", "ROWAN")
GIVEN = ("ADA", "BORIS", "CLIO", "DORIAN", "EDDA", "FELIX", "GRETA", "HUGO", "INES", "JONAS", "KIRA", "MIRA", "ROSA")


@dataclass(frozen=True)
class Identity:
    """An invented patient; every archive needs some to lose.

    Args:
        name: FAMILY^GIVEN, as DICOM writes it.
        mrn: medical record number.
        birth_date, study_date: YYYYMMDD.
        site: name of the hospital.
    """

    name: str
    mrn: str
    birth_date: str
    study_date: str
    site: str


def draw_identity(factors: Factors, patient: int, study: int, site: int) -> Identity:
    """The patient's part depends on the patient, the date on the study."""
    person = factors.stream("patient", patient, "identity")
    visit = factors.stream("study", patient, study, "date")
    name = f"{FAMILY[int(person.integers(len(FAMILY)))]}^{GIVEN[int(person.integers(len(GIVEN)))]}"
    born = f"{1935 + int(person.integers(65))}{1 + int(person.integers(12)):02d}{1 + int(person.integers(28)):02d}"
    mrn = f"{int(person.integers(10**7)):07d}"
    date = f"{2015 + int(visit.integers(9))}{1 + int(visit.integers(12)):02d}{1 + int(visit.integers(28)):02d}"
    return Identity(name, mrn, born, date, f"PHANTOM CLINIC {'ABCDEFGHJK'[site % 10]}")


def overlay_picture(
    sector: Bool[np.ndarray, "h w"],
    identity: Identity,
    settings: Settings,
    *,
    depth_mm: float,
    mm_per_pixel: float,
) -> UInt8[np.ndarray, "h w"]:
    """What is burned in, 0 where nothing is; never inside the sector.

    The device's layout decides where the lines stand. With `depth_mm` 0 the picture is no single fan, but a page or
    a trace: name and date stand in one line on top.
    """
    size = sector.shape[0]
    picture = Image.new("L", (sector.shape[1], size), 0)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=max(7.0, size * 0.036))
    step = int(np.ceil(max(8.0, size * 0.042)))
    family, _, given = identity.name.partition("^")
    person = [f"{family}, {given}", f"MRN {identity.mrn}"]
    date = f"{identity.study_date[6:]}.{identity.study_date[4:6]}.{identity.study_date[:4]}"
    if depth_mm <= 0:
        draw.text((2, 1), f"{person[0]}  {identity.mrn}  {date}", fill=210, font=font)
        return np.where(sector, np.uint8(0), np.asarray(picture))
    machine = [settings.device.maker, f"{settings.frequency_mhz:.1f} MHz", f"{depth_mm / 10:.0f} cm"]
    layout = settings.device.overlay
    if layout == "bottom":
        columns = [(2, size - 2 - step * 2, person), (size // 2, size - 2 - step * 2, [date, settings.device.maker])]
    elif layout == "left":
        columns = [(2, 2, machine[1:]), (2, size - 2 - step * 3, [*person, date])]
    else:
        columns = [
            (2, 2, person),
            (int(size * 0.7), 2, [date, identity.site[-8:]]),
            (2, size - 2 - step * 2, machine[1:]),
        ]
    for x, y, lines in columns:
        for k, line in enumerate(lines):
            draw.text((x, y + k * step), line, fill=210, font=font)
    _gray_bar(draw, size)
    _depth_ticks(draw, size, mm_per_pixel, depth_mm, sector)
    return np.where(sector, np.uint8(0), np.asarray(picture))


def _gray_bar(draw: ImageDraw.ImageDraw, size: int) -> None:
    """A wedge of all gray values at the right rim."""
    top, height = int(size * 0.14), int(size * 0.22)
    for k in range(height):
        draw.line([(size - 6, top + k), (size - 3, top + k)], fill=int(255 * (1 - k / height)))


def _depth_ticks(
    draw: ImageDraw.ImageDraw, size: int, mm_per_pixel: float, depth_mm: float, sector: Bool[np.ndarray, "size size"]
) -> None:
    """A tick every 10 mm at the right rim, longer every 50 mm."""
    first_row = int(np.flatnonzero(sector.any(axis=1))[0])
    for k in range(int(depth_mm // 10) + 1):
        row = first_row + k * 10 / mm_per_pixel
        if row < size - 1:
            draw.line([(size - (4 if k % 5 == 0 else 2), row), (size - 1, row)], fill=180)


def burn_in(frames: UInt8[np.ndarray, "n h w"], overlay: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "n h w"]:
    """The frames with the overlay on top."""
    return np.maximum(frames, overlay[None])
