"""NIfTI-1 and NIfTI-2 in one file (.nii, .nii.gz): pictures, and pictures over time in the third or fourth axis.

A reader of its own, because a clip is read frame by frame: the usual library unpacks a .nii.gz from its start for
every slice. The axes are taken as they are stored, x to the right and y down, which is how ultrasound is written
(CAMUS: the probe is at the top); the matrix that turns a body scan into patient space is not applied.

Source: the header nifti1.h and nifti2.h of the NIfTI Data Format Working Group.
"""

import gzip
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sslecho.data.readers.depth import Range
from sslecho.data.readers.recording import Unreadable
from sslecho.data.readers.sniff import READERS
from sslecho.data.readers.volume import Layout, VolumeRecording, square

# NIfTI's code for a number's type: NumPy's, and how many there are in a pixel.
TYPES = {
    2: ("u1", 1), 4: ("i2", 1), 8: ("i4", 1), 16: ("f4", 1), 64: ("f8", 1), 128: ("u1", 3), 256: ("i1", 1),
    512: ("u2", 1), 768: ("u4", 1), 1024: ("i8", 1), 1280: ("u8", 1), 2304: ("u1", 4),
}  # fmt: skip
MILLIMETERS = {1: 1000.0, 2: 1.0, 3: 0.001}  # in the lower three bits of xyzt_units
SECONDS = {8: 1.0, 16: 1e-3, 24: 1e-6}  # in the next three


class Header(NamedTuple):
    """The fields that matter, of either version."""

    byte_order: str
    dim: tuple[int, ...]
    type_code: int
    pixdim: tuple[float, ...]
    offset: float
    slope: float
    intercept: float
    units: int
    shown_max: float
    shown_min: float


@READERS.add("nifti_file")
def open_nifti(path: Path) -> VolumeRecording:
    """Open a NIfTI file.

    Raises:
        Unreadable: it is damaged, a volume over time, or its numbers are of a kind that is no picture.
    """
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if is_packed else path.open("rb") as file:
            start = file.read(544)
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable("its NIfTI header can't be read") from error
    header = read_header(start)
    if header.type_code not in TYPES:
        raise Unreadable("its numbers are of a kind that is no picture (complex, 128 bits, or unknown)")
    name, channels = TYPES[header.type_code]
    width, height, n_frames, is_over_time = _axes(header.dim)
    slope = header.slope if np.isfinite(header.slope) and header.slope else 0.0
    if not (np.isfinite(header.offset) and 0 <= header.offset < 2**40):
        raise Unreadable("its NIfTI header is damaged: its pixels start nowhere")
    _, x, y, _, step, *_ = header.pixdim
    x, y = abs(x), abs(y)
    return VolumeRecording(
        Layout(
            path=path,
            offset=int(header.offset),
            dtype=np.dtype(header.byte_order + name),
            shape=(n_frames, height, width, channels),
            packed="gzip" if is_packed else "no",
            slope=slope or 1.0,
            intercept=header.intercept if slope and np.isfinite(header.intercept) else 0.0,
            window=Range(header.shown_min, header.shown_max) if header.shown_max > header.shown_min else None,
            spacing_mm=_spacing(x, y, header.units),
            aspect=square(x, y),
            time_step_s=_step(step, header.units) if is_over_time else None,
        )
    )


def read_header(start: bytes) -> Header:
    """The header in the first 544 bytes of a file.

    Raises:
        Unreadable: it is none.
    """
    try:
        for order in "<>":
            size = struct.unpack_from(f"{order}i", start)[0]
            if size == 348:
                dim = struct.unpack_from(f"{order}8h", start, 40)
                code = struct.unpack_from(f"{order}h", start, 70)[0]
                pixdim = struct.unpack_from(f"{order}8f", start, 76)
                offset, slope, intercept = struct.unpack_from(f"{order}3f", start, 108)
                shown_max, shown_min = struct.unpack_from(f"{order}2f", start, 124)
                return Header(
                    order, dim, code, pixdim, offset, slope, intercept, start[123], shown_max, shown_min
                )  # fmt: skip
            if size == 540:
                code = struct.unpack_from(f"{order}h", start, 12)[0]
                dim = struct.unpack_from(f"{order}8q", start, 16)
                pixdim = struct.unpack_from(f"{order}8d", start, 104)
                offset, slope, intercept = struct.unpack_from(f"{order}q2d", start, 168)
                shown_max, shown_min = struct.unpack_from(f"{order}2d", start, 192)
                units = struct.unpack_from(f"{order}i", start, 500)[0]
                return Header(order, dim, code, pixdim, offset, slope, intercept, units, shown_max, shown_min)
    except struct.error as error:
        raise Unreadable("its NIfTI header is cut short") from error
    raise Unreadable("its NIfTI header is damaged")


def _axes(dim: tuple[int, ...]) -> tuple[int, int, int, bool]:
    """Width, height, frames, and whether these are in the axis of time."""
    n_axes = dim[0]
    if not 1 <= n_axes <= 7 or any(size < 1 for size in dim[1 : n_axes + 1]):
        raise Unreadable("its NIfTI header is damaged: it gives no shape")
    width, height, depth, times, *more = [*dim[1 : n_axes + 1], *[1] * (7 - n_axes)]
    if any(size > 1 for size in more):
        raise Unreadable("it has more than four axes, so it is no clip")
    if depth > 1 and times > 1:
        raise Unreadable("it is a volume over time (3-D + time), not a clip of pictures")
    return width, height, depth * times, times > 1


def _spacing(x: float, y: float, units: int) -> tuple[float, float] | None:
    """Only where the file names the unit. 1 x 1 is what every program writes that knows nothing."""
    factor = MILLIMETERS.get(units & 7)
    if factor is None or (x, y) == (1, 1) or not (np.isfinite(x) and np.isfinite(y) and x > 0 and y > 0):
        return None
    return x * factor, y * factor


def _step(step: float, units: int) -> float | None:
    """Seconds between frames. A step of 1 s is what every program writes that knows nothing."""
    factor = SECONDS.get(units & 0x38)
    if factor is None or not (np.isfinite(step) and step > 0) or step * factor == 1:
        return None
    return step * factor
