"""What a DICOM file's tags claim that it shows. A claim, not a truth: the pixels have the last word elsewhere.

Source: DICOM PS3.3 C.8.5.6.1.1, value 4 of ImageType; C.8.5.6, UltrasoundColorDataPresent; C.8.5.5, regions.
"""

from collections.abc import Sequence

from pydicom import Dataset

from sslecho.data.readers.dicom.header import number, text, value
from sslecho.data.readers.recording import Region

# Bits of ImageType's fourth value, which is written in hexadecimal.
BITS = {
    0x0001: {"b-mode"},
    0x0002: {"m-mode"},
    0x0004: {"spectral"},  # continuous wave
    0x0008: {"spectral"},  # pulsed wave
    0x0010: {"colour"},
    0x0020: {"colour", "m-mode"},
    0x0040: {"other"},  # 3-D rendering
    0x0100: {"colour"},  # color power
}
VOLUMES = (
    "1.2.840.10008.5.1.4.1.1.6.2",  # Enhanced US Volume
    "1.2.840.10008.5.1.4.1.1.6.3",  # Photoacoustic Image
)
PICTURES = ("tissue", "color flow", None)
PANES = {2: "dual", 4: "quad"}
PANE = 0.03  # of the picture; smaller regions are color bars and the like
INSIDE = 0.5  # of the smaller region: what overlaps more is one pane, like a color box in its tissue


def modes(header: Dataset, regions: Sequence[Region], *, height: int, width: int) -> frozenset[str]:
    """Words of `triage.KINDS` that the tags claim; none where they claim nothing."""
    claimed: set[str] = set()
    kinds = _image_type(header)
    if len(kinds) > 3:
        claimed |= _bits(kinds[3])
    if any("CONTRAST" in kind for kind in kinds[2:]) or value(header, "ContrastBolusAgent") is not None:
        claimed.add("contrast")
    sequence = value(header, "ContrastBolusAgentSequence")
    if sequence is not None and len(sequence):
        claimed.add("contrast")
    if text(header, "SOPClassUID") in VOLUMES:
        claimed.add("other")
    for region in regions:
        claimed |= _of_region(region)
    # Machines set it for any color on the screen, a blue title bar too: the weakest word, heard where no other is.
    if not claimed and number(header, "UltrasoundColorDataPresent") == 1:
        claimed.add("colour")
    panes = _n_panes(regions, height * width)
    if panes in PANES:
        claimed.add(PANES[panes])
    return frozenset(claimed)


def _image_type(header: Dataset) -> list[str]:
    found = value(header, "ImageType")
    if found is None:
        return []
    return [str(kind).strip(" \0").upper() for kind in ([found] if isinstance(found, str) else found)]


def _bits(word: str) -> set[str]:
    try:
        code = int(word, 16)
    except ValueError:
        return set()
    return set().union(*(kinds for bit, kinds in BITS.items() if code & bit))


def _of_region(region: Region) -> set[str]:
    if region.format == "m-mode":
        return {"m-mode"}
    if region.format == "spectral" or region.data == "spectral":
        return {"spectral"}
    if region.format == "2d" and region.data == "color flow":
        return {"colour"}
    if region.format == "2d" and region.data == "tissue":
        return {"b-mode"}
    return set()


def _n_panes(regions: Sequence[Region], n_pixels: int) -> int:
    """2-D pictures beside each other: regions that lie within another are part of it."""
    pictures = [region.box for region in regions if region.format == "2d" and region.data in PICTURES]
    boxes = [box for box in pictures if _area(box) >= PANE * n_pixels]
    panes: list[tuple[int, int, int, int]] = []
    for box in sorted(boxes, key=_area, reverse=True):
        if all(_overlap(box, pane) <= INSIDE * _area(box) for pane in panes):
            panes.append(box)
    return len(panes)


def _area(box: tuple[int, int, int, int]) -> int:
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> int:
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
