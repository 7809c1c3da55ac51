"""How the header of a DICOM image describes its samples, with what is missing or damaged told apart.

Source: DICOM PS3.3 C.7.6.3, Image Pixel module.
"""

from dataclasses import dataclass

from sslecho.data.readers.dicom.codecs import SYNTAXES
from sslecho.data.readers.dicom.header import number, text
from sslecho.data.readers.dicom.opening import Opened
from sslecho.data.readers.recording import Unreadable, refuse_huge

GRAY = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
# XYB is JPEG XL's own; YBR_ICT and YBR_RCT are undone by the decoders of JPEG 2000.
COLOR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "XYB")
FILM = ("YBR_PARTIAL_420", "YBR_PARTIAL_422")  # of videos, whose decoder sees to it
BITS = (8, 16, 32)
BIG_ENDIAN = "1.2.840.10008.1.2.2"


@dataclass(frozen=True)
class Layout:
    """The samples of a frame.

    Attributes:
        rows, columns, samples: its shape; samples a pixel are 1 or 3.
        bits_allocated, bits_stored, high_bit, signed: the bits of a sample.
        planar: the samples of a color lie in planes, not side by side.
        photometric: PhotometricInterpretation.
        little: byte order of native samples.
        swapped: 8-bit samples were written as big-endian words of 16, so that each two changed places.
    """

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    planar: bool
    photometric: str
    little: bool
    swapped: bool

    @property
    def space(self) -> str:
        """Color space that the header claims: "gray", "rgb" or "ybr"; palettes are gray here."""
        if self.samples == 1:
            return "gray"
        return "ybr" if self.photometric in ("YBR_FULL", "YBR_FULL_422") else "rgb"

    @property
    def is_422(self) -> bool:
        """Two pixels share their color, so that they need four samples. In compressed data the codec sees to it."""
        return self.photometric == "YBR_FULL_422"

    @property
    def n_bytes(self) -> int:
        """Bytes of an uncompressed frame."""
        samples = 2 if self.is_422 else self.samples
        return self.rows * self.columns * samples * self.bits_allocated // 8


def layout_of(opened: Opened) -> Layout:
    """The layout of a file's frames.

    Raises:
        Unreadable: it is one that ultrasound does not have, or is not described.
    """
    header = opened.header
    rows, columns = int(number(header, "Rows") or 0), int(number(header, "Columns") or 0)
    refuse_huge(rows, columns)
    photometric = text(header, "PhotometricInterpretation") or ""
    is_film = SYNTAXES[opened.syntax].family == "video"
    if photometric not in (GRAY + COLOR + FILM if is_film else GRAY + COLOR):
        raise Unreadable("its photometric interpretation is none that ultrasound uses")
    expected = 1 if photometric in GRAY else 3
    if int(number(header, "SamplesPerPixel") or expected) != expected:
        raise Unreadable("it has another number of samples a pixel than its photometric interpretation needs")
    allocated = int(number(header, "BitsAllocated") or 0)
    stored = int(number(header, "BitsStored") or allocated)
    if allocated not in BITS or not 1 <= stored <= allocated:
        raise Unreadable("it does not say how many bits its pixels have, or a number that is none of 8, 16 and 32")
    high_bit = number(header, "HighBit")
    big = opened.syntax == BIG_ENDIAN
    return Layout(
        rows=rows,
        columns=columns,
        samples=expected,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=min(int(high_bit), allocated - 1) if high_bit is not None and high_bit >= stored - 1 else stored - 1,
        signed=number(header, "PixelRepresentation") == 1,
        planar=number(header, "PlanarConfiguration") == 1,
        photometric=photometric,
        little=not big,
        swapped=big and allocated == 8 and opened.vr == "OW",
    )
