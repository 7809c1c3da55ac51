"""The DICOM transfer syntaxes that ultrasound comes in, and which of them decode on this machine.

Source: DICOM PS3.6 table A-1. Pictures go through one package, imagecodecs: BSD-3-Clause, as are or permissive the
libraries in its wheel, and it alone reads all of them; pydicom's plugins would be five packages, none of which has
JPEG of 12 bits without the GPL, or JPEG XL. Videos go through PyAV.
"""

from functools import cache
from importlib import import_module
from typing import NamedTuple

CURE = "pip install imagecodecs"


class Syntax(NamedTuple):
    """A transfer syntax.

    Attributes:
        name: what people call it.
        family: which decoder reads it; "native", "deflated" and "video" need no imagecodecs, "other" has none.
        encapsulated: its pixels lie in fragments.
    """

    name: str
    family: str
    encapsulated: bool = True


_DICOM = "1.2.840.10008.1.2"
# The commonest first.
SYNTAXES = {
    f"{_DICOM}.1": Syntax("Explicit VR Little Endian", "native", False),
    _DICOM: Syntax("Implicit VR Little Endian", "native", False),
    f"{_DICOM}.2": Syntax("Explicit VR Big Endian", "native", False),
    f"{_DICOM}.1.99": Syntax("Deflated Explicit VR Little Endian", "native", False),
    f"{_DICOM}.4.50": Syntax("JPEG Baseline", "jpeg"),
    f"{_DICOM}.4.51": Syntax("JPEG Extended", "jpeg"),
    f"{_DICOM}.4.57": Syntax("JPEG Lossless (Process 14)", "jpeg lossless"),
    f"{_DICOM}.4.70": Syntax("JPEG Lossless (Process 14, Selection Value 1)", "jpeg lossless"),
    f"{_DICOM}.4.80": Syntax("JPEG-LS Lossless", "jpeg-ls"),
    f"{_DICOM}.4.81": Syntax("JPEG-LS Near-Lossless", "jpeg-ls"),
    f"{_DICOM}.4.90": Syntax("JPEG 2000 Lossless", "jpeg 2000"),
    f"{_DICOM}.4.91": Syntax("JPEG 2000", "jpeg 2000"),
    f"{_DICOM}.5": Syntax("RLE Lossless", "rle"),
    f"{_DICOM}.4.201": Syntax("HTJ2K Lossless", "jpeg 2000"),
    f"{_DICOM}.4.202": Syntax("HTJ2K Lossless RPCL", "jpeg 2000"),
    f"{_DICOM}.4.203": Syntax("HTJ2K", "jpeg 2000"),
    f"{_DICOM}.4.110": Syntax("JPEG XL Lossless", "jpeg xl"),
    f"{_DICOM}.4.111": Syntax("JPEG XL JPEG Recompression", "jpeg xl"),
    f"{_DICOM}.4.112": Syntax("JPEG XL", "jpeg xl"),
    f"{_DICOM}.8.1": Syntax("Deflated Image Frame Compression", "deflated"),
    f"{_DICOM}.1.98": Syntax("Encapsulated Uncompressed Explicit VR Little Endian", "native"),
    f"{_DICOM}.4.100": Syntax("MPEG-2 Main Profile, Main Level", "video"),
    f"{_DICOM}.4.101": Syntax("MPEG-2 Main Profile, High Level", "video"),
    f"{_DICOM}.4.102": Syntax("MPEG-4 AVC/H.264 High Profile", "video"),
    f"{_DICOM}.4.103": Syntax("MPEG-4 AVC/H.264 BD-compatible High Profile", "video"),
    f"{_DICOM}.4.104": Syntax("MPEG-4 AVC/H.264 High Profile for 2D Video", "video"),
    f"{_DICOM}.4.105": Syntax("MPEG-4 AVC/H.264 High Profile for 3D Video", "other"),
    f"{_DICOM}.4.106": Syntax("MPEG-4 AVC/H.264 Stereo High Profile", "other"),
    f"{_DICOM}.4.107": Syntax("HEVC/H.265 Main Profile", "video"),
    f"{_DICOM}.4.108": Syntax("HEVC/H.265 Main 10 Profile", "video"),
    f"{_DICOM}.4.94": Syntax("JPIP Referenced", "other", False),
    f"{_DICOM}.4.95": Syntax("JPIP Referenced Deflate", "other", False),
}

# The part of imagecodecs that reads each family.
PARTS = {
    "jpeg": "JPEG8",
    "jpeg lossless": "JPEG8",
    "jpeg-ls": "JPEGLS",
    "jpeg 2000": "JPEG2K",
    "rle": "PACKBITS",
    "jpeg xl": "JPEGXL",
}


class Codec(NamedTuple):
    """A transfer syntax: its name, whether it decodes here, and what would help where it does not."""

    name: str
    decodes: bool
    cure: str | None


def codecs() -> list[Codec]:
    """Every transfer syntax that ultrasound comes in."""
    return [codec_of(uid) for uid in SYNTAXES]


def codec_of(uid: str) -> Codec:
    """What is known of one transfer syntax.

    Raises:
        KeyError: it is in no list of ours.
    """
    name, family, _ = SYNTAXES[uid]
    if family in ("native", "deflated", "video"):
        return Codec(name, True, None)
    if family not in PARTS:
        return Codec(name, False, None)
    decodes = _available(PARTS[family])
    return Codec(name, decodes, None if decodes else CURE)


@cache
def _available(part: str) -> bool:
    """Whether imagecodecs is installed, and was built with the library that this part needs."""
    try:
        return bool(getattr(import_module("imagecodecs"), part).available)
    except (ImportError, AttributeError):
        return False
