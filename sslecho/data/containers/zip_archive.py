"""Zip archives: their directory, and one member at a time.

A member is read at its own place in the file, not through `zipfile`, which would read the whole directory once more
for each of them: ten thousand members would take ten thousand times ten thousand steps. Format: PKWARE's APPNOTE.
"""

import bz2
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from sslecho.data.containers.member import MIB, Limits, Member
from sslecho.data.readers.recording import Unreadable

PACKINGS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflate", zipfile.ZIP_BZIP2: "bzip2"}
OTHER_PACKINGS = {9: "Deflate64", 14: "LZMA", 93: "Zstandard", 95: "XZ", 96: "JPEG", 98: "PPMd", 99: "AES"}
ENCRYPTED = 0x1
END_BYTES = 22 + 2**16  # the record at the end, and the longest comment after it
LOCAL_BYTES = 30


def zip_members(path: Path, limits: Limits) -> Iterator[Member]:
    """The files of a zip archive, as its directory has them.

    Raises:
        Unreadable: the archive is damaged or cut short, one of several volumes, or breaks a limit as a whole.
    """
    _refuse_directory(path, limits)
    try:
        with zipfile.ZipFile(path) as archive:
            entries, end = archive.infolist(), archive.start_dir
    except Exception as error:  # zipfile raises half a dozen kinds on a damaged directory
        raise Unreadable(f"the zip archive's directory is damaged ({type(error).__name__})") from None
    files = [entry for entry in entries if not entry.filename.endswith("/")]  # `is_dir` fails on an empty name
    total = sum(entry.file_size for entry in files)
    if len(entries) > limits.members:
        raise Unreadable(f"the archive holds {len(entries)} files, more than the limit of {limits.members}")
    if total > limits.total_bytes:
        raise Unreadable(f"the archive unpacks to {total} bytes, more than the limit of {limits.total_bytes}")
    # Members that share their bytes let a small archive unpack to petabytes (D. Fifield, "A better zip bomb", 2019).
    order = sorted(files, key=lambda entry: entry.header_offset)
    starts = [entry.header_offset for entry in order] + [end]
    ends = [entry.header_offset + LOCAL_BYTES + entry.compress_size for entry in order]
    if any(stop > following for stop, (_, following) in zip(ends, pairwise(starts), strict=True)):
        raise Unreadable("the archive's members overlap: it is damaged, or was built to do harm")
    for entry in files:
        yield Member(
            path,
            entry.filename,
            entry.file_size,
            place=entry.header_offset,
            packing=PACKINGS.get(entry.compress_type, "other"),
            packed_bytes=entry.compress_size,
            crc=entry.CRC,
            refused=_refused(entry),
        )


def unzipped(member: Member) -> Iterator[bytes]:
    """The bytes of a member, in pieces of a mebibyte at most.

    Raises:
        Unreadable: it is damaged, or holds more or less than the directory says.
    """
    length = crc = 0
    for piece in _unpacked(member):
        length += len(piece)
        if length > member.size_bytes:
            raise Unreadable("it unpacks to more than its archive says: it is damaged, or was built to do harm")
        crc = zlib.crc32(piece, crc)
        yield piece
    if length != member.size_bytes or crc != member.crc:
        raise Unreadable("its bytes are not those that were packed: the archive is damaged there")


def _refuse_directory(path: Path, limits: Limits) -> None:
    """Refuse a directory that would fill the memory, before it is read."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - END_BYTES))
        tail = file.read()
        place = tail.rfind(b"PK\x05\x06")
        if place < 0 or len(tail) < place + 22:
            raise Unreadable("the zip archive is cut short: its directory, which stands at the end, is missing")
        disk, _, _, count, n_bytes = struct.unpack_from("<HHHHI", tail, place + 4)
        locator = tail[place - 20 : place] if place >= 20 else b""
        if locator[:4] == b"PK\x06\x07":
            file.seek(struct.unpack_from("<Q", locator, 8)[0])
            record = file.read(56)
            if len(record) == 56 and record[:4] == b"PK\x06\x06":
                count, n_bytes = struct.unpack_from("<QQ", record, 32)
    if disk not in (0, 0xFFFF):
        raise Unreadable("the zip archive is one of several volumes; join them")
    if count > limits.members:
        raise Unreadable(f"the archive holds {count} files, more than the limit of {limits.members}")
    if n_bytes > limits.directory_bytes:
        raise Unreadable(f"its directory has {n_bytes} bytes, more than the limit of {limits.directory_bytes}")


def _refused(entry: zipfile.ZipInfo) -> str | None:
    mode = entry.external_attr >> 16 if entry.create_system == 3 else 0  # 3: Unix
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "it is a link or a device in the archive, and these are not followed"
    if entry.flag_bits & ENCRYPTED:
        return "it is encrypted in the archive; unpack the archive with its password"
    if entry.compress_type not in PACKINGS:
        method = OTHER_PACKINGS.get(entry.compress_type, f"number {entry.compress_type}")
        return f"it is packed with a method that sslecho does not unpack ({method}); unpack the archive"
    return None


def _packed(member: Member) -> Iterator[bytes]:
    with member.archive.open("rb") as file:
        file.seek(member.place)
        header = file.read(LOCAL_BYTES)
        if len(header) < LOCAL_BYTES or header[:4] != b"PK\x03\x04":
            raise Unreadable("the archive is damaged where it should start")
        file.seek(sum(struct.unpack_from("<HH", header, 26)), 1)
        left = member.packed_bytes
        while left:
            piece = file.read(min(left, MIB))
            if not piece:
                raise Unreadable("the archive is cut short within it")
            left -= len(piece)
            yield piece


def _unpacked(member: Member) -> Iterator[bytes]:
    try:
        if member.packing == "stored":
            yield from _packed(member)
        elif member.packing == "deflate":
            inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            for piece in _packed(member):
                while piece:
                    yield inflate.decompress(piece, MIB)
                    piece = inflate.unconsumed_tail
            yield inflate.flush()
        else:
            expand = bz2.BZ2Decompressor()
            for piece in _packed(member):
                while piece or not (expand.needs_input or expand.eof):
                    yield expand.decompress(piece, MIB)
                    piece = b""
    except (zlib.error, OSError, EOFError, ValueError):
        raise Unreadable("it can't be unpacked: the archive is damaged there") from None
