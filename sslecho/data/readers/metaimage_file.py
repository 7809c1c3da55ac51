"""MetaImage: a header of text (.mhd) with its pixels in a file beside it, or both in one (.mha).

The axes are taken as they are stored, x to the right and y down; the third one holds the frames (CAMUS).

Source: the format's description in the documentation of MetaIO (Insight Toolkit).
"""

import re
from math import prod
from pathlib import Path

import numpy as np

from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import READERS
from sslecho.data.readers.volume import Layout, VolumeRecording, square

LONGEST_HEADER = 2**16
TYPES = {
    "MET_UCHAR": "u1", "MET_CHAR": "i1", "MET_USHORT": "u2", "MET_SHORT": "i2", "MET_UINT": "u4", "MET_INT": "i4",
    "MET_ULONG_LONG": "u8", "MET_LONG_LONG": "i8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip


@READERS.add("metaimage_file")
def open_metaimage(path: Path) -> VolumeRecording:
    """Open a MetaImage file by its header.

    Raises:
        Unreadable: it is damaged, no picture, or its pixels are not beside it.
    """
    fields, end = read_header(path)
    if fields.get("objecttype", "Image") != "Image":
        raise Unreadable("it is a MetaImage file without a picture")
    name = fields.get("elementtype", "").removesuffix("_ARRAY")
    if name not in TYPES:
        raise Unreadable("its numbers are of a kind that is no picture")
    if not _is_true(fields, "binarydata", default=True):
        raise Unreadable("its pixels are written as text; save it with binary pixels")
    channels = _numbers(fields, "elementnumberofchannels", int) or [1]
    if channels[0] not in (1, 3, 4):
        raise Unreadable("its pixels have another number of channels than 1, 3 or 4")
    n_frames, height, width = _axes(_numbers(fields, "dimsize", int))
    big = _is_true(fields, "binarydatabyteordermsb") or _is_true(fields, "elementbyteordermsb")
    spacing = _numbers(fields, "elementspacing", float) or _numbers(fields, "elementsize", float) or [0.0, 0.0]
    if len(spacing) < 2:
        raise Unreadable("its ElementSpacing has fewer numbers than a picture has sides")
    x, y = abs(spacing[0]), abs(spacing[1])
    aspect = square(x, y)
    shape = (n_frames, height, width, channels[0])
    dtype = np.dtype((">" if big else "<") + TYPES[name])
    packed = _is_true(fields, "compresseddata")
    pixels, offset = _pixels(path, fields, end, None if packed else prod(shape) * dtype.itemsize)
    return VolumeRecording(
        Layout(
            path=pixels,
            offset=offset,
            dtype=dtype,
            shape=shape,
            packed="zlib" if packed else "no",
            # Without a unit in the format, spacing is in mm by custom; 1 x 1 is written where nothing is known.
            spacing_mm=None if (x, y) == (1, 1) or not (0 < x < np.inf and 0 < y < np.inf) else (x, y),
            aspect=aspect,
        )
    )


def read_header(path: Path) -> tuple[dict[str, str], int]:
    """The fields by their names in lower case, and the byte behind the header.

    Raises:
        Unreadable: it has no end.
    """
    try:
        with path.open("rb") as file:
            start = file.read(LONGEST_HEADER)
    except OSError as error:
        raise Unreadable("its header can't be read") from error
    fields: dict[str, str] = {}
    position = 0
    for line in re.finditer(rb"([^\n]*)(\n|$)", start):
        name, equals, value = line[1].decode("latin-1").partition("=")
        position = line.end()
        if equals:
            fields[name.strip().lower()] = value.strip()
        # It ends the header; pixels may come next, which look like anything.
        if name.strip().lower() == "elementdatafile" and equals:
            return fields, position
        if position >= len(start):
            break
    raise Unreadable("its MetaImage header is damaged: it names no ElementDataFile")


def _pixels(path: Path, fields: dict[str, str], end: int, n_bytes: int | None) -> tuple[Path, int]:
    """The file with the pixels, and the bytes before them."""
    name = fields["elementdatafile"]
    if name.upper() == "LOCAL":
        found, offset = path, end
    elif name.upper().startswith("LIST") or "%" in name:
        raise Unreadable("its pixels are spread over several files; save it as one .mha file")
    elif not name or name in (".", "..") or re.search(r"[/\\:\0]", name):
        # A header from a stranger must not make us read any file of the machine.
        raise Unreadable("its ElementDataFile is no plain file name; the pixels must lie in the header's folder")
    else:
        found, offset = path.with_name(name), 0
    if not found.is_file():
        raise Unreadable("its pixels are in another file, which is not beside it")
    skipped = (_numbers(fields, "headersize", int) or [0])[0]
    if skipped == -1 and n_bytes is not None:
        return found, max(0, found.stat().st_size - n_bytes)
    if skipped < 0:
        raise Unreadable("its HeaderSize is negative")
    return found, skipped or offset


def _axes(sizes: list[int]) -> tuple[int, int, int]:
    """Frames, height and width."""
    if len(sizes) < 2 or any(size < 1 for size in sizes):
        raise Unreadable("its DimSize gives no shape of a picture")
    if sum(size > 1 for size in sizes[2:]) > 1:
        raise Unreadable("it is a volume over time (3-D + time), not a clip of pictures")
    return prod(sizes[2:]), sizes[1], sizes[0]


def _numbers(fields: dict[str, str], name: str, kind: type) -> list:
    try:
        return [kind(word) for word in fields.get(name, "").split()]
    except ValueError as error:
        raise Unreadable("its MetaImage header is damaged: a field that must hold numbers holds none") from error


def _is_true(fields: dict[str, str], name: str, *, default: bool = False) -> bool:
    return fields[name].lower()[:1] in ("t", "y", "1") if name in fields else default
