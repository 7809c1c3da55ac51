"""Opening a DICOM file: the few elements that are needed, and where its pixels begin; no pixel is read.

The header is parsed by pydicom, element by element, and what is not in `WANTED` is skipped in the file: a name or an
address never gets into memory, and neither does a private element of gigabytes.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from struct import unpack

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from sslecho.data.readers.dicom.header import text
from sslecho.data.readers.dicom.inflate import Inflating

WANTED = """
    SOPClassUID Modality ImageType FileSetID FileSetConsistencyFlag
    PatientID IssuerOfPatientID StudyInstanceUID InstitutionName Manufacturer ManufacturerModelName
    StudyDate AcquisitionDate
    SeriesDescription StageName ViewName ViewCodeSequence
    ContrastBolusAgent ContrastBolusAgentSequence UltrasoundColorDataPresent SequenceOfUltrasoundRegions
    FrameIncrementPointer FrameTimeVector FrameTime CineRate RecommendedDisplayFrameRate
    Rows Columns NumberOfFrames SamplesPerPixel PhotometricInterpretation PlanarConfiguration
    BitsAllocated BitsStored HighBit PixelRepresentation
    WindowCenter WindowWidth RescaleSlope RescaleIntercept
    RedPaletteColorLookupTableDescriptor GreenPaletteColorLookupTableDescriptor BluePaletteColorLookupTableDescriptor
    RedPaletteColorLookupTableData GreenPaletteColorLookupTableData BluePaletteColorLookupTableData
    SegmentedRedPaletteColorLookupTableData SegmentedGreenPaletteColorLookupTableData
    SegmentedBluePaletteColorLookupTableData
    ExtendedOffsetTable ExtendedOffsetTableLengths
""".split()
_TAGS: list = [tag_for_keyword(name) for name in WANTED]

PIXEL_DATA = 0x7FE00010
PIXELS = (PIXEL_DATA, 0x7FE00008, 0x7FE00009)  # of integers, of floats, of doubles
UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True)
class Opened:
    """A DICOM file whose header is read.

    Attributes:
        path: the file.
        header: its elements, those of `WANTED` only.
        meta: its file meta information; empty where it has none.
        syntax: UID of the transfer syntax; guessed from the bytes where the file does not say it.
        deflated_at: where the deflated data set begins; None where it is not deflated.
        pixels_at: where the value of PixelData begins, in the data set's stream; None where it has none.
        n_bytes: length of that value; None where it is undefined, which means encapsulated.
        vr: its value representation; None where it is implicit.
    """

    path: Path
    header: Dataset
    meta: Dataset
    syntax: str
    deflated_at: int | None
    pixels_at: int | None
    n_bytes: int | None
    vr: str | None

    @contextmanager
    def stream(self) -> Iterator[BufferedReader]:
        """The data set's bytes, inflated where they are deflated."""
        with self.path.open("rb") as file:
            yield _inflated(file, self.deflated_at) if self.deflated_at is not None else file


def open_header(path: Path) -> Opened:
    """Read the header of a DICOM file, with or without preamble and file meta information.

    Raises:
        whatever pydicom raises on a malformed file: see `cine.DICOM_ERRORS`.
    """
    with path.open("rb") as file:
        read_preamble(file, force=True)
        # Always explicit little endian, whatever follows.
        meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
        if len(meta) == 0:
            file.seek(0)
            read_preamble(file, force=True)
        syntax = text(meta, "TransferSyntaxUID") or _guess(file)
        deflated_at = file.tell() if syntax == DeflatedExplicitVRLittleEndian else None
        stream = _inflated(file, deflated_at) if deflated_at is not None else file
        implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
        header = read_dataset(
            stream,
            implicit,
            little,
            stop_when=lambda tag, vr, length: int(tag) in PIXELS,
            specific_tags=_TAGS,
        )
        pixels_at, n_bytes, vr = _pixel_element(stream, little=little)
    return Opened(path, header, meta, syntax, deflated_at, pixels_at, n_bytes, vr)


def _inflated(file: BufferedReader, start: int) -> BufferedReader:
    return BufferedReader(Inflating(file, start), 2**16)


def _guess(file: BufferedReader) -> str:
    """The encoding of a data set whose file does not name it, from its first element."""
    start = file.read(6)
    file.seek(-len(start), io.SEEK_CUR)
    if len(start) < 6 or not (start[4:].isalpha() and start[4:].isupper()):
        return ImplicitVRLittleEndian
    # Group 0008 in the other byte order reads as 0800.
    return ExplicitVRBigEndian if unpack("<H", start[:2])[0] >= 0x0400 else ExplicitVRLittleEndian


def _pixel_element(stream: BufferedReader, *, little: bool) -> tuple[int | None, int | None, str | None]:
    """Offset, length and VR of PixelData's value; the stream stands at the element or at the data set's end."""
    order = "<" if little else ">"
    head = stream.read(8)
    if len(head) < 8:
        return None, None, None
    group, element = unpack(order + "HH", head[:4])
    if group << 16 | element != PIXEL_DATA:
        return None, None, None
    vr = None
    if head[4:6].isalpha() and head[4:6].isupper():
        vr = head[4:6].decode("ascii")
        (length,) = unpack(order + "L", stream.read(4))
    else:
        (length,) = unpack(order + "L", head[4:])
    return stream.tell(), None if length == UNDEFINED else length, vr
