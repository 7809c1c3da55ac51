"""Which reader opens a file: by its content; by its extension only where the content tells nothing."""

import re
import zlib
from pathlib import Path

from sslecho.data.readers.recording import Recording, Unreadable
from sslecho.registry import Registry

READERS = Registry(
    "reader", "sslecho.data.readers", shared=("recording", "sniff", "blocks", "depth", "volume", "containers")
)

LOOKED_AT = 1024  # bytes

IMAGES = frozenset({".png", ".apng", ".jpg", ".jpeg", ".jp2", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".mpo"})
VIDEOS = frozenset(
    {".mp4", ".m4v", ".avi", ".mov", ".mkv", ".mpeg", ".mpg", ".webm", ".wmv", ".asf", ".3gp", ".ts", ".flv", ".ogv"}
)
DICOMS = frozenset({".dcm", ".dicom", ".ima", ""})
# Tags that open a DICOM data set that has no preamble: group 0002 or 0008, little or big endian.
BARE_STARTS = (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")

# What a file starts with, from the given byte on, and its reader; the first that fits.
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (128, b"DICM", "dicom_file"),
    (0, b"\x89PNG\r\n\x1a\n", "image_file"),
    (0, b"\xff\xd8\xff", "image_file"),
    (0, b"GIF87a", "image_file"),
    (0, b"GIF89a", "image_file"),
    (0, b"II*\0", "image_file"),
    (0, b"MM\0*", "image_file"),
    (0, b"II+\0", "image_file"),
    (0, b"MM\0+", "image_file"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image_file"),
    (0, b"\xffO\xffQ", "image_file"),
    (8, b"WEBP", "image_file"),
    (8, b"AVI ", "video_file"),
    (0, b"\x1aE\xdf\xa3", "video_file"),  # Matroska, WebM
    (0, b"\0\0\x01\xba", "video_file"),  # MPEG program stream
    (0, b"\0\0\x01\xb3", "video_file"),  # MPEG video without a container
    (0, b"\0\0\0\x01\x67", "video_file"),  # H.264 without a container
    (0, b"\0\0\0\x01\x09", "video_file"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "video_file"),  # ASF, WMV
    (0, b"FLV\x01", "video_file"),
    (0, b"OggS", "video_file"),
    (344, b"n+1\0", "nifti_file"),
    (4, b"n+2\0", "nifti_file"),
)
# The same for what no reader opens, with the reason.
REFUSED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PK\x03\x04", "it is a zip archive"),
    (0, b"PK\x05\x06", "it is an empty zip archive"),
    (257, b"ustar", "it is a tar archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "it is a 7z archive; unpack it first"),
    (0, b"Rar!\x1a\x07", "it is a rar archive; unpack it first"),
    (0, b"BZh", "it is compressed with bzip2; unpack it first"),
    (0, b"\xfd7zXZ\0", "it is compressed with xz; unpack it first"),
    (0, b"%PDF", "it is a PDF document, not a picture"),
    (344, b"ni1\0", "it is one half of a NIfTI pair (.hdr and .img); save it as one .nii file"),
    (4, b"ni2\0", "it is one half of a NIfTI pair (.hdr and .img); save it as one .nii file"),
)
STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")
QUICKTIME_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
# Lengths of a bitmap's second header: its first two letters, BM, begin many a text.
BITMAP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
METAIMAGE = re.compile(rb"\s*(ObjectType|NDims|Comment|ObjectSubType|TransformType|Name|ID)\s*=", re.IGNORECASE)


def reader_of(path: Path) -> str:
    """The name of the reader that opens a file.

    Raises:
        Unreadable: none does, or the file can't be read at all.
    """
    try:
        with path.open("rb") as file:
            start = file.read(LOOKED_AT)
    except OSError as error:
        raise Unreadable(f"it can't be read ({error.strerror})") from error
    if not start:
        raise Unreadable("it is empty (0 bytes)")
    return reader_by_content(start) or _by_name(path, start)


def open_recording(path: Path) -> Recording:
    """Open a file with the reader that fits.

    Raises:
        Unreadable: it can't be used; the message says why.
    """
    return READERS[reader_of(path)](path)


def reader_by_content(start: bytes) -> str | None:
    """The reader that a file's first LOOKED_AT bytes ask for; None where they tell nothing.

    Raises:
        Unreadable: they tell of something that no reader opens.
    """
    if start.startswith(b"\x1f\x8b"):
        return _by_packed_content(start)
    for offset, signature, reader in SIGNATURES:
        if start.startswith(signature, offset):
            return reader
    if start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in BITMAP_HEADERS:
        return "image_file"
    if start[4:8] in QUICKTIME_ATOMS:
        if start[8:12] in STILL_BRANDS:
            raise Unreadable("it is a HEIF or AVIF picture; save it as PNG")
        return "video_file"
    if is_transport_stream(start):
        return "video_file"
    if METAIMAGE.match(start):
        return "metaimage_file"
    for offset, signature, reason in REFUSED:
        if start.startswith(signature, offset):
            raise Unreadable(reason)
    return None


def _by_name(path: Path, start: bytes) -> str:
    extension = path.suffix.lower()
    if extension in IMAGES:
        return "image_file"
    if extension in VIDEOS:
        return "video_file"
    if extension in (".mhd", ".mha"):
        return "metaimage_file"
    if extension == ".nii":
        return "nifti_file"
    if extension in (".raw", ".zraw"):
        raise Unreadable("it holds pixels without a header; they are read through the .mhd file beside it")
    # Images exported from a PACS are often named by number alone, and "1.2.840.113" has the extension ".113".
    if extension in DICOMS or extension[1:].isdigit() or start[:2] in BARE_STARTS:
        return "dicom_file"
    raise Unreadable("it is no picture, video or DICOM file that sslecho reads")


def _by_packed_content(start: bytes) -> str:
    """Of a gzip file: only NIfTI is read packed."""
    try:
        inside = zlib.decompressobj(wbits=31).decompress(start, 2 * LOOKED_AT)
    except zlib.error as error:
        raise Unreadable("it is compressed with gzip and damaged") from error
    if inside.startswith(b"n+1\0", 344) or inside.startswith(b"n+2\0", 4):
        return "nifti_file"
    if inside.startswith(b"ustar", 257):
        raise Unreadable("it is a tar archive, compressed with gzip")
    raise Unreadable("it is compressed with gzip; unpack it first")


def is_transport_stream(start: bytes) -> bool:
    """An MPEG transport stream: packets of 188 bytes, or of 192 with a time code before each, that begin with G."""
    return any(
        all(start[first + number * size : first + number * size + 1] == b"G" for number in range(5))
        for first, size in ((0, 188), (4, 192))
    )
