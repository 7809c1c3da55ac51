"""Which reader opens a file: DICOM by its content, everything else by its extension."""

from pathlib import Path

from sslecho.data.readers.recording import Recording, Unreadable
from sslecho.registry import Registry

READERS = Registry("reader", "sslecho.data.readers", shared=("recording", "sniff"))

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
VIDEOS = frozenset({".mp4", ".m4v", ".avi", ".mov", ".mkv", ".mpeg", ".mpg", ".gif", ".webm", ".wmv", ".3gp"})
DICOMS = frozenset({".dcm", ".dicom", ".ima", ""})
# Tags that open a DICOM data set that has no preamble: group 0002 or 0008, little or big endian.
BARE_STARTS = (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08")


def reader_of(path: Path) -> str:
    """The name of the reader that opens a file.

    Raises:
        Unreadable: none does, or the file can't be read at all.
    """
    try:
        with path.open("rb") as file:
            start = file.read(132)
    except OSError as error:
        raise Unreadable(f"it can't be read ({error.strerror})") from error
    if not start:
        raise Unreadable("it is empty (0 bytes)")
    if start[128:] == b"DICM":
        return "dicom_file"
    extension = path.suffix.lower()
    if extension in IMAGES:
        return "image_file"
    if extension in VIDEOS:
        return "video_file"
    # Images exported from a PACS are often named by number alone, and "1.2.840.113" has the extension ".113".
    if extension in DICOMS or extension[1:].isdigit() or start[:2] in BARE_STARTS:
        return "dicom_file"
    raise Unreadable("it is no picture, video or DICOM file that sslecho reads")


def open_recording(path: Path) -> Recording:
    """Open a file with the reader that fits.

    Raises:
        Unreadable: it can't be used; the message says why.
    """
    return READERS[reader_of(path)](path)
