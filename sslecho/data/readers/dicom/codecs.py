"""Which DICOM transfer syntaxes decode on this machine."""

from typing import NamedTuple

from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

# What ultrasound comes in, the commonest first.
SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    RLELossless,
    HTJ2KLossless,
    HTJ2K,
)


class Codec(NamedTuple):
    """A transfer syntax: its name, whether it decodes here, and what would help where it does not."""

    name: str
    decodes: bool
    cure: str | None


def codecs() -> list[Codec]:
    """Every transfer syntax that ultrasound comes in."""
    return [codec_of(uid) for uid in SYNTAXES]


def codec_of(uid: UID) -> Codec:
    """What is known of one transfer syntax; an unknown one does not decode."""
    if not uid.is_encapsulated:
        return Codec(uid.name, True, None)
    try:
        decoder = get_decoder(uid)
    except (NotImplementedError, ValueError):
        return Codec(uid.name, False, None)
    if decoder.is_available:
        return Codec(uid.name, True, None)
    # "pylibjpeg (requires …)": what is missing, in pydicom's words.
    missing = "; ".join(decoder.missing_dependencies)
    return Codec(uid.name, False, f"install one of: {missing}" if missing else None)
