"""The parts of the picture that the machine describes, and the size of a pixel from them.

Source: DICOM PS3.3 C.8.5.5, US Region Calibration.
"""

from collections.abc import Sequence

from pydicom import Dataset

from sslecho.data.readers.dicom.header import number, value
from sslecho.data.readers.recording import Region

FORMATS = {1: "2d", 2: "m-mode", 3: "spectral", 4: "waveform", 5: "graphics"}  # RegionSpatialFormat (0018,6012)
# RegionDataType (0018,6014)
DATA = {
    1: "tissue",
    2: "color flow",
    3: "spectral",  # pulsed wave
    4: "spectral",  # continuous wave
    5: "doppler mean trace",
    6: "doppler mode trace",
    7: "doppler max trace",
    8: "volume trace",
    9: "volume rate trace",
    10: "ecg",
    11: "pulse",
    12: "phonocardiogram",
    13: "gray bar",
    14: "color bar",
    15: "integrated backscatter",
    16: "area trace",
    17: "area rate trace",
}
TWO_D = 1
CENTIMETERS = 3  # PhysicalUnitsXDirection (0018,6024), PhysicalUnitsYDirection (0018,6026)
SQUARE = 0.02  # relative difference up to which a pixel counts as square


def regions(header: Dataset, *, height: int, width: int) -> tuple[Region, ...]:
    """All regions, in the file's order, clipped to the picture; one that is damaged or outside is left out."""
    found = []
    for item in _items(header):
        corners = [number(item, f"RegionLocation{name}") for name in ("MinX0", "MinY0", "MaxX1", "MaxY1")]
        if any(corner is None for corner in corners):
            continue
        x0, y0, x1, y1 = (int(corner) for corner in corners if corner is not None)
        # DICOM's second corner is the last pixel within.
        box = max(x0, 0), max(y0, 0), min(x1 + 1, width), min(y1 + 1, height)
        if box[0] >= box[2] or box[1] >= box[3]:
            continue
        found.append(
            Region(
                box,
                FORMATS.get(int(number(item, "RegionSpatialFormat") or 0)),
                DATA.get(int(number(item, "RegionDataType") or 0)),
                _spacing_mm(item),
            )
        )
    return tuple(found)


def spacing_mm(header: Dataset) -> float | None:
    """Size of a pixel, where all 2-D regions agree and say centimeters.

    A region of another unit (seconds, cm/s) or format says nothing about size, and neither does a pixel that is not
    square.
    """
    sizes = set()
    for item in _items(header):
        if number(item, "RegionSpatialFormat") != TWO_D:
            continue
        spacing = _spacing_mm(item)
        if spacing is None or abs(spacing[0] - spacing[1]) > SQUARE * spacing[0]:
            return None
        sizes.add(round(spacing[0], 6))
    return sizes.pop() if len(sizes) == 1 else None


def _items(header: Dataset) -> Sequence[Dataset]:
    found = value(header, "SequenceOfUltrasoundRegions")
    return found if isinstance(found, Sequence) and not isinstance(found, str | bytes) else ()


def _spacing_mm(item: Dataset) -> tuple[float, float] | None:
    units = number(item, "PhysicalUnitsXDirection"), number(item, "PhysicalUnitsYDirection")
    x_cm, y_cm = number(item, "PhysicalDeltaX"), number(item, "PhysicalDeltaY")
    if units != (CENTIMETERS, CENTIMETERS) or not x_cm or not y_cm:
        return None
    return 10 * abs(x_cm), 10 * abs(y_cm)
