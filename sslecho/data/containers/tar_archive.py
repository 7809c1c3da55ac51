"""Tar archives: their headers, one after the other, and a plain copy of a compressed one.

The headers are read here rather than by `tarfile`, which reads the long ones whole into memory, whatever length they
claim, and ends with an exception where an archive is cut short. Formats: POSIX.1-2001 (pax), GNU tar.
"""

import bz2
import gzip
import lzma
import os
import secrets
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from sslecho.data.containers.member import MIB, Limits, Member, is_bomb
from sslecho.data.readers.recording import Unreadable
from sslecho.data.scratch import make_scratch
from sslecho.rundir import disk_error

BLOCK = tarfile.BLOCKSIZE
LONGEST_HEADER = MIB  # a name has 4,096 bytes at most on Linux
XZ_MEMORY = 256 * MIB  # the strongest setting of xz needs 65
OPENERS: dict[str, Callable[[Path], IO[bytes]]] = {"tar.gz": gzip.open, "tar.bz2": bz2.open, "tar.xz": lzma.open}  # pyright: ignore[reportAssignmentType]
BROKEN = (EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)
REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
LINKS = (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
GNU_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


def is_tar_header(block: bytes) -> bool:
    """Whether 512 bytes are a header, by their checksum."""
    return _header(block) is not None


def compressed_tar(path: Path, kind: str) -> bool:
    """Whether what is compressed is a tar archive: a single compressed file (`.nii.gz`) is none."""
    try:
        with OPENERS[kind](path) as file:
            return is_tar_header(file.read(BLOCK))
    except BROKEN:
        return False


def plain_copy(path: Path, kind: str, scratch: Path, limits: Limits) -> Path:
    """Unpack a compressed tar, once: there is no other way to a member in the middle.

    What comes before the place where a damaged one breaks off is kept.

    Args:
        path: the archive.
        kind: "tar.gz", "tar.bz2" or "tar.xz".
        scratch: the folder for the copy, whose name says nothing; the caller deletes it.

    Raises:
        Unreadable: it breaks a limit.
        SslechoError: the disk is full.
    """
    packed = path.stat().st_size
    copy = make_scratch(scratch) / f"{secrets.token_hex(16)}.tar"
    written = 0
    try:
        with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            for piece in _decompressed(path, kind):
                written += len(piece)
                if written > limits.total_bytes:
                    raise Unreadable(f"the archive unpacks to more than the limit of {limits.total_bytes} bytes")
                if is_bomb(written, packed, limits):
                    raise Unreadable(
                        f"the archive unpacks to more than {limits.ratio:g} times its size, as one that was built to "
                        "do harm does"
                    )
                out.write(piece)
        if not written:
            raise Unreadable(
                "the archive can't be unpacked: it is damaged, or asks for more memory than an archive needs"
            )
    except OSError as error:
        copy.unlink(missing_ok=True)
        raise disk_error(copy, error) from None
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    return copy


def tar_members(path: Path, limits: Limits) -> Iterator[Member]:
    """The files of a plain tar archive, in its order.

    Where it is cut short or damaged, the last member is one that says so.

    Raises:
        Unreadable: it holds too many files.
    """
    length = path.stat().st_size
    long_name: str | None = None
    own: dict[str, str] = {}
    place = count = 0
    with path.open("rb") as file:
        while True:
            file.seek(place)
            block = file.read(BLOCK)
            if len(block) == BLOCK and not any(block):
                return
            if len(block) < BLOCK:
                yield _end(path, "the archive has no end mark: what came after this was cut off")
                return
            info = _header(block)
            data = place + BLOCK + (_sparse_blocks(file) if info and info.type == tarfile.GNUTYPE_SPARSE else 0)
            size = -1 if info is None else _size(info, own)
            if info is None or size < 0:
                yield _end(path, "the archive is damaged from here on; what follows in it can't be read")
                return
            place = data + (-(-size // BLOCK) * BLOCK if info.type not in (*LINKS, tarfile.DIRTYPE) else 0)
            if info.type in (*PAX, *GNU_LONG):
                if size > LONGEST_HEADER:
                    yield _end(path, "the archive is damaged from here on; what follows in it can't be read")
                    return
                file.seek(data)
                content = file.read(size)
                if info.type == tarfile.GNUTYPE_LONGNAME:
                    long_name = content.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
                elif info.type in PAX and info.type != tarfile.XGLTYPE:
                    own = _records(content)
                continue
            name = own.get("path") or long_name or info.name
            sparse = info.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse") for key in own)
            long_name, own = None, {}
            if info.type == tarfile.DIRTYPE:
                continue
            count += 1
            if count > limits.members:
                raise Unreadable(f"the archive holds more than the limit of {limits.members} files")
            refused = _refused(info, sparse=sparse, cut=data + size > length)
            yield Member(path, name, size, place=data, packed_bytes=size, refused=refused)
            if place > length:
                return


def untarred(member: Member) -> Iterator[bytes]:
    """The bytes of a member, in pieces of a mebibyte at most.

    Raises:
        Unreadable: the archive was cut since it was looked at.
    """
    with member.archive.open("rb") as file:
        file.seek(member.place)
        left = member.size_bytes
        while left:
            piece = file.read(min(left, MIB))
            if not piece:
                raise Unreadable("the archive is cut short within it")
            left -= len(piece)
            yield piece


def _decompressed(path: Path, kind: str) -> Iterator[bytes]:
    try:
        if kind == "tar.xz":
            # A header may claim a dictionary of 4 GiB; here it is asked for in vain.
            with path.open("rb") as file:
                lzma.LZMADecompressor(memlimit=XZ_MEMORY).decompress(file.read(2**16), 1)
        with OPENERS[kind](path) as file:
            while piece := file.read(MIB):
                yield piece
    except BROKEN:
        return


def _header(block: bytes) -> tarfile.TarInfo | None:
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape") if any(block) else None
    except (tarfile.HeaderError, ValueError):
        return None


def _size(info: tarfile.TarInfo, own: dict[str, str]) -> int:
    """What the header, or the pax header before it, says; -1 for nonsense."""
    if "size" in own:
        return int(own["size"]) if own["size"].isascii() and own["size"].isdigit() else -1
    return info.size


def _sparse_blocks(file: IO[bytes]) -> int:
    """The length of the further headers of an old GNU sparse file; the first was read."""
    file.seek(-BLOCK, 1)
    more = file.read(BLOCK)[482]
    n_bytes = 0
    while more:
        block = file.read(BLOCK)
        if len(block) < BLOCK:
            break
        n_bytes += BLOCK
        more = block[504]
    return n_bytes


def _records(content: bytes) -> dict[str, str]:
    """The records of a pax header, each "LENGTH KEY=VALUE" and a line's end; none of a damaged one."""
    records: dict[str, str] = {}
    while content:
        digits = content.split(b" ", 1)[0]
        length = int(digits) if digits.isdigit() and len(digits) < 8 else 0
        if not len(digits) + 1 < length <= len(content):
            break
        key, _, value = content[len(digits) + 1 : length - 1].partition(b"=")
        records[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        content = content[length:]
    return records


def _refused(info: tarfile.TarInfo, *, sparse: bool, cut: bool) -> str | None:
    if info.type in LINKS:
        return "it is a link or a device in the archive, and these are not followed"
    if sparse:
        return "it is a sparse file in the archive, which sslecho does not unpack; unpack the archive"
    if info.type not in REGULAR:
        return "it is no plain file in the archive"
    return "the archive is cut short within it; what came after it is lost" if cut else None


def _end(path: Path, why: str) -> Member:
    return Member(path, "end of the archive", 0, refused=why)
